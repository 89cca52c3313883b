"""The bytes of a part while it arrives: where they lie, and that all is given back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.core.conf import MIB
from apps.core.errors import StorageFull, Unavailable
from apps.core.storage.s3 import buffer
from apps.core.storage.s3.buffer import PartBuffer, Spool

pytestmark = pytest.mark.unit


class Clock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(buffer, "time", made)
    return made


@pytest.fixture
def spool(tmp_path: Path, uploads: Any, clock: Clock) -> Iterator[Spool]:
    uploads(MIN_FREE_DISK_BYTES=0)
    made = Spool(str(tmp_path), most_memory=4 * MIB, most_disk=8 * MIB)
    yield made
    assert (made.memory._used, made._disk._used) == (0, 0), "all is given back"


@pytest.fixture
def part(spool: Spool) -> Iterator[PartBuffer]:
    made = PartBuffer(spool, 4 * MIB)
    yield made
    made.close()


def content(part: PartBuffer) -> bytes:
    body = part.body()
    return bytes(body) if isinstance(body, bytearray) else body.read()


def is_in_memory(part: PartBuffer) -> bool:
    return isinstance(part.body(), bytearray)


def test_what_comes_fast_stays_in_memory(part: PartBuffer, clock: Clock) -> None:
    for second in range(4):
        clock.now = second
        part.append(b"x" * MIB)
    assert is_in_memory(part)
    assert content(part) == b"x" * 4 * MIB


def test_what_comes_slowly_goes_to_disk(part: PartBuffer, spool: Spool, clock: Clock, tmp_path: Path) -> None:
    part.append(b"first")
    clock.now = 3
    part.append(b"second")
    assert not is_in_memory(part)
    assert spool.memory._used == 0
    assert list(tmp_path.iterdir()) == []  # It has no name.
    assert content(part) == b"firstsecond"


def test_where_memory_is_lent_to_others_it_goes_to_disk(part: PartBuffer, spool: Spool) -> None:
    other = PartBuffer(spool, 4 * MIB)
    other.append(b"x" * 4 * MIB)
    part.append(b"mine")
    assert (is_in_memory(other), is_in_memory(part)) == (True, False)
    other.close()
    assert content(part) == b"mine"


def test_who_is_silent_has_nothing_in_memory(part: PartBuffer, spool: Spool) -> None:
    part.append(b"some")
    part.to_disk()
    assert spool.memory._used == 0
    part.append(b"more")
    assert content(part) == b"somemore"


def test_a_full_spool_takes_nothing_and_loses_nothing(part: PartBuffer, spool: Spool) -> None:
    other = PartBuffer(spool, 3 * MIB)
    other.append(b"x" * 3 * MIB)
    part.append(b"mine")
    other.to_disk()
    other.append(b"x" * (5 * MIB - 2))
    with pytest.raises(Unavailable):
        part.to_disk()
    assert content(part) == b"mine"
    with pytest.raises(Unavailable):
        other.append(b"xxx")
    assert other.size == 8 * MIB - 2
    other.close()


def test_a_disk_that_is_nearly_full_takes_nothing(part: PartBuffer, uploads: Any) -> None:
    part.append(b"mine")
    uploads(MIN_FREE_DISK_BYTES=2**60)
    with pytest.raises(StorageFull):
        part.to_disk()
    assert content(part) == b"mine"


def test_a_directory_that_is_gone_is_the_operators_to_mend(spool: Spool, part: PartBuffer) -> None:
    part.append(b"mine")
    spool.directory += "/none"
    with pytest.raises(Unavailable):
        part.to_disk()
    assert content(part) == b"mine"


def test_a_disk_that_fails_counts_nothing(part: PartBuffer, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    part.append(b"mine")

    def full(*arguments: Any) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwritev", full)
        with pytest.raises(StorageFull):
            part.to_disk()
    assert spool._disk._used == 0
    assert content(part) == b"mine"


def test_what_looks_like_a_whole_part_gets_its_memory_at_once(part: PartBuffer, spool: Spool) -> None:
    part.append(b"x" * MIB)
    assert spool.memory._used == MIB
    part.append(b"y")
    assert spool.memory._used == 4 * MIB
    assert content(part) == b"x" * MIB + b"y"


@pytest.mark.parametrize("is_on_disk", [False, True])
def test_one_is_put_behind_another(part: PartBuffer, spool: Spool, is_on_disk: bool) -> None:
    behind = PartBuffer(spool, 4 * MIB)
    behind.append(b"behind")
    if is_on_disk:
        behind.to_disk()
    part.append(b"before")
    part.append_all(behind)
    behind.close()
    assert content(part) == b"beforebehind"


def test_of_a_block_that_did_not_fit_nothing_stays(
    part: PartBuffer, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    part.append(b"mine")
    part.to_disk()
    write = os.pwrite

    def nearly_full(fd: int, views: list[memoryview], at: int) -> int:
        if at > len(b"mine"):
            raise OSError(28, "No space left on device")
        return write(fd, bytes(views[0])[:2], at)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwritev", nearly_full)
        with pytest.raises(StorageFull):
            part.append(b"more")
    assert content(part) == b"mine"
    part.append(b"again")
    assert content(part) == b"mineagain"


def test_one_that_was_given_back_takes_no_file_any_more(part: PartBuffer) -> None:
    part.append(b"mine")
    part.close()
    part.to_disk()
    assert is_in_memory(part)
