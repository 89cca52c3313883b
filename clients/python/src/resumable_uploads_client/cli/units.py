"""Amounts as people write them."""

from __future__ import annotations

import re

import click

_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)([kKmMgG]?)(?:i?[bB])?")
_FACTORS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30}


def rate(text: str) -> float:
    """Bytes per second: ``500k``, ``1.5M``; k is 1,024.

    Raises:
        click.BadParameter: it is none.
    """
    found = _AMOUNT.fullmatch(text)
    amount = float(found[1]) * _FACTORS[found[2].lower()] if found else 0.0
    if not amount:
        raise click.BadParameter(f"{text!r} is no rate; write 500k or 1.5M, bytes per second.")
    return amount


def key_value(text: str) -> tuple[str, str]:
    """``KEY=VALUE``.

    Raises:
        click.BadParameter: it is not.
    """
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise click.BadParameter(f"{text!r} is not KEY=VALUE.")
    return key, value


def size_text(size: int | None) -> str:
    """Bytes in at most six characters: ``1.4 GB``; powers of 1,000, as progress bars have them."""
    if size is None:
        return "?"
    amount, units = float(size), iter(("B", "kB", "MB", "GB", "TB", "PB"))
    unit = next(units)
    while amount >= 999.5:
        amount, unit = amount / 1000, next(units)
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 9.95 else f"{amount:.1f} {unit}"
