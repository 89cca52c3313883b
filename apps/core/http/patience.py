"""What ends a request that is not worth the wait under ASGI, and what notices that its sender has stopped for now."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from ..conf import upload_settings
from .asgi_messages import Message, Receive


class Pace:
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


class Patience:
    """How long a request is waited for: not for ever, and no longer once a newer one took over."""

    def __init__(self, timeout: asyncio.Timeout) -> None:
        self._timeout = timeout
        self._is_waiting = False
        self._silence_seconds: float | None = None
        self._on_silence: Callable[[], None] = lambda: None
        self.is_over = False

    def watch_silence(self, seconds: float | None, on_silence: Callable[[], None]) -> None:
        """Call ``on_silence``, on the event loop, each time that nothing came for so long; None: never."""
        self._silence_seconds = seconds
        self._on_silence = on_silence

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
        loop = asyncio.get_running_loop()
        self._extend(loop.time() + upload_settings().receive_timeout)
        silence = self._silence_seconds and loop.call_later(self._silence_seconds, self._on_silence)
        self._is_waiting = True
        try:
            return await receive()
        finally:
            self._is_waiting = False
            if silence:
                silence.cancel()

    def _extend(self, deadline: float) -> None:
        """Move the deadline, but not for less than a second: a fast body comes in many messages."""
        before = self._timeout.when()
        if before is None or deadline - before > 1:
            self._timeout.reschedule(deadline)
