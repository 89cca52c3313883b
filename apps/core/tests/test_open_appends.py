"""Requests that a newer one took over from are ended, in this process and, by the tokens in the rows, in others."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.models import UploadSession
from apps.core.services import ledger, open_appends
from apps.core.services.open_appends import OpenAppend

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("small_chunks")]


@pytest.fixture(autouse=True)
def _nothing_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_appends, "_open", set())
    # The thread that looks is this test.
    monkeypatch.setattr(open_appends, "_watch", threading.current_thread())


class Open(OpenAppend):
    """It notes whether it was ended."""

    def __init__(self, session: UploadSession, token: uuid.UUID | None = None) -> None:
        super().__init__(session.pk)
        self.token = token
        self.is_ended = False
        self.end = self._end
        open_appends.add(self)

    def _end(self) -> None:
        self.is_ended = True


@pytest.fixture
def session(service: Any) -> UploadSession:
    begun: UploadSession = service.create(filename="a.bin", total_size=10)[0]
    return begun


@pytest.fixture
def other(service: Any) -> UploadSession:
    begun: UploadSession = service.create(filename="b.bin", total_size=10)[0]
    return begun


def test_all_but_the_newest_of_a_session_are_ended(session: UploadSession, other: UploadSession) -> None:
    older = Open(session, ledger.supersede_append(session))
    elsewhere = Open(other, ledger.supersede_append(other))
    newest = Open(session, ledger.supersede_append(session))
    open_appends.end_superseded(session.pk)
    assert [older.is_ended, newest.is_ended, elsewhere.is_ended] == [True, False, False]


def test_one_that_has_ended_is_left_alone(session: UploadSession) -> None:
    """Its connection may serve the next request by now."""
    ended = Open(session, ledger.supersede_append(session))
    ledger.supersede_append(session)
    listed = open_appends._listed()
    open_appends.remove(ended)
    open_appends._end_superseded(listed)
    assert not ended.is_ended


def test_who_is_about_to_get_a_token_is_not_ended(session: UploadSession) -> None:
    beginning = Open(session)
    ledger.supersede_append(session)
    open_appends.end_superseded(session.pk)
    assert not beginning.is_ended


def test_who_gets_a_token_while_the_rows_are_read_is_not_ended(session: UploadSession) -> None:
    beginning = Open(session)

    def read_first(execute: Any, sql: str, *args: Any) -> Any:
        found = execute(sql, *args)
        beginning.token = uuid.uuid4()
        return found

    with connection.execute_wrapper(read_first):
        open_appends.end_superseded(session.pk)
    assert beginning.token
    assert not beginning.is_ended


@pytest.mark.parametrize("end", ["cancel", "remove"])
def test_with_the_session_all_of_them_end(service: Any, session: UploadSession, end: str) -> None:
    newest, beginning = Open(session, ledger.supersede_append(session)), Open(session)
    if end == "cancel":
        service.cancel(session)
    else:
        service.remove(session.upload_id)
    assert [newest.is_ended, beginning.is_ended] == [True, True]


def test_those_of_other_processes_are_found_by_one_query(session: UploadSession, other: UploadSession) -> None:
    appends = [Open(each, ledger.supersede_append(each)) for each in (session, other)]
    ledger.supersede_append(session)
    with CaptureQueriesContext(connection) as queries:
        open_appends._end_superseded(open_appends._listed())
    assert [append.is_ended for append in appends] == [True, False]
    assert len(queries) == 1


def test_nothing_is_asked_where_nothing_is_open(session: UploadSession) -> None:
    with CaptureQueriesContext(connection) as queries:
        open_appends.end_superseded(session.pk)
    assert len(queries) == 0


def test_who_takes_over_waits_for_what_is_kept(service: Any, session: UploadSession) -> None:
    """The older request keeps what reached it when it is ended; the newer one finds it."""
    sink = service.receive_from(session, 0)
    append = Open(session, sink.token)

    def keep() -> None:
        sink.abort()
        open_appends.remove(append)

    append.end = lambda: threading.Thread(target=keep).start()
    sink.receive(b"012")
    assert service.offset(service.find(session.upload_id), supersede=True) == 3


def test_but_not_for_ever(service: Any, session: UploadSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_appends, "PATIENCE", 0.01)
    hanging = Open(session, ledger.supersede_append(session))
    assert service.offset(session, supersede=True) == 0
    assert hanging.is_ended


def test_the_thread_that_looks_ends_with_the_last_request(
    session: UploadSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_appends, "INTERVAL", 0.0)
    append = Open(session)
    assert open_appends._wait_for_work()
    open_appends.remove(append)
    assert not open_appends._wait_for_work()
    assert open_appends._watch is None
