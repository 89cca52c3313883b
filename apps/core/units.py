"""Sizes as people read them: decimal units, as the page and file managers show them."""

from __future__ import annotations

import re

UNITS = ("B", "kB", "MB", "GB", "TB")


def decimal_size(count: int) -> str:
    """A number of bytes with its unit, one decimal below 100, as ``1.2 MB``; no line breaks between the two."""
    value, power = float(count), 0
    # From 999.5 on it would be rounded to a thousand of the smaller unit.
    while value >= 999.5 and power < len(UNITS) - 1:
        value, power = value / 1000, power + 1
    decimals = 1 if power and round(value, 1) < 100 else 0
    return f"{value:.{decimals}f}\N{NO-BREAK SPACE}{UNITS[power]}"


_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kKMGT]?)(i?)B\s*")


def parse_size(size: int | str) -> int:
    """Bytes, of a number of them or of a text: ``"50 GB"`` (powers of 1000), ``"50 GiB"`` (of 1024).

    Raises:
        ValueError: it is neither.
    """
    if isinstance(size, int) and not isinstance(size, bool) and size > 0:
        return size
    match = _SIZE.fullmatch(size) if isinstance(size, str) else None
    if match is None:
        raise ValueError(f"{size!r} is no size: give bytes, or a text as '50 GB' or '50 GiB'.")
    number, prefix, binary = match.groups()
    power = " kMGT".index("k" if prefix == "K" else prefix) if prefix else 0
    return int(float(number) * (1024 if binary else 1000) ** power)
