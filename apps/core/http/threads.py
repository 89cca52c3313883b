"""Worker threads of an ASGI process: disk and database work that must not hold up the event loop."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import close_old_connections, connections

T = TypeVar("T")

KEEP_CONNECTION_SECONDS = 1.0

_thread = threading.local()


class WorkerThreads:
    """A pool whose threads keep a database connection while they are busy."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="upload")

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        """Run a step and wait for it.

        What ``loop.run_in_executor`` does, without its chain of two futures, which costs as much as a query.
        """
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[T] = loop.create_future()
        context = contextvars.copy_context()

        def work() -> None:
            try:
                resolve, value = outcome.set_result, context.run(_with_database, function, *args)
            except BaseException as error:
                resolve, value = outcome.set_exception, error  # type: ignore[assignment]
            loop.call_soon_threadsafe(_resolve, outcome, resolve, value)

        self._pool.submit(work)
        return await outcome

    def start(self, function: Callable[..., object], *args: Any) -> None:
        """Run a step that nobody waits for."""
        self._pool.submit(contextvars.copy_context().run, _with_database, function, *args)

    def close(self) -> None:
        """Close each thread's database connection and end the threads."""
        everyone = threading.Barrier(len(self._pool._threads) or 1)

        def close_connections() -> None:
            everyone.wait(10)
            connections.close_all()

        for _ in range(everyone.parties):
            self._pool.submit(close_connections)
        self._pool.shutdown()


def _resolve(outcome: asyncio.Future[T], resolve: Callable[[Any], None], value: Any) -> None:
    if not outcome.cancelled():
        resolve(value)


def _with_database(function: Callable[..., T], *args: Any) -> T:
    """Run a step with this thread's database connection.

    A busy thread keeps its connection: taking one from a pool and giving it back costs more than a query. One that was
    idle for a second, or met an error, gives it back first and so gets one that works.
    """
    if time.monotonic() - getattr(_thread, "last_step", 0.0) > KEEP_CONNECTION_SECONDS:
        close_old_connections()
    try:
        return function(*args)
    finally:
        _thread.last_step = time.monotonic()
        if any(connection.errors_occurred for connection in connections.all(initialized_only=True)):
            close_old_connections()
