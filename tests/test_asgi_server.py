"""What each process that serves does before it serves."""

from __future__ import annotations

import gc

import pytest

from intelliwiz_config import asgi_server

pytestmark = pytest.mark.integration


def test_it_is_heard_of_and_leaves_to_the_collector_what_comes_later(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    for each in ("end_with_supervisor", "_keep_beating"):
        monkeypatch.setattr(asgi_server, each, lambda each=each: begun.append(each))
    gc.unfreeze()
    asgi_server.worker()
    try:
        assert gc.get_freeze_count() > 100_000
        assert begun == ["end_with_supervisor", "_keep_beating"]
    finally:
        gc.unfreeze()
