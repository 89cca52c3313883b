"""What ``put`` uploads, and how people write amounts."""

from __future__ import annotations

import os
from pathlib import Path

import click
import pytest
from resumable_uploads_client.cli.choosing import candidates
from resumable_uploads_client.cli.units import key_value, rate, size_text

pytestmark = pytest.mark.unit


@pytest.fixture
def trip(tmp_path: Path) -> Path:
    for name in ("a.bin", "b.tmp", "day/c.bin", "day/d.tmp", "cache/e.bin", ".hidden"):
        path = tmp_path / "trip" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path / "trip"


def places(trip: Path, *exclude: str) -> list[str]:
    return [each.place for each in candidates([str(trip)], recursive=True, exclude=exclude, name=None)]


def test_directories_are_uploaded_with_their_paths(trip: Path) -> None:
    assert places(trip) == [
        f"trip/{name}" for name in (".hidden", "a.bin", "b.tmp", "cache/e.bin", "day/c.bin", "day/d.tmp")
    ]
    with pytest.raises(click.UsageError, match="--recursive"):
        list(candidates([str(trip)], recursive=False, exclude=(), name=None))


@pytest.mark.parametrize(
    ("exclude", "left"),
    [
        (["*.tmp"], [".hidden", "a.bin", "cache/e.bin", "day/c.bin"]),
        (["cache"], [".hidden", "a.bin", "b.tmp", "day/c.bin", "day/d.tmp"]),
        (["day/*", ".*"], ["a.bin", "b.tmp", "cache/e.bin"]),
        (["trip"], [".hidden", "a.bin", "b.tmp", "cache/e.bin", "day/c.bin", "day/d.tmp"]),
    ],
)
def test_what_matches_a_pattern_is_left_out(trip: Path, exclude: list[str], left: list[str]) -> None:
    assert places(trip, *exclude) == [f"trip/{name}" for name in left]


def test_a_file_is_known_by_its_name_size_and_time(trip: Path) -> None:
    path = trip / "a.bin"
    os.utime(path, ns=(0, 1_700_000_000_000_000_007))
    (file,) = candidates([str(path)], recursive=False, exclude=["*"], name=None)
    assert file.metadata == {"relative_path": "a.bin", "mtime": "1700000000.000000007"}
    assert file.size == 5
    (named,) = candidates([str(path)], recursive=False, exclude=(), name="b.bin")
    assert named.place == "b.bin"
    (missing,) = candidates([str(trip / "none")], recursive=False, exclude=(), name=None)
    assert (missing.size, missing.label) == (None, str(trip / "none"))
    (stdin,) = candidates(["-"], recursive=False, exclude=(), name=None)
    assert stdin.metadata == {}


@pytest.mark.parametrize(("text", "amount"), [("500", 500), ("500k", 512_000), ("1.5M", 1_572_864), ("1GiB", 2**30)])
def test_rates(text: str, amount: float) -> None:
    assert rate(text) == amount


@pytest.mark.parametrize("text", ["", "0", "fast", "-1k", "1 M", "1T"])
def test_what_is_no_rate(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no rate"):
        rate(text)


def test_metadata_is_key_and_value() -> None:
    assert key_value("trip=a=b") == ("trip", "a=b")
    assert key_value("trip=") == ("trip", "")
    for text in ("trip", "=b", ""):
        with pytest.raises(click.BadParameter):
            key_value(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [(None, "?"), (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (9_949, "9.9 kB"), (9_950, "10 kB"),
     (999_499, "999 kB"), (999_500, "1.0 MB"), (5 * 10**15, "5.0 PB")],
)  # fmt: skip
def test_sizes(size: int | None, text: str) -> None:
    assert size_text(size) == text
