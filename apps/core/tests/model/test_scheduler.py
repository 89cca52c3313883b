"""The scheduler itself: the same schedule gives the same run, and nothing stays behind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from .programs import PROGRAMS, Program
from .runs import Runner
from .scheduler import Deadlock, Scheduler, step
from .schedules import Ordered, Script, at_random, written

pytestmark = [pytest.mark.integration, pytest.mark.sqlite, pytest.mark.django_db(transaction=True)]

_BOTH = ("a", "b")


def _nothing(actor: str) -> None:
    pass


def _run(schedule: Ordered | Script, log: list[str]) -> str:
    """Two actors that note what they did in two critical steps each."""

    def work(name: str) -> Callable[[], None]:
        def act() -> None:
            for number in (1, 2):
                step("note", is_critical=True)
                log.append(f"{name}{number}")

        return act

    scheduler = Scheduler(schedule, _nothing)
    scheduler.run({name: work(name) for name in _BOTH})
    return written(scheduler.trace)


def test_actors_run_in_their_order() -> None:
    log: list[str] = []
    _run(Ordered("ba"), log)
    assert log == ["b1", "b2", "a1", "a2"]


def test_an_actor_falls_behind_before_a_step() -> None:
    log: list[str] = []
    _run(Ordered("ab", falls={("a", 1)}), log)
    assert log == ["a1", "b1", "b2", "a2"]


def test_a_killed_actor_does_not_take_its_step() -> None:
    log: list[str] = []
    _run(Ordered("ab", kills={("a", 1)}), log)
    assert log == ["a1", "b1", "b2"]


def test_a_schedule_that_was_written_down_gives_the_same_run() -> None:
    first: list[str] = []
    second: list[str] = []
    script = _run(Ordered("ab", falls={("a", 1)}, kills={("b", 1)}), first)
    assert _run(Script(script), second) == script
    assert first == second


def test_actors_that_wait_for_each_other_are_a_deadlock() -> None:
    scheduler = Scheduler(Ordered("a"), _nothing)
    with pytest.raises(Deadlock):
        scheduler.run({"a": lambda: step("lock", is_blocked=lambda: True)})


def test_a_run_of_the_engine_can_be_repeated_and_leaves_nothing(
    runner_of: Callable[[Program], Runner], store_root: Path
) -> None:
    program = next(program for program in PROGRAMS if program.name == "an assembly taken over while cleanup runs")
    runner = runner_of(program)
    in_turn = Ordered(runner.names)
    threads = threading.active_count()
    runner.run(in_turn)
    schedule = at_random("any", runner.names, in_turn.spots)
    trace = runner.run(schedule)
    assert runner.run(Script(written(trace))) == trace
    assert threading.active_count() == threads
    assert list((store_root / "staging").iterdir()) == []
