"""The published files of a bucket, for Django."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.files import File
from django.core.files.storage import Storage

from ..errors import StagingMissing
from .bucket import Bucket
from .reader import ObjectReader


class _PublishedReader(ObjectReader):
    def readinto(self, buffer: Any) -> int:
        """
        Raises:
            FileNotFoundError: the object is gone.
            Unavailable: the store does not answer.
        """
        try:
            return super().readinto(buffer)
        except StagingMissing:
            raise FileNotFoundError(self.key) from None


class PublishedObjects(Storage):
    """Reads and measures. Nothing is saved or removed through it: that is for uploads alone."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def _key(self, name: str) -> str:
        return self._bucket.keys.files + name

    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        if mode not in ("rb", "r"):
            raise ValueError("Published files are read, never written.")
        stored: Any = _PublishedReader(self._bucket, self._key(name), self.size(name))
        return File(stored, name)

    def _save(self, name: str, content: Any) -> str:
        raise NotImplementedError("Published files are made by uploads alone.")

    def exists(self, name: str) -> bool:
        return self._bucket.size_of(self._key(name)) is not None

    def size(self, name: str) -> int:
        return int(self._head(name)["ContentLength"])

    def get_modified_time(self, name: str) -> datetime:
        modified: datetime = self._head(name)["LastModified"]
        return modified

    def _head(self, name: str) -> Any:
        try:
            return self._bucket.head(self._key(name))
        except StagingMissing:
            raise FileNotFoundError(name) from None

    def delete(self, name: str) -> None:
        raise NotImplementedError("Published files go with their uploads: see S3Store.remove.")
