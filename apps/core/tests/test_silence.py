"""Noticing silence under WSGI, where a thread waits for the next block."""

from __future__ import annotations

import json
from typing import Any

import pytest

from apps.core.errors import Unavailable
from apps.core.http import silence
from apps.core.http.wsgi import SMALL_BLOCK, protocol_view

from .recorder import Recorder
from .test_wsgi import chunked

pytestmark = pytest.mark.unit

LONG = 20


@pytest.fixture
def protocol(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    monkeypatch.setattr(silence, "INTERVAL", 0.01)
    made = Recorder()
    made.body.silence_seconds = 0.01
    return made


class PausingStream:
    """Blocks with a pause before the last, or before the end, as long as it takes to be noticed."""

    def __init__(self, protocol: Recorder, *blocks: bytes, before_the_end: bool = False) -> None:
        self._protocol = protocol
        self._blocks = list(blocks)
        self._pauses_at = 0 if before_the_end else 1
        self.sizes: list[int] = []

    def read(self, size: int = -1) -> bytes:
        self.sizes.append(size)
        if len(self._blocks) == self._pauses_at:
            assert self._protocol.body.is_rested.wait(LONG)
        return self._blocks.pop(0) if self._blocks else b""


def test_what_came_is_put_away_before_the_sender_goes_on(protocol: Recorder) -> None:
    stream = PausingStream(protocol, b"01", b"23")
    assert protocol_view(protocol)(chunked(stream)).status_code == 200
    assert protocol.body.happened == ["01", "silence", "23"]
    assert set(stream.sizes) == {SMALL_BLOCK}


@pytest.mark.parametrize("before_the_end", [False, True])
def test_one_that_goes_wrong_ends_the_request(protocol: Recorder, before_the_end: bool) -> None:
    protocol.body.trouble = Unavailable("The store is away.")
    blocks = (b"01",) if before_the_end else (b"01", b"23")
    stream = PausingStream(protocol, *blocks, before_the_end=before_the_end)
    response: Any = protocol_view(protocol)(chunked(stream))
    assert (response.status_code, json.loads(response.content)["code"]) == (503, "unavailable")
    assert protocol.body.happened == ["01", "silence", "abort"]
