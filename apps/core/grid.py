"""The arithmetic of a session: equal chunks, the last one shorter. Pure; knows no bytes, no database, no HTTP."""

from __future__ import annotations

from dataclasses import dataclass


def ceil_div(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)


@dataclass(frozen=True, slots=True)
class Span:
    """One cell of the grid. ``size`` is exact, unless the total is unknown: then it is the most that may come."""

    index: int
    offset: int
    size: int
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Grid:
    """Chunks of ``chunk_size`` bytes over ``total_size`` bytes.

    ``total_size`` is None while it is unknown; then ``max_chunks`` and ``max_size`` say how far the file may reach.
    """

    chunk_size: int
    total_size: int | None
    max_chunks: int
    max_size: int = 2**63 - 1

    @property
    def total_chunks(self) -> int | None:
        return None if self.total_size is None else ceil_div(self.total_size, self.chunk_size)

    @property
    def end(self) -> int:
        """Bytes from here on do not belong to the file, or cannot."""
        return min(self.chunk_size * self.max_chunks, self.max_size) if self.total_size is None else self.total_size

    def span(self, index: int) -> Span:
        """The cell at ``index``.

        Raises:
            IndexError: ``index`` lies outside the grid.
        """
        if not 0 <= index < ceil_div(self.end, self.chunk_size):
            raise IndexError(index)
        offset = index * self.chunk_size
        size = min(self.chunk_size, self.end - offset)
        return Span(index, offset, size, exact=self.total_size is not None)

    def of_size(self, total_size: int) -> Grid:
        """The same chunks over a file whose size is known."""
        return Grid(self.chunk_size, total_size, self.max_chunks, self.max_size)


def fit_chunk_size(total_size: int | None, wish: int, *, smallest: int, largest: int, max_chunks: int) -> int:
    """The chunk size nearest to ``wish`` within ``smallest`` and ``largest`` that needs at most ``max_chunks`` chunks.

    The number of chunks outranks ``largest``: a file that needs larger chunks gets them.
    """
    size = min(max(wish, smallest), max(largest, smallest))
    if total_size is None:
        return size
    return max(size, ceil_div(total_size, max_chunks))
