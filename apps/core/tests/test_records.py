"""Nobody's records grow without bound."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.core.models import UploadSession
from apps.core.services import records
from apps.core.services.resumable_upload_service import ResumableUploadService

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("small_chunks")]


def begin(service: Any, name: str = "a.bin") -> UploadSession:
    session: UploadSession = service.create(filename=name, total_size=4)[0]
    return session


def cancelled(service: Any, count: int) -> list[UploadSession]:
    """Sessions that ended one after the other."""
    sessions = [begin(service) for _ in range(count)]
    for age, session in enumerate(reversed(sessions)):
        service.cancel(session)
        ended_at = timezone.now() - timedelta(minutes=age)
        UploadSession.objects.filter(pk=session.pk).update(ended_at=ended_at)
    return sessions


def test_the_oldest_records_go_when_another_upload_begins(service: Any, uploads: Any) -> None:
    oldest, *others = cancelled(service, 3)
    uploads(MAX_ENDED_RECORDS=2)
    new = begin(service)
    assert set(UploadSession.objects.all()) == {*others, new}
    assert not UploadSession.objects.filter(pk=oldest.pk).exists()


def test_a_bound_that_was_lowered_is_reached_step_by_step(
    service: Any, uploads: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "BATCH", 2)
    cancelled(service, 5)
    uploads(MAX_ENDED_RECORDS=1)
    ended = UploadSession.objects.filter(status="cancelled")
    begin(service, "b.bin")
    assert ended.count() == 3
    begin(service, "c.bin")
    assert ended.count() == 1


def test_open_and_completed_uploads_and_those_of_others_stay(service: Any, stranger: Any, uploads: Any) -> None:
    cancelled(ResumableUploadService(stranger), 3)
    service.create(filename="empty.bin", total_size=0)
    begin(service)
    uploads(MAX_ENDED_RECORDS=1)
    begin(service, "b.bin")
    assert UploadSession.objects.count() == 6
