"""Servers and networks for the tests above the app: processes and sockets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .flaky_proxy import FlakyProxy
from .server_process import ServerProcess


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server of the module's own, with a demo user."""
    process = ServerProcess(tmp_path_factory.mktemp("server") / "data", "asgi")
    process.start()
    yield process
    process.stop()


@pytest.fixture
def proxy(server: ServerProcess) -> Iterator[FlakyProxy]:
    """A bad network in front of the server."""
    proxy = FlakyProxy(server.port)
    yield proxy
    proxy.close()
