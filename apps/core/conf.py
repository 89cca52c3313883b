"""The settings of the app: one dict, ``RESUMABLE_UPLOADS``, read lazily, with the defaults below.

Sizes are in bytes, durations in seconds unless the name says otherwise. Values are checked by the system checks of
``checks``, never at import time, so ``override_settings`` works in tests.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed

PACKAGE = __name__.rpartition(".")[0]
"""Where the app was installed; loggers are called after it."""

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

DEFAULT_ALLOWED_TYPES: dict[str, tuple[str, ...]] = {
    ".jpg": ("image/jpeg",),
    ".jpeg": ("image/jpeg",),
    ".png": ("image/png",),
    ".gif": ("image/gif",),
    ".webp": ("image/webp",),
    ".heic": ("image/heic", "image/heif"),
    ".tif": ("image/tiff",),
    ".tiff": ("image/tiff",),
    ".bmp": ("image/bmp",),
    ".pdf": ("application/pdf",),
    ".docx": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document",),
    ".xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",),
    ".pptx": ("application/vnd.openxmlformats-officedocument.presentationml.presentation",),
    ".odt": ("application/vnd.oasis.opendocument.text",),
    ".ods": ("application/vnd.oasis.opendocument.spreadsheet",),
    ".txt": ("text/plain",),
    ".log": ("text/plain",),
    ".md": ("text/markdown", "text/plain"),
    ".csv": ("text/csv", "text/plain", "application/vnd.ms-excel"),
    ".json": ("application/json", "text/plain"),
    ".mp3": ("audio/mpeg", "audio/mp3"),
    ".wav": ("audio/wav", "audio/x-wav", "audio/vnd.wave"),
    ".flac": ("audio/flac", "audio/x-flac"),
    ".ogg": ("audio/ogg", "video/ogg", "application/ogg"),
    ".m4a": ("audio/mp4", "audio/x-m4a"),
    ".mp4": ("video/mp4",),
    ".mov": ("video/quicktime",),
    ".mkv": ("video/x-matroska", "video/matroska"),
    ".webm": ("video/webm", "audio/webm"),
    ".avi": ("video/x-msvideo", "video/avi"),
    ".zip": ("application/zip", "application/x-zip-compressed"),
    ".gz": ("application/gzip", "application/x-gzip"),
    ".tgz": ("application/gzip", "application/x-gzip", "application/x-compressed-tar"),
    ".xz": ("application/x-xz",),
    ".zst": ("application/zstd",),
    ".7z": ("application/x-7z-compressed",),
    ".tar": ("application/x-tar",),
    ".iso": ("application/x-iso9660-image", "application/x-cd-image", "application/octet-stream"),
    ".bin": ("application/octet-stream", "application/macbinary"),
    ".dat": ("application/octet-stream",),
}


@dataclass(frozen=True)
class UploadSettings:
    """Every setting with its default. A key of ``RESUMABLE_UPLOADS`` is the upper-case name of a field."""

    root: str | Path = "uploads"
    """Directory of the default store. Relative paths are below ``MEDIA_ROOT``."""
    stores: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {"default": {"BACKEND": f"{PACKAGE}.storage.local.LocalStore"}}
    )
    """Stores by alias, each with ``BACKEND`` (a dotted path) and ``OPTIONS`` (its keyword arguments)."""
    store: str = "default"
    """Alias of the store for new uploads. Those begun elsewhere stay where they are."""

    node: str = ""
    """Name of this machine among several that serve the same uploads; empty: the machine's own."""

    chunk_size: int = MIB
    """Default chunk size. It grows with the file so that there are never more than ``max_chunks``."""
    min_chunk_size: int = 64 * KIB
    """Smallest chunk size a client may wish for."""
    max_chunk_size: int = 64 * MIB
    """Largest chunk size a client may wish for."""
    max_chunks: int = 10_000
    """Most chunks in one session (also S3's limit of parts)."""
    max_file_size: int = 100 * GIB
    """Largest file."""

    session_ttl_hours: float = 24
    """A session expires after this time without a new chunk."""
    session_max_age_hours: float = 7 * 24
    """A session expires this long after its creation, whatever arrives."""
    record_retention_hours: float = 30 * 24
    """Cleanup deletes the records of sessions that ended without a file (cancelled, expired, refused) after this time,
    and the receipts of completed ones."""
    completed_term_hours: float | None = None
    """Cleanup removes completed uploads, record and file, after this time; None: never."""

    publish_to: str = ""
    """Alias in ``STORAGES`` of the storage where uploads without a field are published; empty: in their store."""
    field_token_hours: float = 7 * 24
    """How long after a form was shown uploads for its fields may begin."""
    reference_hours: float = 24
    """How old the reference to an upload may be that a form posts; ``status`` gives a new one."""
    unclaimed_term_hours: float | None = 48
    """Cleanup removes uploads for a field that no row claimed after this time; None: never."""
    claim_lease_seconds: float = 60.0
    """A claim outside of a transaction is confirmed within this time, or settled by what the model's table says."""
    moved_grace_seconds: float = 600.0
    """A file that was moved to the name that its row gives it can be read by its old name for so long."""

    max_ended_records: int = 1000
    """Records of one owner's sessions that ended without a file; beyond it the oldest go."""
    max_open_sessions: int | str | Callable[[Any], int] = 100
    """Open (active or assembling) sessions of one owner. This and the next three may be a callable, or its dotted path,
    that gets the user."""
    max_reserved_bytes: int | str | Callable[[Any], int] = 500 * GIB
    """Sum of the sizes of one owner's open sessions."""
    max_stored_bytes: int | str | Callable[[Any], int] = 1024 * GIB
    """Sum of one owner's completed files and of the sizes of the open sessions."""
    max_stored_files: int | str | Callable[[Any], int] = 100_000
    """One owner's completed files, of whatever size, with the open sessions."""
    min_free_disk_bytes: int = 256 * MIB
    """New bytes are refused (507) when storing them would leave less than this on the store's disk."""
    init_rate: str = "300/min"
    """Sessions that one user may begin in a period, in DRF's notation; empty for no bound."""
    init_rate_per_address: str = "1200/min"
    """Throttle of ``init`` per client address."""
    failed_checksum_rate: str = "60/min"
    """Throttle of chunks whose checksum did not match, per user; empty for none."""

    allowed_types: dict[str, tuple[str, ...]] = field(default_factory=lambda: DEFAULT_ALLOWED_TYPES)
    """Allow-list: suffix (lower case, with dot) to the MIME types a client may declare for it, the usual one first."""
    allow_executables: bool = False
    """Accept executables (PE, ELF, Mach-O, scripts with ``#!``)."""
    auth_cache_seconds: float = 1.0
    """A revoked token can still send chunks for this long; 0 asks the authenticators for every chunk."""
    cors_allowed_origins: tuple[str, ...] = ()
    """Origins, as ``https://app.example.com``, whose pages may use the API; ``*`` for all (without cookies)."""
    validators: tuple[str, ...] = ()
    """Dotted paths of callables ``validator(file, session)`` run on the stored file before it is published."""

    whole_file_sha256: bool | None = None
    """Compute the SHA-256 of the whole file when it is verified. None: where its bytes are read for that anyway, which
    is everywhere but in an object store that verified them itself. False: only if its sender declared one;
    ``composite_hash`` says the rest, and verifying takes half the processor time. True: always."""
    complete_wait: float = 5.0
    """How long ``complete`` waits for the assembly before it answers 202; where four others wait, not at all."""
    inline_assemble_bytes: int = 32 * MIB
    """Files up to this size are assembled inside the request; larger ones on a thread of their own."""
    lease_seconds: float = 15.0
    """An assembly whose lease was not renewed for this long is taken over."""

    receive_timeout: float = 60.0
    """A request whose client sends nothing for this long is ended."""
    send_timeout: float = 60.0
    """A client that takes nothing of an answer for this long is cut off."""
    max_downloads: int = 16
    """Downloads of one user that one process sends at once (429 beyond)."""
    min_receive_rate: int = 64
    """A request slower than this many bytes per second over ``receive_timeout`` is ended (ASGI only); 0: none."""
    receive_buffer_bytes: int = 4 * MIB
    """Bytes of chunks that one process may hold in memory before it writes smaller blocks to the store."""
    json_memory_bytes: int = 192 * MIB
    """Bytes of JSON bodies, which are held until they are whole, that one process takes at once (503 beyond). One user
    may have half of it (429)."""
    interim_seconds: float = 5.0
    """Between two interim responses (104) that tell clients of the IETF draft how much is kept; 0: none are sent, not
    even the first, for proxies that stumble over them."""
    worker_threads: int = 8
    """Threads of one ASGI process for disk and database work."""
    sync_chunks: bool = False
    """Flush each chunk to disk before it is acknowledged. Off, a power failure can lose chunks that the hash check at
    ``complete`` then finds and asks for again; killing processes never loses any."""

    def below_media_root(self, location: str | Path | None) -> Path:
        """The absolute directory of a local store; the ``root`` setting without a location of its own."""
        return Path(settings.MEDIA_ROOT).resolve() / (location or self.root)


@lru_cache(maxsize=1)
def _load() -> UploadSettings:
    given: dict[str, Any] = getattr(settings, "RESUMABLE_UPLOADS", {})
    known = {f.name.upper(): f.name for f in fields(UploadSettings)}
    return UploadSettings(**{known[key]: value for key, value in given.items() if key in known})


def upload_settings() -> UploadSettings:
    """The settings in force. Unknown keys are ignored here and reported by ``manage.py check``."""
    return _load()


def _reload(*, setting: str, **kwargs: Any) -> None:
    if setting in {"RESUMABLE_UPLOADS", "MEDIA_ROOT"}:
        _load.cache_clear()


setting_changed.connect(_reload)
