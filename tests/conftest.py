"""Servers and networks for the tests above the app: processes and sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from .answering_server import AnsweringServer
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


@pytest.fixture
def make_server() -> Iterator[Callable[[], AnsweringServer]]:
    """Servers that are not to be trusted."""
    servers: list[AnsweringServer] = []

    def make() -> AnsweringServer:
        servers.append(AnsweringServer())
        return servers[-1]

    yield make
    for server in servers:
        server.stop()
