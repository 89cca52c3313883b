"""Where tokens go, and where they do not."""

from __future__ import annotations

import json
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from resumable_uploads_client import AsyncUploader, InsecureTransport, Refused, Uploader
from resumable_uploads_client.api import UploadApi
from resumable_uploads_client.cli import main

pytestmark = pytest.mark.unit

UPLOAD_ID = "5edfc178-a9fa-4448-8ffc-9aa7472b71bb"


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://uploads.example/api", None),
        ("HTTP://192.168.1.7:8000/api", None),
        ("http://[2001:db8::1]/api", None),
        ("http://localhost.example/api", None),
        ("http://127.0.0.1.example/api", None),
        ("http://127.0.0.1@uploads.example/api", None),
        ("http://127.0.0.1:8000/api", "http://proxy.example:3128"),
    ],
)
@pytest.mark.parametrize("token", ["token", lambda: "token"])
def test_a_token_over_plain_http_to_another_host_warns_whoever_sends_it(
    url: str, proxy: str | None, token: str | Callable[[], str]
) -> None:
    with pytest.warns(InsecureTransport, match=r"over plain HTTP.*Use https") as warned:
        Uploader(url, token, proxy=proxy)
    assert [warning.filename for warning in warned] == [__file__]


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("https://uploads.example/api", None),
        ("https://uploads.example/api", "http://proxy.example:3128"),
        ("http://127.0.0.1:8000/api", None),
        ("http://127.7.7.7/api", None),
        ("http://[::1]:8000/api", None),
        ("http://[no-address/api", None),
        ("http://LOCALHOST:8000/api", "http://localhost:3128"),
        ("http://uploads.localhost./api", None),
    ],
)
def test_tls_and_loopback_do_not_warn(url: str, proxy: str | None) -> None:
    Uploader(url, "token", proxy=proxy)


def test_where_there_is_no_token_there_is_no_warning() -> None:
    Uploader("http://uploads.example/api")


def test_it_is_said_once() -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("default")
        for _ in range(3):
            Uploader("http://uploads.example/api", "token")
    assert [warning.category for warning in said] == [InsecureTransport]


def test_the_asyncio_face_warns_too() -> None:
    with pytest.warns(InsecureTransport):
        AsyncUploader("http://uploads.example/api", "token")


@pytest.mark.filterwarnings("default")
def test_the_command_says_it_in_one_line_on_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RESUMABLE_UPLOADS_URL", "http://uploads.example/api")
    monkeypatch.setenv("RESUMABLE_UPLOADS_TOKEN", "token")
    monkeypatch.setattr(Uploader, "list", lambda uploader, **filters: iter(()))
    monkeypatch.setattr(sys, "argv", ["resumable-uploads", "list", "--json"])
    with pytest.raises(SystemExit) as exit_:
        main()
    printed = capsys.readouterr()
    assert (exit_.value.code, printed.out) == (0, "")
    assert printed.err == (
        "Warning: The token is sent to uploads.example over plain HTTP: everybody on the way can read it. Use https.\n"
    )


class Server(ThreadingHTTPServer):
    """Notes what it is asked, and gives one answer to all."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/api"
        self.asked: list[str] = []
        self.status = 200
        self.location = ""
        self.document: Any = {}


class Handler(BaseHTTPRequestHandler):
    server: Server

    def answer(self) -> None:
        self.server.asked.append(f"{self.command} {self.path} {self.headers.get('Authorization')}")
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.dumps(self.server.document).encode()
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location + self.path)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

    def log_message(self, *args: object) -> None:
        """The test says what matters."""


@pytest.fixture
def make_server() -> Iterator[Callable[[], Server]]:
    servers: list[Server] = []

    def make() -> Server:
        server = Server()
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return server

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


OPERATIONS: dict[str, Callable[[UploadApi], object]] = {
    "init": lambda api: api.init(filename="a.bin", total_size=1),
    "status": lambda api: api.status(UPLOAD_ID),
    "list": lambda api: list(api.list()),
    "chunk": lambda api: api.put_chunk(UPLOAD_ID, 0, memoryview(b"1"), bytes(32), lambda sent: None),
    "complete": lambda api: api.complete(UPLOAD_ID, "0" * 64, 1),
    "cancel": lambda api: api.cancel(UPLOAD_ID),
    "delete": lambda api: api.delete(UPLOAD_ID),
    "download": lambda api: api.open_file(UPLOAD_ID, start=0, etag=""),
}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_redirect_is_followed(make_server: Callable[[], Server], operation: str, status: int) -> None:
    server, other = make_server(), make_server()
    server.status, server.location = status, other.url.removesuffix("/api")
    api = UploadApi(server.url, "secret")
    with pytest.raises(Refused, match="another address") as error:
        OPERATIONS[operation](api)
    api.close()
    assert (error.value.code, error.value.status, error.value.retryable) == ("redirected", status, False)
    assert len(server.asked) == 1
    assert other.asked == []


def test_addresses_in_answers_are_not_gone_to(make_server: Callable[[], Server], tmp_path: Path) -> None:
    """Neither that of the next page, nor that of a file."""
    server, other = make_server(), make_server()
    file = {"name": "a.bin", "size": 2, "sha256": "0" * 64, "url": f"{other.url}/file/x"}
    session = {"upload_id": UPLOAD_ID, "status": "completed", "file": file}
    with Uploader(server.url, "secret", retry_delays=()) as uploader:
        server.document = {"results": [session], "next": f"{other.url}?page=2"}
        pages = uploader.list()
        next(pages)
        server.document = {"results": [session], "next": None}
        next(pages)
        server.document = session
        with pytest.raises(Exception, match="more than it announced"):
            uploader.download(UPLOAD_ID, tmp_path)
    assert [request.partition("?")[0] for request in server.asked[:2]] == ["GET /api/", "GET /api/"]
    assert server.asked[1] == "GET /api/?page=2 Bearer secret"
    assert server.asked[-1] == f"GET /api/file/{UPLOAD_ID} Bearer secret"
    assert other.asked == []
