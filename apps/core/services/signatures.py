"""What the first bytes of a file say about its type.

The question here is not "what is this?", which detection libraries guess at, but "can this be what it claims to be?":
a claim is refused when the bytes contradict it. A matching signature never makes a file safe; downloads are served as
attachments with nosniff for that reason.
"""

from __future__ import annotations

import codecs
import re

HEAD_SIZE = 4096
"""Bytes from the start of a file that answer every question asked here."""

# (offset, magic) alternatives per declared type. WHATWG MIME sniffing, and the formats' own specifications.
_ZIP = ((0, b"PK\x03\x04"), (0, b"PK\x05\x06"))
_OLE = ((0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),)
_ISO_BMFF = ((4, b"ftyp"),)
_MPEG_AUDIO = ((0, b"ID3"), (0, b"\xff\xfb"), (0, b"\xff\xf3"), (0, b"\xff\xf2"), (0, b"\xff\xfa"), (0, b"\xff\xe3"))
_EBML = ((0, b"\x1a\x45\xdf\xa3"),)
_WAVE = ((8, b"WAVE"),)
_AVI = ((8, b"AVI "),)
_WEBP = ((8, b"WEBP"),)
_TIFF = ((0, b"II*\0"), (0, b"MM\0*"), (0, b"II+\0"), (0, b"MM\0+"))

SIGNATURES: dict[str, tuple[tuple[int, bytes], ...]] = {
    "image/jpeg": ((0, b"\xff\xd8\xff"),),
    "image/png": ((0, b"\x89PNG\r\n\x1a\n"),),
    "image/gif": ((0, b"GIF87a"), (0, b"GIF89a")),
    "image/webp": _WEBP,
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
    "audio/wav": _WAVE,
    "audio/x-wav": _WAVE,
    "audio/vnd.wave": _WAVE,
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
    "video/x-msvideo": _AVI,
    "video/avi": _AVI,
}

_RIFF_FORMS = (_WAVE, _AVI, _WEBP)
# RIFF, and its two forms for sound over 4 GiB.
_RIFF = (b"RIFF", b"RF64", b"BW64")

TEXT_TYPES = {
    "text/plain",
    "text/markdown",
    "text/csv",
    "application/json",
    # What browsers on Windows with Excel declare for .csv; the suffix decides which of the two it must be.
    "application/vnd.ms-excel",
}

# What is refused as anything, because some system runs it when it is opened. Not known here, each for its reason:
# scripts without a first line that says so (.bat, .ps1, .js, .vbs) are text like any other, and DOS programs (.com)
# bytes like any other: the allow-list of suffixes keeps them out. JAR and APK are ZIP archives, which are not opened.
_EXECUTABLES = (
    b"MZ",
    b"\x7fELF",
    b"\xfe\xed\xfa\xce",  # Mach-O, in both widths and both byte orders
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",  # Mach-O for several processors, and a Java class: both run
    b"\xca\xfe\xba\xbf",
    b"\xbe\xba\xfe\xca",
    b"\xbf\xba\xfe\xca",
    b"\xca\xfe\xd0\x0d",  # packed Java
    b"\0asm",
    b"L\0\0\0\x01\x14\x02\0",  # a Windows shortcut: .lnk
)
# Android's bytecode. The word alone could begin a text.
_DEX = re.compile(rb"(?:de[xy]\n|cdex)\d{3}\0")
# A shell takes a script for one behind a byte order mark or empty lines too, which the kernel does not.
_SCRIPT = re.compile(
    rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[ \t\r\n]*#!"
    rb"|\xff\xfe(?:[ \t\r\n]\0)*#\0!\0"
    rb"|\xfe\xff(?:\0[ \t\r\n])*\0#\0!"
)
_MARKED_ELF = re.compile(rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)\x7fELF")


def is_executable(mime_type: str, head: bytes) -> bool:
    """Whether the bytes start like a program, whatever they are called: PE, ELF, Mach-O, Java, Android, WebAssembly,
    a Windows shortcut or installer, or a script with ``#!``.

    Args:
        mime_type: the declared type. An installer (.msi) starts like any OLE document, and what tells them apart can
            be anywhere in the file; so OLE is an executable unless it was declared as a document.
        head: the first :data:`HEAD_SIZE` bytes, or all there are.
    """
    if _starts(head, _OLE):
        return SIGNATURES.get(mime_type) is not _OLE
    return head.startswith(_EXECUTABLES) or any(pattern.match(head) for pattern in (_DEX, _SCRIPT, _MARKED_ELF))


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
    if alternatives in _RIFF_FORMS and not head.startswith(_RIFF):
        return True
    return not _starts(head, alternatives)


def _starts(head: bytes, alternatives: tuple[tuple[int, bytes], ...]) -> bool:
    return any(head[offset : offset + len(magic)] == magic for offset, magic in alternatives)


def _is_text(head: bytes) -> bool:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return True
    # Legacy encodings are text too, so only what no text contains is refused: NUL and most other control characters.
    return not any(byte < 32 and byte not in b"\t\n\f\r\x1b" for byte in head)
