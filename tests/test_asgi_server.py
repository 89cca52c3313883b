"""What each process that serves does before it serves."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from intelliwiz_config import asgi_server

pytestmark = pytest.mark.integration


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What the worker has begun beside serving, which does not begin in the process of the tests."""
    begun: list[str] = []
    monkeypatch.setattr(asgi_server, "end_with_supervisor", lambda: begun.append("end with the supervisor"))
    monkeypatch.setattr(asgi_server, "_keep_beating", lambda: begun.append("keep beating"))
    gc.unfreeze()
    asgi_server.worker()
    yield begun
    gc.unfreeze()


def test_it_ends_with_its_supervisor_and_is_heard_of(begun: list[str]) -> None:
    assert begun == ["end with the supervisor", "keep beating"]


@pytest.mark.usefixtures("begun")
def test_the_collector_leaves_alone_what_is_loaded() -> None:
    assert gc.get_freeze_count() > 100_000
