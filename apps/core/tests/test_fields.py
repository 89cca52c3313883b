"""The grammars of header fields."""

from __future__ import annotations

import base64
import hashlib
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.errors import BadRequest
from apps.core.protocols.fields import content_digest
from apps.core.protocols.structured import string_item

pytestmark = pytest.mark.unit

DIGEST = hashlib.sha256(b"0123").digest()
MEMBER = f"sha-256=:{base64.b64encode(DIGEST).decode()}:"


@pytest.mark.parametrize(
    "header",
    [
        MEMBER,
        f"  {MEMBER}  ",
        f"md5=:YWJj:, {MEMBER}",
        f"{MEMBER},md5=:YWJj:",
        f"{MEMBER};strength=1",
        f"sha-256=:YWJj:,{MEMBER}",
    ],
)
def test_the_last_sha_256_member_counts(header: str) -> None:
    assert content_digest(header) == DIGEST


@pytest.mark.parametrize("header", [None, "", "md5=:YWJj:", "x-sha-256=:YWJj:", "sha-256x=:YWJj:"])
def test_other_algorithms_are_ignored(header: str | None) -> None:
    assert content_digest(header) is None


@pytest.mark.parametrize("value", ["", ":", "::", ":YWJj:", "YWJj", f":{'A' * 44}", ":*:", ":é:"])
def test_a_malformed_sha_256_is_refused(value: str) -> None:
    with pytest.raises(BadRequest):
        content_digest(f"sha-256={value}")


@given(st.text(alphabet=" \t,;=:sha-256A", max_size=60))
def test_any_header_is_read_or_refused(header: str) -> None:
    with suppress(BadRequest):
        digest = content_digest(header)
        assert digest is None or len(digest) == 32


@pytest.mark.parametrize("repeated", [" ", "\t", ",", ";", "=", ":", "s", "sha-256=", "sha-256 "])
def test_the_cost_is_linear_in_the_header(repeated: str) -> None:
    """64 KiB take milliseconds; a pattern that backtracks needs minutes for them."""
    before = time.process_time()
    with suppress(BadRequest):
        content_digest(repeated * (65536 // len(repeated)))
    assert time.process_time() - before < 2


@pytest.mark.parametrize(
    ("field", "text"),
    [('"a b"', "a b"), (' "a"; q=1 ', "a"), (r'"a\"b\\"', 'a"b\\'), ('""', "")],
)
def test_a_string_item(field: str, text: str) -> None:
    assert string_item(field) == text


@pytest.mark.parametrize("field", [None, "", "a", '"a', 'a"', r'"\a"', '"ä"', '"a\tb"', '"a" b', "'a'"])
def test_what_is_no_string_item(field: str | None) -> None:
    assert string_item(field) is None
