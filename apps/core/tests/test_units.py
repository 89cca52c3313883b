from __future__ import annotations

import pytest

from apps.core.units import decimal_size

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (1_234_567, "1.2 MB"),
        (99_940, "99.9 kB"),
        (99_960, "100 kB"),
        (123_456_789, "123 MB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (5 * 10**9, "5.0 GB"),
        (4 * 10**15, "4000 TB"),
    ],
)
def test_sizes_are_decimal_with_one_place_below_a_hundred(count: int, text: str) -> None:
    assert decimal_size(count) == text.replace(" ", "\N{NO-BREAK SPACE}")
