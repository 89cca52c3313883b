"""Secrets that the project keeps in files: whole, agreed on, and never half a key."""

from __future__ import annotations

import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from intelliwiz_config.private_files import alone, write_private
from intelliwiz_config.secret_key import SHORTEST, kept_secret_key

pytestmark = pytest.mark.unit


def test_a_key_is_made_once(tmp_path: Path) -> None:
    key = kept_secret_key(tmp_path / "secret-key")
    assert len(key) == 50
    assert kept_secret_key(tmp_path / "secret-key") == key


@pytest.mark.parametrize("left", ["", "\n", "x" * (SHORTEST - 1)])
def test_what_is_less_than_a_key_is_replaced(tmp_path: Path, left: str) -> None:
    path = tmp_path / "secret-key"
    path.write_text(left)
    key = kept_secret_key(path)
    assert len(key) == 50
    assert path.read_text() == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_of_the_operators_own_stays(tmp_path: Path) -> None:
    (tmp_path / "secret-key").write_text("o" * SHORTEST + "\n")
    assert kept_secret_key(tmp_path / "secret-key") == "o" * SHORTEST


def test_who_starts_at_once_gets_the_same_key(tmp_path: Path) -> None:
    (tmp_path / "secret-key").touch()
    together = threading.Barrier(8)

    def ask(_: int) -> str:
        together.wait()
        return kept_secret_key(tmp_path / "secret-key")

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1


def test_a_section_has_one_process_at_a_time(tmp_path: Path) -> None:
    entered = threading.Event()

    def enter() -> None:
        with alone(tmp_path / "demo"):
            entered.set()

    with alone(tmp_path / "demo"):
        other = threading.Thread(target=enter)
        other.start()
        assert not entered.wait(0.1)
    other.join()
    assert entered.is_set()


def test_writing_leaves_nothing_beside_the_file(tmp_path: Path) -> None:
    write_private(tmp_path / "token", "secret")
    assert [path.name for path in tmp_path.iterdir()] == ["token"]
