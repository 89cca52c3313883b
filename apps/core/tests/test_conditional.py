"""Conditional updates of one row are decided by what the row is, however many wait for it."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import F, Q
from django.utils import timezone

from apps.core.models import OwnerUsage, UploadSession
from apps.core.services import hot_queries
from apps.core.services.conditional import update_if

from .threads import together

pytestmark = pytest.mark.integration

THREADS, EACH = 8, 25


def test_none_that_waited_is_told_that_it_does_not_match(service: Any) -> None:
    service.create(filename="a.bin", total_size=1)
    row = OwnerUsage.objects.filter(owner=service.principal.user_id)
    lost: list[int] = []

    def add(number: int) -> None:
        for _ in range(EACH):
            if not update_if(row, Q(open_sessions__gte=1), stored_bytes=F("stored_bytes") + 1):
                lost.append(number)

    together(THREADS, add)
    assert lost == []
    assert row.get().stored_bytes == THREADS * EACH


def test_no_receipt_that_waited_is_refused(service: Any) -> None:
    session: UploadSession = service.create(filename="a.bin", total_size=THREADS * EACH * 65536, chunk_size=65536)[0]
    refused: list[int] = []

    def record(number: int) -> None:
        for index in range(number, THREADS * EACH, THREADS):
            now = timezone.now()
            receipt = hot_queries.Receipt(index, index * 65536, 65536, b"d" * 32, "", is_short=False)
            options: Any = {"append_token": None, "expires_at": now, "now": now}
            if hot_queries.record_receipt(session.pk, receipt, **options) is None:
                refused.append(index)

    together(THREADS, record)
    session.refresh_from_db()
    assert refused == []
    assert session.received_chunks == session.receipts.count() == THREADS * EACH


def test_a_condition_that_does_not_hold_changes_nothing(service: Any) -> None:
    service.create(filename="a.bin", total_size=1)
    row = OwnerUsage.objects.filter(owner=service.principal.user_id)
    assert not update_if(row, Q(open_sessions=2), stored_bytes=5)
    assert row.get().stored_bytes == 0
