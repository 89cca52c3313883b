"""Sizes as people read them: decimal units, as the page and file managers show them."""

from __future__ import annotations

UNITS = ("B", "kB", "MB", "GB", "TB")


def decimal_size(count: int) -> str:
    """A number of bytes with its unit, one decimal below 100, as ``1.2 MB``; no line breaks between the two."""
    value, power = float(count), 0
    # From 999.5 on it would be rounded to a thousand of the smaller unit.
    while value >= 999.5 and power < len(UNITS) - 1:
        value, power = value / 1000, power + 1
    decimals = 1 if power and round(value, 1) < 100 else 0
    return f"{value:.{decimals}f}\N{NO-BREAK SPACE}{UNITS[power]}"
