"""Beginning an upload: what is admitted, in chunks of which size, and whether it was begun before."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError

from ..conf import upload_settings
from ..errors import BadRequest, Conflict, ContentRefused, NotFound, TooLarge, UploadError
from ..grid import ceil_div, fit_chunk_size
from ..models import UploadSession
from ..storage import Staged, Store, get_store
from ..storage.destinations import STORAGE
from . import declaring, ledger, nodes, records, removal
from .audit import remember_store
from .concatenation import require_partials
from .metadata import require_storable
from .principal import Principal
from .purposes import Purpose
from .secure_file_upload_service import SecureFileUploadService
from .transactions import on_fresh_connection

_EMPTY_SHA256 = hashlib.sha256().hexdigest()


def require_allowed_size(total_size: int | None, limit: int) -> None:
    """
    Raises:
        TooLarge: the file may not be so large.
    """
    if total_size is not None and total_size > limit:
        raise TooLarge(f"Files may have at most {limit} bytes.", limit=limit)


@dataclass(frozen=True, slots=True)
class Concatenation:
    """Whether an upload is a part of others, or made of others; and how its sender put it."""

    kind: str = ""
    raw: str = ""
    partials: tuple[UploadSession, ...] = ()

    @property
    def is_partial(self) -> bool:
        return self.kind == UploadSession.Concat.PARTIAL


_admit = SecureFileUploadService.admit
_PART = ("part", "application/octet-stream")
"""A part is no file: it is judged by neither name nor type."""


class NewUpload:
    """An upload that somebody asks for. Arguments and errors as of ``ResumableUploadService.create``."""

    def __init__(
        self,
        principal: Principal,
        *,
        filename: str,
        mime_type: str | None,
        total_size: int | None,
        file_hash: str,
        chunk_size: int | None,
        exact_chunk_size: int | None,
        metadata: dict[str, Any],
        client_key: str,
        raw_metadata: str,
        concat: Concatenation,
        upload_id: uuid.UUID,
        purpose: Purpose | None,
    ) -> None:
        self._principal = principal
        self._concat = concat
        self._purpose = purpose
        self._max_size = purpose.smallest_limit if purpose else None
        allowed = purpose.allowed_types() if purpose else None
        self._filename, self._mime_type = _PART if concat.is_partial else _admit(filename, mime_type, allowed)
        require_partials(concat.partials)
        require_allowed_size(total_size, self._largest_size)
        require_storable(metadata)
        if total_size == 0 and file_hash not in ("", _EMPTY_SHA256):
            raise ContentRefused("An empty file does not have this SHA-256.", code="hash_mismatch")
        self._total_size = total_size
        self._file_hash = file_hash
        self._wish = chunk_size
        self._exact_chunk_size = exact_chunk_size
        self._upload_id = upload_id
        self._metadata = metadata
        self._raw_metadata = raw_metadata
        self._key = ledger.dedupe_key(
            principal,
            client_key=client_key,
            filename=self._filename,
            total_size=total_size,
            file_hash=file_hash,
            metadata=metadata,
            purpose=purpose.label if purpose else "",
        )

    def begin(self) -> tuple[UploadSession, bool]:
        """The session, and whether it is new."""
        if duplicate := self._open_duplicate():
            try:
                return self._resume(duplicate), False
            except NotFound:
                return self.begin()  # Removed in this very moment.
        try:
            return self._create(), True
        except IntegrityError:
            # Another request created the same session in this very moment.
            duplicate = self._open_duplicate()
            if duplicate is None:
                raise Conflict("The same upload was begun and ended meanwhile; try again.") from None
            return self._resume(duplicate), False

    def _open_duplicate(self) -> UploadSession | None:
        if self._key is None:
            return None
        duplicate = ledger.find_open_duplicate(self._key)
        if duplicate is None or not duplicate.is_expired:
            return duplicate
        removal.expire(duplicate)
        return self._open_duplicate()

    def _resume(self, session: UploadSession) -> UploadSession:
        if (session.filename, session.total_size) != (self._filename, self._total_size):
            raise Conflict("This client_key belongs to an open upload of another file.", code="client_key_conflict")
        if self._file_hash:
            declaring.declare(session, total_size=None, file_hash=self._file_hash)
        return session

    def _create(self) -> UploadSession:
        records.make_room(self._principal)
        alias = upload_settings().store
        store = get_store(alias)
        store.require_room(self._total_size or 0)
        remember_store(alias)
        nodes.watch.problems()
        # The bytes' place first: a row without one would take no chunk, and count until it expires. A place without a
        # row is an orphan, which cleanup finds.
        upload_id = self._upload_id
        handle = store.begin(upload_id, mime_type=self._mime_type)
        try:
            return ledger.create(
                self._principal,
                upload_id=upload_id,
                filename=self._filename,
                mime_type=self._mime_type,
                total_size=self._total_size,
                file_hash=self._file_hash,
                metadata=self._metadata,
                raw_metadata=self._raw_metadata,
                concat=self._concat.kind,
                raw_concat=self._concat.raw,
                partials=self._concat.partials,
                dedupe_key=self._key,
                store=alias,
                store_handle=handle,
                max_size=self._max_size,
                **self._published_where(),
                chunk_size=self._chunk_size(store.min_chunk_size),
            )
        except (OperationalError, InterfaceError):
            # The connection broke; the row is there, or it is not.
            created = on_fresh_connection(UploadSession.objects.filter(upload_id=upload_id).first)
            if created is None:
                raise
            return created
        except (DatabaseError, UploadError):
            self._give_back(store, Staged(upload_id, handle))
            raise

    def _published_where(self) -> dict[str, Any]:
        if self._purpose is not None:
            return {
                "purpose": self._purpose.label,
                "destination": self._purpose.destination,
                "is_name_provisional": callable(self._purpose.field.upload_to),
            }
        publish_to = upload_settings().publish_to
        return {"destination": f"{STORAGE}{publish_to}" if publish_to and not self._concat.is_partial else ""}

    @property
    def _largest_size(self) -> int:
        limit = upload_settings().max_file_size
        return limit if self._max_size is None else min(limit, self._max_size)

    @staticmethod
    def _give_back(store: Store, staged: Staged) -> None:
        """The place is not needed; unless another request with the same promised id has made it its session's."""
        if not UploadSession.objects.filter(upload_id=staged.upload_id, store_handle=staged.handle).exists():
            store.discard_orphan(staged)

    def _required_chunk_size(self, size: int, least: int) -> int:
        """What a client that cuts files without asking will send.

        Raises:
            BadRequest: the store takes no such chunks.
        """
        if size < least and (self._total_size is None or self._total_size > size):
            raise BadRequest(f"Chunks here have at least {least} bytes, but for the last one.", code="bad_chunk_size")
        return size

    def _chunk_size(self, least: int) -> int:
        limits = upload_settings()
        if self._exact_chunk_size is not None:
            return self._required_chunk_size(self._exact_chunk_size, least)
        if self._total_size is None:
            # The grid must reach the largest file there may be.
            least = max(least, ceil_div(self._largest_size, limits.max_chunks))
        return fit_chunk_size(
            self._total_size,
            self._wish or limits.chunk_size,
            smallest=max(least, limits.min_chunk_size if self._wish else 1),
            largest=limits.max_chunk_size,
            max_chunks=limits.max_chunks,
        )
