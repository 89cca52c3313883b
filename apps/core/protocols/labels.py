"""What a file is called whose sender gives no name, or a type that says nothing: generic clients send neither."""

from __future__ import annotations

from ..conf import upload_settings

_SAYS_NOTHING = frozenset({"", "application/octet-stream", "binary/octet-stream"})
UNNAMED = "upload"


def label(filename: str | None, mime_type: str | None) -> tuple[str, str | None]:
    """A name to store a file under, and its declared type, None if nothing was said.

    Without a name it is ``upload``, with the suffix of its type, or else ``.bin``.
    """
    declared = (mime_type or "").partition(";")[0].strip().lower()
    if declared in _SAYS_NOTHING:
        return filename or f"{UNNAMED}.bin", None
    return filename or f"{UNNAMED}{_suffix_for(declared)}", declared


def _suffix_for(mime_type: str) -> str:
    for suffix, types in upload_settings().allowed_types.items():
        if mime_type == types[0]:
            return suffix
    return ".bin"
