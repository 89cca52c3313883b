"""File names. A client's name is a label for people: it is cleaned and checked, and never becomes a path."""

from __future__ import annotations

import re
import unicodedata

from ..errors import BadRequest

MAX_GIVEN_CHARACTERS = 1024
MAX_NAME_BYTES = 255

_SEPARATORS = re.compile(r"[/\\]")
_PERCENT_NUL = re.compile(r"%00", re.IGNORECASE)
# Windows looks at what is before the first dot, without the spaces at its end.
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(\..*)?", re.IGNORECASE)
# Cc control, Cf format (all bidi marks are Cf), Cs surrogate, Co private use, Zl and Zp line separators.
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
# Fillers of Hangul, which Unicode counts as letters: they show nothing.
_BLANK_LETTERS = {"\u115f", "\u1160", "\u3164", "\uffa0"}
_BLANK_BRAILLE = "\u2800"


def clean_filename(given: str) -> str:
    """The display name for a client's file name: at most 255 bytes of UTF-8, one line, no directories.

    A name that holds a NUL (plain or as ``%00``) is refused, not cut: everything behind it was meant to hide.

    Raises:
        BadRequest: nothing usable is left of the name, or it is too long to be one.
    """
    if len(given) > MAX_GIVEN_CHARACTERS:
        raise _bad(f"The file name has more than {MAX_GIVEN_CHARACTERS} characters.")
    if "\0" in given or _PERCENT_NUL.search(given):
        raise _bad("The file name contains a NUL character.")
    # Composed last: what was removed may have stood between a letter and its accent.
    name = unicodedata.normalize("NFC", "".join(char for char in given if not _is_invisible(char)))
    # A colon names a hidden second stream of a file on Windows.
    name = _trim(_SEPARATORS.split(name)[-1].replace(":", "_"))
    if not name:
        raise _bad("The file name is empty.")
    if _RESERVED.fullmatch(name):
        name = f"_{name}"
    return _shorten(name)


def suffix_of(name: str) -> str:
    """The last suffix of a cleaned name, in lower case with its dot, or an empty string."""
    stem, dot, suffix = name.rpartition(".")
    return f".{suffix.lower()}" if dot and stem and suffix else ""


def _is_invisible(char: str) -> bool:
    return unicodedata.category(char) in _INVISIBLE or char in _BLANK_LETTERS


def _trim(name: str) -> str:
    """Without blanks and dots at its ends: hidden files, "..", and Windows, which drops them at the end by itself."""
    start, end = 0, len(name)
    while start < end and _is_blank_or_dot(name[start]):
        start += 1
    while start < end and _is_blank_or_dot(name[end - 1]):
        end -= 1
    return name[start:end]


def _is_blank_or_dot(char: str) -> bool:
    return char in (".", _BLANK_BRAILLE) or unicodedata.category(char) == "Zs"


def _shorten(name: str) -> str:
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    suffix = suffix_of(name)
    room = MAX_NAME_BYTES - len(suffix.encode())
    if room < 1:
        raise _bad("The suffix of the file name is too long.")
    stem = name.encode()[: len(name.encode()) - len(suffix.encode())][:room]
    return stem.decode(errors="ignore") + suffix


def _bad(detail: str) -> BadRequest:
    return BadRequest(detail, code="bad_filename")
