"""Everything is killed after each step of every program, as when the machine restarts.

Each state on the way is what a crash there would leave, for a second process to recover from: the sweeper, and the
clients that come again. Here actors run one after the other; long searches do the same for every other order
(:mod:`.test_interleavings`).
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .programs import PROGRAMS, Program
from .runs import Runner
from .schedules import Ordered

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.sqlite,
    # An actor that was killed closes nothing.
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
]


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_every_crash_is_recovered_from(runner_of: Callable[[Program], Runner], program: Program) -> None:
    runner = runner_of(program)
    runner.run_with_crashes(Ordered(runner.names))
