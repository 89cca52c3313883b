"""Servers for the clients of others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..server_process import ServerProcess


@pytest.fixture(scope="module", params=["asgi", "wsgi"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path_factory.mktemp(request.param), request.param, WORKERS="2")
    process.start()
    yield process
    process.stop()
