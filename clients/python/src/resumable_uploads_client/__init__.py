"""Resumable, verified, parallel uploads to a Django resumable upload server."""

from .aio import AsyncUploader
from .errors import (
    Conflict,
    ConnectionFailed,
    FileChanged,
    Interrupted,
    NotAuthenticated,
    NotFound,
    ProxyLimit,
    QuotaExceeded,
    Refused,
    ServerFailed,
    SessionEnded,
    Throttled,
    UploadError,
)
from .progress import Progress
from .transport import InsecureTransport
from .uploader import Uploader, UploadResult

__all__ = [
    "AsyncUploader",
    "Conflict",
    "ConnectionFailed",
    "FileChanged",
    "InsecureTransport",
    "Interrupted",
    "NotAuthenticated",
    "NotFound",
    "Progress",
    "ProxyLimit",
    "QuotaExceeded",
    "Refused",
    "ServerFailed",
    "SessionEnded",
    "Throttled",
    "UploadError",
    "UploadResult",
    "Uploader",
]
