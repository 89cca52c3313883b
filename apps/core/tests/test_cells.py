"""Reserving a chunk in the ledger, where its store cannot lock it."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from apps.core.errors import ChunkSuperseded, Conflict
from apps.core.models import ChunkReservation, UploadSession
from apps.core.services import cells
from apps.core.storage import get_store

from .memory_store import MemoryStore

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

MINE = b"m" * 32
OTHER = b"o" * 32


@pytest.fixture
def session(service: Any, uploads: Any, tmp_path: Path) -> UploadSession:
    objects = {"BACKEND": f"{MemoryStore.__module__}.MemoryStore", "OPTIONS": {"bucket": str(tmp_path)}}
    uploads(STORES={"default": objects}, CHUNK_SIZE=4, MIN_CHUNK_SIZE=1)
    made: UploadSession = service.create(filename="a.bin", total_size=10)[0]
    return made


def held(session: UploadSession, digest: bytes = MINE, *, index: int = 0, supersede: bool = False) -> Any:
    return cells.held(session, get_store("default"), index, digest, supersede=supersede)


def test_it_is_there_while_it_is_held_and_gone_afterwards(session: UploadSession) -> None:
    with held(session) as cell:
        (row,) = ChunkReservation.objects.all()
        assert (row.token, bytes(row.sha256), row.index) == (cell.reservation, MINE, 0)
        assert row.expires_at > timezone.now()
    assert not ChunkReservation.objects.exists()


def test_no_transaction_is_open_meanwhile(session: UploadSession) -> None:
    with held(session):
        assert not connection.in_atomic_block


def test_other_bytes_are_refused(session: UploadSession) -> None:
    with held(session), pytest.raises(ChunkSuperseded), held(session, OTHER):
        pass


def test_other_chunks_are_not_concerned(session: UploadSession) -> None:
    with held(session), held(session, OTHER, index=1):
        assert ChunkReservation.objects.count() == 2


def test_other_bytes_may_come_once_it_has_run_out(session: UploadSession) -> None:
    with held(session) as lost:
        ChunkReservation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        with held(session, OTHER) as cell:
            assert cell.reservation != lost.reservation
            assert bytes(ChunkReservation.objects.get().sha256) == OTHER


def test_the_newest_sequential_request_takes_that_of_an_older_one_over_at_once(session: UploadSession) -> None:
    with held(session, supersede=True), held(session, OTHER, supersede=True):
        assert bytes(ChunkReservation.objects.get().sha256) == OTHER


def test_but_not_that_of_a_sender_of_the_chunk_alone(session: UploadSession) -> None:
    with held(session), pytest.raises(ChunkSuperseded), held(session, OTHER, supersede=True):
        pass


def test_who_lost_it_does_not_release_it(session: UploadSession) -> None:
    lost = held(session, supersede=True)
    lost.__enter__()
    with held(session, OTHER, supersede=True):
        lost.__exit__(None, None, None)
        assert ChunkReservation.objects.exists()


def test_the_same_bytes_wait_for_the_one_who_sends_them(
    session: UploadSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells, "TWIN_PATIENCE", 1000.0)
    is_waiting = threading.Event()
    monkeypatch.setattr(cells, "time", _Noting(is_waiting))
    tokens: list[Any] = []

    def send() -> None:
        with held(session) as cell:
            tokens.append(cell.reservation)
        connection.close()

    second = threading.Thread(target=send)
    with held(session):
        second.start()
        assert is_waiting.wait(20)
        assert tokens == []
    second.join(20)
    assert len(tokens) == 1


class _Noting:
    """A clock that says when somebody waits."""

    def __init__(self, is_waiting: threading.Event) -> None:
        self._is_waiting = is_waiting

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        self._is_waiting.set()


def test_and_join_it_when_it_takes_too_long(session: UploadSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "TWIN_PATIENCE", 0.0)
    with held(session), held(session) as cell:
        assert ChunkReservation.objects.get().token == cell.reservation


class TestRecording:
    """The receipt needs a reservation for its bytes."""

    def sink(self, service: Any, session: UploadSession, data: bytes = b"0123") -> Any:
        sink = service.receive_chunk(session, 0)
        sink.receive(data)
        return sink

    def test_it_is_used_up(self, service: Any, session: UploadSession) -> None:
        self.sink(service, session).finish()
        assert not ChunkReservation.objects.exists()

    def test_one_that_was_taken_for_other_bytes_meanwhile_records_nothing(
        self, service: Any, session: UploadSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sink = self.sink(service, session)
        commit = sink._writer.commit

        def stopped_for_long(entry: Any, digest: bytes) -> str:
            etag: str = commit(entry, digest)
            ChunkReservation.objects.update(sha256=OTHER, token=uuid.uuid4())
            return etag

        monkeypatch.setattr(sink._writer, "commit", stopped_for_long)
        with pytest.raises(ChunkSuperseded):
            sink.finish()
        assert session.receipts.count() == 0
        assert ChunkReservation.objects.count() == 1

    def test_one_that_a_twin_used_up_is_a_success(
        self, service: Any, session: UploadSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(cells, "TWIN_PATIENCE", 0.0)
        sink = self.sink(service, session)
        commit = sink._writer.commit

        def twin_is_faster(entry: Any, digest: bytes) -> str:
            etag: str = commit(entry, digest)
            self.sink(service, service.find(session.upload_id)).finish()
            return etag

        monkeypatch.setattr(sink._writer, "commit", twin_is_faster)
        assert sink.finish().totals.received_chunks == 1
        assert session.receipts.count() == 1

    def test_one_that_may_not_record_leaves_everything_to_who_may(
        self, service: Any, session: UploadSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = service.receive_from(session, 0)
        first.receive(b"01")
        first.finish()
        superseded = service.receive_from(service.find(session.upload_id), 2)
        chunk = superseded._open_chunk()
        commit = chunk._writer.commit

        def newer_one_comes(entry: Any, digest: bytes) -> str:
            etag: str = commit(entry, digest)
            service.offset(service.find(session.upload_id), supersede=True)
            return etag

        monkeypatch.setattr(chunk._writer, "commit", newer_one_comes)
        with pytest.raises(Conflict):
            superseded.receive(b"23")
        assert [(each.start, each.size) for each in session.segments.all()] == [(0, 2)]
        newest = service.find(session.upload_id)
        assert service.offset(newest) == 2
        last = service.receive_from(newest, 2)
        last.receive(b"23456789")
        assert last.finish() == 10
