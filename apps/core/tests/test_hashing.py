from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.hashing import SavableSha256, parse_sha256, saved_states_work

pytestmark = pytest.mark.unit


def test_digests_are_kept_in_lower_case() -> None:
    assert parse_sha256("AB" * 32) == "ab" * 32


@pytest.mark.parametrize("text", ["", "abc123", "g" * 64, "a" * 63, "a" * 65, "a" * 64 + "\n", " " + "a" * 63])
def test_malformed_digests_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        parse_sha256(text)


@pytest.mark.skipif(not saved_states_work(), reason="this OpenSSL keeps its SHA-256 state elsewhere")
@given(st.binary(max_size=400), st.binary(max_size=400))
def test_a_saved_hash_goes_on_as_if_never_interrupted(first: bytes, second: bytes) -> None:
    begun = SavableSha256()
    begun.update(first)
    continued = SavableSha256(begun.save())
    continued.update(second)
    assert continued.hexdigest() == hashlib.sha256(first + second).hexdigest()
