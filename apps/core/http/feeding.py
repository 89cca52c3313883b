"""How the body of a request reaches its exchange under ASGI, and what ends one that is not worth the wait.

Slow clients cost a socket, not a thread: bytes gather on the event loop and go to a worker thread a block at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from threading import Event
from typing import Any

from ..conf import KIB, MIB, upload_settings
from .asgi_messages import Receive
from .exchange import Exchange
from .fast_body import FastBody
from .patience import Pace, Patience
from .protocol import Answer, Pending
from .threads import WorkerThreads

LARGEST_BLOCK = MIB
SMALLEST_BLOCK = 16 * KIB

SendInterim = Callable[[Answer], Coroutine[Any, Any, None]]


class Feeder:
    """Serves the requests of a process, on its threads."""

    def __init__(self, threads: WorkerThreads) -> None:
        self._threads = threads
        self._receiving = 0

    async def serve(
        self, exchange: Exchange, receive: Receive, fast_body: FastBody | None, send_interim: SendInterim
    ) -> Answer | Pending | None:
        """From head to answer. None: the client is gone.

        Args:
            fast_body: the body, where the server lets a thread have it.
        """
        feeding = _Feeding(self._threads, exchange, fast_body, send_interim)
        try:
            answer = await feeding.begin()
            return await self._go_on(exchange, receive, feeding) if answer is None else answer
        except Exception:
            feeding.end_unheard(b"", exchange.abort)
            raise

    async def _go_on(self, exchange: Exchange, receive: Receive, feeding: _Feeding) -> Answer | Pending | None:
        self._receiving += 1
        try:
            return await self._feed(exchange, receive, feeding)
        finally:
            self._receiving -= 1

    async def _feed(self, exchange: Exchange, receive: Receive, feeding: _Feeding) -> Answer | Pending | None:
        gathered = feeding.gathered
        try:
            async with asyncio.timeout(None) as timeout:
                patience = Patience(timeout)
                feeding.on_end(patience.end)
                patience.watch_silence(exchange.silence_seconds, feeding.note_silence)
                more = True
                while more:
                    if feeding.is_fast:
                        timeout.reschedule(None)
                        answer = await feeding.go_on_fast()
                        if answer is not None:
                            return answer
                    message = await patience.wait_for(receive)
                    if message["type"] == "http.disconnect":
                        await feeding.end(gathered.take(), exchange.abort)
                        return None
                    more = message.get("more_body", False)
                    if more:
                        feeding.pace.require(len(message.get("body", b"")))
                    gathered.add(message.get("body", b""))
                    if more and gathered.size >= self._block_size():
                        timeout.reschedule(None)
                        answer = await feeding.feed(gathered.take())
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

    def _block_size(self) -> int:
        """What a request gathers before it uses a thread: its share of the memory for all of them."""
        share = upload_settings().receive_buffer_bytes // max(self._receiving, 1)
        return min(max(share, SMALLEST_BLOCK), LARGEST_BLOCK)


class _Gathered:
    """Bytes that arrived and have not gone to a thread yet.

    Args:
        fast_body: what may have more that arrived.
    """

    def __init__(self, fast_body: FastBody | None) -> None:
        self._fast_body = fast_body
        self._parts: list[bytes] = []
        self.size = 0

    def add(self, part: bytes) -> None:
        if part:
            self._parts.append(part)
            self.size += len(part)

    def take(self) -> bytes:
        block = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts = []
        self.size = 0
        return block

    def take_all(self) -> bytes:
        """Also what the server has not handed over."""
        if self._fast_body is not None:
            self.add(self._fast_body.take_rest())
        return self.take()


class _Feeding:
    """Feeds an exchange on threads: block by block, while the next block arrives, or all that comes fast in one go."""

    def __init__(
        self, threads: WorkerThreads, exchange: Exchange, fast_body: FastBody | None, send_interim: SendInterim
    ) -> None:
        self._threads = threads
        self._exchange = exchange
        self._fast_body = fast_body
        self._send_interim = send_interim
        self._loop = asyncio.get_running_loop()
        self._step: asyncio.Task[Answer | None] | None = None
        self._is_idle = Event()
        """Set when nothing is fed, by the thread that fed it: one that ends the exchange must not come before it."""
        self._is_idle.set()
        self._is_over = False
        """There is nothing to wait for: a final answer came, or a newer request."""
        self._is_answered = False
        self._unfed = 0
        """Blocks that were taken to be fed and were not: what comes behind them is out of order."""
        self._end_wait: Callable[[], None] = lambda: None
        self.gathered = _Gathered(fast_body)
        self.pace = Pace()

    def on_end(self, end_wait: Callable[[], None]) -> None:
        """Call ``end_wait`` on the event loop once there is nothing to wait for; bytes may be long in coming."""
        self._end_wait = end_wait
        if self._is_over:
            end_wait()

    def _supersede(self) -> None:
        """Of any thread."""
        self._is_over = True
        if self._fast_body is not None:
            self._fast_body.stop()
        _call_soon(self._loop, self._end_wait)

    async def begin(self) -> Answer | Pending | None:
        """Begin the exchange, and go on to the answer if its body is there or comes fast. None: more is to come."""
        body = self._fast_body
        if body is not None and body.begin():
            return await self._feed_fast(body, self._begin)
        return await self._threads.run(self._begin)

    def _begin(self) -> Answer | None:
        answer = self._exchange.begin()
        if answer is None:
            self._exchange.on_superseded(self._supersede)
            if self._exchange.opening is not None:
                self._send_soon(self._exchange.opening)
        return answer

    @property
    def is_fast(self) -> bool:
        return self._fast_body is not None and self._fast_body.is_due

    async def go_on_fast(self) -> Answer | Pending | None:
        """Let a thread have the rest of the body. None: it is not fast, or not any more."""
        answer = await self._settle()
        if answer is None and self._fast_body is not None and self._fast_body.begin():
            return await self._feed_fast(self._fast_body, partial(self._receive_some, self.gathered.take()))
        return answer

    async def _feed_fast(self, body: FastBody, first: Callable[[], Answer | None]) -> Answer | Pending | None:
        self._is_idle.clear()
        try:
            answer = await self._threads.run(self._receive_fast, body, first)
        except asyncio.CancelledError:
            # The server is stopping; the thread may still be reading.
            body.stop()
            self.end_unheard(b"", self._exchange.abort)
            raise
        except BaseException:
            body.release()  # The thread may never have begun.
            self._is_idle.set()
            body.end()
            raise
        body.end()
        self.pace = Pace()  # What came fast took its time, and is not counted.
        return answer

    def _receive_fast(self, body: FastBody, first: Callable[[], Answer | None]) -> Answer | Pending | None:
        try:
            answer = first() or self._receive_blocks(body)
            self._is_answered = answer is not None
            return answer
        finally:
            body.release()
            self._is_idle.set()

    def _receive_blocks(self, body: FastBody) -> Answer | Pending | None:
        takes_lent_blocks = self._exchange.takes_lent_blocks
        for block in body.blocks():
            answer = self._exchange.receive(block if takes_lent_blocks else bytes(block))
            if answer is not None and not answer.is_interim:
                return answer
            if answer is not None and body.left:
                self._send_soon(answer)
        return None if body.left else self._exchange.finish()

    def _receive_some(self, block: bytes) -> Answer | None:
        """The final answer, if the block brought one."""
        answer = self._exchange.receive(block) if block else None
        if answer is not None and answer.is_interim:
            self._send_soon(answer)
            return None
        return answer

    def _send_soon(self, answer: Answer) -> None:
        """Of any thread."""
        with suppress(RuntimeError):  # The loop is closed: nobody waits any more.
            asyncio.run_coroutine_threadsafe(self._send_interim(answer), self._loop)

    async def feed(self, block: bytes) -> Answer | None:
        """Begin to feed a block once the one before it is through; the final answer, if that one brought it."""
        self._unfed += 1
        answer = await self._settle()
        if answer is None:
            self._is_idle.clear()
            self._step = asyncio.create_task(self._take(block))
        return answer

    async def _take(self, block: bytes, *, is_last: bool = False) -> Answer | None:
        answer = await self._threads.run(self._receive, block, is_last)
        if answer is not None:
            self._is_over = True
            self._end_wait()
        return answer

    def _receive(self, block: bytes, is_last: bool) -> Answer | None:
        try:
            self._unfed -= 1
            answer = self._receive_some(block)
            return self._exchange.note_silence() if answer is None and is_last else answer
        finally:
            self._is_idle.set()

    def note_silence(self) -> None:
        """The sender has stopped for now: let the body put what came where it is safe, behind what is under way."""
        self._unfed += 1
        self._is_idle.clear()
        self._step = asyncio.create_task(self._rest(self._step, self.gathered.take()))

    async def _rest(self, step: asyncio.Task[Answer | None] | None, block: bytes) -> Answer | None:
        answer = await step if step else None
        return answer if answer is not None else await self._take(block, is_last=True)

    async def _settle(self) -> Answer | None:
        step, self._step = self._step, None
        return await step if step else None

    async def end(self, last: bytes, ending: Callable[[], Answer | Pending | None]) -> Answer | Pending | None:
        """Feed the last bytes, then end the exchange one way or another, unless it has ended already."""
        return await self._settle() or await self._threads.run(self._end, last, ending)

    def end_unheard(self, last: bytes, ending: Callable[[], Answer | Pending | None]) -> None:
        """As :meth:`end`, for nobody, and in its own time."""
        self._threads.start(self._end_behind, last, ending)

    def _end_behind(self, last: bytes, ending: Callable[[], Answer | Pending | None]) -> None:
        self._is_idle.wait()
        if not self._is_answered:
            self._end(b"" if self._unfed else last, ending)

    def _end(self, last: bytes, ending: Callable[[], Answer | Pending | None]) -> Answer | Pending | None:
        answer = self._exchange.receive(last) if last else None
        return ending() if answer is None or answer.is_interim else answer


def _call_soon(loop: asyncio.AbstractEventLoop, function: Callable[[], None]) -> None:
    with suppress(RuntimeError):  # The loop is closed: nobody waits any more.
        loop.call_soon_threadsafe(function)
