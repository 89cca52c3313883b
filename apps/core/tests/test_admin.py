from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from knox.auth import TokenAuthentication

from apps.core.models import OwnerUsage, UploadSession
from apps.core.views.resumable_upload_views import UploadFileView

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


def page_of(row: Any) -> str:
    """The address of a row's page."""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def text_of(page: Any) -> str:
    """What the page says, with plain spaces."""
    assert page.status_code == 200
    return str(page.content.decode()).replace("\N{NO-BREAK SPACE}", " ")


def test_the_list_shows_status_owner_and_a_progress_bar(admin: Client, session: UploadSession) -> None:
    page = admin.get(LIST).content.decode()
    assert '<progress value="50.0" max="100"' in page
    assert "owner" in page
    assert "<i>report" not in page


@pytest.mark.parametrize("query", ["report", "owner"])
def test_search_finds(admin: Client, session: UploadSession, query: str) -> None:
    assert "1 upload session" in admin.get(LIST, {"q": query}).content.decode()
    assert "0 upload sessions" in admin.get(LIST, {"q": f"{query}-none"}).content.decode()


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
    page = admin.get(page_of(session))
    assert page.status_code == 200
    assert admin.post(page_of(session), {"filename": "other.bin", "status": "completed"}).status_code == 403
    session.refresh_from_db()
    assert (session.filename, session.status) == ("<i>report.bin", "active")
    assert admin.get(reverse(f"admin:{UploadSession._meta.app_label}_uploadsession_add")).status_code == 403


def test_pages_have_nothing_to_save_with_but_can_delete(admin: Client, session: UploadSession) -> None:
    page = text_of(admin.get(page_of(session)))
    assert 'type="submit" value="' not in page
    assert 'name="_' not in page
    assert page_of(session).replace("/change/", "/delete/") in page
    usage = text_of(admin.get(page_of(OwnerUsage.objects.get())))
    assert 'name="_' not in usage
    assert "deletelink" not in usage


def test_pages_never_show_tokens_and_keys(admin: Client, session: UploadSession) -> None:
    secrets = {
        "append_token": "0a0a0a0a-0000-4000-8000-000000000001",
        "lease_token": "0b0b0b0b-0000-4000-8000-000000000002",
        "dedupe_key": "c0ffee" * 10,
    }
    UploadSession.objects.filter(pk=session.pk).update(
        **secrets, partial_state=b"secret-state", assembled_state=b"secret-state", partial_sha256="d1" * 32
    )
    for address in (page_of(session), LIST):
        page = text_of(admin.get(address))
        for secret in (*secrets.values(), "secret-state", "d1" * 32):
            assert secret not in page


def test_the_page_is_in_sections_with_the_internals_folded(admin: Client, session: UploadSession) -> None:
    page = text_of(admin.get(page_of(session)))
    headings = re.findall(r'class="fieldset-heading">\s*([^<]+?)\s*<', page)
    assert headings == ["File", "Progress", "Verification", "Times", "Owner and protocol", "Internals"]
    assert page.count("<details") == 1


def test_the_page_has_the_units_and_percentages_of_the_uploads_page(
    admin: Client, service: Any, session: UploadSession
) -> None:
    UploadSession.objects.filter(pk=session.pk).update(total_size=12_345_678, received_bytes=1_234_567)
    page = text_of(admin.get(page_of(session)))
    assert "1.2 MB of 12.3 MB" in page
    assert "9.99%" in page
    assert "12.3 MB" in text_of(admin.get(LIST))


def test_digests_are_set_as_code(admin: Client, session: UploadSession) -> None:
    UploadSession.objects.filter(pk=session.pk).update(sha256="ab" * 32)
    assert f"<code>{'ab' * 32}</code>" in text_of(admin.get(page_of(session)))


def test_usage_is_in_units_too(admin: Client, session: UploadSession) -> None:
    OwnerUsage.objects.update(stored_bytes=1_500_000_000)
    usage = OwnerUsage.objects.get()
    assert "1.5 GB" in text_of(admin.get(page_of(usage)))
    changelist = reverse(f"admin:{UploadSession._meta.app_label}_ownerusage_changelist")
    assert "1.5 GB" in text_of(admin.get(changelist))
    assert str(usage).replace("\N{NO-BREAK SPACE}", " ") == "owner: 1 open, 8 B reserved, 1.5 GB stored"


def test_a_file_has_a_link_for_its_owner_alone(admin: Client, service: Any) -> None:
    done = service.complete(service.create(filename="empty.bin", total_size=0)[0])
    address = reverse("resumable_uploads:file", args=[done.upload_id])
    page = text_of(admin.get(page_of(done)))
    assert address not in page
    assert f"{done.file.name}</a>" not in page
    assert f"{done.file.name} (only its owner may download it)" in page

    UploadSession.objects.filter(pk=done.pk).update(owner=get_user_model()._default_manager.get(username="root"))
    assert f'<a href="{address}">Download</a>' in text_of(admin.get(page_of(done)))
    answer = admin.get(address)
    answer.close()
    assert answer.status_code == 200


def test_a_file_has_no_link_where_cookies_do_not_open_the_api(
    admin: Client, service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = service.complete(service.create(filename="empty.bin", total_size=0)[0])
    UploadSession.objects.filter(pk=done.pk).update(owner=get_user_model()._default_manager.get(username="root"))
    monkeypatch.setattr(UploadFileView, "authentication_classes", [TokenAuthentication])
    assert "Download</a>" not in text_of(admin.get(page_of(done)))


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
