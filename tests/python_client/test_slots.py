"""Whose chunk is next."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

import pytest
from resumable_uploads_client import Interrupted
from resumable_uploads_client.slots import Slots

pytestmark = pytest.mark.unit

NEVER = threading.Event()
LONG = 60


class Senders:
    """Threads that take a slot each and keep it until they are told."""

    def __init__(self, slots: Slots) -> None:
        self.slots = slots
        self.order: list[str] = []
        self._go = threading.Semaphore(0)
        self._threads: list[threading.Thread] = []

    def add(self, name: str, size: int) -> None:
        """Begin to wait, after those before."""
        before = len(self.slots._waiting)
        thread = threading.Thread(target=self._send, args=(name, size), daemon=True)
        thread.start()
        self._threads.append(thread)
        wait_until(lambda: len(self.slots._waiting) > before or name in self.order)

    def _send(self, name: str, size: int) -> None:
        with self.slots.hold(size, NEVER):
            self.order.append(name)
            self._go.acquire(timeout=LONG)

    def let_go(self) -> None:
        self._go.release()

    def finish(self) -> list[str]:
        self._go.release(len(self._threads))
        for thread in self._threads:
            thread.join(LONG)
        return self.order


def wait_until(condition: object) -> None:
    deadline = time.monotonic() + LONG
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_small_files_overtake_large_ones_and_nobody_starves() -> None:
    senders = Senders(Slots())
    senders.add("first", 1)
    for name, size in (("large", 10**9), ("larger", 2 * 10**9), *((f"small {n}", n) for n in range(1, 6))):
        senders.add(name, size)
    order = senders.finish()
    assert order == ["first", "small 1", "small 2", "small 3", "large", "larger", "small 4", "small 5"]


def test_as_many_as_the_line_bears() -> None:
    slots = Slots()
    senders = Senders(slots)
    for number in range(5):
        senders.add(str(number), 1)
    assert senders.order == ["0"]
    slots.widen(2)
    wait_until(lambda: len(senders.order) == 2)
    slots.widen(2)
    slots.widen(1)
    senders.let_go()
    assert len(senders.order) == 2, "fewer at once: the next waits for both"
    slots.widen(9)
    slots.narrow()
    slots.widen(9)
    assert senders.finish() == ["0", "1", "2", "3", "4"]


def test_who_waits_can_give_up() -> None:
    slots, done = Slots(), threading.Event()
    with ExitStack() as held:
        held.enter_context(slots.hold(1, NEVER))
        done.set()
        with pytest.raises(Interrupted), slots.hold(1, done):
            pass
    with slots.hold(1, NEVER):
        pass
