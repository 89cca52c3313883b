"""The server starts when its database does, and says so if that never comes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import OperationalError, connection

from intelliwiz_config.database import await_database

pytestmark = pytest.mark.unit


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[int]]:
    """Let so many connections fail; gives the list in which those that were tried are counted."""

    def arrange(count: int) -> list[int]:
        tried: list[int] = []

        def connect() -> None:
            tried.append(len(tried))
            if len(tried) <= count:
                raise OperationalError("connection refused\n")

        monkeypatch.setattr(connection, "ensure_connection", connect)
        return tried

    return arrange


def test_one_that_is_there_is_asked_once(fails: Callable[[int], list[int]]) -> None:
    tried = fails(0)
    await_database(0)
    assert len(tried) == 1


def test_one_that_comes_up_is_waited_for(fails: Callable[[int], list[int]]) -> None:
    tried = fails(3)
    await_database(60, pause=0)
    assert len(tried) == 4


def test_one_that_never_does_ends_the_process_with_its_reason(fails: Callable[[int], list[int]]) -> None:
    fails(2)
    with pytest.raises(SystemExit, match=r"^The database does not answer: connection refused$"):
        await_database(0, pause=0)


@pytest.mark.integration
def test_the_reason_is_the_drivers_and_not_the_pools(tmp_path: Path) -> None:
    environment = {**os.environ, "DATABASE_URL": "postgres://nobody@127.0.0.1:9/none", "DATA_DIR": str(tmp_path)}
    script = "import django; django.setup(); from intelliwiz_config.database import await_database; await_database(0)"
    environment["DJANGO_SETTINGS_MODULE"] = "intelliwiz_config.settings"
    ended = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "The database does not answer: connection failed" in ended.stderr
    assert "Connection refused" in ended.stderr.rpartition("The database does not answer")[2]
