from __future__ import annotations

import hashlib
import random

import pytest

from apps.core import resumable_hash

pytestmark = pytest.mark.unit

DATA = random.Random(1).randbytes(1000)


@pytest.mark.parametrize("cut", [0, 1, 55, 63, 64, 65, 128, 999, 1000])
def test_a_saved_hash_goes_on_where_it_was(cut: int) -> None:
    running = resumable_hash.new()
    running.update(DATA[:cut])
    continued = resumable_hash.load(resumable_hash.save(running), cut)
    assert continued is not None
    continued.update(DATA[cut:])
    assert continued.digest() == hashlib.sha256(DATA).digest()


def test_a_copy_goes_its_own_way() -> None:
    running = resumable_hash.new()
    running.update(b"a")
    copy = running.copy()
    copy.update(b"b")
    assert (running.digest(), copy.digest()) == (hashlib.sha256(b"a").digest(), hashlib.sha256(b"ab").digest())


def saved(data: bytes) -> bytes:
    running = resumable_hash.new()
    running.update(data)
    return resumable_hash.save(running)


@pytest.mark.parametrize("worthless", [b"", b"x" * resumable_hash.SAVED_SIZE, saved(DATA)[:-1], saved(DATA) + b"x"])
def test_what_was_not_saved_here_is_worth_nothing(worthless: bytes) -> None:
    assert resumable_hash.load(worthless, 1000) is None


@pytest.mark.parametrize("size", [999, 1001, 1064])
def test_a_hash_over_another_number_of_bytes_is_worth_nothing(size: int) -> None:
    assert resumable_hash.load(saved(DATA), size) is None


def test_a_hash_of_another_boot_is_worth_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved(DATA)
    monkeypatch.setattr(resumable_hash, "stamp", lambda: b"another boot    ")
    assert resumable_hash.load(before, 1000) is None


def test_where_states_cannot_be_saved_it_is_a_plain_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved(DATA)
    monkeypatch.setattr(resumable_hash, "_states_can_be_saved", lambda: False)
    running = resumable_hash.new()
    running.update(DATA)
    assert running.digest() == hashlib.sha256(DATA).digest()
    assert resumable_hash.save(running) == b""
    assert resumable_hash.load(before, 1000) is None
