"""From the engine's sink for a chunk to the body of a request (:mod:`.sequential_body`: for bytes in order)."""

from __future__ import annotations

from collections.abc import Callable

from ..http.protocol import Answer, Body
from ..services.receiving import ChunkSink


class SinkBody(Body):
    """Feeds a sink; ``answer`` finishes it and says how it went."""

    takes_lent_blocks = True

    def __init__(self, sink: ChunkSink, answer: Callable[[], Answer]) -> None:
        self._sink = sink
        self._answer = answer

        self.silence_seconds = sink.silence_seconds

    def receive(self, block: bytes) -> None:
        self._sink.receive(block)

    def on_silence(self) -> None:
        self._sink.rest()

    def finish(self) -> Answer:
        return self._answer()

    def abort(self) -> None:
        self._sink.abort()
