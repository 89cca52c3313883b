"""What every campaign gets: time, a place, a server, chance that can be repeated."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .server import FaultServer


@dataclass
class Context:
    """How to run a campaign.

    Args:
        directory: for whatever it makes; emptied first.
        seconds: how long it may try.
        kind: of server, ``asgi`` or ``wsgi``.
        seed: of its choices (not of its timing).
    """

    directory: Path
    seconds: float = 60
    kind: str = "asgi"
    seed: int = 0
    random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)

    def time_left(self, share: float = 1.0) -> Callable[[], bool]:
        """A clock that starts now: whether that share of the campaign's time is left."""
        deadline = time.monotonic() + self.seconds * share
        return lambda: time.monotonic() < deadline

    @contextmanager
    def server(
        self, settings: dict[str, Any] | None = None, *, directory: Path | None = None, **environment: str
    ) -> Iterator[FaultServer]:
        """A server that runs meanwhile."""
        server = FaultServer(directory or self.directory / "data", self.kind, settings or {}, **environment)
        # Beside its data, whose disk may be full.
        server.log = self.directory / "server.log"
        server.start()
        try:
            yield server
        finally:
            server.stop()
