"""The server starts when its database does, and says so if that never comes."""

from __future__ import annotations

from collections.abc import Callable

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
