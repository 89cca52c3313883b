from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.grid import Grid, Span, fit_chunk_size

pytestmark = pytest.mark.unit


@given(st.integers(1, 500), st.integers(1, 100))
def test_spans_cover_the_file_without_gap_or_overlap(total_size: int, chunk_size: int) -> None:
    grid = Grid(chunk_size, total_size, max_chunks=10_000)
    spans = [grid.span(index) for index in range(grid.total_chunks or 0)]
    assert [span.offset for span in spans] == [sum(s.size for s in spans[:i]) for i in range(len(spans))]
    assert sum(span.size for span in spans) == total_size
    assert all(span.size == chunk_size for span in spans[:-1])


@pytest.mark.parametrize("index", [-1, 3, 2**63])
def test_there_is_nothing_outside_the_grid(index: int) -> None:
    with pytest.raises(IndexError):
        Grid(4, 10, max_chunks=10).span(index)


def test_while_the_size_is_unknown_spans_are_upper_bounds() -> None:
    grid = Grid(4, None, max_chunks=3)
    assert grid.total_chunks is None
    assert grid.span(2) == Span(2, 8, 4, exact=False)
    with pytest.raises(IndexError):
        grid.span(3)


@given(st.integers(1, 2**50), st.integers(1, 2**40))
def test_never_more_than_the_most_chunks(total_size: int, wish: int) -> None:
    size = fit_chunk_size(total_size, wish, smallest=1, largest=2**26, max_chunks=10_000)
    assert (Grid(size, total_size, 10_000).total_chunks or 0) <= 10_000


def test_the_smallest_size_of_the_store_counts() -> None:
    assert fit_chunk_size(100, 1, smallest=5, largest=50, max_chunks=10_000) == 5
