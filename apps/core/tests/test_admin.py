from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from apps.core.models import OwnerUsage, UploadSession

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("small_chunks")]


@pytest.fixture
def admin(transactional_db: None) -> Client:
    client = Client()
    client.force_login(get_user_model()._default_manager.create_superuser("root"))
    return client


@pytest.fixture
def session(service: Any) -> UploadSession:
    begun: UploadSession = service.create(filename="<i>report.bin", total_size=8)[0]
    receiver = service.receive_chunk(begun, 0)
    receiver.receive(b"0123")
    receiver.finish()
    return begun


LIST = reverse(f"admin:{UploadSession._meta.app_label}_uploadsession_changelist")


def test_the_list_shows_status_owner_and_a_progress_bar(admin: Client, session: UploadSession) -> None:
    page = admin.get(LIST).content.decode()
    assert '<progress value="50.0" max="100"' in page
    assert "owner" in page
    assert "<i>report" not in page


@pytest.mark.parametrize("query", ["report", "owner"])
def test_search_finds(admin: Client, session: UploadSession, query: str) -> None:
    assert str(session.upload_id) in admin.get(LIST, {"q": query}).content.decode()


def test_search_finds_by_id(admin: Client, session: UploadSession) -> None:
    assert "1 upload session" in admin.get(LIST, {"q": str(session.upload_id)}).content.decode()


@pytest.mark.parametrize(("action", "status"), [("cancel_uploads", "cancelled"), ("expire_uploads", "expired")])
def test_actions_end_active_sessions(
    admin: Client, session: UploadSession, store_root: Any, action: str, status: str
) -> None:
    admin.post(LIST, {"action": action, "_selected_action": [session.pk]})
    session.refresh_from_db()
    assert session.status == status
    assert list((store_root / "staging").iterdir()) == []


def test_nothing_else_can_be_changed(admin: Client, session: UploadSession) -> None:
    change = reverse(f"admin:{UploadSession._meta.app_label}_uploadsession_change", args=[session.pk])
    page = admin.get(change)
    assert page.status_code == 200
    admin.post(change, {"filename": "other.bin", "status": "completed"})
    session.refresh_from_db()
    assert (session.filename, session.status) == ("<i>report.bin", "active")
    assert admin.get(reverse(f"admin:{UploadSession._meta.app_label}_uploadsession_add")).status_code == 403


def test_deleting_asks_first_and_takes_the_bytes_along(admin: Client, session: UploadSession, store_root: Any) -> None:
    delete = reverse(f"admin:{UploadSession._meta.app_label}_uploadsession_delete", args=[session.pk])
    assert "Are you sure" in admin.get(delete).content.decode()
    assert UploadSession.objects.exists()
    admin.post(delete, {"post": "yes"})
    assert not UploadSession.objects.exists()
    assert list((store_root / "staging").iterdir()) == []
    assert OwnerUsage.objects.get().reserved_bytes == 0


def test_deleting_many_asks_first_and_takes_the_bytes_along(admin: Client, service: Any, store_root: Any) -> None:
    done = service.complete(service.create(filename="empty.bin", total_size=0)[0])
    path = Path(done.file.path)
    chosen = {"action": "delete_selected", "_selected_action": [done.pk]}
    page = admin.post(LIST, chosen).content.decode()
    assert "empty.bin" in page
    assert path.exists()
    admin.post(LIST, {**chosen, "post": "yes"})
    assert not UploadSession.objects.exists()
    assert not path.exists()
