"""Nothing is touched that another server is at work with."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from intelliwiz_config import running
from intelliwiz_config.running import require_free_port

from .server_process import free_port

pytestmark = pytest.mark.unit

HOST = "127.0.0.1"


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Where a process listens that answers nobody, as one does that was killed and is not gone yet."""
    monkeypatch.setattr(running, "GRACE", 0.0)
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind((HOST, 0))
        listener.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield int(listener.getsockname()[1])


def test_a_port_is_not_free_though_no_connection_is_answered(port: int) -> None:
    with pytest.raises(SystemExit, match=f"Something listens on {HOST}:{port} already"):
        require_free_port(HOST, port)


def test_a_port_is_free_whose_connections_are_not_forgotten_yet() -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, 0))
        listener.listen()
        port = listener.getsockname()[1]
        with socket.create_connection((HOST, port)), listener.accept()[0] as accepted:
            accepted.close()
    require_free_port(HOST, port)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "0.0.0.0", "no such host"])
def test_what_else_is_wrong_says_the_server(host: str) -> None:
    require_free_port(host, free_port())
