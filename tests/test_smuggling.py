"""Two lengths in one head: neither server may take what is hidden in a body for a request of its own.

Behind a proxy that reads such a head differently, the hidden request would be answered to somebody else (RFC 9112,
11.2).
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from .server_process import ServerProcess

pytestmark = [pytest.mark.integration, pytest.mark.slow]

HIDDEN = b"GET /hidden-request HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
LAST = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
LENGTH = b"Content-Length: %d\r\n" % (len(HIDDEN) + 5)
CHUNKED = b"0\r\n\r\n" + HIDDEN
"""A whole chunked body and the hidden request; or, by its length, one body."""

SHAPES = {
    "both": LENGTH + b"Transfer-Encoding: chunked\r\n",
    "both, the other way round": b"Transfer-Encoding: chunked\r\n" + LENGTH,
    "two lengths": b"Content-Length: 5\r\n" + LENGTH,
    "two lengths in a list": b"Content-Length: 5, %d\r\n" % (len(HIDDEN) + 5),
    "a length with a sign": b"Content-Length: +5\r\n",
    "a length below zero": b"Content-Length: -5\r\n",
    "a length in hex": b"Content-Length: 0x5\r\n",
    "a length with a blank inside": b"Content-Length: 5 5\r\n",
    "a length with an underscore": b"Content-Length: 5_5\r\n",
    "a length in other digits": "Content-Length: \N{ARABIC-INDIC DIGIT FIVE}\r\n".encode(),
    "a blank before the colon of the length": b"Content-Length : 5\r\n",
    "a blank before the colon of the encoding": LENGTH + b"Transfer-Encoding : chunked\r\n",
    "a tab before the encoding": LENGTH + b"Transfer-Encoding:\tchunked\r\n",
    "a form feed before the encoding": LENGTH + b"Transfer-Encoding: \x0cchunked\r\n",
    "a folded encoding": LENGTH + b"Transfer-Encoding:\r\n chunked\r\n",
    "an encoding behind a bare line feed": LENGTH + b"X: y\nTransfer-Encoding: chunked\r\n",
    "an encoding behind a bare return": LENGTH + b"X: y\rTransfer-Encoding: chunked\r\n",
    "an encoding behind a NUL": LENGTH + b"X: \x00\r\nTransfer-Encoding: chunked\r\n",
    "an unknown encoding": LENGTH + b"Transfer-Encoding: xchunked\r\n",
    "an encoding behind another": LENGTH + b"Transfer-Encoding: identity, chunked\r\n",
    "an encoding before another": LENGTH + b"Transfer-Encoding: chunked, identity\r\n",
    "an encoding twice": LENGTH + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "an encoding and none": LENGTH + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    "an encoding in quotes": LENGTH + b'Transfer-Encoding: "chunked"\r\n',
    "an empty encoding": LENGTH + b"Transfer-Encoding: \r\n",
    "another case": LENGTH + b"tRANSFER-eNCODING: CHUNKED\r\n",
    "an underscore in the name": LENGTH + b"Transfer_Encoding: chunked\r\n",
    "an encoding that the connection ends at": b"Transfer-Encoding: chunked\r\nConnection: close, Transfer-Encoding\r\n"
    + LENGTH,
}


@pytest.fixture(scope="module", params=["asgi", "wsgi"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    process = ServerProcess(tmp_path_factory.mktemp("data"), request.param, WORKERS="1")
    process.start()
    yield process
    process.stop()


PATHS = ["/api/v1/upload/init", "/api/v1/upload/chunk", "/login/"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_what_is_hidden_in_a_body_is_no_request(server: ServerProcess, shape: bytes, path: str) -> None:
    statuses = _statuses(server.port, path, shape)
    assert b"404" not in statuses
    assert b"500" not in statuses


@pytest.mark.parametrize("path", PATHS)
def test_behind_a_body_of_one_length_it_is_one(server: ServerProcess, path: str) -> None:
    assert b"404" in _statuses(server.port, path, b"Content-Length: 5\r\n")


def _statuses(port: int, path: str, shape: bytes) -> list[bytes]:
    """Of all answers until the server closes, which a last request asks for."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n".encode() + shape + b"\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(head + CHUNKED + LAST)
        answers = b""
        with suppress(ConnectionResetError):
            while block := client.recv(2**16):
                answers += block
    return re.findall(rb"HTTP/1\.1 (\d{3})", answers)
