"""One program, run as often as wanted, each time in a new world and to its end."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from apps.core.storage import get_store

from .clock import Clock
from .fingerprint import fingerprint_of
from .observer import Observer
from .programs import Program
from .recovery import NOTHING_DONE, recover
from .scheduler import Schedule, Scheduler, unobserved
from .schedules import Ordered, written
from .snapshot import Snapshot, empty
from .steps import stepped
from .world import World

_REPLAYED_BY = "apps/core/tests/model/test_interleavings.py::test_every_order_of_events_keeps_the_invariants"
_SECOND = "z"
"""The process that recovers."""


class Runner:
    """Runs of one program.

    Args:
        program: its actors are called a, b, c.
        owner: of its uploads.
        store_root: the directory of the local store.
    """

    def __init__(self, program: Program, owner: Any, store_root: Path) -> None:
        self.program = program
        self.names = "abcdefgh"[: len(program.actors)]
        self._owner = owner
        self._store_root = store_root
        self._recovered: set[tuple[str, str]] = set()
        """Stages of recovery and the states before them, from which all went well."""

    def run(self, schedule: Schedule) -> list[tuple[str, str]]:
        """One run and its end; returns who took which step.

        Raises:
            AssertionError: an invariant does not hold. The message says how to see it again.
        """
        return self._run(schedule, lambda world, trace: None)

    def run_with_crashes(self, schedule: Schedule) -> None:
        """One run and its end; then its end again from each state on the way, as if all had been killed there.

        Raises:
            AssertionError: as :meth:`run`.
        """
        crashes: dict[str, tuple[Snapshot, str]] = {}

        def remember(world: World, trace: list[tuple[str, str]]) -> None:
            state = fingerprint_of(world)
            if state not in crashes and (NOTHING_DONE, state) not in self._recovered:
                all_killed = " ".join(f"{name}!" for name in self.names)
                crashes[state] = Snapshot.of(world, self._store_root), f"{written(trace)} {all_killed}"

        self._run(schedule, remember)
        for snapshot, script in crashes.values():
            self._recover_from(snapshot, script)

    def _run(self, schedule: Schedule, look: Callable[[World, list[tuple[str, str]]], None]) -> list[tuple[str, str]]:
        with stepped(clock := Clock(), "run"):
            empty(self._store_root)
            world = World(self._owner, clock)
            self._prepare(world)
            observer = Observer(world, rows_go=self.program.rows_go)

            def observe(actor: str) -> None:
                observer.look(actor)
                look(world, actors.trace)

            actors = Scheduler(schedule, observe)
            works = zip(self.names, self.program.actors, strict=True)
            try:
                actors.run({name: partial(work, world) for name, work in works})
            except BaseException as error:
                raise AssertionError(self._report(world, written(actors.trace), actors.trace, error)) from error
            self._recover(world, observer, written(actors.trace), actors.trace)
            return actors.trace

    def _prepare(self, world: World) -> None:
        # Opened now, since the store opens its directories under a lock that no schedule knows.
        get_store("default").check()
        get_store("default").remove("nothing")
        for operation in self.program.before:
            operation(world)

    def _recover_from(self, snapshot: Snapshot, script: str) -> None:
        world = snapshot.restore(self._store_root)
        with stepped(world.clock, "after a crash"):
            self._recover(world, Observer(world, rows_go=self.program.rows_go), script, [])

    def _recover(self, world: World, observer: Observer, script: str, trace: list[tuple[str, str]]) -> None:
        end = Scheduler(Ordered(_SECOND), observer.look)
        try:
            end.run({_SECOND: partial(self._recover_by_stages, world)})
        except BaseException as error:
            raise AssertionError(self._report(world, script, [*trace, *end.trace], error)) from error

    def _recover_by_stages(self, world: World) -> None:
        """Until the state is one that was recovered from before."""
        states: set[tuple[str, str]] = set()
        rows_go, claims_lapse = self.program.rows_go, self.program.claims_lapse
        for stage in recover(world, rows_go=rows_go, claims_lapse=claims_lapse):
            state = stage, unobserved(partial(fingerprint_of, world))
            if state in self._recovered:
                break
            states.add(state)
        self._recovered |= states

    def _report(self, world: World, script: str, trace: list[tuple[str, str]], error: BaseException) -> str:
        names = [f"  {name} = {work.__name__}" for name, work in zip(self.names, self.program.actors, strict=True)]
        answers = [f"  {operation}: {answer}" for operation, answer in world.answers]
        steps = [f"  {name}  {label}" for name, label in trace[-100:]]
        return "\n".join(
            [
                f"{type(error).__name__}: {error}",
                f"MODEL_REPLAY='{script}' pytest '{_REPLAYED_BY}[{self.program}]'",
                *("where", *names, "answers", *answers, "steps", *steps),
            ]
        )
