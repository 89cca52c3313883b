"""Large bodies of fast connections, read straight into memory that is used again.

uvicorn copies each byte of a body three times on its way to the application. At several hundred MB/s that, and the
memory that is allocated for it, is half of what a server does. So while a large body of known length arrives fast, the
connection's protocol is a :class:`FastBody`: the kernel writes into one block while a thread hashes and stores the
other, and nothing is copied.

Lending
    The application says that it takes such blocks (``accept`` in :data:`ASGI_EXTENSION` of the scope), gives each back
    (:meth:`Block.release`), and says when it takes no more. Until a connection has proved fast, by filling a small
    buffer at once, and whenever it falls behind, its bytes go the ordinary way, from that buffer. So a block is never
    lent to who is slow, and thousands of slow connections cost what they always did. A connection has two blocks at
    most, and the process few (:class:`BlockPool`); without a free one it is the ordinary way too. The parser sees
    nothing of what comes so, and the connection gets a new one for what follows.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Any, Protocol

import httptools

from ..conf import KIB, MIB, upload_settings

ASGI_EXTENSION = "resumable_uploads.blocks"
"""In the scope's extensions: ``accept``, for an application that takes messages with a ``block``. It returns the
:class:`FastBody`, if there is to be one, whose ``stop`` is to be called when no more are taken."""

LEAST_LEFT = 256 * KIB
"""A body with less to come is not worth the change."""
BLOCK_SIZE = MIB
BUFFER_SIZE = 64 * KIB
MOST_BLOCKS = 2
PATIENCE = 0.5
"""Seconds in which a block is full, or the connection is slow."""


class BlockPool:
    """The blocks of this process, made when they are first needed; as many as ``RECEIVE_BUFFER_BYTES`` has room for."""

    def __init__(self) -> None:
        self._free: list[bytearray] = []
        self._lent = 0

    def lend(self) -> bytearray | None:
        """A block; None if all are lent."""
        if (self._lent + 1) * BLOCK_SIZE > upload_settings().receive_buffer_bytes:
            return None
        self._lent += 1
        return self._free.pop() if self._free else bytearray(BLOCK_SIZE)

    def give_back(self, block: bytearray) -> None:
        self._lent -= 1
        self._free.append(block)


_pool = BlockPool()


@dataclass(eq=False, slots=True)
class Block:
    """Bytes of a body in memory that is lent; call ``release`` when nothing refers to them any more."""

    owner: FastBody
    memory: bytearray
    filled: int = 0

    @property
    def bytes(self) -> memoryview:
        return memoryview(self.memory)[: self.filled]

    def release(self) -> None:
        self.owner.on_release(self)


class Connection(Protocol):
    """What this needs of a connection of uvicorn's, as :mod:`.bounded_http1` has it."""

    cycle: Any
    transport: Any
    flow: Any
    loop: Any

    def on_body(self, body: bytes) -> None: ...

    def eof_received(self) -> None: ...

    def connection_lost(self, exc: Exception | None) -> None: ...

    def pause_writing(self) -> None: ...

    def resume_writing(self) -> None: ...

    def end_fast_body(self, parser: httptools.HttpRequestParser) -> None:
        """The body has ended; the parser is for what follows."""

    def watch_what_follows_an_early_answer(self) -> None:
        """Something of a body came whose request is answered."""


class FastBody(asyncio.BufferedProtocol):
    """The protocol of a connection while the rest of one body arrives.

    Args:
        connection: whose protocol this is instead.
        left: bytes of the body that are still to come.
    """

    def __init__(self, connection: Connection, left: int) -> None:
        self._connection = connection
        self._cycle: Any = connection.cycle
        self._transport = connection.transport
        self._left = left
        self._buffer = bytearray(min(BUFFER_SIZE, left))
        self._block: Block | None = None
        """What the kernel writes into; None: the buffer."""
        self._is_fast = len(self._cycle.body) >= BUFFER_SIZE
        self._is_wanted = True
        self._handed_over: set[Block] = set()
        """What the application has not given back."""
        self._ready: deque[Block] = deque()
        """Blocks that the application has not taken yet. They come before what is in the cycle's body."""
        self._timer: asyncio.TimerHandle | None = None

    def get_buffer(self, sizehint: int) -> memoryview:
        if self._block is None and self._is_fast and self._is_wanted and not self._cycle.body:
            self._lend()
        if self._block is None:
            return memoryview(self._buffer)[: self._left]
        filled = self._block.filled
        return memoryview(self._block.memory)[filled : filled + self._left]

    def buffer_updated(self, nbytes: int) -> None:
        self._left -= nbytes
        if self._cycle.response_complete:
            self._drop()
        elif self._block is None:
            self._is_fast = nbytes == len(self._buffer)
            self._connection.on_body(bytes(memoryview(self._buffer)[:nbytes]))
        else:
            self._block.filled += nbytes
            if self._block.filled == BLOCK_SIZE or not self._left:
                self._hand_over()
        if not self._left:
            self._end()

    def eof_received(self) -> None:
        self._connection.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._hand_over()
        self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        self._connection.resume_writing()

    async def receive(self) -> dict[str, Any] | None:
        """The next message, if it is one with a block; None: ask as ever."""
        while not self._ready:
            if self._cycle.body or not self._cycle.more_body or self._cycle.disconnected:
                return None
            self._cycle.message_event.clear()
            await self._cycle.message_event.wait()
        block = self._ready.popleft()
        is_last = not (self._ready or self._cycle.body or self._cycle.more_body)
        return {"type": "http.request", "body": block.bytes, "more_body": not is_last, "block": block}

    def stop(self) -> None:
        """The application takes no more blocks, and is at work on none. The rest comes the ordinary way."""
        self._is_wanted = self._is_fast = False
        self._stop_timer()
        for block in [*self._handed_over, *([self._block] if self._block else [])]:
            _pool.give_back(block.memory)
        self._ready.clear()
        self._handed_over.clear()
        self._block = None

    def take_rest(self) -> bytes:
        """A copy of what arrived and was not taken, for an application that ends the request in its midst."""
        unheard = [*self._ready, *([self._block] if self._block else [])]
        rest = b"".join([*(block.bytes for block in unheard), self._cycle.body])
        self._cycle.body = bytearray()
        return rest

    def on_release(self, block: Block) -> None:
        """The application is done with a block."""
        if block not in self._handed_over:
            return
        self._handed_over.remove(block)
        _pool.give_back(block.memory)
        if self._left and self._is_wanted:
            self._connection.flow.resume_reading()

    def _lend(self) -> None:
        memory = _pool.lend()
        if memory is None:
            self._is_fast = False
            return
        self._block = Block(self, memory)
        self._timer = self._connection.loop.call_later(PATIENCE, self._fall_back)

    def _hand_over(self) -> None:
        """Give the application the block that was filled; read no further than it can follow."""
        self._stop_timer()
        block, self._block = self._block, None
        if block is None:
            return
        if not block.filled:
            _pool.give_back(block.memory)
            return
        self._ready.append(block)
        self._handed_over.add(block)
        if len(self._handed_over) == MOST_BLOCKS:
            self._connection.flow.pause_reading()
        self._cycle.message_event.set()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fall_back(self) -> None:
        """A block was not full in time: what is in it goes to the application, and what follows the ordinary way."""
        self._timer = None
        self._is_fast = False
        self._hand_over()

    def _drop(self) -> None:
        """The request is answered; the rest of its body is only read, so that the client hears the answer."""
        self.stop()
        self._connection.watch_what_follows_an_early_answer()

    def _end(self) -> None:
        connection = self._connection
        connection.end_fast_body(httptools.HttpRequestParser(connection))
        self._transport.set_protocol(connection)
