"""How fast the line is, and what follows from it."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from resumable_uploads_client.bandwidth import Bandwidth
from resumable_uploads_client.line import KIB, MIB, Line
from resumable_uploads_client.state import StateDirectory

pytestmark = pytest.mark.unit

URL = "https://uploads.example/api/v1/upload"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def send(line: Line, clock: Clock, size: int, seconds: float, at_once: int = 1) -> None:
    with ExitStack() as chunks:
        for _ in range(at_once):
            chunks.enter_context(line.sending(size))
        clock.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def line(clock: Clock) -> Line:
    return Line(URL, None, clock)


def test_until_a_chunk_has_landed_one_is_in_flight_and_the_server_chooses_its_size(line: Line) -> None:
    assert (line.in_flight(MIB), line.chunk_size_for(1024 * MIB)) == (1, None)


def test_no_more_is_in_flight_than_a_slow_line_carries_in_two_seconds(line: Line, clock: Clock) -> None:
    send(line, clock, MIB, 2.097)  # 4 Mbit/s
    assert (line.in_flight(MIB), line.in_flight(256 * KIB)) == (1, 3)


def test_chunks_that_land_together_are_one_measurement(line: Line, clock: Clock) -> None:
    send(line, clock, MIB, 0.1, at_once=4)
    assert line.rate == pytest.approx(40 * MIB)


def test_the_rate_is_that_of_the_last_seconds_of_sending(line: Line, clock: Clock) -> None:
    for _ in range(10):
        send(line, clock, 10 * MIB, 1)
    clock.now += 60
    send(line, clock, 10 * MIB, 1)
    assert line.rate == pytest.approx(10 * MIB), "the break before says nothing"
    with line.sending(MIB):  # Busy all the time.
        for _ in range(12):
            send(line, clock, MIB, 1)
        assert line.rate == pytest.approx(MIB, rel=0.01)


def test_what_does_not_land_and_a_small_file_that_takes_no_time_say_nothing(line: Line, clock: Clock) -> None:
    with suppress(OSError), line.sending(MIB):
        clock.now += 9
        raise OSError
    send(line, clock, 100 * KIB, 0.3)
    assert line.rate is None
    send(line, clock, 100 * KIB, 2)
    assert line.rate == 50 * KIB


def test_the_next_process_sends_a_seconds_worth_as_a_chunk(tmp_path: Path, clock: Clock) -> None:
    state = StateDirectory(tmp_path)

    def measured(size: int, seconds: float) -> Line:
        line = Line(URL, state, clock)
        send(line, clock, size, seconds)
        line.remember()
        return Line("https://uploads.example/another/api", state, clock)

    assert measured(MIB, 2.097).chunk_size_for(1024 * MIB) == 256 * KIB
    fast = measured(100 * MIB, 1)
    assert [fast.chunk_size_for(size) for size in (None, 1024 * MIB, 128 * MIB, 5 * MIB)] == [
        8 * MIB, 8 * MIB, 4 * MIB, MIB
    ]  # fmt: skip
    assert measured(KIB, 1).chunk_size_for(1024 * MIB) == 128 * KIB
    assert Line("https://elsewhere.example/", state, clock).rate is None


def test_a_bound_on_the_bandwidth_holds_over_all_that_is_sent(clock: Clock) -> None:
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        clock.now += seconds

    bandwidth = Bandwidth(1000, clock, sleep)
    for _ in range(4):
        bandwidth.take(500)
    assert waits == pytest.approx([0.5, 0.5, 0.5])
    clock.now += 100
    bandwidth.take(500)
    bandwidth.take(500)
    assert waits == pytest.approx([0.5] * 4), "nothing was saved up"
