"""Verifying stored bytes: on all cores, in one pass, from where an earlier attempt got to."""

from __future__ import annotations

import hashlib
import io
import os
import random
import threading
from collections.abc import Callable
from typing import Any

import pytest

from apps.core import resumable_hash
from apps.core.errors import Unavailable
from apps.core.services import verification
from apps.core.services.verification import Progress, RecordedChunk, Verdict, Verification
from apps.core.storage import StagingMissing

pytestmark = pytest.mark.unit

CHUNK = 10
DATA = random.Random(7).randbytes(95)
SHA256 = hashlib.sha256(DATA).hexdigest()
NOTHING = Progress(0, b"")


class Stored:
    """Stored bytes that tell which of their places were read."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.opened = 0
        self.places: list[int] = []

    def open(self) -> Any:
        self.opened += 1
        return _Told(self)


class _Told(io.BytesIO):
    def __init__(self, stored: Stored) -> None:
        super().__init__(stored.data)
        self._stored = stored

    def seek(self, offset: int, whence: int = 0) -> int:
        self._stored.places.append(offset)
        return super().seek(offset, whence)


def chunks_of(data: bytes, size: int = CHUNK) -> list[RecordedChunk]:
    return [
        RecordedChunk(at // size, at, len(data[at : at + size]), hashlib.sha256(data[at : at + size]).digest())
        for at in range(0, len(data), size)
    ]


def verify(
    stored: Callable[[], Any],
    *,
    chunks: list[RecordedChunk] | None = None,
    with_sha256: bool = True,
    after: Progress = NOTHING,
    keep: Callable[[Progress], None] = lambda progress: None,
) -> Verdict:
    recorded = chunks_of(DATA) if chunks is None else chunks
    return Verification(recorded, stored, with_sha256=with_sha256, after=after, keep=keep).run()


@pytest.fixture(params=["one thread", "lanes"], autouse=True)
def _threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test both ways, with a window of two chunks and blocks that end within chunks."""
    monkeypatch.setattr(verification, "_SMALL", 2**20 if request.param == "one thread" else 0)
    monkeypatch.setattr(verification, "_WINDOW", 2 * CHUNK)
    monkeypatch.setattr(verification, "_BLOCK", 4)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)


lanes = pytest.mark.parametrize("_threads", ["lanes"], indirect=True)
"""For what is about several threads."""


@pytest.mark.parametrize(("with_sha256", "sha256"), [(True, SHA256), (False, "")])
def test_intact_bytes(with_sha256: bool, sha256: str) -> None:
    assert verify(Stored(DATA).open, with_sha256=with_sha256) == Verdict([], sha256)


@pytest.mark.parametrize("data", [b"", b"x", DATA[:CHUNK], DATA[: CHUNK + 1]])
def test_files_of_few_chunks(data: bytes) -> None:
    assert verify(Stored(data).open, chunks=chunks_of(data)).sha256 == hashlib.sha256(data).hexdigest()


def test_a_file_of_one_chunk_is_read_once() -> None:
    stored = Stored(DATA)
    assert verify(stored.open, chunks=chunks_of(DATA, 1000)).sha256 == SHA256
    assert stored.places == [0]


@pytest.mark.parametrize("with_sha256", [True, False])
@pytest.mark.parametrize("damaged", [[0], [4], [9], [0, 5, 9], list(range(10))])
def test_damaged_chunks_are_named_in_order(damaged: list[int], with_sha256: bool) -> None:
    data = bytearray(DATA)
    for index in damaged:
        data[index * CHUNK] ^= 1
    assert verify(Stored(bytes(data)).open, with_sha256=with_sha256) == Verdict(damaged, "")


@pytest.mark.parametrize("size", [0, 89, 90, 94])
def test_bytes_that_are_not_there_are_damaged(size: int) -> None:
    assert verify(Stored(DATA[:size]).open).damaged == list(range(size // CHUNK, 10))


def test_bytes_that_are_all_gone_are_damaged() -> None:
    def missing() -> Any:
        raise StagingMissing

    assert verify(missing).damaged == list(range(10))


@pytest.mark.parametrize("with_sha256", [True, False])
def test_it_goes_on_where_an_earlier_attempt_was(with_sha256: bool) -> None:
    kept: list[Progress] = []
    verify(Stored(DATA).open, with_sha256=with_sha256, keep=kept.append)
    for progress in {*kept}:
        stored = Stored(DATA)
        verdict = verify(stored.open, with_sha256=with_sha256, after=progress)
        assert verdict == Verdict([], SHA256 if with_sha256 else "")
        assert min(stored.places, default=100) >= progress.size


@pytest.mark.parametrize("damaged", [0, 3, 9])
def test_no_progress_leaves_damage_behind(damaged: int) -> None:
    data = bytearray(DATA)
    data[damaged * CHUNK] ^= 1
    kept: list[Progress] = []
    verify(Stored(bytes(data)).open, keep=kept.append)
    assert all(progress.size <= damaged * CHUNK for progress in kept)


@pytest.mark.parametrize(
    "after",
    [
        Progress(50, b""),
        Progress(50, b"x" * resumable_hash.SAVED_SIZE),
        Progress(55, resumable_hash.stamp()),
        Progress(50, resumable_hash.stamp()),
    ],
)
def test_progress_that_cannot_be_gone_on_from_is_begun_anew(after: Progress) -> None:
    stored = Stored(DATA)
    assert verify(stored.open, after=after) == Verdict([], SHA256)
    assert 0 in stored.places


@lanes
def test_what_ends_the_caller_ends_it() -> None:
    stored, others_may_read = Stored(DATA), threading.Event()

    def open_() -> Any:
        # The caller's lane has all chunks to itself.
        if threading.current_thread().name == "verify":
            others_may_read.wait(60)
        return stored.open()

    def lose(progress: Progress) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        verify(open_, keep=lose)
    others_may_read.set()


@lanes
@pytest.mark.parametrize("failing", range(3))
def test_an_error_of_any_thread_is_raised(failing: int) -> None:
    stored, lock = Stored(DATA), threading.Lock()

    def open_() -> Any:
        with lock:
            file = stored.open()
            if stored.opened == failing + 1:
                raise OSError("torn")
        return file

    with pytest.raises(OSError, match="torn"):
        verify(open_)


@lanes
def test_lanes_wait_for_the_hash_of_the_whole() -> None:
    """So that the bytes come from the disk once."""
    checks: list[int] = []

    class Slow(_Told):
        def readinto(self, buffer: Any) -> int:
            if threading.current_thread().name == "verify" and self.tell() % CHUNK == 0:
                checks.append(max(stored.places) - self.tell())
            return super().readinto(buffer)

    stored = Stored(DATA)
    assert verify(lambda: Slow(stored)).sha256 == SHA256
    assert max(checks) <= 3 * CHUNK


@lanes
@pytest.mark.parametrize("window", [2 * CHUNK, 100 * CHUNK])
def test_the_lease_is_kept_while_the_hash_of_the_whole_is_waited_for(
    window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a lane that is far enough ahead, and by the caller once all lanes are through."""
    monkeypatch.setattr(verification, "_WINDOW", window)
    monkeypatch.setattr(verification, "_LOOK_SECONDS", 0.001)
    stored, often, kept = Stored(DATA), threading.Event(), 0

    def open_() -> Any:
        if threading.current_thread().name == "verify":
            assert often.wait(20)
        return stored.open()

    def keep(progress: Progress) -> None:
        nonlocal kept
        kept += 1
        if kept == 10 * len(DATA):
            often.set()

    assert verify(open_, keep=keep).sha256 == SHA256


@lanes
def test_a_process_without_threads_to_spare_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(Unavailable):
        verify(Stored(DATA).open)
