"""The body of a request for an upload whose bytes are all there."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import OffsetMismatch, TooLarge
from ..http.protocol import Answer, Body, Pending


class NothingMore(Body):
    """Takes only what would end where the upload ends, and answers what was answered then; nothing is stored.

    Args:
        offset: where the sender says that its bytes belong.
        end: of the upload.

    Raises:
        TooLarge: there are bytes behind the end.
        OffsetMismatch: they end before it.
    """

    def __init__(self, answer: Callable[[], Answer | Pending], offset: int, end: int) -> None:
        self._answer = answer
        self._offset = self._reached = offset
        self._end = end

    def receive(self, block: bytes) -> None:
        self._reached += len(block)
        if self._reached > self._end:
            raise TooLarge(f"The file has {self._end} bytes; more arrived.", limit=self._end)

    def finish(self) -> Answer | Pending:
        if self._reached != self._end:
            raise OffsetMismatch(self._end, self._offset)
        return self._answer()

    def abort(self) -> None:
        """Nothing was kept of it."""
