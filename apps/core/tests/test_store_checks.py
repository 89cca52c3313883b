"""``check --deploy``: whether the stores are those that the database knows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command

from apps.core.models import UploadSession
from apps.core.services.audit import remember_store
from apps.core.storage import get_store
from apps.core.storage.local import LocalStore

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

LOCAL = "apps.core.storage.local.LocalStore"
UNKNOWN, WITHOUT = "resumable_uploads.W022", "resumable_uploads.E027"


def ids() -> set[str | None]:
    messages = run_checks(tags=["resumable_uploads"], include_deployment_checks=True)
    return {message.id for message in messages} & {UNKNOWN, WITHOUT}


@pytest.fixture
def stored(service: Any, uploads: Any, tmp_path: Path) -> UploadSession:
    """A completed upload in a store that is called 'archive'."""
    uploads(STORES=stores("archive", tmp_path / "archive"), STORE="archive")
    session = service.create(filename="a.bin", total_size=4)[0]
    sink = service.receive_chunk(session, 0)
    sink.receive(b"0123")
    sink.finish()
    done: UploadSession = service.complete(session)
    return done


def stores(alias: str, location: Path) -> dict[str, Any]:
    return {alias: {"BACKEND": LOCAL, "OPTIONS": {"location": str(location)}}}


def test_the_same_stores_are_in_order(stored: UploadSession) -> None:
    assert ids() == set()


def test_a_place_that_cannot_be_read_is_left_to_others(stored: UploadSession, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(store: Any) -> str:
        raise PermissionError

    monkeypatch.setattr(LocalStore, "identity", denied)
    assert ids() == set()


def test_checks_can_be_imported_before_the_models() -> None:
    subprocess.run([sys.executable, "-c", "import apps.core.checks"], check=True, env=os.environ)


def test_a_database_without_uploads_knows_of_none() -> None:
    assert ids() == set()


def test_another_place_under_the_same_alias_is_noticed(stored: UploadSession, uploads: Any, tmp_path: Path) -> None:
    uploads(STORES=stores("archive", tmp_path / "elsewhere"), STORE="archive")
    assert ids() == {UNKNOWN}
    get_store("archive")
    remember_store("archive")  # What the next upload does.
    assert ids() == set()


class TestAnAliasThatIsGone:
    @pytest.fixture(autouse=True)
    def _renamed(self, stored: UploadSession, uploads: Any, tmp_path: Path) -> None:
        uploads(STORES=stores("default", tmp_path / "archive"), STORE="default")

    def test_it_is_noticed(self) -> None:
        assert ids() == {WITHOUT}

    def test_its_files_are_not_said_to_be_gone(self, stored: UploadSession, client: Any, owner: Any) -> None:
        client.force_login(owner)
        answer = client.get(f"/api/v1/upload/file/{stored.upload_id}")
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")

    def test_a_server_that_has_none_for_new_uploads_is_not_ready(self, uploads: Any, client: Any) -> None:
        uploads(STORE="archive")
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["checks"]["storage"]) == (503, False)

    def test_commands_say_so_in_a_sentence(self) -> None:
        with pytest.raises(CommandError, match="has no store 'archive'"):
            call_command("check_uploads")
