"""How the body of a request reaches its exchange under ASGI, and what ends one that is not worth the wait.

Slow clients cost a socket, not a thread: bytes gather on the event loop and go to a worker thread a block at a time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial
from threading import Event

from ..conf import KIB, MIB, upload_settings
from .asgi_messages import Message, Receive
from .exchange import Exchange
from .fast_body import FastBody
from .protocol import Answer, Pending
from .threads import WorkerThreads

LARGEST_BLOCK = MIB
SMALLEST_BLOCK = 16 * KIB

SendInterim = Callable[[Answer], Awaitable[None]]


class Feeder:
    """Feeds the bodies of all requests of a process, on its threads."""

    def __init__(self, threads: WorkerThreads) -> None:
        self._threads = threads
        self._receiving = 0

    async def feed(
        self, exchange: Exchange, receive: Receive, lender: FastBody | None, send_interim: SendInterim
    ) -> Answer | Pending | None:
        """Feed the body. None: the client is gone."""
        self._receiving += 1
        try:
            return await self._feed(exchange, receive, lender, send_interim)
        finally:
            self._receiving -= 1

    async def _feed(
        self, exchange: Exchange, receive: Receive, lender: FastBody | None, send_interim: SendInterim
    ) -> Answer | Pending | None:
        gathered = _Gathered(lender)
        feeding = _Feeding(self._threads, exchange, send_interim)
        loop = asyncio.get_running_loop()
        if exchange.opening is not None:
            await send_interim(exchange.opening)
        try:
            async with asyncio.timeout(None) as timeout:
                patience = _Patience(timeout)
                feeding.on_final_answer = patience.end
                exchange.on_superseded(partial(_call_soon, loop, patience.end))
                pace = _Pace()
                more = True
                while more:
                    message = await patience.wait_for(receive)
                    if message["type"] == "http.disconnect":
                        await feeding.end(gathered.take(), exchange.abort)
                        return None
                    more = message.get("more_body", False)
                    if more:
                        pace.require(len(message.get("body", b"")))
                    for block, release in self._due(gathered, message):
                        timeout.reschedule(None)
                        answer = await feeding.feed(block, release)
                        if answer is not None:
                            return answer
        except TimeoutError:
            end = exchange.supersede if patience.is_over else exchange.time_out
            return await feeding.end(gathered.take_all(), end)
        except asyncio.CancelledError:
            # The server is stopping: what protocols keep of a broken body, they keep now.
            feeding.end_unheard(gathered.take_all(), exchange.abort)
            raise
        return await feeding.end(gathered.take(), exchange.finish)

    def _due(self, gathered: _Gathered, message: Message) -> Iterator[tuple[bytes, Callable[[], None] | None]]:
        """The blocks that go to a thread now that a message has come, with what gives back those that are lent."""
        lent = message.get("block")
        if lent and gathered.size:
            yield gathered.take(), None
        gathered.add(message.get("body", b""))
        if message.get("more_body") and (lent or gathered.size >= self._block_size()):
            yield gathered.take(), lent.release if lent else None

    def _block_size(self) -> int:
        """What a request gathers before it uses a thread: its share of the memory for all of them."""
        share = upload_settings().receive_buffer_bytes // max(self._receiving, 1)
        return min(max(share, SMALLEST_BLOCK), LARGEST_BLOCK)


class _Gathered:
    """Bytes that arrived and have not gone to a thread yet.

    Args:
        lender: who lends blocks, and may have more that arrived.
    """

    def __init__(self, lender: FastBody | None) -> None:
        self._lender = lender
        self._parts: list[bytes] = []
        self.size = 0

    def add(self, part: bytes) -> None:
        if len(part):
            self._parts.append(part)
            self.size += len(part)

    def take(self) -> bytes:
        block = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts = []
        self.size = 0
        return block

    def take_all(self) -> bytes:
        """Also what the server has not handed over."""
        if self._lender is not None:
            self.add(self._lender.take_rest())
        return self.take()


class _Feeding:
    """Feeds an exchange block by block on threads, while the next block arrives."""

    def __init__(self, threads: WorkerThreads, exchange: Exchange, send_interim: SendInterim) -> None:
        self._threads = threads
        self._exchange = exchange
        self._send_interim = send_interim
        self._step: asyncio.Task[Answer | None] | None = None
        self._is_idle = Event()
        """Set when no block is fed, by the thread that fed it: one that ends the exchange must not come before it."""
        self._is_idle.set()
        self.on_final_answer: Callable[[], None] = lambda: None
        """Called when a block brings one, while the next may be long in coming."""

    async def feed(self, block: bytes, release: Callable[[], None] | None) -> Answer | None:
        """Begin to feed a block once the one before it is through; the final answer, if that one brought it.

        Args:
            release: what gives a block back that is lent.
        """
        answer = await self._settle()
        if answer is None:
            self._is_idle.clear()
            self._step = asyncio.create_task(self._take(block, release))
        return answer

    async def _take(self, block: bytes, release: Callable[[], None] | None) -> Answer | None:
        answer = await self._threads.run(self._receive, block)
        if release is not None:
            release()
        if answer is not None and answer.is_interim:
            await self._send_interim(answer)
            return None
        if answer is not None:
            self.on_final_answer()
        return answer

    def _receive(self, block: bytes) -> Answer | None:
        try:
            return self._exchange.receive(block)
        finally:
            self._is_idle.set()

    async def _settle(self) -> Answer | None:
        step, self._step = self._step, None
        return await step if step else None

    async def end(self, last: bytes, ending: Callable[[], Answer | Pending | None]) -> Answer | Pending | None:
        """Feed the last bytes, then end the exchange one way or another, unless it has ended already."""
        return await self._settle() or await self._threads.run(_end, self._exchange, last, ending)

    def end_unheard(self, last: bytes, ending: Callable[[], Answer | Pending | None]) -> None:
        """As :meth:`end`, for nobody, and in its own time."""
        self._threads.start(self._end_behind, last, ending)

    def _end_behind(self, last: bytes, ending: Callable[[], Answer | Pending | None]) -> None:
        self._is_idle.wait()
        _end(self._exchange, last, ending)


class _Pace:
    """Ends requests that drip: fewer bytes in a period than the minimum rate asks for."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._received = 0

    def require(self, size: int) -> None:
        limits = upload_settings()
        if not limits.min_receive_rate:
            return
        self._received += size
        period = time.monotonic() - self._since
        if period < limits.receive_timeout:
            return
        if self._received < limits.min_receive_rate * period:
            raise TimeoutError
        self._since += period
        self._received = 0


class _Patience:
    """How long a request is waited for: not for ever, and no longer once a newer one took over."""

    def __init__(self, timeout: asyncio.Timeout) -> None:
        self._timeout = timeout
        self._is_waiting = False
        self.is_over = False

    def end(self) -> None:
        self.is_over = True
        if self._is_waiting:
            self._timeout.reschedule(asyncio.get_running_loop().time())

    async def wait_for(self, receive: Receive) -> Message:
        """The next message.

        Raises:
            TimeoutError: it took too long, or nobody wants it any more.
        """
        if self.is_over:
            raise TimeoutError
        self._extend(asyncio.get_running_loop().time() + upload_settings().receive_timeout)
        self._is_waiting = True
        try:
            return await receive()
        finally:
            self._is_waiting = False

    def _extend(self, deadline: float) -> None:
        """Move the deadline, but not for less than a second: a fast body comes in many messages."""
        before = self._timeout.when()
        if before is None or deadline - before > 1:
            self._timeout.reschedule(deadline)


def _call_soon(loop: asyncio.AbstractEventLoop, function: Callable[[], None]) -> None:
    with suppress(RuntimeError):  # The loop is closed: nobody waits any more.
        loop.call_soon_threadsafe(function)


def _end(exchange: Exchange, last: bytes, ending: Callable[[], Answer | Pending | None]) -> Answer | Pending | None:
    """Feed what was gathered last, then end the exchange one way or another."""
    answer = exchange.receive(last) if last else None
    return ending() if answer is None or answer.is_interim else answer
