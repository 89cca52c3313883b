from __future__ import annotations

import pytest

from apps.core.conf import DEFAULT_ALLOWED_TYPES
from apps.core.services.signatures import SIGNATURES, TEXT_TYPES, contradicts, is_executable

pytestmark = pytest.mark.unit

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


@pytest.mark.parametrize(
    "head", [b"MZ\x90", b"\x7fELF\2", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"#!/bin/sh", b"\xef\xbb\xbf#!/bin/sh"]
)
def test_executables_are_known(head: bytes) -> None:
    assert is_executable(head)


def test_other_bytes_are_no_executable() -> None:
    assert not is_executable(b"# a comment, MZ later")
