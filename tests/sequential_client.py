"""Clients of the sequential protocols against a server process, with sockets of their own."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

from .server_process import ServerProcess

LONG = 30
"""Seconds in which everything happens, and in which a server does not give a silent client up by itself."""
OFFSET_STREAM = {"Content-Type": "application/offset+octet-stream"}


class Client:
    """tus 1.0.0 against a server process."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.headers = {"Tus-Resumable": "1.0.0", "Authorization": f"Bearer {server.token}"}

    def request(self, method: str, path: str, data: Any = b"", **headers: Any) -> requests.Response:
        # A connection of its own, so that any process may get it.
        sent = {**self.headers, "Connection": "close", **{name.replace("_", "-"): v for name, v in headers.items()}}
        return requests.request(method, self.server.base_url + path, data=data, headers=sent, timeout=LONG)

    def create(self, size: int, **headers: str) -> str:
        answer = self.request("POST", "/api/v1/upload/files/", Upload_Length=str(size), **headers)
        assert answer.status_code == 201, answer.text
        return answer.headers["Location"]

    def patch(self, url: str, offset: int, data: bytes) -> requests.Response:
        return self.request("PATCH", url, data, Upload_Offset=str(offset), **OFFSET_STREAM)

    def offset(self, url: str) -> int:
        answer = self.request("HEAD", url)
        assert answer.status_code == 200, answer.headers
        return int(answer.headers["Upload-Offset"])

    def received(self, url: str) -> int:
        """Bytes of recorded chunks, by the JSON API."""
        answer = self.request("GET", f"/api/v1/upload/status/{url.rpartition('/')[2]}")
        return int(answer.json()["progress"]["received_bytes"])

    def stored(self, url: str) -> bytes:
        return self.request("GET", f"/api/v1/upload/file/{url.rpartition('/')[2]}").content

    def begin_patch(self, url: str, offset: int, size: int, *more: str) -> socket.socket:
        """The head of a PATCH, on a socket of its own."""
        fields = {**OFFSET_STREAM, "Upload-Offset": str(offset), "Content-Length": str(size)}
        return self.begin("PATCH", url, {**self.headers, **fields}, *more)

    def begin(
        self, method: str, path: str, headers: Mapping[str, str], *more: str, version: str = "1.1"
    ) -> socket.socket:
        """The head of a request, on a socket of its own."""
        fields = {"Host": urlsplit(self.server.base_url).netloc, **headers}
        lines = [f"{method} {path} HTTP/{version}", *(f"{name}: {value}" for name, value in fields.items()), *more]
        connection = socket.create_connection(("127.0.0.1", self.server.port), timeout=LONG)
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        return connection


def answer_on(connection: socket.socket) -> bytes:
    """What is answered until the connection ends."""
    found = b""
    try:
        while block := connection.recv(65536):
            found += block
    except ConnectionError:
        pass
    return found


def finish(client: Client, url: str, data: bytes, *, tries: int = 1) -> None:
    """Go on where the server says, to the end.

    Args:
        tries: more than one where an older request may have begun after the server said so, and moved it.
    """
    offset = client.offset(url)
    status = client.patch(url, offset, data[offset:]).status_code
    if status == 409 and tries > 1:
        finish(client, url, data, tries=tries - 1)
        return
    assert status == 204
    assert client.stored(url) == data
