"""Bodies of ordinary views under ASGI: refused before Django spools a byte too many, or waits too long."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import pytest

from apps.core.http import small_bodies
from apps.core.http.asgi import UploadApplication
from apps.core.http.small_bodies import serve_small_body
from apps.core.views.api_base import BODY_LIMIT

pytestmark = pytest.mark.unit


def scope(path: str = "/api/v1/upload/init", method: str = "POST", **headers: str) -> dict[str, Any]:
    given = [
        (b"host", b"testserver"),
        *((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()),
    ]
    return {"type": "http", "method": method, "path": path, "query_string": b"", "headers": given, "scheme": "http"}


class Client:
    """Sends its pieces, then nothing more; keeps what it is sent."""

    def __init__(self, pieces: Iterable[bytes] = (), *, ends: bool = True) -> None:
        self._messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
        if ends:
            self._messages.append({"type": "http.request", "body": b"", "more_body": False})
        self.sent: list[Any] = []

    async def receive(self) -> Any:
        if not self._messages:
            await asyncio.sleep(3600)
        return self._messages.pop(0)

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def code(self) -> str:
        return str(json.loads(self.sent[1]["body"])["code"])

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])


async def reading(scope: Any, receive: Any, send: Any) -> None:
    """As Django does: the whole body, then a view."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})


async def untouched(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("Django was asked")


def test_a_body_that_says_that_it_is_too_long_is_not_read() -> None:
    client = Client()
    asyncio.run(serve_small_body(untouched, 10, scope(content_length="11"), client.receive, client.send))
    assert (client.status, client.code) == (413, "too_large")


def test_a_length_of_thousands_of_digits_is_too_long() -> None:
    client = Client()
    asked = scope(content_length="0" * 5000 + "5")
    asyncio.run(serve_small_body(untouched, 10, asked, client.receive, client.send))
    assert client.status == 413


def test_one_that_does_not_say_so_is_read_up_to_the_limit() -> None:
    client = Client([b"01234", b"56789", b"0"])
    asyncio.run(serve_small_body(reading, 10, scope(), client.receive, client.send))
    assert (client.status, client.code) == (413, "too_large")


def test_a_body_of_just_the_limit_passes() -> None:
    client = Client([b"01234", b"56789"])
    asyncio.run(serve_small_body(reading, 10, scope(content_length="10"), client.receive, client.send))
    assert client.status == 200


def test_a_body_that_does_not_end_in_time_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_bodies, "TIMEOUT", 0.01)
    client = Client([b"01234"], ends=False)
    asyncio.run(serve_small_body(reading, 10, scope(), client.receive, client.send))
    assert (client.status, client.code) == (408, "receive_timeout")


def test_after_the_body_there_is_all_the_time_in_the_world(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_bodies, "TIMEOUT", 0.01)

    async def waiting(scope: Any, receive: Any, send: Any) -> None:
        await reading(scope, receive, send)
        with pytest.raises(TimeoutError):  # This one's own, not a refusal.
            await asyncio.wait_for(receive(), 0.05)

    client = Client()
    asyncio.run(serve_small_body(waiting, 10, scope(), client.receive, client.send))
    assert client.status == 200


def test_a_refusal_has_the_headers_that_every_answer_has(uploads: Any) -> None:
    uploads(CORS_ALLOWED_ORIGINS=("https://app.example.com",))
    client = Client()
    asked = scope(content_length="11", x_request_id="mine", origin="https://app.example.com")
    asyncio.run(serve_small_body(untouched, 10, asked, client.receive, client.send))
    assert client.headers[b"x-request-id"] == b"mine"
    assert client.headers[b"access-control-allow-origin"] == b"https://app.example.com"
    assert client.headers[b"connection"] == b"close"


UPLOAD = "00000000-0000-4000-8000-000000000000"
BELOW = ["init", "complete", "cancel", f"status/{UPLOAD}", f"file/{UPLOAD}", UPLOAD, "", "no/such/path"]
ADDRESSES = [*(f"/api/v1/upload/{address}" for address in BELOW), "/healthz", "/readyz", "/metrics", "/"]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "BREW"])
@pytest.mark.parametrize("path", ADDRESSES)
def test_no_address_of_the_app_reads_a_large_body_whoever_sends_it(path: str, method: str) -> None:
    client = Client()
    asked = scope(path, method, content_length=str(BODY_LIMIT + 1))
    asyncio.run(UploadApplication(untouched)(asked, client.receive, client.send))
    assert (client.status, client.code) == (413, "too_large")


@pytest.mark.parametrize("path", ["/login/", "/admin/", "/nowhere"])
def test_a_project_may_bound_all_the_rest(path: str) -> None:
    client = Client()
    asked = scope(path, content_length="11")
    asyncio.run(UploadApplication(untouched, body_limit=10)(asked, client.receive, client.send))
    assert client.status == 413


def test_a_project_that_does_not_is_left_alone() -> None:
    client = Client([b"x" * 100])
    asyncio.run(UploadApplication(reading)(scope("/nowhere"), client.receive, client.send))
    assert client.status == 200
