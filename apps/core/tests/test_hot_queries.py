"""The hand-written queries agree with the ORM."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import IntegrityError
from django.utils import timezone

from apps.core.models import ChunkReceipt, UploadSession
from apps.core.services import hot_queries

pytestmark = pytest.mark.integration


@pytest.fixture
def session(service: Any) -> UploadSession:
    begun: UploadSession = service.create(filename="a.bin", total_size=10, chunk_size=4, metadata={"a": [1]})[0]
    UploadSession.objects.update(append_token=uuid.uuid4())
    begun.refresh_from_db()
    return begun


def record(session: UploadSession, index: int, **options: Any) -> tuple[int, int] | None:
    now = timezone.now()
    size = options.pop("size", 4)
    receipt = hot_queries.Receipt(index, index * 4, size, b"d" * 32, "etag", is_short=size < 4)
    arguments = {"append_token": None, "expires_at": now, "now": now, **options}
    return hot_queries.record_receipt(session.pk, receipt, **arguments)


def test_a_selected_session_has_every_field_as_the_orm_gives_it(session: UploadSession) -> None:
    selected = hot_queries.select_session(session.upload_id, session.owner_id)
    assert selected == session
    for field in UploadSession._meta.concrete_fields:
        assert getattr(selected, field.attname) == getattr(session, field.attname), field.name


def test_a_strangers_session_is_not_selected(session: UploadSession, stranger: Any) -> None:
    assert hot_queries.select_session(session.upload_id, stranger.pk) is None


def test_a_receipt_is_written_and_counted(session: UploadSession) -> None:
    assert record(session, 1) == (1, 4)
    assert record(session, 0) == (2, 8)
    session.refresh_from_db()
    assert (session.received_chunks, session.received_bytes, session.contiguous_chunks) == (2, 8, 1)
    receipt = ChunkReceipt.objects.get(index=1)
    assert (bytes(receipt.sha256), receipt.etag) == (b"d" * 32, "etag")


def test_a_second_receipt_for_a_chunk_changes_nothing(session: UploadSession) -> None:
    record(session, 0)
    with pytest.raises(IntegrityError):
        record(session, 0)
    session.refresh_from_db()
    assert session.received_chunks == 1


@pytest.mark.parametrize("status", ["assembling", "completed", "cancelled", "expired", "failed", "removing"])
def test_only_active_sessions_take_receipts(session: UploadSession, status: str) -> None:
    UploadSession.objects.update(status=status)
    assert record(session, 0) is None
    assert not ChunkReceipt.objects.exists()


def test_only_the_newest_sequential_request_records(session: UploadSession) -> None:
    assert record(session, 0, append_token=uuid.uuid4()) is None
    assert record(session, 0, append_token=session.append_token) == (1, 4)


@pytest.mark.parametrize(
    ("index", "size", "fits"),
    [(0, 4, True), (1, 4, True), (2, 2, True), (2, 1, False), (2, 4, False), (1, 3, False), (3, 4, False)],
)
def test_only_what_lies_in_the_grid_is_recorded(session: UploadSession, index: int, size: int, fits: bool) -> None:
    assert (record(session, index, size=size) is not None) == fits


def test_what_is_not_reserved_is_not_recorded(session: UploadSession) -> None:
    UploadSession.objects.update(total_size=None, reserved_bytes=7)
    assert record(session, 1) is None
    assert record(session, 1, size=3) == (1, 3)


class TestUnknownSize:
    @pytest.fixture(autouse=True)
    def _unknown(self, session: UploadSession) -> None:
        UploadSession.objects.update(total_size=None, reserved_bytes=100)

    def test_a_short_chunk_fixes_the_end(self, session: UploadSession) -> None:
        assert record(session, 2, size=3)
        assert record(session, 3) is None
        assert record(session, 1)
        session.refresh_from_db()
        assert (session.end_index, session.chunks_end) == (2, 3)

    def test_a_short_chunk_before_another_is_refused(self, session: UploadSession) -> None:
        assert record(session, 5)
        assert record(session, 4, size=3) is None
        assert record(session, 6, size=3)

    def test_there_is_one_end(self, session: UploadSession) -> None:
        assert record(session, 2, size=3)
        assert record(session, 1, size=3) is None


def test_the_state_of_a_chunk(session: UploadSession) -> None:
    assert hot_queries.select_chunk_state(session.pk, 0) == ("active", session.append_token, None)
    record(session, 0)
    assert hot_queries.select_chunk_state(session.pk, 0) == ("active", session.append_token, b"d" * 32)
    assert hot_queries.select_chunk_state(0, 0) is None
