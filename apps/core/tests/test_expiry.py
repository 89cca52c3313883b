"""A session expires, if nothing was acknowledged since its expiry was read (invariant 1)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.core.errors import SessionGone
from apps.core.models import UploadSession
from apps.core.services import ledger, transitions
from apps.core.services.cleanup import Cleanup

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("small_chunks")]

Expiring = Callable[[Any, UploadSession], object]


def by_service(service: Any, stale: UploadSession) -> object:
    return service.status(stale.upload_id)


def by_chunk(service: Any, stale: UploadSession) -> object:
    return service.receive_chunk(stale, 1)


def by_append(service: Any, stale: UploadSession) -> object:
    return service.receive_from(stale, 4)


def by_init(service: Any, stale: UploadSession) -> object:
    return service.create(filename="a.bin", total_size=8, file_hash="a" * 64)


def by_cleanup(service: Any, stale: UploadSession) -> object:
    return Cleanup(retention=timedelta(days=1), batch_size=10, dry_run=False).run()


def by_admin(service: Any, stale: UploadSession) -> object:
    client = Client()
    client.force_login(get_user_model()._default_manager.create_superuser("root"))
    return client.post(
        reverse(f"admin:{UploadSession._meta.app_label}_uploadsession_changelist"),
        {"action": "expire_uploads", "_selected_action": [stale.pk]},
    )


@pytest.mark.parametrize("expiring", [by_service, by_chunk, by_append, by_init, by_cleanup, by_admin])
def test_a_chunk_recorded_in_the_last_moment_saves_the_session(
    service: Any, monkeypatch: pytest.MonkeyPatch, expiring: Expiring
) -> None:
    """The expiry is read, then a chunk is acknowledged, then the session would expire."""
    session, _ = service.create(filename="a.bin", total_size=8, file_hash="a" * 64)
    chunk = service.receive_chunk(session, 0)
    chunk.receive(b"0123")
    UploadSession.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    stale = ledger.find(service.principal, session.upload_id)
    real_expire = transitions.expire

    def expire_after_the_chunk(seen: UploadSession) -> bool:
        if not seen.receipts.exists():
            chunk.finish()
        return real_expire(seen)

    monkeypatch.setattr(transitions, "expire", expire_after_the_chunk)
    expiring(service, stale)
    session.refresh_from_db()
    assert session.status == "active"
    assert session.received_chunks == 1
    assert session.receipts.count() == 1


def test_an_overdue_duplicate_makes_room_for_a_new_session(service: Any, store_root: Any) -> None:
    old, _ = service.create(filename="a.bin", total_size=8, file_hash="a" * 64)
    UploadSession.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    new, created = service.create(filename="a.bin", total_size=8, file_hash="a" * 64)
    old.refresh_from_db()
    assert created
    assert (old.status, new.status) == ("expired", "active")
    assert {path.stem for path in (store_root / "staging").iterdir()} == {new.upload_id.hex}


@pytest.mark.parametrize("asking", [by_service, by_chunk, by_append])
def test_an_overdue_session_expires_with_all_it_had(service: Any, store_root: Any, asking: Expiring) -> None:
    session, _ = service.create(filename="a.bin", total_size=8)
    chunk = service.receive_chunk(session, 0)
    chunk.receive(b"0123")
    chunk.finish()
    UploadSession.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with suppress(SessionGone):
        asking(service, ledger.find(service.principal, session.upload_id))
    session.refresh_from_db()
    assert session.status == "expired"
    assert not session.receipts.exists()
    assert list((store_root / "staging").iterdir()) == []
