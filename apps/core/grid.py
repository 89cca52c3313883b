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
    """Chunks of ``chunk_size`` bytes over ``total_size`` bytes; ``total_size`` is None while it is unknown."""

    chunk_size: int
    total_size: int | None
    max_chunks: int

    @property
    def total_chunks(self) -> int | None:
        return None if self.total_size is None else ceil_div(self.total_size, self.chunk_size)

    @property
    def end(self) -> int:
        """Bytes from here on do not belong to the file, or cannot."""
        return self.chunk_size * self.max_chunks if self.total_size is None else self.total_size

    def span(self, index: int) -> Span:
        """The cell at ``index``.

        Raises:
            IndexError: ``index`` lies outside the grid.
        """
        limit = self.max_chunks if self.total_chunks is None else self.total_chunks
        if not 0 <= index < limit:
            raise IndexError(index)
        offset = index * self.chunk_size
        if self.total_size is None:
            return Span(index, offset, self.chunk_size, exact=False)
        return Span(index, offset, min(self.chunk_size, self.total_size - offset))


def fit_chunk_size(total_size: int | None, wish: int, *, smallest: int, largest: int, max_chunks: int) -> int:
    """The chunk size nearest to ``wish`` within ``smallest`` and ``largest`` that needs at most ``max_chunks`` chunks.

    The number of chunks outranks ``largest``: a file that needs larger chunks gets them.
    """
    size = min(max(wish, smallest), max(largest, smallest))
    if total_size is None:
        return size
    return max(size, ceil_div(total_size, max_chunks))
