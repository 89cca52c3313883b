"""Where bytes live: staged while uploading, published when complete.

The ``STORES`` setting names stores by alias, as Django's ``STORAGES`` does. A session keeps the alias of the store that
has its bytes, so the ``STORE`` setting, which says where new uploads go, may change at any time.
"""

from __future__ import annotations

from functools import lru_cache

from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from ..conf import upload_settings
from ..errors import StoreMisconfigured
from .base import (
    CheckedStore,
    ChunkLocks,
    KeptSegments,
    MovableFiles,
    PublishedObject,
    Reopened,
    Segment,
    SignedDownloads,
    Staged,
    Store,
    StoredPart,
    WriteGuard,
    Writer,
    locks_chunks,
)
from .errors import PartsChanged, SealLost, SegmentsMissing, StagingMissing, WriterSuperseded

__all__ = [
    "CheckedStore",
    "ChunkLocks",
    "KeptSegments",
    "MovableFiles",
    "PartsChanged",
    "PublishedObject",
    "Reopened",
    "SealLost",
    "Segment",
    "SegmentsMissing",
    "SignedDownloads",
    "Staged",
    "StagingMissing",
    "Store",
    "StoredPart",
    "WriteGuard",
    "Writer",
    "WriterSuperseded",
    "get_store",
    "locks_chunks",
]


@lru_cache(maxsize=32)
def get_store(alias: str) -> Store:
    """The store with this alias.

    Raises:
        StoreMisconfigured: ``STORES`` has none, or it cannot be made.
    """
    stores = upload_settings().stores
    if alias not in stores:
        raise StoreMisconfigured(f"RESUMABLE_UPLOADS['STORES'] has no store {alias!r}; there are {sorted(stores)}.")
    given = stores[alias]
    try:
        store: Store = import_string(given["BACKEND"])(**given.get("OPTIONS", {}))
    except (ImportError, KeyError, TypeError, ValueError) as error:
        raise StoreMisconfigured(f"RESUMABLE_UPLOADS['STORES'][{alias!r}]: {error}") from error
    return store


def _reload(*, setting: str, **kwargs: object) -> None:
    if setting in {"RESUMABLE_UPLOADS", "MEDIA_ROOT"}:
        get_store.cache_clear()


setting_changed.connect(_reload)
