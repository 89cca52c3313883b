"""Schedules: who goes on at each step, and who is killed where.

Actors have an order: the first one that can go on takes the next step. At some *spots* an actor falls behind all
others, or is killed. This is the scheduler of Burckhardt et al., "A Randomized Scheduler with Probabilistic Guarantees
of Finding Bugs" (2010): a race that needs few changes of order is found by few schedules, and is easy to read.
"""

from __future__ import annotations

import itertools
import random
import re
from collections import Counter
from collections.abc import Collection, Sequence

from .scheduler import Actor

Spot = tuple[str, int]
"""A critical step of a program: whose, and how many that actor took before it."""


class Ordered:
    """The first of ``names`` that can go on does, but for some spots.

    Args:
        falls: where an actor falls behind all others.
        kills: where an actor is killed.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        falls: Collection[Spot] = (),
        kills: Collection[Spot] = (),
    ) -> None:
        self.names = names
        self.falls = frozenset(falls)
        self._rank = {name: rank for rank, name in enumerate(names)}
        self._last = itertools.count(len(names))
        self._falls_left = set(falls)
        self._kills = frozenset(kills)
        self._taken: Counter[str] = Counter()
        self.spots: list[Spot] = []
        """The critical steps, in the order in which they were reached."""

    def choose(self, ready: Sequence[Actor]) -> tuple[Actor, bool]:
        actor = self._first(ready)
        while actor.is_critical and self._spot_of(actor) in self._falls_left:
            self._falls_left.remove(self._spot_of(actor))
            self._rank[actor.name] = next(self._last)
            actor = self._first(ready)
        if not actor.is_critical:
            return actor, False
        spot = self._spot_of(actor)
        self._taken[actor.name] += 1
        self.spots.append(spot)
        return actor, spot in self._kills

    def _spot_of(self, actor: Actor) -> Spot:
        return actor.name, self._taken[actor.name]

    def _first(self, ready: Sequence[Actor]) -> Actor:
        return min(ready, key=lambda actor: self._rank[actor.name])


def at_random(seed: str, names: Sequence[str], spots: Sequence[Spot]) -> Ordered:
    """Any order, with a few falls, and every other time with somebody killed.

    Args:
        spots: those of a run without any.
    """
    rng = random.Random(seed)
    falls = rng.choices(spots, k=rng.choice((1, 2, 2, 3, 4)))
    kills = rng.choices(spots, k=rng.choice((0, 0, 1, 2)))
    return Ordered(rng.sample(names, len(names)), falls=falls, kills=kills)


class Script:
    """A schedule as :func:`written` writes it: ``a12 b3 a1 b! a5``. What it leaves open is done in order."""

    def __init__(self, script: str) -> None:
        self._choices = iter(
            [
                (name, ending == "!")
                for name, ending in re.findall(r"(\w)(\d+|!)", script)
                for _ in range(1 if ending == "!" else int(ending))
            ]
        )

    def choose(self, ready: Sequence[Actor]) -> tuple[Actor, bool]:
        for name, is_killed in self._choices:
            for actor in ready:
                if actor.name == name:
                    return actor, is_killed
        return min(ready, key=lambda actor: actor.name), False


def written(trace: Sequence[tuple[str, str]]) -> str:
    """The schedule of a run, to be run again."""
    parts = []
    for (name, is_killed), group in itertools.groupby((name, label == "killed") for name, label in trace):
        parts.append(f"{name}!" if is_killed else f"{name}{len(list(group))}")
    return " ".join(parts)
