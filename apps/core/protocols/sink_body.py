"""From the engine's sinks to the body of a request: the one adapter for every protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..http.protocol import Answer, Body


class Sink(Protocol):
    """What the engine's ``ChunkSink`` and ``AppendSink`` have in common."""

    def receive(self, block: bytes) -> None:
        """Take the next bytes."""

    def abort(self) -> object:
        """The body was cut short."""


class SinkBody(Body):
    """Feeds a sink; ``answer`` finishes it and says how it went."""

    def __init__(self, sink: Sink, answer: Callable[[], Answer], *, interim: Answer | None = None) -> None:
        self._sink = sink
        self._answer = answer
        self.interim = interim

    def receive(self, block: bytes) -> None:
        self._sink.receive(block)

    def finish(self) -> Answer:
        return self._answer()

    def abort(self) -> None:
        self._sink.abort()
