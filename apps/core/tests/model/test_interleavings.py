"""Whatever the order of events, and whoever is killed: the invariants hold."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from .programs import PROGRAMS, Program
from .runs import Runner
from .schedules import Script
from .search import search

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.sqlite,
    # An actor that was killed closes nothing.
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
]

QUICK = 4
SCHEDULES = int(os.environ.get("SCHEDULES", QUICK))
"""For each program. With more than the quick ones, every state of every run is recovered from too."""
REPLAY = os.environ.get("MODEL_REPLAY")
"""The one schedule to be run, as a failure printed it."""


@pytest.mark.parametrize("program", [each for each in PROGRAMS if REPLAY or len(each.actors) > 1], ids=str)
def test_every_order_of_events_keeps_the_invariants(runner_of: Callable[[Program], Runner], program: Program) -> None:
    runner = runner_of(program)
    if REPLAY:
        runner.run(Script(REPLAY))
        return
    run = runner.run_with_crashes if SCHEDULES > QUICK else runner.run
    for schedule in search(runner, SCHEDULES):
        run(schedule)
