"""What can go wrong in a store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..troubles import translated


class StagingMissing(Exception):
    """The staged bytes of this upload are not there (ended, or deleted behind the server's back)."""


class SegmentsMissing(StagingMissing):
    """What was kept of one chunk is not there; everything else may be."""


class PartsChanged(Exception):
    """Stored parts are not those that their receipts name: a late writer of an object store, which nothing can lock."""

    def __init__(self, indices: list[int]) -> None:
        super().__init__(indices)
        self.indices = indices


class SealLost(Exception):
    """Another assembly sealed these bytes, or they were reopened, since the caller sealed them."""


class WriterSuperseded(Exception):
    """A newer writer took this chunk over; this one can no longer change a byte of it."""


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn the operating system's errors into the store's own, and into the engine's where nobody can help it here."""
    try:
        with translated():
            yield
    except FileNotFoundError as error:
        raise StagingMissing from error
