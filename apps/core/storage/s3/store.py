"""The store in a bucket: a multipart upload for each session, whose parts are its chunks.

Verified
    Each part is sent with its SHA-256 signed, so the store refuses bytes that were damaged on the way (:mod:`.signing`;
    :mod:`.capabilities` tries whether it does). The upload is completed with the ETag of each receipt.

One writer a chunk
    Nothing here can lock: of two parts with one number the last wins, and both are acknowledged. So the ledger reserves
    a chunk before its part is sent (``services.cells``), and a late request of a dead writer, which nothing can fence,
    is found when the upload is completed.

Sealed and published
    *Sealed* is complete in the bucket, under a key that nobody was told (:mod:`.keys`); *published* is when the ledger
    says so. Nothing is copied or renamed, so publishing only sets a tag.
"""

from __future__ import annotations

import hashlib
import io
import logging
import secrets
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.storage import Storage
from django.utils.http import content_disposition_header

from ...conf import GIB, MIB, PACKAGE, upload_settings
from ...grid import Span
from ..base import PublishedObject, Reopened, Segment, Staged, StoredPart, WriteGuard
from ..errors import StagingMissing
from . import setup_checks
from .bucket import Bucket, BucketOptions
from .buffer import Spool
from .capabilities import Capabilities
from .errors import s3_errors
from .files import PublishedObjects
from .keys import Handle, Keys
from .multipart import Multipart, open_uploads
from .reader import ObjectReader
from .segments import SegmentsReader
from .writer import S3Writer

logger = logging.getLogger(f"{PACKAGE}.storage.s3")

SMALLEST_PART = 5 * MIB
"""Of all parts but the last (Amazon S3, "Multipart upload limits")."""
ORPHANS_WAIT = timedelta(days=7)
"""Beyond the age that a session can reach."""
CHECK_SECONDS = 10.0
"""How long a check that writes to the bucket counts."""

_EMPTY = hashlib.sha256().digest()


class S3Store:
    """Staging and published files in a bucket, below a prefix of this deployment's own.

    Args:
        bucket: its name. It exists, and is private.
        prefix: what all keys begin with. No two deployments may have the same.
        endpoint_url: of a store that is not Amazon's.
        region_name: of the bucket; by default what boto3 finds.
        addressing_style: ``path``, ``virtual`` or ``auto``.
        profile_name: of boto3's configuration, for stores with credentials of their own.
        encryption: arguments of ``CreateMultipartUpload``, as ``{"ServerSideEncryption": "aws:kms"}``.
        request_checksum_calculation, response_checksum_validation: of botocore; its own defaults break some stores.
        read_seconds: until a store that sends nothing is asked again.
        smallest_part: bytes, for stores that want more than Amazon's.
        direct_downloads: send who downloads to the bucket, by an address that holds for ``download_seconds``.
        tag_verified: set the tag ``verified=true`` on what was verified, for policies of the bucket.
        spool: directory for bytes of slow senders; by default that of temporary files.
        spool_bytes, memory_bytes: how much disk and memory one process lends to chunks under way.

    Raises:
        ValueError: ``endpoint_url`` is no address.
    """

    reads_cost = True

    def __init__(
        self,
        bucket: str,
        *,
        prefix: str = "uploads/",
        endpoint_url: str | None = None,
        region_name: str | None = None,
        addressing_style: str = "auto",
        profile_name: str | None = None,
        encryption: Mapping[str, str] | None = None,
        request_checksum_calculation: str = "when_required",
        response_checksum_validation: str = "when_required",
        read_seconds: float = 60.0,
        smallest_part: int = SMALLEST_PART,
        direct_downloads: bool = False,
        download_seconds: int = 300,
        tag_verified: bool = True,
        spool: str | Path | None = None,
        spool_bytes: int = 4 * GIB,
        memory_bytes: int = 128 * MIB,
    ) -> None:
        setup_checks.require_address(endpoint_url)
        if prefix and not prefix.endswith("/"):
            prefix += "/"
        self.min_chunk_size = smallest_part
        self._direct_downloads = direct_downloads
        self._download_seconds = download_seconds
        self._tag_verified = tag_verified
        self._keys = Keys(prefix)
        options = BucketOptions(
            bucket=bucket,
            endpoint_url=endpoint_url,
            region_name=region_name,
            addressing_style=addressing_style,
            profile_name=profile_name,
            read_seconds=read_seconds,
            request_checksum_calculation=request_checksum_calculation,
            response_checksum_validation=response_checksum_validation,
            encryption=encryption or {},
        )
        self.bucket = Bucket(options, self._keys)
        self.published: Storage = PublishedObjects(self.bucket)
        self._spool = Spool(str(spool or tempfile.gettempdir()), most_memory=memory_bytes, most_disk=spool_bytes)
        self._checked_at = -CHECK_SECONDS

    @property
    def capabilities(self) -> Capabilities:
        """What the store behind the bucket can do.

        Raises:
            Unavailable: it does not answer.
        """
        return self.bucket.capabilities

    @property
    def verifies_parts(self) -> bool:
        return self.capabilities.verifies_payloads

    @property
    def orphan_age(self) -> timedelta:
        return timedelta(hours=upload_settings().session_max_age_hours) + ORPHANS_WAIT

    def begin(self, upload_id: UUID, *, mime_type: str) -> str:
        return str(Multipart.begin(self.bucket, upload_id, mime_type=mime_type).handle)

    def _multipart(self, staged: Staged) -> Multipart:
        return Multipart(self.bucket, self._keys.of(staged), Handle.parse(staged.handle))

    def require_room(self, size: int) -> None:
        """A bucket has no end that it would tell."""

    def writer(
        self,
        staged: Staged,
        span: Span,
        guard: WriteGuard,
        *,
        start: int = 0,
        supersede: bool = False,
        segments: Sequence[Segment] = (),
    ) -> S3Writer:
        return S3Writer(self.bucket, self._spool, staged, self._multipart(staged), span, segments)

    def seal(self, staged: Staged, parts: Iterable[StoredPart], lease: UUID, keep: Callable[[], None]) -> None:
        """Complete the multipart upload with just these parts; S3 makes no object of none, so that one is put."""
        named = list(parts)
        if named:
            self._multipart(staged).complete(named, keep)
        elif self.bucket.size_of(self._keys.of(staged)) is None:
            self._multipart(staged).abort()
            self.bucket.put(self._keys.of(staged), b"", _EMPTY)

    def reopen(
        self, staged: Staged, intact: Iterable[StoredPart], lease: UUID, keep: Callable[[], None], *, mime_type: str
    ) -> Reopened:
        """What is not sealed takes parts as it is. Of what is sealed the intact parts are copied, within the store,
        into a new multipart upload with a key of its own."""
        parts = list(intact)
        if self._multipart(staged).is_open:
            return Reopened(staged.handle, {part.index: part.etag for part in parts})
        again = Multipart.begin(self.bucket, staged.upload_id, mime_type=mime_type, for_copies=True)
        try:
            return Reopened(str(again.handle), again.copy_from(self._keys.of(staged), parts, keep))
        except BaseException:
            again.abort()
            raise

    def open(self, staged: Staged) -> BinaryIO:
        key = self._keys.of(staged)
        size = self.bucket.size_of(key)
        if size is None:
            raise StagingMissing
        return ObjectReader(self.bucket, key, size)  # type: ignore[return-value]

    def open_kept(self, staged: Staged, span: Span, segments: Sequence[Segment]) -> BinaryIO:
        return io.BufferedReader(SegmentsReader(self.bucket, segments), MIB)

    def remove_segments(self, segments: Sequence[Segment]) -> None:
        for segment in segments:
            self.bucket.delete(segment.name)

    def remove_all_segments(self, staged: Staged) -> None:
        for listed in self.bucket.listed(self._keys.segments_of(staged.upload_id)):
            self.bucket.delete(listed["Key"])

    def publish(self, staged: Staged, size: int, lease: UUID) -> str:
        """Say that it is verified, to whom policies of the bucket concern. It is where it stays already."""
        key = self._keys.of(staged)
        if self.bucket.size_of(key) != size:
            raise StagingMissing
        if self._tag_verified:
            self._tag(key)
        return self.name_of(staged)

    def _tag(self, key: str) -> None:
        tags = {"TagSet": [{"Key": "verified", "Value": "true"}]}
        try:
            self.bucket.client.put_object_tagging(Bucket=self.bucket.name, Key=key, Tagging=tags)
        except (BotoCoreError, ClientError) as error:
            logger.warning("the object store sets no tags: %s", error)

    def name_of(self, staged: Staged) -> str:
        return self._keys.name_of(staged) if staged.handle else ""

    def discard(self, staged: Staged) -> None:
        if staged.handle:
            self._multipart(staged).abort()
            self.bucket.delete(self._keys.of(staged))
        self.remove_all_segments(staged)

    def discard_orphan(self, staged: Staged) -> None:
        if staged.handle:
            self._multipart(staged).abort()
        else:
            self.remove_all_segments(staged)

    def remove(self, name: str) -> None:
        self.bucket.delete(self._keys.files + name)
        self.bucket.delete(self._keys.trash + name)

    def staged(self) -> Iterator[tuple[Staged, datetime]]:
        """Multipart uploads, each with its handle; and uploads with segments, without one."""
        yield from open_uploads(self.bucket)
        latest: dict[UUID, datetime] = {}
        for listed in self.bucket.listed(self._keys.segments):
            if (owner := self._keys.upload_of_segment(listed["Key"])) is not None:
                latest[owner] = max(listed["LastModified"], latest.get(owner, listed["LastModified"]))
        for upload_id, written in latest.items():
            yield Staged(upload_id), written

    def objects(self) -> Iterator[PublishedObject]:
        trashed = {listed["Key"].removeprefix(self._keys.trash) for listed in self.bucket.listed(self._keys.trash)}
        for listed in self.bucket.listed(self._keys.files):
            name = listed["Key"].removeprefix(self._keys.files)
            if name not in trashed:
                yield PublishedObject(name, listed["Size"], listed["LastModified"])

    def trash(self, name: str) -> None:
        """Mark it: moving would copy it. Without its mark it is as before."""
        self.bucket.put(self._keys.trash + name, b"", _EMPTY)

    def empty_trash(self, age: timedelta, is_needed: Callable[[str], bool]) -> int:
        removed = 0
        for listed in self.bucket.listed(self._keys.trash):
            name = listed["Key"].removeprefix(self._keys.trash)
            if is_needed(name):
                self.bucket.delete(listed["Key"])
            elif listed["LastModified"] <= datetime.now(UTC) - age:
                self.remove(name)
                removed += 1
        return removed

    def identity(self) -> str:
        return self._identity

    @cached_property
    def _identity(self) -> str:
        made = secrets.token_hex(16).encode()
        self.bucket.put_if_absent(self._keys.identity, made, hashlib.sha256(made).digest())
        return self.bucket.read(self._keys.identity).decode()

    def check(self) -> None:
        """Write and remove an object, unless that was done a moment ago.

        Raises:
            StorageFull, Unavailable: the store does not work.
        """
        if time.monotonic() - self._checked_at < CHECK_SECONDS:
            return
        key = self._keys.probe()
        self.bucket.put(key, b"", _EMPTY)
        self.bucket.delete(key)
        self._checked_at = time.monotonic()

    def wrong_settings(self) -> list[str]:
        return setup_checks.wrong_limits() + setup_checks.wrong_spool(self._spool.directory)

    def what_it_can(self) -> str:
        """What the process found out about its bucket."""
        can = self.capabilities
        return (
            f"bucket {self.bucket.name}, keys below {self._keys.files}; "
            f"refuses bytes that are not those signed: {_yes(can.verifies_payloads)}; "
            f"keeps a SHA-256 with each part: {_yes(can.echoes_checksums)}; "
            f"keeps versions: {_yes(can.keeps_versions)}."
        )

    def worries(self) -> list[str]:
        with s3_errors():
            return setup_checks.worries(self.bucket, needed=timedelta(hours=upload_settings().session_max_age_hours))

    def download_url(self, name: str, *, filename: str, mime_type: str) -> str | None:
        """An address in the bucket. It forces attachment and type; ``nosniff`` and a policy it cannot."""
        if not self._direct_downloads:
            return None
        asked = {
            "Bucket": self.bucket.name,
            "Key": self._keys.files + name,
            "ResponseContentDisposition": content_disposition_header(True, filename) or "attachment",
            "ResponseContentType": mime_type,
            "ResponseCacheControl": "private, no-cache",
        }
        with s3_errors():
            client = self.bucket.client
            url: str = client.generate_presigned_url("get_object", Params=asked, ExpiresIn=self._download_seconds)
            return url


def _yes(is_so: bool | None) -> str:
    return "not known" if is_so is None else "yes" if is_so else "no"
