"""Structured fields (RFC 9651), as far as the protocols need them. What does not parse is as if it were absent."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping

_PARAMETERS = r"(?:[ ]*;[ ]*[a-z*][a-z0-9_.*-]*(?:=[!#-+\--:<-~]*)?)*"
_INTEGER = re.compile(rf" *(-?[0-9]{{1,15}}){_PARAMETERS} *")
_STRING = re.compile(rf' *"((?:[ !#-\[\]-~]|\\["\\])*)"{_PARAMETERS} *')
_BOOLEAN = re.compile(rf" *\?([01]){_PARAMETERS} *")


def integer_item(field: str | None) -> int | None:
    """An Item that is an Integer (3.3.1) from 0 on."""
    found = _INTEGER.fullmatch(field or "")
    number = int(found[1]) if found else -1
    return number if number >= 0 else None


def boolean_item(field: str | None) -> bool | None:
    """An Item that is a Boolean (3.3.6)."""
    found = _BOOLEAN.fullmatch(field or "")
    return found[1] == "1" if found else None


def string_item(field: str | None) -> str | None:
    """An Item that is a String (3.3.3)."""
    found = _STRING.fullmatch(field or "")
    return re.sub(r"\\(.)", r"\1", found[1]) if found else None


def boolean(value: bool) -> str:
    return "?1" if value else "?0"


def integers(members: Mapping[str, int]) -> str:
    """A Dictionary (3.2) of Integers."""
    return ", ".join(f"{key}={value}" for key, value in members.items())


def byte_sequence(data: bytes) -> str:
    """A Byte Sequence (3.3.5)."""
    return f":{base64.b64encode(data).decode()}:"


def byte_sequences(field: str | None) -> dict[str, bytes]:
    """The members of a Dictionary that are Byte Sequences; others are left out."""
    found = {}
    for member in (field or "").split(","):
        name, _, value = member.partition("=")
        value = value.partition(";")[0].strip()
        if len(value) < 2 or value[0] != ":" or value[-1] != ":":
            continue
        try:
            found[name.strip()] = base64.b64decode(value[1:-1], validate=True)
        except (ValueError, binascii.Error):
            continue
    return found
