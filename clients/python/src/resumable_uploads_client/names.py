"""Names of files on this disk, for names that somebody else chose."""

from __future__ import annotations

import re

MAX_BYTES = 255
NAMELESS = "download"

# What Windows takes for devices, with any suffix: its disks are reached from WSL and over networks.
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])( *\..*)?", re.IGNORECASE)


def safe_name(given: str) -> str:
    """A name in one directory for a file that a server calls like this: never hidden, never a path or a device."""
    last = re.split(r"[/\\]", given)[-1]
    visible = "".join(character for character in last if character.isprintable())
    name = visible.strip(" .")
    if _RESERVED.fullmatch(name):
        name = f"_{name}"
    return _shorten(name) or NAMELESS


def part_name(name: str, upload_id: str) -> str:
    """What a file is called while it is being downloaded, beside its place; hidden."""
    ending = f".{upload_id}.part"
    return f".{_cut(name, MAX_BYTES - len(ending) - 1)}{ending}"


def _shorten(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(suffix.encode()) > MAX_BYTES // 2:
        return _cut(name, MAX_BYTES)
    return _cut(stem, MAX_BYTES - len(suffix.encode()) - 1) + dot + suffix


def _cut(name: str, most_bytes: int) -> str:
    return name.encode(errors="surrogateescape")[:most_bytes].decode(errors="ignore")
