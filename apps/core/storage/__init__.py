"""Where bytes live: staged while uploading, published when complete."""

from __future__ import annotations

from functools import lru_cache

from django.core.signals import setting_changed

from ..conf import upload_settings
from .base import Entry, Store, Writer
from .errors import StagingMissing, WriterDisplaced
from .local import LocalStore

__all__ = ["Entry", "StagingMissing", "Store", "Writer", "WriterDisplaced", "get_store"]


@lru_cache(maxsize=1)
def get_store() -> Store:
    """The store in force."""
    return LocalStore(upload_settings().storage_root())


def _reload(*, setting: str, **kwargs: object) -> None:
    if setting in {"RESUMABLE_UPLOADS", "MEDIA_ROOT"}:
        get_store.cache_clear()


setting_changed.connect(_reload)
