from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.errors import BadRequest
from apps.core.services.names import clean_filename, suffix_of

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("given_name", "cleaned"),
    [
        ("photo.jpg", "photo.jpg"),
        ("../../etc/passwd.txt", "passwd.txt"),
        ("..\\..\\boot.txt", "boot.txt"),
        ("/abs/name.txt", "name.txt"),
        ("C:\\x\\name.txt", "name.txt"),
        ("a/b.txt", "b.txt"),
        ("x.jpg.", "x.jpg"),
        ("x.jpg ", "x.jpg"),
        (".hidden.txt", "hidden.txt"),
        ("con.txt", "_con.txt"),
        ("NUL", "_NUL"),
        ("COM1.csv", "_COM1.csv"),
        ("CON .txt", "_CON .txt"),
        ("nul  .tar.gz", "_nul  .tar.gz"),
        ("contract.txt", "contract.txt"),
        ("a:b.txt", "a_b.txt"),
        ("C:name.txt", "C_name.txt"),
        ("\u3164a\u115fb.txt", "ab.txt"),
        ("\u2800a\u2800b.txt\u2800", "a\u2800b.txt"),
        ("\u3000a\u3000b.txt\u2003", "a\u3000b.txt"),
        ("e\u200d\u0301.txt", "é.txt"),
        ("e\u0301.txt", "é.txt"),
        ("evil\u202etxt.exe", "eviltxt.exe"),
        ("a\u2066b\u2069.txt", "ab.txt"),
        ("line\r\nbreak.txt", "linebreak.txt"),
        ("\x1b[31mred.txt", "[31mred.txt"),
    ],
)
def test_cleaned(given_name: str, cleaned: str) -> None:
    assert clean_filename(given_name) == cleaned


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        ".",
        "..",
        "...",
        "/",
        "a/",
        "\u202e",
        "\u3164",
        "\u2800",
        " \uffa0.",
        "a.php\x00.jpg",
        "a.php%00.jpg",
        "x" * 1025,
        "a." + "ü" * 127,
    ],
)
def test_refused(name: str) -> None:
    with pytest.raises(BadRequest) as refused:
        clean_filename(name)
    assert refused.value.code == "bad_filename"


def test_long_names_are_cut_between_characters_and_keep_their_suffix() -> None:
    cleaned = clean_filename("ü" * 400 + ".jpg")
    assert len(cleaned.encode()) <= 255
    assert cleaned.endswith("ü.jpg")


def test_a_suffix_counts_as_the_bytes_it_has() -> None:
    suffix = "." + "ü" * 10
    assert clean_filename("x" * 400 + suffix) == "x" * (255 - 21) + suffix
    assert clean_filename("ab." + "ü" * 126) == "ab." + "ü" * 126
    assert clean_filename("abc." + "ü" * 126) == "ab." + "ü" * 126


@given(st.text(max_size=1100))
def test_any_text_gives_a_label_or_a_refusal(text: str) -> None:
    try:
        cleaned = clean_filename(text)
    except BadRequest:
        return
    assert cleaned
    assert len(cleaned.encode()) <= 255
    assert not set(cleaned) & set("/\\\0\r\n")
    assert cleaned.strip(". ") == cleaned
    assert unicodedata.is_normalized("NFC", cleaned)


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("a.JPG", ".jpg"), ("a.jpg.php", ".php"), ("a.php.jpg", ".jpg"), ("none", ""), ("a.tar.gz", ".gz")],
)
def test_the_last_suffix_counts(name: str, suffix: str) -> None:
    assert suffix_of(name) == suffix
