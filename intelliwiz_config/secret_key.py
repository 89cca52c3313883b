"""The secret key of an installation that was given none: made once, and kept in a file."""

from __future__ import annotations

from pathlib import Path

from .private_files import alone, write_private

SHORTEST = 32
"""Characters; fewer are what a crash or a full disk left of a key, or can be guessed."""


def kept_secret_key(path: Path) -> str:
    """The key in the file; a new one where there is none, or less than one."""
    key = _read(path)
    if key:
        return key
    with alone(path):  # Processes that start at once must agree on one key.
        key = _read(path)
        if not key:
            from django.core.management.utils import get_random_secret_key

            key = get_random_secret_key()
            write_private(path, key)
    return key


def _read(path: Path) -> str:
    try:
        key = path.read_text().strip()
    except FileNotFoundError:
        return ""
    return key if len(key) >= SHORTEST else ""
