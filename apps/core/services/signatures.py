"""What the first bytes of a file say about its type.

The question here is not "what is this?", which detection libraries guess at, but "can this be what it claims to be?":
a claim is refused when the bytes contradict it. A matching signature never makes a file safe; downloads are served as
attachments with nosniff for that reason.
"""

from __future__ import annotations

import codecs

HEAD_SIZE = 4096
"""Bytes from the start of a file that answer every question asked here."""

# (offset, magic) alternatives per declared type. WHATWG MIME sniffing, and the formats' own specifications.
_ZIP = ((0, b"PK\x03\x04"), (0, b"PK\x05\x06"))
_OLE = ((0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),)
_ISO_BMFF = ((4, b"ftyp"),)
_MPEG_AUDIO = ((0, b"ID3"), (0, b"\xff\xfb"), (0, b"\xff\xf3"), (0, b"\xff\xf2"), (0, b"\xff\xfa"), (0, b"\xff\xe3"))
_EBML = ((0, b"\x1a\x45\xdf\xa3"),)
_TIFF = ((0, b"II*\0"), (0, b"MM\0*"), (0, b"II+\0"), (0, b"MM\0+"))

SIGNATURES: dict[str, tuple[tuple[int, bytes], ...]] = {
    "image/jpeg": ((0, b"\xff\xd8\xff"),),
    "image/png": ((0, b"\x89PNG\r\n\x1a\n"),),
    "image/gif": ((0, b"GIF87a"), (0, b"GIF89a")),
    "image/webp": ((8, b"WEBP"),),
    "image/heic": _ISO_BMFF,
    "image/heif": _ISO_BMFF,
    "image/tiff": _TIFF,
    "image/bmp": ((0, b"BM"),),
    "application/pdf": ((0, b"%PDF-"),),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": _ZIP,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": _ZIP,
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": _ZIP,
    "application/vnd.oasis.opendocument.text": _ZIP,
    "application/vnd.oasis.opendocument.spreadsheet": _ZIP,
    "application/msword": _OLE,
    "application/zip": _ZIP,
    "application/x-zip-compressed": _ZIP,
    "application/gzip": ((0, b"\x1f\x8b"),),
    "application/x-gzip": ((0, b"\x1f\x8b"),),
    "application/x-compressed-tar": ((0, b"\x1f\x8b"),),
    "application/x-xz": ((0, b"\xfd7zXZ\0"),),
    "application/zstd": ((0, b"\x28\xb5\x2f\xfd"),),
    "application/x-7z-compressed": ((0, b"7z\xbc\xaf\x27\x1c"),),
    "application/x-tar": ((257, b"ustar"),),
    "audio/mpeg": _MPEG_AUDIO,
    "audio/mp3": _MPEG_AUDIO,
    "audio/wav": ((8, b"WAVE"),),
    "audio/x-wav": ((8, b"WAVE"),),
    "audio/vnd.wave": ((8, b"WAVE"),),
    "audio/flac": ((0, b"fLaC"),),
    "audio/x-flac": ((0, b"fLaC"),),
    "audio/ogg": ((0, b"OggS"),),
    "video/ogg": ((0, b"OggS"),),
    "application/ogg": ((0, b"OggS"),),
    "audio/mp4": _ISO_BMFF,
    "audio/x-m4a": _ISO_BMFF,
    "video/mp4": _ISO_BMFF,
    "video/quicktime": (*_ISO_BMFF, (4, b"moov"), (4, b"mdat"), (4, b"wide"), (4, b"free"), (4, b"skip")),
    "video/x-matroska": _EBML,
    "video/matroska": _EBML,
    "video/webm": _EBML,
    "audio/webm": _EBML,
    "video/x-msvideo": ((8, b"AVI "),),
    "video/avi": ((8, b"AVI "),),
}

TEXT_TYPES = {
    "text/plain",
    "text/markdown",
    "text/csv",
    "application/json",
    # What browsers on Windows with Excel declare for .csv; the suffix decides which of the two it must be.
    "application/vnd.ms-excel",
}

_EXECUTABLES = (
    b"MZ",
    b"\x7fELF",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"#!",
)


def is_executable(head: bytes) -> bool:
    """Whether the bytes start like a PE, ELF or Mach-O binary, a Java class, or a script with ``#!``."""
    return head.startswith(_EXECUTABLES) or head.removeprefix(codecs.BOM_UTF8).startswith(b"#!")


def contradicts(mime_type: str, head: bytes) -> bool:
    """Whether ``head`` cannot be the start of a ``mime_type`` file. Types without a known signature never contradict.

    Args:
        head: the first :data:`HEAD_SIZE` bytes, or all there are.
    """
    if mime_type in TEXT_TYPES:
        return not _is_text(head)
    alternatives = SIGNATURES.get(mime_type)
    if alternatives is None:
        return False
    return not any(head[offset : offset + len(magic)] == magic for offset, magic in alternatives)


def _is_text(head: bytes) -> bool:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return True
    # Legacy encodings are text too, so only what no text contains is refused: NUL and most other control characters.
    return not any(byte < 32 and byte not in b"\t\n\f\r\x1b" for byte in head)
