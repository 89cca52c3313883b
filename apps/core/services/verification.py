"""Verifying the stored bytes: one pass, chunk by chunk against the receipts, on all cores.

Lanes
    Chunks are independent of each other, so several *lanes* take the next one each, read it and compare its SHA-256
    with its receipt. hashlib releases the interpreter's lock, so lanes are threads; the caller's is one of them, and
    alone talks to the database. The SHA-256 of the whole file, where it is wanted, depends on the order: a thread of
    its own follows the lanes through the bytes that they have just brought into the page cache, and they wait for it
    when they are ``_WINDOW`` ahead. So the bytes come from the disk once, and two cores need the time of one hash.

Going on after a take-over
    Who verifies says now and then up to which chunk all are intact, and keeps the running hash at that point. It
    speaks for what is stored only as long as the page cache does: bytes that were never on the disk are gone after a
    power failure, and the file is published by the bytes it has now. So what is kept names its boot
    (``resumable_hash``), and a successor under another one begins at the first byte.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from .. import resumable_hash
from ..conf import KIB, MIB
from ..errors import Unavailable
from ..storage import StagingMissing

_BLOCK = 256 * KIB
"""Small enough to stay in a core's cache from reading to hashing, large enough to hardly need the interpreter."""
_WINDOW = 64 * MIB
_MOST_LANES = 4
_SMALL = 8 * MIB
"""Up to here starting threads costs more than they save."""
_LOOK_SECONDS = 1.0
"""How often who waits for the others looks whether the lease must be kept."""


@dataclass(frozen=True, slots=True)
class RecordedChunk:
    """What the ledger says of a chunk: ``size`` bytes from ``offset`` on have this SHA-256 (32 bytes)."""

    index: int
    offset: int
    size: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Progress:
    """The first ``size`` bytes are verified; ``state`` is what a successor needs to go on there."""

    size: int
    state: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """``damaged`` are the indices of the chunks whose stored bytes are not those of their receipts. ``sha256`` is that
    of the whole file in hex; empty if it was not wanted, or if chunks are damaged."""

    damaged: list[int]
    sha256: str


def sha256_of_one(chunks: Sequence[RecordedChunk]) -> str:
    """The SHA-256 of a file in hex, where its receipts say it: of no chunk, or of one. Empty otherwise."""
    if len(chunks) > 1:
        return ""
    return chunks[0].sha256.hex() if chunks else hashlib.sha256().hexdigest()


class Verification:
    """One pass over the stored bytes of one upload.

    Args:
        chunks: all of them, in order.
        open_stored: opens the stored bytes.
        with_sha256: whether the SHA-256 of the whole file is wanted.
        in_order: read everything once, from the first byte to the last, because reading costs more than hashing.
        after: how far an earlier attempt got.
        keep: called by the thread that runs this, often and with how far it got; ends it by raising.
    """

    def __init__(
        self,
        chunks: list[RecordedChunk],
        open_stored: Callable[[], BinaryIO],
        *,
        with_sha256: bool,
        in_order: bool = False,
        after: Progress,
        keep: Callable[[Progress], None],
    ) -> None:
        self._chunks = chunks
        self._open_stored = open_stored
        self._keep = keep
        self._size = sum(chunk.size for chunk in chunks)
        self._changed = threading.Condition()
        self._damaged: list[int] = []
        self._error: BaseException | None = None
        self._running = resumable_hash.new() if with_sha256 and len(chunks) > 1 else None
        self._with_sha256 = with_sha256
        self._in_order = in_order
        self._next = self._verified = self._hashed = self._resume(after)
        self._ahead: set[int] = set()
        self._progress = Progress(0, b"")
        self._note_progress()

    def _resume(self, after: Progress) -> int:
        """The chunk to begin with."""
        starts = [chunk.offset for chunk in self._chunks]
        place = [*starts, self._size].index(after.size) if after.size in (*starts, self._size) else 0
        if not place or not resumable_hash.is_of_this_boot(after.state):
            return 0
        if self._running is not None:
            running = resumable_hash.load(after.state, after.size)
            if running is None:
                return 0
            self._running = running
        return place

    def run(self) -> Verdict:
        """Read what is left to read.

        Raises:
            Unavailable: the process has as many threads as it may.
            OSError, StorageError: the bytes cannot be read.
        """
        if self._in_order:
            self._verify_in_order()
            return Verdict(sorted(self._damaged), self._sha256())
        others = self._start_others() if self._size > _SMALL else []
        try:
            self._verify_chunks(self._keep_going)
            if self._running is not None and not others:
                self._hash_whole()
            self._await(others)
        except BaseException as error:
            self._fail(error)  # The others stop too.
            raise
        if self._error is not None:
            raise self._error
        return Verdict(sorted(self._damaged), self._sha256())

    def _verify_in_order(self) -> None:
        with self._opened() as stored:
            block = bytearray(_BLOCK)
            for place in range(self._next, len(self._chunks)):
                chunk, digest, size = self._chunks[place], hashlib.sha256(), 0
                for part in _parts(stored, chunk, block):
                    digest.update(part)
                    if self._running is not None:
                        self._running.update(part)
                    size += len(part)
                    self._keep_going()
                self._hashed = place + 1
                self._note_chunk(place, is_intact=size == chunk.size and digest.digest() == chunk.sha256)
                if self._running is not None and not self._damaged:
                    self._note_progress()

    def _start_others(self) -> list[threading.Thread]:
        lanes = min(os.cpu_count() or 1, _MOST_LANES) - 1
        works: list[Callable[[], None]] = [self._verify_chunks] * lanes
        if self._running is not None:
            works = [self._hash_whole, *works[1:]]
        threads = [threading.Thread(target=self._guarded, args=(work,), name="verify", daemon=True) for work in works]
        try:
            for thread in threads:
                thread.start()
        except RuntimeError as error:
            self._fail(error)
            raise Unavailable("The server is busy; try again.") from error
        return threads

    def _await(self, others: list[threading.Thread]) -> None:
        for thread in others:
            while thread.is_alive():
                thread.join(_LOOK_SECONDS)
                self._keep_going()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # Raised again on the caller's thread.
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            self._error = self._error or error
            self._changed.notify_all()

    def _keep_going(self) -> None:
        self._keep(self._progress)

    def _sha256(self) -> str:
        if not self._with_sha256 or self._damaged:
            return ""
        if self._running is not None:
            return self._running.digest().hex()
        return sha256_of_one(self._chunks)

    def _verify_chunks(self, between: Callable[[], None] = lambda: None) -> None:
        """A lane."""
        with self._opened() as stored:
            block = bytearray(_BLOCK)
            while (place := self._take(between)) is not None:
                chunk, digest, size = self._chunks[place], hashlib.sha256(), 0
                for part in _parts(stored, chunk, block):
                    digest.update(part)
                    size += len(part)
                    between()
                self._note_chunk(place, is_intact=size == chunk.size and digest.digest() == chunk.sha256)

    def _take(self, between: Callable[[], None]) -> int | None:
        """The next chunk, once it is not too far ahead of the hash of the whole."""
        with self._changed:
            while True:
                place = self._next
                if self._error is not None or place == len(self._chunks):
                    return None
                if not self._is_too_far(place):
                    self._next += 1
                    return place
                self._changed.wait(_LOOK_SECONDS)
                between()

    def _is_too_far(self, place: int) -> bool:
        if self._running is None or self._damaged or self._size <= _SMALL:
            return False
        return place > self._hashed and self._chunks[place].offset - self._chunks[self._hashed].offset > _WINDOW

    def _note_chunk(self, place: int, *, is_intact: bool) -> None:
        with self._changed:
            if is_intact:
                self._ahead.add(place)
            else:
                self._damaged.append(self._chunks[place].index)
            while self._verified in self._ahead:
                self._ahead.remove(self._verified)
                self._verified += 1
            if self._running is None:
                self._note_progress()
            self._changed.notify_all()

    def _hash_whole(self) -> None:
        """The SHA-256 of all bytes in order, behind the lanes; given up where a chunk is damaged."""
        assert self._running is not None
        with self._opened() as stored:
            block = bytearray(_BLOCK)
            while self._await_verified():
                for part in _parts(stored, self._chunks[self._hashed], block):
                    self._running.update(part)
                with self._changed:
                    self._hashed += 1
                    self._note_progress()
                    self._changed.notify_all()

    def _await_verified(self) -> bool:
        """Whether there is another chunk to hash, once it is known to be intact."""
        with self._changed:
            while self._hashed < len(self._chunks) and not self._damaged and self._error is None:
                if self._hashed < self._verified:
                    return True
                self._changed.wait()
        return False

    def _note_progress(self) -> None:
        place = self._verified if self._running is None else self._hashed
        size = self._chunks[place].offset if place < len(self._chunks) else self._size
        state = resumable_hash.stamp() if self._running is None else resumable_hash.save(self._running)
        self._progress = Progress(size, state)

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO | None]:
        """The stored bytes; None if there are none at all."""
        try:
            stored = self._open_stored()
        except StagingMissing:
            yield None
            return
        with stored:
            yield stored


def _parts(stored: BinaryIO | None, chunk: RecordedChunk, block: bytearray) -> Iterator[memoryview]:
    """The stored bytes of a chunk, fewer where the file ends before it. Each part is good until the next."""
    if stored is None:
        return
    stored.seek(chunk.offset)
    left, whole = chunk.size, memoryview(block)
    while left and (count := stored.readinto(whole[: min(left, len(block))])):  # type: ignore[attr-defined]
        left -= count
        yield whole[:count]
