"""What a downloaded file is called here, whatever a server calls it."""

from __future__ import annotations

import pytest
from resumable_uploads_client.names import MAX_BYTES, part_name, safe_name

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("holiday.bin", "holiday.bin"),
        ("Füße 日本.tar.gz", "Füße 日本.tar.gz"),
        ("..", "download"),
        (".", "download"),
        ("", "download"),
        (" . ", "download"),
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("a/..", "download"),
        ("directory/", "download"),
        ("C:\\Users\\x\\evil.exe", "evil.exe"),
        ("..\\..", "download"),
        (".bashrc", "bashrc"),
        ("name. ", "name"),
        ("a\0b.bin", "ab.bin"),
        ("\0", "download"),
        ("\x1b[2J\n.bin", "[2J.bin"),
        ("\u202egnp.exe", "gnp.exe"),
        ("\udcff.bin", "bin"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("com1.tar.gz", "_com1.tar.gz"),
        ("LPT¹", "_LPT¹"),
        ("aux .txt", "_aux .txt"),
        ("console.log", "console.log"),
    ],
)
def test_a_name_is_visible_in_its_directory_and_no_device(given: str, safe: str) -> None:
    assert safe_name(given) == safe


@pytest.mark.parametrize("given", ["é" * 300 + ".bin", "x" * 300, "x." + "y" * 300])
def test_a_name_fits_and_keeps_its_suffix(given: str) -> None:
    name = safe_name(given)
    assert MAX_BYTES - 1 <= len(name.encode()) <= MAX_BYTES
    assert name.endswith(".bin") == given.endswith(".bin")


def test_the_name_during_a_download_is_hidden_and_fits_for_every_name() -> None:
    upload_id = "5edfc178-a9fa-4448-8ffc-9aa7472b71bb"
    assert part_name("file.bin", upload_id) == f".file.bin.{upload_id}.part"
    assert len(part_name("é" * 127, upload_id).encode()) <= MAX_BYTES
