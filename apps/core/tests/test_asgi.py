"""The ASGI driver, on what servers hand over: clients that leave, fall silent, drip, and servers that stop."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import path

from apps.core.errors import Unavailable
from apps.core.http import feeding, patience
from apps.core.http.asgi import UploadApplication
from apps.core.http.feeding import Feeder
from apps.core.http.wsgi import protocol_view

from .recorder import Recorder

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

RECORDER = Recorder()
urlpatterns = [path("record", protocol_view(RECORDER))]

SCOPE = {
    "type": "http",
    "method": "PUT",
    "path": "/record",
    "query_string": b"",
    "headers": [(b"host", b"localhost"), (b"transfer-encoding", b"chunked")],
}


def part(body: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


class Connection:
    """What a client sends; after that it is silent."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self._messages = list(messages)
        self.sent: list[Any] = []
        self.is_silent = asyncio.Event()

    async def receive(self) -> Any:
        if self._messages:
            return self._messages.pop(0)
        self.is_silent.set()
        return await asyncio.sleep(3600)

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    @property
    def answer(self) -> tuple[int, str]:
        start, body = self.sent
        return start["status"], json.loads(body["body"])["code"]


@pytest.fixture(autouse=True)
def _recorder(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__
    RECORDER.body = type(RECORDER.body)()


@pytest.fixture
def application() -> Iterator[UploadApplication]:
    made = UploadApplication(None)  # type: ignore[arg-type]
    yield made
    if "threads" in vars(made):
        made.threads.close()


def test_a_client_that_leaves_is_not_answered_and_what_came_is_fed(application: UploadApplication) -> None:
    connection = Connection(part(b"01"), {"type": "http.disconnect"})
    asyncio.run(application(SCOPE, connection.receive, connection.send))
    assert connection.sent == []
    assert RECORDER.body.happened == ["01", "abort"]


def test_a_client_that_falls_silent_is_timed_out(application: UploadApplication, uploads: Any) -> None:
    uploads(RECEIVE_TIMEOUT=0.05)
    connection = Connection(part(b"01"))
    asyncio.run(application(SCOPE, connection.receive, connection.send))
    assert connection.answer == (408, "receive_timeout")
    assert RECORDER.body.happened == ["01", "abort"]


class TestSilence:
    """A sender that stops for now, and may go on."""

    @pytest.fixture(autouse=True)
    def _short(self) -> None:
        RECORDER.body.silence_seconds = 0.01

    def test_what_came_is_put_away_before_the_sender_goes_on(self, application: UploadApplication) -> None:
        class Pausing(Connection):
            async def receive(self) -> Any:
                if not self._messages[1:]:
                    await asyncio.to_thread(RECORDER.body.is_rested.wait, 20)
                return self._messages.pop(0)

        connection = Pausing(part(b"01"), part(b"23", more=False))
        asyncio.run(application(SCOPE, connection.receive, connection.send))
        assert connection.sent[0]["status"] == 200
        assert RECORDER.body.happened == ["01", "silence", "23"]

    def test_one_that_goes_wrong_ends_the_request(self, application: UploadApplication) -> None:
        RECORDER.body.trouble = Unavailable("The store is away.")
        connection = Connection(part(b"01"))
        asyncio.run(application(SCOPE, connection.receive, connection.send))
        assert connection.answer == (503, "unavailable")
        assert RECORDER.body.happened == ["01", "silence", "abort"]

    def test_who_does_not_want_to_know_is_not_told(self, application: UploadApplication, uploads: Any) -> None:
        RECORDER.body.silence_seconds = None
        uploads(RECEIVE_TIMEOUT=0.05)
        connection = Connection(part(b"01"))
        asyncio.run(application(SCOPE, connection.receive, connection.send))
        assert RECORDER.body.happened == ["01", "abort"]


def test_who_sends_fewer_bytes_in_a_period_than_the_least_rate_is_timed_out(
    uploads: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads(RECEIVE_TIMEOUT=60, MIN_RECEIVE_RATE=10)
    now = 0.0
    monkeypatch.setattr("apps.core.http.patience.time.monotonic", lambda: now)
    pace = patience.Pace()
    pace.require(1)
    now = 60.0
    pace.require(599)
    now = 119.0
    pace.require(0)
    now = 120.0
    with pytest.raises(TimeoutError):
        pace.require(599)


def test_a_server_that_stops_ends_the_request_and_keeps_what_came(application: UploadApplication) -> None:
    async def stop() -> None:
        connection = Connection(part(b"01"))
        request = asyncio.create_task(application(SCOPE, connection.receive, connection.send))
        await connection.is_silent.wait()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        assert connection.sent == []

    asyncio.run(stop())
    application.threads.close()
    del application.threads
    assert RECORDER.body.happened == ["01", "abort"]


def test_an_early_answer_is_sent_before_the_body_ends(
    application: UploadApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Feeder, "_block_size", lambda self: 1)
    connection = Connection(part(b"enough"), part(b"too much"))
    asyncio.run(application(SCOPE, connection.receive, connection.send))
    assert connection.sent[0]["status"] == 409
    assert RECORDER.body.happened == ["enough", "abort"]


def test_a_block_is_a_share_of_the_memory_for_all(application: UploadApplication, uploads: Any) -> None:
    uploads(RECEIVE_BUFFER_BYTES=640 * 1024)
    feeder = Feeder(application.threads)
    sizes = []
    for feeder._receiving in (0, 1, 4, 1000):
        sizes.append(feeder._block_size())
    assert sizes == [640 * 1024, 640 * 1024, 160 * 1024, feeding.SMALLEST_BLOCK]


def test_an_early_answer_is_sent_to_who_sends_no_more(
    application: UploadApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Feeder, "_block_size", lambda self: 1)
    connection = Connection(part(b"enough"))
    asyncio.run(asyncio.wait_for(application(SCOPE, connection.receive, connection.send), 20))
    assert connection.sent[0]["status"] == 409


def test_a_server_that_stops_ends_the_request_behind_the_block_at_work(
    application: UploadApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = threading.Event()

    class Noting(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.set()
            return super().wait(timeout)

    monkeypatch.setattr(Feeder, "_block_size", lambda self: 1)
    monkeypatch.setattr(feeding, "Event", Noting)

    async def stop() -> None:
        connection = Connection(part(b"slow"))
        request = asyncio.create_task(application(SCOPE, connection.receive, connection.send))
        await connection.is_silent.wait()
        await asyncio.to_thread(RECORDER.body.at_work.wait, 20)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request

    asyncio.run(stop())
    assert waits.wait(20)
    RECORDER.body.may_end.set()
    application.threads.close()
    del application.threads
    assert RECORDER.body.happened == ["slow", "abort"]
