"""What each process that serves does before it serves."""

from __future__ import annotations

import gc

import pytest

from intelliwiz_config import asgi_server

pytestmark = pytest.mark.integration


def test_the_collector_leaves_alone_what_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi_server, "end_with_supervisor", lambda: None)
    gc.unfreeze()
    asgi_server.worker()
    try:
        assert gc.get_freeze_count() > 100_000
    finally:
        gc.unfreeze()
