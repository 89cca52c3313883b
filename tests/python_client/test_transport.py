"""Where tokens go, and where they do not."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from resumable_uploads_client import AsyncUploader, InsecureTransport, Refused, Uploader, UploadError
from resumable_uploads_client.api import UploadApi
from resumable_uploads_client.cli import main

from ..answering_server import AnsweringServer

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


OPERATIONS: dict[str, Callable[[UploadApi], object]] = {
    "init": lambda api: api.init(filename="a.bin", total_size=1),
    "status": lambda api: api.status(UPLOAD_ID),
    "list": lambda api: list(api.list()),
    "chunk": lambda api: api.put_chunk(UPLOAD_ID, 0, memoryview(b"1"), bytes(32), lambda sent: None),
    "complete": lambda api: api.complete(UPLOAD_ID, total_size=1, composite_hash="", file_hash=None),
    "cancel": lambda api: api.cancel(UPLOAD_ID),
    "delete": lambda api: api.delete(UPLOAD_ID),
    "download": lambda api: api.open_file(UPLOAD_ID, start=0, etag=""),
}


REDIRECTS = [
    (operation, status)
    for operation in OPERATIONS
    for status in (301, 302, 303, 307, 308)
    if (operation, status) != ("download", 302)  # Of an object store, which gets to see no token.
]


@pytest.mark.parametrize(("operation", "status"), REDIRECTS)
def test_no_redirect_is_followed(make_server: Callable[[], AnsweringServer], operation: str, status: int) -> None:
    server, other = make_server(), make_server()
    server.status, server.location = status, other.base_url
    api = UploadApi(f"{server.base_url}/api", "secret")
    with pytest.raises(Refused, match="another address") as error:
        OPERATIONS[operation](api)
    api.close()
    assert (error.value.code, error.value.status, error.value.retryable) == ("redirected", status, False)
    assert len(server.asked) == 1
    assert other.asked == []


def test_a_download_may_be_in_an_object_store_which_sees_no_token(make_server: Callable[[], AnsweringServer]) -> None:
    server, store = make_server(), make_server()
    server.status, server.location = 302, store.base_url
    api = UploadApi(f"{server.base_url}/api", "secret")
    answer = api.open_file(UPLOAD_ID, start=7, etag="0" * 64)
    assert answer.data == b"{}"
    api.close()
    (asked,) = store.asked
    assert asked.headers["Range"] == "bytes=7-"
    assert "Authorization" not in asked.headers
    assert "If-Range" not in asked.headers


@pytest.mark.parametrize("status", [302, 307, 403, 404])
def test_nor_is_it_gone_on_from_there(make_server: Callable[[], AnsweringServer], status: int) -> None:
    server, store = make_server(), make_server()
    server.status, server.location = 302, store.base_url
    store.status, store.location = status, server.base_url
    api = UploadApi(f"{server.base_url}/api", "secret")
    with pytest.raises(UploadError):
        api.open_file(UPLOAD_ID, start=0, etag="")
    api.close()
    assert (len(server.asked), len(store.asked)) == (1, 1)


@pytest.mark.parametrize("address", ["", "ftp://127.0.0.1", "file://"])
def test_an_address_that_is_none_is_refused(make_server: Callable[[], AnsweringServer], address: str) -> None:
    server = make_server()
    server.status, server.location = 302, address
    api = UploadApi(f"{server.base_url}/api", "secret")
    with pytest.raises(UploadError, match="nowhere"):
        api.open_file(UPLOAD_ID, start=0, etag="")
    api.close()


def test_addresses_in_answers_are_not_gone_to(make_server: Callable[[], AnsweringServer], tmp_path: Path) -> None:
    """Neither that of the next page, nor that of a file."""
    server, other = make_server(), make_server()
    file = {"name": "a.bin", "size": 2, "sha256": "0" * 64, "url": f"{other.base_url}/file/x"}
    session = {"upload_id": UPLOAD_ID, "status": "completed", "file": file}
    with Uploader(f"{server.base_url}/api", "secret", retry_delays=()) as uploader:
        server.document = {"results": [session], "next": f"{other.base_url}?page=2"}
        pages = uploader.list()
        next(pages)
        server.document = {"results": [session], "next": None}
        next(pages)
        server.document = session
        with pytest.raises(UploadError, match="more than it announced"):
            uploader.download(UPLOAD_ID, tmp_path)
    paths = [asked.path for asked in server.asked]
    assert paths[1:] == ["/api/?page=2", f"/api/status/{UPLOAD_ID}", f"/api/file/{UPLOAD_ID}"]
    assert {asked.headers["Authorization"] for asked in server.asked} == {"Bearer secret"}
    assert other.asked == []
