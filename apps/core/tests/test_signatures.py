from __future__ import annotations

import codecs

import pytest

from apps.core.conf import DEFAULT_ALLOWED_TYPES
from apps.core.services.signatures import SIGNATURES, TEXT_TYPES, contradicts, is_executable

pytestmark = pytest.mark.unit

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
STARTS = {
    "image/png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "image/jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF",
    "image/gif": b"GIF89a\1\0\1\0",
    "application/pdf": b"%PDF-1.7\n",
    "application/zip": b"PK\x03\x04\x14\0",
    DOCX: b"PK\x03\x04\x14\0",
    "video/mp4": b"\0\0\0\x18ftypisom",
    "text/csv": b"a,b\n1,2\n",
    "text/plain": b"plain \xe4 text\n",
}


@pytest.mark.parametrize("declared", STARTS)
@pytest.mark.parametrize("actual", STARTS)
def test_only_the_declared_type_passes(declared: str, actual: str) -> None:
    text = {"text/csv", "text/plain"}
    alike = declared == actual or {declared, actual} in ({"application/zip", DOCX}, text)
    # A PDF header is plain text; what follows it in a real PDF is not.
    if declared in text and actual == "application/pdf":
        return
    assert contradicts(declared, STARTS[actual]) is not alike


def test_every_allowed_type_but_plain_bytes_has_a_signature() -> None:
    allowed = {mime for types in DEFAULT_ALLOWED_TYPES.values() for mime in types}
    unchecked = allowed - set(SIGNATURES) - TEXT_TYPES
    assert unchecked == {
        "application/octet-stream",
        "application/macbinary",
        "application/x-iso9660-image",
        "application/x-cd-image",
    }


@pytest.mark.parametrize("head", [b"", b"\xff", b"PK"])
def test_a_start_too_short_for_its_signature_contradicts(head: bytes) -> None:
    assert contradicts("image/jpeg", head)


@pytest.mark.parametrize("mime_type", sorted(TEXT_TYPES))
def test_text_holds_no_nul(mime_type: str) -> None:
    assert contradicts(mime_type, b"a\0b")
    assert not contradicts(mime_type, "Grüße\t\r\n".encode())
    assert not contradicts(mime_type, "Grüße".encode("utf-16"))


@pytest.mark.parametrize("form", [b"WAVE", b"AVI ", b"WEBP"])
def test_riff_types_are_riff_of_their_own_form(form: bytes) -> None:
    types = {b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo", b"WEBP": "image/webp"}
    for other, mime_type in types.items():
        assert contradicts(mime_type, b"RIFF\x24\0\0\0" + form) is (other != form)
    assert contradicts(types[form], b"<script>" + form)


@pytest.mark.parametrize("container", [b"RF64", b"BW64"])
def test_sound_over_4_gib_is_sound(container: bytes) -> None:
    assert not contradicts("audio/wav", container + b"\xff\xff\xff\xffWAVEds64")


@pytest.mark.parametrize(
    "head",
    [
        b"MZ\x90",
        b"\x7fELF\2",
        b"\xcf\xfa\xed\xfe",
        b"\xca\xfe\xba\xbe\0\0\0\2",
        b"\xca\xfe\xba\xbf\0\0\0\2",
        b"\xbe\xba\xfe\xca\2\0\0\0",
        b"\xbf\xba\xfe\xca\2\0\0\0",
        b"\xca\xfe\xba\xbe\0\0\0\x41",  # a Java class
        b"\xca\xfe\xd0\x0d",
        b"dex\n035\0",
        b"cdex001\0",
        b"\0asm\1\0\0\0",
        b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46",
        OLE,
        b"#!/bin/sh",
        b"\n#!/bin/sh",
        b" \r\n#!/bin/sh",
        b"\xef\xbb\xbf#!/bin/sh",
        b"\xef\xbb\xbf\n#!/bin/sh",
        b"\xff\xfe#!/bin/sh",
        codecs.BOM_UTF16_LE + "#!/bin/sh".encode("utf-16-le"),
        codecs.BOM_UTF16_LE + "\n#!/bin/sh".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "#!/bin/sh".encode("utf-16-be"),
        codecs.BOM_UTF16_BE + "\n#!/bin/sh".encode("utf-16-be"),
        b"\xff\xfe\x7fELF\2",
        b"\xfe\xff\x7fELF\2",
        b"\xef\xbb\xbf\x7fELF\2",
    ],
)
@pytest.mark.parametrize("mime_type", ["application/octet-stream", "text/plain", "image/png"])
def test_executables_are_known(head: bytes, mime_type: str) -> None:
    assert is_executable(mime_type, head)


def test_an_ole_document_is_one_where_it_was_declared_as_one() -> None:
    assert not is_executable("application/msword", OLE)


@pytest.mark.parametrize(
    "head",
    [
        b"# a comment, MZ later",
        b"dex\nis a word",
        b"cdex 001",
        b"Lnk",
        b"asm",
        b"\n\n# Heading",
        "Grüße #!".encode("utf-16"),
        b"\xef\xbb\xbfMZ;Einheit",
        b"",
    ],
)
def test_other_bytes_are_no_executable(head: bytes) -> None:
    assert not is_executable("text/plain", head)
