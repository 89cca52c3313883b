"""The body of a request that sends an upload's bytes in order: from the engine's sink to the drivers."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import ChecksumMismatch
from ..http.protocol import Answer, Body, Pending
from ..http.throttles import count_failed_checksum
from ..metrics import count_received
from ..services import open_appends
from ..services.appending import AppendSink
from ..services.principal import Principal


class SequentialBody(Body):
    """Feeds a sink; ``answer`` is given the offset reached, and says how it went."""

    def __init__(self, sink: AppendSink, protocol: str, answer: Callable[[int], Answer | Pending]) -> None:
        self._sink = sink
        self._protocol = protocol
        self._answer = answer

    def on_superseded(self, end: Callable[[], None]) -> None:
        open_appends.add(self._sink.append, end)

    def receive(self, block: bytes) -> None:
        self._sink.receive(block)

    def finish(self) -> Answer | Pending:
        open_appends.remove(self._sink.append)
        try:
            offset = self._end(self._sink.finish)
        except ChecksumMismatch:
            count_failed_checksum(Principal.owning(self._sink.session))
            raise
        return self._answer(offset)

    def abort(self) -> None:
        open_appends.remove(self._sink.append)
        self._end(self._sink.abort)

    def _end(self, end: Callable[[], int]) -> int:
        begun_at = self._sink.begun_at
        offset = end()
        count_received(self._protocol, max(offset - begun_at, 0))
        return offset
