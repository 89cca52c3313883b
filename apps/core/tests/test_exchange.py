"""One request of a protocol, alike under both drivers."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any, ClassVar

import pytest
from django.test import RequestFactory
from django.urls import path, re_path

from apps.core.http.asgi import UploadApplication
from apps.core.http.exchange import Exchange
from apps.core.http.feeding import Feeder
from apps.core.http.informational import ASGI_EXTENSION
from apps.core.http.protocol import Answer, Body, CorsNeeds, RequestHead, UploadProtocol
from apps.core.http.wsgi import protocol_view
from apps.core.services.principal import Principal

from .api import Api
from .recorder import Recorder

pytestmark = pytest.mark.integration

PREFLIGHT = {"Access-Control-Allow-Headers", "Access-Control-Allow-Methods", "Access-Control-Max-Age"}


class Echo(UploadProtocol):
    """Answers with what it saw of the head, and knows its senders by itself."""

    name = "echo"
    methods: ClassVar[frozenset[str]] = frozenset({"HEAD", "PATCH", "DELETE", "OPTIONS"})
    public_methods: ClassVar[frozenset[str]] = frozenset({"OPTIONS"})
    cors = CorsNeeds(request_headers=frozenset({"Upload-Offset"}), exposed_headers=frozenset({"Upload-Length"}))

    def authenticate(self, request: Any, path_parameters: Any) -> Principal:
        return Principal(request.GET["signed-by"])

    def begin(self, head: RequestHead) -> Answer | Body:
        if head.method == "OPTIONS":
            assert head.principal is None
            return Answer(204, headers={"Tus-Version": "1.0.0"})
        if head.method == "PATCH":
            return _EchoBody(head)
        return Answer(204 if head.method == "DELETE" else 200, headers={"Upload-Offset": head.require_principal().key})


class _EchoBody(Body):
    interim = Answer(104, headers={"Location": "/here"})

    def __init__(self, head: RequestHead) -> None:
        self._head = head
        self._received = 0

    def receive(self, block: bytes) -> Answer | None:
        self._received += len(block)
        return Answer(104, headers={"Upload-Offset": str(self._received)})

    def finish(self) -> Answer:
        return Answer(200, f"{self._head.query['signed-by']} {self._received}".encode())

    def abort(self) -> None:
        """Nothing to give up."""


ECHO = protocol_view(Echo())
urlpatterns = [path("echo", ECHO), re_path("", lambda request: None)]  # type: ignore[arg-type, return-value]


@pytest.fixture
def _echo(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__


@pytest.fixture
def anonymous(base_url: str, transactional_db: None) -> Any:
    with Api(base_url, None) as client:
        yield client


@pytest.mark.usefixtures("_echo")
class TestAlikeUnderBothDrivers:
    def url(self, api: Api) -> str:
        return f"{api.base_url}/echo?signed-by=7"

    @pytest.mark.parametrize(("method", "status"), [("DELETE", 204), ("HEAD", 200)])
    def test_without_content_there_is_no_content_length(self, anonymous: Api, method: str, status: int) -> None:
        answer = anonymous.http.request(method, self.url(anonymous), timeout=10)
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (status, "user:7")
        assert "Content-Length" not in answer.headers
        assert "Content-Type" not in answer.headers

    def test_a_public_method_needs_no_authentication(self, anonymous: Api) -> None:
        answer = anonymous.http.options(f"{anonymous.base_url}/echo", timeout=10)
        assert (answer.status_code, answer.headers["Tus-Version"]) == (204, "1.0.0")

    def test_other_methods_are_refused_with_those_there_are(self, anonymous: Api) -> None:
        answer = anonymous.http.put(self.url(anonymous), data=b"x", timeout=10)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "DELETE, HEAD, OPTIONS, PATCH")

    def test_a_protocol_sees_the_query_string_and_the_body(self, anonymous: Api) -> None:
        answer = anonymous.http.patch(self.url(anonymous), data=b"0123", timeout=10)
        assert (answer.status_code, answer.content) == (200, b"7 4")

    def test_preflights_name_what_the_protocol_needs(self, anonymous: Api, uploads: Any) -> None:
        uploads(CORS_ALLOWED_ORIGINS=("https://app.example.com",))
        headers = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "PATCH"}
        answer = anonymous.http.options(self.url(anonymous), headers=headers, timeout=10)
        assert answer.status_code == 204
        assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]
        assert "Upload-Offset" in answer.headers["Access-Control-Allow-Headers"]
        assert "Upload-Length" in answer.headers["Access-Control-Expose-Headers"]
        assert "Tus-Version" not in answer.headers


def test_options_says_what_there_is(base_url: str, transactional_db: None) -> None:
    with Api(base_url, None) as anonymous:
        answer = anonymous.http.options(f"{anonymous.url}/chunk/00000000-0000-4000-8000-000000000000/0", timeout=10)
    assert (answer.status_code, answer.headers["Allow"]) == (204, "OPTIONS, PUT")
    assert "Content-Length" not in answer.headers


@pytest.mark.usefixtures("_echo")
class TestInterimAnswers:
    def scope(self, extensions: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "http",
            "method": "PATCH",
            "path": "/echo",
            "query_string": b"signed-by=7",
            "headers": [(b"host", b"localhost"), (b"content-length", b"4")],
            "extensions": extensions,
        }

    def sent(self, extensions: dict[str, Any], transactional_db: None) -> list[Any]:
        application = UploadApplication(None)  # type: ignore[arg-type]
        sent: list[Any] = []
        body = iter(
            [{"type": "http.request", "body": b"01", "more_body": True}, {"type": "http.request", "body": b"23"}]
        )

        async def receive() -> Any:
            return next(body)

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run(application(self.scope(extensions), receive, send))
        application.threads.close()
        return sent

    def test_they_are_sent_where_the_asgi_server_can(
        self, transactional_db: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Feeder, "_block_size", lambda self: 1)
        messages = self.sent({ASGI_EXTENSION: {}}, transactional_db)
        assert [(m["type"], m.get("status")) for m in messages[:3]] == [
            (ASGI_EXTENSION, 104),
            (ASGI_EXTENSION, 104),
            ("http.response.start", 200),
        ]
        assert messages[0]["headers"] == [(b"location", b"/here")]
        assert messages[1]["headers"] == [(b"upload-offset", b"2")]

    def test_and_nowhere_else(self, transactional_db: None) -> None:
        messages = self.sent({}, transactional_db)
        assert [m["type"] for m in messages] == ["http.response.start", "http.response.body"]

    def test_they_are_sent_where_the_wsgi_server_can(self, transactional_db: None) -> None:
        servers, clients = socket.socketpair()
        request = RequestFactory().patch("/echo?signed-by=7", b"0123")
        request.META["gunicorn.socket"] = servers
        with servers, clients:
            assert ECHO(request).status_code == 200
            sent = clients.recv(1000)
        reason = b"HTTP/1.1 104 Upload Resumption Supported\r\n"
        assert sent == reason + b"Location: /here\r\n\r\n" + reason + b"Upload-Offset: 4\r\n\r\n"


@pytest.fixture
def exchange() -> Any:
    begun = Exchange(Recorder(), RequestFactory().put("/"), {})
    assert begun.begin() is None
    return begun


def test_an_early_answer_ends_the_body(exchange: Any) -> None:
    assert exchange.receive(b"enough").status == 409
    assert exchange._body.happened == ["enough", "abort"]


def test_the_end_of_a_stopped_request_waits_for_the_step_at_work(exchange: Any) -> None:
    step = threading.Thread(target=exchange.receive, args=(b"slow",))
    step.start()
    exchange._body.at_work.wait(10)
    end = threading.Thread(target=exchange.abort)
    end.start()
    end.join(0.05)
    exchange._body.may_end.set()
    step.join()
    end.join()
    assert exchange._body.happened == ["slow", "abort"]


@pytest.mark.parametrize(("sent", "happened"), [(b"012", ["012", "abort"]), (b"", ["abort"])])
def test_a_body_shorter_than_announced_is_a_broken_one(sent: bytes, happened: list[str]) -> None:
    exchange = Exchange(Recorder(), RequestFactory().put("/", b"0123"), {})
    assert exchange.begin() is None
    if sent:
        exchange.receive(sent)
    answer = exchange.finish()
    assert isinstance(answer, Answer)
    assert (answer.status, answer.code) == (400, "incomplete_body")
    assert exchange._body.happened == happened  # type: ignore[union-attr]


def test_a_body_as_long_as_announced_is_finished() -> None:
    exchange = Exchange(Recorder(), RequestFactory().put("/", b"0123"), {})
    assert exchange.begin() is None
    exchange.receive(b"01")
    exchange.receive(b"23")
    answer = exchange.finish()
    assert isinstance(answer, Answer)
    assert answer.status == 200


def test_a_host_that_is_not_ours_is_refused() -> None:
    answer = Exchange(Recorder(), RequestFactory().put("/", headers={"host": "evil.example"}), {}).begin()
    assert answer is not None
    assert answer.status == 400


@pytest.mark.parametrize(
    ("headers", "names"),
    [
        ({"origin": "https://app.example.com", "access-control-request-method": "PUT"}, PREFLIGHT),
        ({"origin": "https://app.example.com"}, {"Allow"}),
        ({"access-control-request-method": "PUT"}, {"Allow"}),
    ],
)
def test_only_what_a_browser_asks_for_a_page_is_a_preflight(
    uploads: Any, headers: dict[str, str], names: set[str]
) -> None:
    uploads(CORS_ALLOWED_ORIGINS=("https://app.example.com",))
    answer = Exchange(Recorder(), RequestFactory().options("/", headers=headers), {}).begin()
    assert answer is not None
    assert set(answer.headers) == names


def test_permits_in_a_path_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    exchange = Exchange(Recorder(), RequestFactory().put("/"), {"upload_id": "this", "endpoint": "secret"})
    with caplog.at_level("INFO"):
        exchange.log(Answer(200))
    (record,) = caplog.records
    assert "this" in vars(record).values()
    assert "secret" not in str(vars(record))
