"""Large bodies of fast connections: a worker thread reads them from the socket itself.

uvicorn copies each byte of a body three times on its way to the application, on the one thread that all connections
share, and each block costs two changes of threads. At several hundred MB/s that is half of what a server does. So while
a body comes as fast as it is taken, the event loop lets go of the connection: a worker thread reads, hashes and stores
by turns, in memory that it uses again, and copies nothing.

Fast
    is a connection of which :data:`AT_ONCE` came in one piece or before anybody read it, or whose last large body came
    fast to its end. It is not fast any more once the thread has waited for more than :data:`GRACE` and the time that
    the bytes take at :data:`FAST_RATE`, or for :data:`LONGEST_WAIT` at a stretch: then the thread returns, and what
    follows goes the ordinary way, on which who is slow costs a socket and no thread. So thousands of slow connections
    cost what they always did. It may prove fast again after :data:`RETRY_AFTER`. Few threads read so at once
    (:class:`_Readers`); the others are for who is not fast.

What the parser sees
    Nothing of what the thread reads. :class:`RestOfBody` counts for it up to the end of the body, and the connection
    gets a new parser for what follows.
"""

from __future__ import annotations

import asyncio
import math
import select
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, Protocol

import httptools

from ..conf import KIB, MIB, upload_settings

ASGI_EXTENSION = "resumable_uploads.fast_body"
"""In the scope's extensions: its ``body`` is the request's :class:`FastBody`."""

BLOCK_SIZE = MIB
LEAST_LEFT = 256 * KIB
"""A body with less to come is not worth the change."""
AT_ONCE = 64 * KIB
GRACE = 0.02
"""Seconds."""
FAST_RATE = 32 * MIB
"""Bytes per second."""
LONGEST_WAIT = 0.25
"""Seconds without a byte, however fast it was before; and after which a thread that is to stop notices."""
RETRY_AFTER = 4 * MIB
"""Bytes that come the ordinary way before a connection that was slow may be fast again."""


class Connection(Protocol):
    """What this needs of a connection of uvicorn's, as :mod:`.bounded_http1` has it."""

    transport: Any
    flow: Any
    is_fast: bool
    """Whether its last large body came fast to its end, or :data:`AT_ONCE` of one came since."""

    def bytes_to_come(self, cycle: Any) -> int:
        """Of the body of a request, if that is what arrives now, and its length is known; or 0."""

    def skip_body(self, size: int) -> None:
        """So many bytes of the body did not pass here."""

    def on_body(self, body: bytes) -> None: ...

    def data_received(self, data: bytes) -> None: ...

    def eof_received(self) -> None: ...

    def connection_lost(self, exc: Exception | None) -> None: ...

    def pause_writing(self) -> None: ...

    def resume_writing(self) -> None: ...

    def end_body(self, parser: httptools.HttpRequestParser) -> None:
        """The body has ended; the parser is for what follows."""

    def watch_what_follows_an_early_answer(self) -> None:
        """Something of a body came whose request is answered."""


class _Readers:
    """How many threads read from sockets: at most half of them, with memory within ``RECEIVE_BUFFER_BYTES``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    def enter(self) -> bool:
        limits = upload_settings()
        with self._lock:
            if self._count >= min(limits.worker_threads // 2, limits.receive_buffer_bytes // BLOCK_SIZE):
                return False
            self._count += 1
            return True

    def leave(self) -> None:
        with self._lock:
            self._count -= 1


_readers = _Readers()
_thread = threading.local()


class FastBody:
    """One request's body, to be read by a thread if that pays: as long as it is fast, or at once if it is whole.

    On the event loop: ``begin``, and if that says so, :meth:`blocks` on a thread, ``release`` there, and ``end``. May
    begin again while ``left`` says that there is more.
    """

    def __init__(self, connection: Connection, cycle: Any) -> None:
        self._connection = connection
        self._cycle = cycle
        self._begun = bytearray()
        """What came before the thread began."""
        self._socket: socket.socket | None = None
        self._read = 0
        self._waited = 0.0
        self._retry_at: int | None = None
        """Once it was slow: bytes to come from which on it may begin again."""
        self.is_stopped = False
        self.left = 0
        """Bytes that the thread has not read."""

    @property
    def is_due(self) -> bool:
        """Whether to try to begin."""
        if not self._cycle.more_body:
            return True
        arrived = len(self._cycle.body)
        is_fast = self._connection.is_fast or arrived >= AT_ONCE
        if not is_fast or arrived > BLOCK_SIZE or self._cycle.waiting_for_100_continue or self.is_stopped:
            return False
        left = self._connection.bytes_to_come(self._cycle)
        return left >= LEAST_LEFT and (self._retry_at is None or left <= self._retry_at)

    def begin(self) -> bool:
        """Let a thread have the rest of the body, or all of it."""
        cycle = self._cycle
        if not self.is_due:
            return False
        if cycle.more_body and not self._let_go():
            return False
        self.left = self._connection.bytes_to_come(cycle)
        self._begun, cycle.body = cycle.body, bytearray()
        return True

    def _let_go(self) -> bool:
        transport = self._connection.transport
        if transport.get_extra_info("sslcontext") is not None:
            return False
        shared = transport.get_extra_info("socket")
        try:
            own = socket.fromfd(shared.fileno(), shared.family, shared.type)
        except OSError:
            return False  # No more files may be open.
        if not _readers.enter():
            own.close()
            return False
        self._connection.flow.pause_reading()
        own.setblocking(False)
        self._socket = own
        self._read, self._waited = 0, 0.0
        return True

    def blocks(self) -> Iterator[Any]:
        """What comes, while it comes fast: bytes, or a memoryview of memory that is used again for the next block."""
        if self._socket is None:
            if self._begun:
                yield bytes(self._begun)
            return
        memory = _memory_of_this_thread()
        filled = len(self._begun)
        memory[:filled] = self._begun
        is_fast = True
        while is_fast and (filled or self.left):
            end = min(BLOCK_SIZE, filled + self.left)
            filled = self._fill(self._socket, memory, filled, end)
            is_fast = filled == end
            if filled:
                yield memory[:filled]
            filled = 0

    def take_rest(self) -> bytes:
        """What arrived and was not taken, for who ends the request in its midst."""
        rest, self._cycle.body = bytes(self._cycle.body), bytearray()
        return rest

    def stop(self) -> None:
        """The thread is to read no further; from any thread."""
        self.is_stopped = True

    def release(self) -> None:
        """The thread is done; it says so itself, for the event loop may wait for it no more."""
        self._begun = bytearray()
        if self._socket is not None and self._socket.fileno() >= 0:
            self._socket.close()
            _readers.leave()

    def end(self) -> None:
        """Take the connection back; it is read on when somebody asks for more, or the request is answered."""
        if self._socket is None:
            return
        self._socket = None
        connection = self._connection
        connection.skip_body(self._read)
        connection.is_fast = not self.left
        if self.left:
            self._retry_at = self.left - RETRY_AFTER
            connection.transport.set_protocol(RestOfBody(connection, self._cycle, self.left))
        else:
            end_body(connection)

    def _fill(self, source: socket.socket, memory: memoryview, filled: int, end: int) -> int:
        """Fill the memory up to ``end``, or as far as it goes fast; returns how far."""
        while filled < end and not self.is_stopped:
            try:
                count = source.recv_into(memory[filled:end])
            except BlockingIOError:
                if not self._wait(source):
                    break
                continue
            except OSError:
                break
            if not count:
                break  # The client is gone, as the event loop will see.
            filled += count
            self._read += count
            self.left -= count
        return filled

    def _wait(self, source: socket.socket) -> bool:
        patience = min(GRACE + self._read / FAST_RATE - self._waited, LONGEST_WAIT)
        if patience <= 0:
            return False
        poll = select.poll()
        poll.register(source, select.POLLIN)
        since = time.perf_counter()
        is_there = bool(poll.poll(math.ceil(patience * 1000)))
        self._waited += time.perf_counter() - since
        return is_there


class RestOfBody(asyncio.Protocol):
    """The protocol of a connection up to the end of a body that its parser did not see all of."""

    def __init__(self, connection: Connection, cycle: Any, left: int) -> None:
        self._connection = connection
        self._cycle = cycle
        self._left = left

    def data_received(self, data: bytes) -> None:
        part, follows = data[: self._left], data[self._left :]
        self._left -= len(part)
        self._connection.on_body(part)
        if not self._left:
            end_body(self._connection)
        self._connection.watch_what_follows_an_early_answer()
        if follows:
            self._connection.data_received(follows)

    def eof_received(self) -> None:
        self._connection.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        self._connection.resume_writing()


def end_body(connection: Connection) -> None:
    connection.end_body(httptools.HttpRequestParser(connection))
    connection.transport.set_protocol(connection)


def _memory_of_this_thread() -> memoryview:
    if not hasattr(_thread, "memory"):
        _thread.memory = memoryview(bytearray(BLOCK_SIZE))
    return _thread.memory  # type: ignore[no-any-return]
