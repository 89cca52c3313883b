"""Running actors one step at a time, as a schedule decides."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from django.db import connection

T = TypeVar("T")

_PATIENCE = 60.0
"""Seconds for a whole run, which takes a few hundredths of one."""


class Killed(BaseException):
    """The actor's process is killed: nothing it would still do has any effect."""


class Deadlock(Exception):
    """Every actor that is left waits for another one."""


@dataclass(eq=False)
class Actor:
    """One process. ``name`` is a single letter, by which schedules call it."""

    name: str
    work: Callable[[], None]
    is_killed: bool = False
    is_blocked: Callable[[], bool] | None = None
    next_step: str = "begin"
    is_critical: bool = False
    """Whether the next step changes something, or waits for a lock: before others, nothing is gained by stopping."""
    may_run: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))


class Schedule(Protocol):
    def choose(self, ready: Sequence[Actor]) -> tuple[Actor, bool]:
        """Who takes the next step, and whether it is killed instead."""


class _Here(threading.local):
    """What the current thread is."""

    actor: Actor | None = None
    scheduler: Scheduler | None = None


_here = _Here()


def step(label: str, *, is_critical: bool = False, is_blocked: Callable[[], bool] | None = None) -> None:
    """The calling actor is about to do something that others may notice. Does nothing outside an actor.

    Args:
        is_critical: whether it changes what others notice.
        is_blocked: whether it would have to wait for another actor now.
    """
    if _here.scheduler is not None:
        _here.scheduler.step(label, is_critical=is_critical, is_blocked=is_blocked)


def unobserved(look: Callable[[], T]) -> T:
    """Look at the world without taking steps."""
    _here.scheduler, scheduler = None, _here.scheduler
    try:
        return look()
    finally:
        _here.scheduler = scheduler


class Scheduler:
    """One run of some actors.

    Args:
        observe: called with the name of the actor whose steps changed something, while nobody runs; what it raises
            ends the run.
    """

    def __init__(self, schedule: Schedule, observe: Callable[[str], None]) -> None:
        self._schedule = schedule
        self._observe = observe
        self._actors: list[Actor] = []
        self._done = threading.Event()
        self._is_dirty = False
        self.failure: BaseException | None = None
        self.trace: list[tuple[str, str]] = []
        """Who took which step, "killed" among them."""

    def run(self, works: dict[str, Callable[[], None]]) -> None:
        """Run each work as the actor of its name until all have ended.

        Raises:
            Exception: the first failure of an actor or of ``observe``; :class:`Deadlock`.
        """
        self._actors = [Actor(name, work) for name, work in works.items()]
        threads = [threading.Thread(target=self._live, args=(actor,), daemon=True) for actor in self._actors]
        for thread in threads:
            thread.start()
        self._hand_over(self._actors)
        assert self._done.wait(_PATIENCE), f"an actor waits for what no schedule knows: {self.trace[-3:]}"
        for thread in threads:
            thread.join()
        if self.failure is not None:
            raise self.failure

    def step(self, label: str, *, is_critical: bool, is_blocked: Callable[[], bool] | None) -> None:
        actor = _here.actor
        assert actor is not None
        if actor.is_killed:
            raise Killed
        actor.next_step, actor.is_critical, actor.is_blocked = label, is_critical, is_blocked
        if connection.in_atomic_block:
            # Nobody sees what an open transaction did, and on SQLite nobody else could write: it runs on. To be killed
            # in it is to be killed before it.
            actor.is_critical = False
            self._hand_over([actor])
        else:
            self._look(actor)
            self._hand_over(self._actors)
        actor.may_run.acquire()
        if actor.is_killed:
            raise Killed
        self._is_dirty |= is_critical

    def _live(self, actor: Actor) -> None:
        _here.actor, _here.scheduler = actor, self
        actor.may_run.acquire()
        try:
            with connection.execute_wrapper(_step_before_statement):
                if not actor.is_killed:
                    actor.work()
        except Killed:
            pass
        except BaseException as error:
            self._fail(error)
        finally:
            _here.actor = _here.scheduler = None
            self._look(actor)
            connection.close()
            self._actors.remove(actor)
            self._hand_over(self._actors)

    def _look(self, actor: Actor) -> None:
        if not self._is_dirty or self.failure is not None:
            return
        self._is_dirty = False
        try:
            unobserved(lambda: self._observe(actor.name))
        except BaseException as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self.failure = self.failure or error
        for actor in self._actors:
            actor.is_killed = True

    def _hand_over(self, actors: Sequence[Actor]) -> None:
        """Let one of these take its next step, or, when nobody is left, end the run."""
        if not self._actors:
            self._done.set()
            return
        ready = [actor for actor in actors if actor.is_killed or not (actor.is_blocked and actor.is_blocked())]
        if not ready:
            self._fail(Deadlock([(actor.name, actor.next_step) for actor in self._actors]))
            ready = self._actors
        if self.failure is not None:
            ready[0].may_run.release()
            return
        actor, is_killed = self._schedule.choose(ready)
        actor.is_killed = is_killed
        self.trace.append((actor.name, "killed" if is_killed else actor.next_step))
        actor.may_run.release()


def _step_before_statement(execute: Callable[..., object], sql: str, *arguments: object) -> object:
    # A PRAGMA is about this connection alone.
    step(_name_of(sql), is_critical=not sql.lstrip().startswith(("SELECT", "PRAGMA")))
    return execute(sql, *arguments)


def _name_of(sql: str) -> str:
    """Statement and table, for the reader of a trace."""
    words = sql.replace('"', "").replace("`", "").split()
    tables = [word for word in words if "_" in word and word.islower() and "." not in word]
    return " ".join([words[0], *tables[:1]])
