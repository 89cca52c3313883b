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
    begun: UploadSession = service.create(filename="a.bin", total_size=10, metadata={"a": [1]})[0]
    UploadSession.objects.update(append_token=uuid.uuid4())
    begun.refresh_from_db()
    return begun


def record(session: UploadSession, index: int, **options: Any) -> tuple[int, int] | None:
    now = timezone.now()
    arguments = {"append_token": None, "expires_at": now, "now": now, **options}
    return hot_queries.record_receipt(session.pk, index, 4, b"d" * 32, **arguments)


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
    assert bytes(ChunkReceipt.objects.get(index=1).sha256) == b"d" * 32


def test_a_second_receipt_for_a_chunk_changes_nothing(session: UploadSession) -> None:
    record(session, 0)
    with pytest.raises(IntegrityError):
        record(session, 0)
    session.refresh_from_db()
    assert session.received_chunks == 1


@pytest.mark.parametrize("status", ["assembling", "completed", "cancelled", "expired", "failed"])
def test_only_active_sessions_take_receipts(session: UploadSession, status: str) -> None:
    UploadSession.objects.update(status=status)
    assert record(session, 0) is None
    assert not ChunkReceipt.objects.exists()


def test_only_the_newest_sequential_request_records(session: UploadSession) -> None:
    assert record(session, 0, append_token=uuid.uuid4()) is None
    assert record(session, 0, append_token=session.append_token) == (1, 4)


def test_the_state_of_a_chunk(session: UploadSession) -> None:
    assert hot_queries.select_chunk_state(session.pk, 0) == ("active", session.append_token, None)
    record(session, 0)
    assert hot_queries.select_chunk_state(session.pk, 0) == ("active", session.append_token, b"d" * 32)
    assert hot_queries.select_chunk_state(0, 0) is None
