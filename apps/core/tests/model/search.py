"""Which orders of a program are tried: one actor after the other, then with one interruption, with two, and at random.

Where the second interruption can be shows only when the first one is run: an actor that finds another one half done
takes other steps than one that is alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from .runs import Runner
from .scheduler import Schedule
from .schedules import Ordered, Spot, at_random

T = TypeVar("T")


def search(runner: Runner, wanted: int) -> Iterator[Schedule]:
    """About as many schedules as wanted, each of which must be run before the next one is asked for.

    At most half of them have one interruption and at most half of the rest two, spread over all that there are.
    """
    in_turn = [Ordered(order) for order in _orders_of(runner.names)]
    yield from in_turn
    once = _spread([schedule for found in in_turn for schedule in _interrupted(found)], wanted // 2)
    yield from once
    twice = _spread([schedule for found in once for schedule in _interrupted_again(found)], (wanted - len(once)) // 2)
    yield from twice
    spots: list[Spot] = sorted({spot for found in [*in_turn, *once, *twice] for spot in found.spots})
    for number in range(wanted - len(once) - len(twice)):
        yield at_random(f"{runner.program} {number}", runner.names, spots)


def _orders_of(names: str) -> Iterator[str]:
    """Each actor comes first once."""
    for first in names:
        yield first + names.replace(first, "")


def _interrupted(found: Ordered) -> Iterator[Ordered]:
    """At one step of the first actor all others run; then it goes on, or is found dead."""
    for spot in found.spots:
        if spot[0] == found.names[0]:
            yield Ordered(found.names, falls={spot})
            yield Ordered(found.names, kills={spot})


def _interrupted_again(found: Ordered) -> Iterator[Ordered]:
    """One of the others is interrupted too, and so on in turn."""
    for spot in found.spots:
        if found.falls and spot[0] != found.names[0]:
            yield Ordered(found.names, falls={*found.falls, spot})


def _spread(found: Sequence[T], wanted: int) -> list[T]:
    """As many as wanted, at equal distances."""
    count = min(wanted, len(found))
    return [found[number * len(found) // count] for number in range(count)]
