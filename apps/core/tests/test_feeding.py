"""What becomes of a body that a thread reads in one go, of a server that offers it, and of its request."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, cast

import pytest

from apps.core.http import feeding
from apps.core.http.feeding import Feeder
from apps.core.http.protocol import Answer
from apps.core.http.threads import WorkerThreads

pytestmark = pytest.mark.integration

LONG = 20
DONE = Answer(200)


class FakeBody:
    """Lends the same memory for each block; with ``left`` bytes after them, it became slow."""

    def __init__(self, *blocks: bytes, left: int = 0) -> None:
        self._blocks = blocks
        self.left = left + sum(map(len, blocks))
        self.is_stopped = False
        self.happened: list[str] = []

    is_due = False
    is_free = True
    """Whether there is a thread for it."""

    def begin(self) -> bool:
        if self.is_free:
            self.happened.append("begin")
        return self.is_free

    def blocks(self) -> Iterator[memoryview]:
        memory = bytearray(max(map(len, self._blocks)))
        for block in self._blocks:
            if self.is_stopped:
                break
            memory[: len(block)] = block
            self.left -= len(block)
            yield memoryview(memory)[: len(block)]

    def stop(self) -> None:
        self.is_stopped = True

    def release(self) -> None:
        if "release" not in self.happened:
            self.happened.append("release")

    def end(self) -> None:
        self.happened.append("end")

    def take_rest(self) -> bytes:
        return b"rest"


class FakeExchange:
    """Keeps the blocks that it gets, as they are; ``on_block`` may answer one."""

    opening = None
    silence_seconds = None

    def __init__(self, *, takes_lent_blocks: bool = False) -> None:
        self.takes_lent_blocks = takes_lent_blocks
        self.blocks: list[Any] = []
        self.ends: list[str] = []
        self.on_block: Callable[[], Answer | None] = lambda: None
        self.supersede: Callable[[], Answer] = lambda: self._end("supersede")
        self.tell_superseded: Callable[[], None] = lambda: None

    def begin(self) -> None: ...

    def on_superseded(self, end: Callable[[], None]) -> None:
        self.tell_superseded = end

    def receive(self, block: Any) -> Answer | None:
        self.blocks.append(block)
        return self.on_block()

    def finish(self) -> Answer:
        return self._end("finish")

    def abort(self) -> Answer:
        return self._end("abort")

    def time_out(self) -> Answer:
        return self._end("time_out")

    def _end(self, how: str) -> Answer:
        self.ends.append(how)
        return DONE


@pytest.fixture
def threads() -> Iterator[WorkerThreads]:
    made = WorkerThreads(2)
    yield made
    with suppress(RuntimeError):  # Closed in the test.
        made.close()


async def nothing_comes() -> dict[str, Any]:
    await asyncio.Event().wait()
    raise AssertionError


def serve(
    threads: WorkerThreads,
    exchange: FakeExchange,
    body: FakeBody,
    receive: Callable[[], Any] = nothing_comes,
    interims: list[int] | None = None,
) -> Any:
    async def send_interim(answer: Answer) -> None:
        if interims is not None:
            interims.append(answer.status)

    feeder = Feeder(threads)
    served = feeder.serve(cast("Any", exchange), receive, cast("Any", body), send_interim)
    return asyncio.wait_for(served, LONG)


def test_a_whole_body_is_fed_and_finished(threads: WorkerThreads) -> None:
    exchange, body = FakeExchange(), FakeBody(b"0123", b"45")
    assert asyncio.run(serve(threads, exchange, body)) is DONE
    assert (exchange.blocks, exchange.ends) == ([b"0123", b"45"], ["finish"])
    assert body.happened == ["begin", "release", "end"]


def test_who_says_so_gets_the_memory_itself(threads: WorkerThreads) -> None:
    exchange = FakeExchange(takes_lent_blocks=True)
    asyncio.run(serve(threads, exchange, FakeBody(b"0123", b"45")))
    assert [type(block) for block in exchange.blocks] == [memoryview, memoryview]


def test_an_early_answer_ends_it(threads: WorkerThreads) -> None:
    exchange, body = FakeExchange(), FakeBody(b"0123", b"45")
    exchange.on_block = lambda: Answer(409)
    assert asyncio.run(serve(threads, exchange, body)).status == 409
    assert (exchange.blocks, exchange.ends) == ([b"0123"], [])
    assert body.happened == ["begin", "release", "end"]


def test_interim_answers_are_sent_while_more_is_to_come(threads: WorkerThreads) -> None:
    exchange, interims = FakeExchange(), list[int]()
    exchange.on_block = lambda: Answer(104)
    assert asyncio.run(serve(threads, exchange, FakeBody(b"0123", b"45"), interims=interims)) is DONE
    assert interims == [104]


def test_what_became_slow_goes_on_the_ordinary_way(threads: WorkerThreads) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"45"}

    exchange, body = FakeExchange(), FakeBody(b"0123", left=2)
    assert asyncio.run(serve(threads, exchange, body, receive)) is DONE
    assert (exchange.blocks, exchange.ends) == ([b"0123", b"45"], ["finish"])


@pytest.mark.parametrize(("is_free", "paces"), [(True, 2), (False, 1)])
def test_the_least_rate_is_of_what_comes_the_ordinary_way(
    threads: WorkerThreads, monkeypatch: pytest.MonkeyPatch, *, is_free: bool, paces: int
) -> None:
    """Who has no thread is not let off by being fast."""
    made: list[SimpleNamespace] = []

    def pace() -> SimpleNamespace:
        made.append(SimpleNamespace(require=lambda size: None))
        return made[-1]

    monkeypatch.setattr(feeding, "Pace", pace)
    messages = iter([{"type": "http.request", "body": b"4", "more_body": True}] * 3)

    async def receive() -> dict[str, Any]:
        return next(messages, {"type": "http.request", "body": b"5"})

    exchange, body = FakeExchange(), FakeBody(b"0123", left=4)
    body.is_free = is_free
    body.is_due = not is_free
    asyncio.run(serve(threads, exchange, body, receive))
    assert exchange.ends == ["finish"]
    assert len(made) == paces


def test_a_failure_gives_the_connection_back(threads: WorkerThreads) -> None:
    exchange, body = FakeExchange(), FakeBody(b"0123")
    exchange.on_block = lambda: 1 // 0  # type: ignore[assignment,return-value]
    with pytest.raises(ZeroDivisionError):
        asyncio.run(serve(threads, exchange, body))
    assert body.happened == ["begin", "release", "end"]
    threads.close()
    assert exchange.ends == ["abort"]


def test_a_thread_that_never_began_gives_back_what_it_was_given(threads: WorkerThreads) -> None:
    exchange, body = FakeExchange(), FakeBody(b"0123")
    threads.close()
    with pytest.raises(RuntimeError):
        asyncio.run(serve(threads, exchange, body))
    assert body.happened == ["begin", "release", "end"]


def test_a_newer_request_stops_the_thread_and_keeps_what_came(threads: WorkerThreads) -> None:
    exchange, body = FakeExchange(), FakeBody(b"0123", b"45", left=2)
    exchange.on_block = lambda: exchange.tell_superseded()
    assert asyncio.run(serve(threads, exchange, body)) is DONE
    assert (exchange.blocks, exchange.ends) == ([b"0123", b"rest"], ["supersede"])


@pytest.mark.parametrize("is_answered", [False, True])
def test_a_server_that_stops_waits_for_the_thread(*, is_answered: bool) -> None:
    threads = WorkerThreads(2)
    exchange, body = FakeExchange(), FakeBody(b"0123", b"45", left=2)
    at_work, may_go_on = threading.Event(), threading.Event()

    def on_block() -> Answer | None:
        at_work.set()
        assert may_go_on.wait(LONG)
        return Answer(409) if is_answered else None

    exchange.on_block = on_block

    async def stop() -> None:
        request = asyncio.ensure_future(serve(threads, exchange, body))
        await asyncio.to_thread(at_work.wait, LONG)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        assert exchange.ends == []

    asyncio.run(stop())
    assert body.is_stopped
    may_go_on.set()
    threads.close()
    assert (exchange.blocks, exchange.ends) == ([b"0123"], [] if is_answered else ["abort"])


class StoppedExchange(FakeExchange):
    """Its first block takes long: a part that is on its way. Notes what came before its end."""

    silence_seconds = None

    def __init__(self) -> None:
        super().__init__()
        self.is_at_work = threading.Event()
        self.may_go_on = threading.Event()
        self.is_ended = threading.Event()
        self.kept = b""

    def receive(self, block: Any) -> Answer | None:
        if not self.blocks:
            self.is_at_work.set()
            self.may_go_on.wait(LONG)
        return super().receive(bytes(block))

    def note_silence(self) -> None: ...

    def abort(self) -> Answer:
        self.kept = b"".join(self.blocks)
        self.is_ended.set()
        return super().abort()


def stopped_while_a_block_waits(threads: WorkerThreads, exchange: StoppedExchange, body: Any, *parts: bytes) -> bytes:
    """A server that stops while the first block is stored and others wait; returns what was kept."""
    messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def send_interim(answer: Answer) -> None: ...

    async def run() -> None:
        served = Feeder(threads).serve(cast("Any", exchange), messages.get, body, send_interim)
        task = asyncio.create_task(served)
        for part in parts:
            messages.put_nowait({"type": "http.request", "body": part, "more_body": True})
            await asyncio.to_thread(exchange.is_at_work.wait, LONG)
            for _ in range(5):
                await asyncio.sleep(0.02)  # Until it waits, or is found silent.
        task.cancel()
        exchange.may_go_on.set()
        with suppress(asyncio.CancelledError):
            await task
        await asyncio.to_thread(exchange.is_ended.wait, LONG)

    asyncio.run(run())
    return exchange.kept


FIRST = b"0" * feeding.LARGEST_BLOCK


def test_what_follows_a_block_that_never_came_is_not_kept(threads: WorkerThreads) -> None:
    class Rest(FakeBody):
        is_free = False

        def take_rest(self) -> bytes:
            return b"2"

    second = b"1" * feeding.LARGEST_BLOCK
    kept = stopped_while_a_block_waits(threads, StoppedExchange(), Rest(), FIRST, second)
    assert kept in (FIRST, FIRST + second, FIRST + second + b"2")


def test_nor_what_follows_one_that_waited_for_a_silent_sender(threads: WorkerThreads) -> None:
    exchange = StoppedExchange()
    exchange.silence_seconds = 0.01  # type: ignore[assignment]
    kept = stopped_while_a_block_waits(threads, exchange, None, FIRST, b"1", b"2")
    assert kept in (FIRST, FIRST + b"1", FIRST + b"12")
