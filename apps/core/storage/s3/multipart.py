"""Multipart uploads: begun, filled part by part, completed, begun anew from what is intact, given up.

The store's own list of parts is evidence, never the record: which parts make a file says the ledger, by the ETag of
each receipt. A part that was replaced or lost behind our back is found when the upload is completed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from botocore.exceptions import BotoCoreError, ClientError

from ...conf import PACKAGE
from ...errors import Unavailable
from ..base import Staged, StoredPart
from ..errors import PartsChanged, StagingMissing
from .bucket import Bucket
from .errors import s3_errors
from .keys import Handle
from .signing import checksum, digest_of_body

T = TypeVar("T")

logger = logging.getLogger(f"{PACKAGE}.storage.s3")

_COPIES_AT_ONCE = 8
_LOOK_SECONDS = 1.0
"""How often who waits for the store says that it still does."""
_ABORTS = 5
"""Parts that were on their way may outlive an abort (CreateMultipartUpload, AWS), so it is repeated."""


class Multipart:
    """One multipart upload, under the key that is its own."""

    def __init__(self, bucket: Bucket, key: str, handle: Handle) -> None:
        self._bucket = bucket
        self._at: dict[str, Any] = {"Bucket": bucket.name, "Key": key, "UploadId": handle.multipart_id}
        self.key = key
        self.handle = handle

    @classmethod
    def begin(cls, bucket: Bucket, upload_id: UUID, *, mime_type: str, for_copies: bool = False) -> Multipart:
        """
        Args:
            for_copies: parts will be copied. Not every store gets digests of copies right, so ETags alone name them.
        """
        with_digests = bucket.capabilities.echoes_checksums and not for_copies
        random = Handle.new_random(with_digests=with_digests)
        key = bucket.keys.files + bucket.keys.name(upload_id, random)
        more = {"ChecksumAlgorithm": "SHA256"} if with_digests else {}
        with s3_errors():
            begun = bucket.client.create_multipart_upload(
                Bucket=bucket.name, Key=key, ContentType=mime_type, **bucket.encryption, **more
            )
        return cls(bucket, key, Handle(random, begun["UploadId"]))

    def put(self, index: int, body: Any, digest: bytes) -> str:
        """Store a part; returns its ETag.

        Raises:
            StagingMissing: the upload is gone.
            StorageFull, Unavailable: it was not stored, as far as we know.
        """
        with s3_errors():
            stored = self._bucket.client.upload_part(
                **self._at,
                **digest_of_body(digest, is_kept=self.handle.with_digests),
                PartNumber=index + 1,
                Body=body,
            )
        return _plain(stored["ETag"])

    def complete(self, parts: Sequence[StoredPart], keep: Callable[[], None]) -> None:
        """Make the object of just these parts. Completing what is completed is a success.

        What the store answers is not relied on: some answer without an ETag, or with an internal error where the upload
        is gone, and an answer may be lost. What is there counts.

        Raises:
            PartsChanged: parts are not there, or are others.
            Unavailable: the store does not answer; it may have completed the upload all the same.
        """
        try:
            _waiting(lambda: self._complete(parts), keep)
        except (BotoCoreError, ClientError) as error:
            logger.info("completing a multipart upload: %s", error)
        size = sum(part.size for part in parts)
        found = self._bucket.size_of(self.key)
        if found == size:
            return
        if found is not None:
            raise Unavailable(f"The object store made a file of {found} bytes of {size}; try again.")
        changed = self._changed(parts)
        if not changed:
            raise Unavailable("The object store has all parts, and did not put them together; try again.")
        raise PartsChanged(changed)

    def _complete(self, parts: Sequence[StoredPart]) -> None:
        named = [self._named(part) for part in parts]
        self._bucket.client.complete_multipart_upload(**self._at, MultipartUpload={"Parts": named})

    def _named(self, part: StoredPart) -> dict[str, Any]:
        named = {"PartNumber": part.index + 1, "ETag": f'"{part.etag}"'}
        if self.handle.with_digests:
            named["ChecksumSHA256"] = checksum(part.sha256)
        return named

    def _changed(self, parts: Sequence[StoredPart]) -> list[int]:
        try:
            stored = {listed["PartNumber"]: (_plain(listed["ETag"]), listed["Size"]) for listed in self._listed()}
        except StagingMissing:
            stored = {}
        return [part.index for part in parts if stored.get(part.index + 1) != (part.etag, part.size)]

    def _listed(self) -> Iterator[Any]:
        with s3_errors():
            for page in self._bucket.client.get_paginator("list_parts").paginate(**self._at):
                yield from page.get("Parts", ())

    @property
    def is_open(self) -> bool:
        """Whether it takes parts."""
        try:
            next(self._listed(), None)
        except StagingMissing:
            return False
        return True

    def copy_from(self, key: str, parts: Sequence[StoredPart], keep: Callable[[], None]) -> dict[int, str]:
        """Copy parts from an object within the store; returns the ETags of those that are there."""
        with ThreadPoolExecutor(_COPIES_AT_ONCE, thread_name_prefix="copy-parts") as threads:
            copies = {part.index: threads.submit(self._copy, key, part) for part in parts}
            try:
                for copy in copies.values():
                    _await(copy, keep)
            except BaseException:
                threads.shutdown(cancel_futures=True)
                raise
        return {index: etag for index, copy in copies.items() if (etag := copy.result()) is not None}

    def _copy(self, key: str, part: StoredPart) -> str | None:
        try:
            with s3_errors():
                copied = self._bucket.client.upload_part_copy(
                    **self._at,
                    PartNumber=part.index + 1,
                    CopySource={"Bucket": self._bucket.name, "Key": key},
                    CopySourceRange=f"bytes={part.offset}-{part.offset + part.size - 1}",
                )
        except StagingMissing:
            return None
        return _plain(copied["CopyPartResult"]["ETag"])

    def abort(self) -> None:
        """Give it up, with all its parts. Giving up what is gone, or completed, is a success."""
        for _ in range(_ABORTS):
            try:
                with s3_errors():
                    self._bucket.client.abort_multipart_upload(**self._at)
            except StagingMissing:
                return
            if not self.is_open:
                return


def open_uploads(bucket: Bucket) -> Iterator[tuple[Staged, datetime]]:
    """All below the prefix that are neither completed nor given up, and when they were begun."""
    with s3_errors():
        pages = bucket.client.get_paginator("list_multipart_uploads").paginate(
            Bucket=bucket.name, Prefix=bucket.keys.files
        )
        for page in pages:
            for listed in page.get("Uploads", ()):
                name = bucket.keys.parse_name(listed["Key"].removeprefix(bucket.keys.files))
                if name is not None:
                    upload_id, random = name
                    yield Staged(upload_id, str(Handle(random, listed["UploadId"]))), listed["Initiated"]


def _plain(etag: str) -> str:
    """Some stores quote ETags in one answer and not in another."""
    return etag.strip('"')


def _waiting(work: Callable[[], T], keep: Callable[[], None]) -> T:
    """Do what may take long, and say meanwhile that it is waited for."""
    with ThreadPoolExecutor(1, thread_name_prefix="object-store") as thread:
        return _await(thread.submit(work), keep)


def _await(future: Future[T], keep: Callable[[], None]) -> T:
    while not wait([future], timeout=_LOOK_SECONDS).done:
        keep()
    return future.result()
