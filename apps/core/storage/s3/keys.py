"""Names in the bucket, all below one prefix that belongs to one deployment.

===================================== ==================================================================
``files/<xx>/<upload id>-<random>``   an upload: a multipart upload first, an object once it is sealed
``segments/<upload id>/<index>-...``  the first bytes of a chunk that is not whole yet (see :mod:`.segments`)
``trash/<xx>/<upload id>-<random>``   an empty mark: the file of that name is to be removed
``store-id``                          which store this is (see ``models.store_identity``)
``probe/<random>``                    what is tried out, for a moment (see :mod:`.capabilities`)
===================================== ==================================================================

Each multipart upload has a key of its own, that nobody else knows: what one attempt sealed is never overwritten by
another one, and has no older version. Its *handle*, which the session keeps, is the random part of the key and the
store's id of the multipart upload.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from uuid import UUID

from ..base import Staged
from ..errors import StagingMissing


@dataclass(frozen=True, slots=True)
class Handle:
    """What a session keeps of a multipart upload."""

    random: str
    multipart_id: str

    @classmethod
    def parse(cls, text: str) -> Handle:
        """
        Raises:
            StagingMissing: there is no multipart upload.
        """
        random, is_one, multipart_id = text.partition(":")
        if not is_one:
            raise StagingMissing
        return cls(random, multipart_id)

    def __str__(self) -> str:
        return f"{self.random}:{self.multipart_id}"

    @staticmethod
    def new_random(*, with_digests: bool) -> str:
        return f"{'d' if with_digests else 'e'}{secrets.token_hex(8)}"

    @property
    def with_digests(self) -> bool:
        """Whether the store keeps a SHA-256 with each part, and wants them named in the end; or ETags alone."""
        return self.random.startswith("d")


class Keys:
    """The names below one prefix, which is empty or ends with a slash."""

    def __init__(self, prefix: str) -> None:
        self.files = f"{prefix}files/"
        self.segments = f"{prefix}segments/"
        self.trash = f"{prefix}trash/"
        self.identity = f"{prefix}store-id"
        self._probe = f"{prefix}probe/"

    def probe(self) -> str:
        return f"{self._probe}{secrets.token_hex(8)}"

    def of(self, staged: Staged) -> str:
        """The key of an upload."""
        return self.files + self.name_of(staged)

    @staticmethod
    def name_of(staged: Staged) -> str:
        """An upload's key below ``files/``, which is its name once it is published."""
        return Keys.name(staged.upload_id, Handle.parse(staged.handle).random)

    @staticmethod
    def name(upload_id: UUID, random: str) -> str:
        # The last byte of a random UUID spreads the files, for stores that partition by prefix.
        return f"{upload_id.hex[-2:]}/{upload_id.hex}-{random}"

    @staticmethod
    def parse_name(name: str) -> tuple[UUID, str] | None:
        """The upload and the random part that make a name; None if it is none of ours."""
        upload_id, _, random = name.rpartition("/")[2].partition("-")
        try:
            parsed = UUID(hex=upload_id)
        except ValueError:
            return None
        return (parsed, random) if Keys.name(parsed, random) == name else None

    def segments_of(self, upload_id: UUID) -> str:
        """What all segments of an upload begin with."""
        return f"{self.segments}{upload_id.hex}/"

    def segment(self, upload_id: UUID, index: int, start: int) -> str:
        return f"{self.segments_of(upload_id)}{index}-{start}-{secrets.token_hex(8)}"

    def upload_of_segment(self, key: str) -> UUID | None:
        """Whose segment this is; None if it is none of ours."""
        try:
            return UUID(hex=key.removeprefix(self.segments).partition("/")[0])
        except ValueError:
            return None
