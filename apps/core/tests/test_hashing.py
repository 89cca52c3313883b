from __future__ import annotations

import pytest

from apps.core.hashing import parse_sha256

pytestmark = pytest.mark.unit


def test_digests_are_kept_in_lower_case() -> None:
    assert parse_sha256("AB" * 32) == "ab" * 32


@pytest.mark.parametrize("text", ["", "abc123", "g" * 64, "a" * 63, "a" * 65, "a" * 64 + "\n", " " + "a" * 63])
def test_malformed_digests_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        parse_sha256(text)
