"""104 (Upload Resumption Supported) on real sockets: what clients of the IETF draft learn while they still send."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping

import pytest
import requests

from apps.core.tests.noise import noise

from .sequential_client import LONG, Client, answer_on
from .server_process import ServerProcess

pytestmark = pytest.mark.integration

MIB = 2**20
FILES = "/api/v1/upload/files/"


@pytest.fixture(scope="module", params=["asgi", "wsgi"])
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Of a server that tells of each block."""
    directory = tmp_path_factory.mktemp(request.param)
    process = ServerProcess(directory, request.param, WORKERS="1", INTERIM_SECONDS="0.000001")
    process.start()
    yield Client(process)
    process.stop()


def begin(
    client: Client, method: str, path: str, size: int, *, version: str | None = "8", http: str = "1.1", **headers: str
) -> socket.socket:
    fields = {
        "Authorization": client.headers["Authorization"],
        "Upload-Complete": "?1",
        "Content-Length": str(size),
        **({} if version is None else {"Upload-Draft-Interop-Version": version}),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return client.begin(method, path, fields, version=http)


def heads(received: bytes) -> list[tuple[int, Mapping[str, str]]]:
    """The answers at the beginning of what was received, as status and fields: the interim ones, and the final one."""
    found: list[tuple[int, Mapping[str, str]]] = []
    while True:
        head, end, received = received.partition(b"\r\n\r\n")
        if not end:
            return found
        status_line, *fields = head.decode().split("\r\n")
        status = int(status_line.split()[1])
        found.append((status, dict(field.lower().split(": ", 1) for field in fields)))
        if status >= 200:
            return found


def first_head(connection: socket.socket) -> tuple[int, Mapping[str, str]]:
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    return heads(received)[0]


def look(client: Client, path: str) -> requests.Response:
    headers = {"Authorization": client.headers["Authorization"], "Upload-Draft-Interop-Version": "8"}
    return requests.head(client.server.base_url + path, headers=headers, timeout=LONG)


@pytest.mark.parametrize("version", ["3", "5", "6", "8"])
def test_an_upload_that_broke_off_goes_on_where_the_104_said(client: Client, version: str) -> None:
    data = noise(2 * MIB)
    completeness = {"Upload_Incomplete": "?0"} if version == "3" else {}
    sending = begin(client, "POST", FILES, len(data), version=version, **completeness)
    # Before a byte of the body is sent.
    status, fields = first_head(sending)
    assert status == 104
    assert fields["upload-draft-interop-version"] == version
    assert "max-size=" in fields["upload-limit"]
    sending.sendall(data[: MIB + 5])
    sending.close()
    url = fields["location"]
    offset = int(look(client, url).headers["Upload-Offset"])
    assert offset <= MIB + 5
    more = {"Upload_Offset": str(offset), "Content_Type": "application/partial-upload"}
    rest = begin(client, "PATCH", url, len(data) - offset, **more)
    rest.sendall(data[offset:])
    received = b""
    while not (found := heads(received)) or found[-1][0] < 200:
        received += rest.recv(65536)
    rest.close()
    assert found[-1][0] == 201
    # The request was an append: no 104 of it names a place.
    assert all("location" not in fields for status, fields in found if status == 104)
    assert client.stored(url) == data


def test_what_a_104_says_is_kept_whatever_happens(client: Client) -> None:
    data = noise(3 * MIB)
    sending = begin(client, "POST", FILES, len(data))
    _, fields = first_head(sending)
    sending.sendall(data[: 5 * MIB // 2])
    told = 0
    while told < 2 * MIB:
        found = heads(sending.recv(65536))
        assert {status for status, _ in found} <= {104}
        told = max([told, *(int(each["upload-offset"]) for _, each in found if "upload-offset" in each)])
    client.server.kill()
    sending.close()
    client.server.start()
    assert int(look(client, fields["location"]).headers["Upload-Offset"]) >= told


@pytest.mark.parametrize("version", [None, "1", "99", "x"])
def test_who_speaks_no_version_of_ours_gets_none(client: Client, version: str | None) -> None:
    sending = begin(client, "POST", FILES, 5, version=version, Connection="close")
    sending.sendall(b"01234")
    assert [status for status, _ in heads(answer_on(sending))] == [201]
    sending.close()


def test_http_1_0_gets_none(client: Client) -> None:
    sending = begin(client, "POST", FILES, 5, http="1.0", Connection="close")
    sending.sendall(b"01234")
    assert [status for status, _ in heads(answer_on(sending))] == [201]
    sending.close()


def test_100_continue_is_sent_besides(client: Client) -> None:
    sending = begin(client, "POST", FILES, 5, Expect="100-continue", Connection="close")
    received = b""
    while not {100, 104} <= {status for status, _ in heads(received)}:
        received += sending.recv(65536)
    sending.sendall(b"01234")
    assert heads(received + answer_on(sending))[-1][0] == 201
    sending.close()


@pytest.mark.parametrize("kind", ["asgi", "wsgi"])
def test_they_can_be_turned_off(kind: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    server = ServerProcess(tmp_path_factory.mktemp("silent"), kind, WORKERS="1", INTERIM_SECONDS="0")
    server.start()
    try:
        sending = begin(Client(server), "POST", FILES, 5, Connection="close")
        sending.sendall(b"01234")
        assert [status for status, _ in heads(answer_on(sending))] == [201]
        sending.close()
    finally:
        server.stop()
