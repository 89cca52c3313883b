"""Removing: bytes first, then row and quota; whatever dies in between."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from apps.core.errors import NotFound
from apps.core.models import ChunkReceipt, OwnerUsage, UploadSession
from apps.core.services import assembly, declaring, removal, transitions
from apps.core.services.cleanup import Cleanup, default_retention
from apps.core.services.repair import parts_of
from apps.core.services.verification import RecordedChunk
from apps.core.storage import get_store

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("small_chunks")]

STATES = ["active", "assembling", "completed", "cancelled", "failed", "expired"]


def begin(service: Any, data: bytes = b"0123") -> UploadSession:
    session: UploadSession = service.create(filename="a.bin", total_size=len(data), metadata={"a": 1})[0]
    sink = service.receive_chunk(session, 0)
    sink.receive(data)
    sink.finish()
    return session


def in_state(service: Any, status: str) -> UploadSession:
    session = begin(service)
    if status == "completed":
        service.complete(session)
    elif status == "cancelled":
        service.cancel(session)
    elif status == "expired":
        session.refresh_from_db()
        transitions.expire(session)
    elif status in ("assembling", "failed"):
        transitions.begin_assembling(session)
        lease = transitions.take_lease(session)
        if status == "failed":
            assert lease is not None
            transitions.finish_failed(session, lease, code="refused", detail="No.")
    session.refresh_from_db()
    assert session.status == status
    return session


def usage() -> tuple[int, int, int]:
    row = OwnerUsage.objects.get()
    return row.open_sessions, row.reserved_bytes, row.stored_bytes


def files(store_root: Path) -> list[Path]:
    return [path for path in store_root.rglob("*") if path.is_file() and path.name != "store-id"]


@pytest.mark.parametrize("status", STATES)
def test_an_upload_can_be_removed_in_any_state(service: Any, store_root: Path, status: str) -> None:
    session = in_state(service, status)
    service.remove(session.upload_id)
    assert not UploadSession.objects.exists()
    assert not ChunkReceipt.objects.exists()
    assert files(store_root) == []
    assert usage() == (0, 0, 0)


def test_removing_what_is_not_there_is_a_success(service: Any) -> None:
    service.remove(uuid4())


def test_a_strangers_upload_stays(service: Any, stranger: Any) -> None:
    session = begin(service)
    type(service)(stranger).remove(session.upload_id)
    session.refresh_from_db()
    assert session.status == "active"


@pytest.mark.parametrize("status", ["active", "completed"])
def test_meanwhile_it_is_hidden_and_still_counted(service: Any, status: str) -> None:
    session = in_state(service, status)
    assert transitions.begin_removing(session)
    assert usage() == (0, 0, 4)
    with pytest.raises(NotFound):
        service.find(session.upload_id)
    assert not service.principal.sessions().exists()
    with pytest.raises(NotFound):
        service.complete(session)


def test_a_chunk_on_its_way_finds_nothing(service: Any) -> None:
    session: UploadSession = service.create(filename="a.bin", total_size=8)[0]
    sink = service.receive_chunk(session, 0)
    sink.receive(b"0123")
    service.remove(session.upload_id)
    with pytest.raises(NotFound):
        sink.finish()


@pytest.mark.parametrize("bytes_gone", [False, True])
def test_cleanup_finishes_what_a_crash_left(service: Any, store_root: Path, bytes_gone: bool) -> None:
    session = in_state(service, "completed")
    transitions.begin_removing(session)
    if bytes_gone:
        get_store("default").remove(session.file.name or "")
    summary = Cleanup(retention=default_retention(), batch_size=10, dry_run=False).run()
    assert summary.finished_removals == 1
    assert not UploadSession.objects.exists()
    assert files(store_root) == []
    assert usage() == (0, 0, 0)


def test_the_bytes_go_before_the_row(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    session = in_state(service, "completed")

    def fail(name: str) -> None:
        raise OSError

    monkeypatch.setattr(get_store("default"), "remove", fail)
    service.remove(session.upload_id)
    session.refresh_from_db()
    assert session.status == "removing"


@pytest.mark.parametrize("end", [removal.cancel, removal.expire])
def test_a_disk_that_cannot_be_written_keeps_no_session_from_ending(
    service: Any, store_root: Path, monkeypatch: pytest.MonkeyPatch, end: Any
) -> None:
    session = in_state(service, "active")
    UploadSession.objects.update(expires_at=timezone.now())
    session.refresh_from_db()

    def read_only(*arguments: Any, **options: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as broken:
        broken.setattr(os, "unlink", read_only)
        assert end(session)
    assert usage() == (0, 0, 0)
    assert files(store_root) != []
    for path in files(store_root):
        os.utime(path, (0, 0))
    Cleanup(retention=default_retention(), batch_size=10, dry_run=False).run()
    assert files(store_root) == []


def test_an_assembly_at_work_does_not_publish_what_was_removed(service: Any, store_root: Path) -> None:
    session = in_state(service, "active")
    transitions.begin_assembling(session)
    lease = transitions.take_lease(session)
    assert lease is not None
    session.refresh_from_db()
    at_work = assembly._Assembly(session, lease)
    chunks = [RecordedChunk(part.index, part.offset, part.size, part.sha256) for part in parts_of(session)]
    verdict = at_work._verify(chunks)
    service.remove(session.upload_id)
    with pytest.raises(assembly.LeaseLost):
        at_work._publish(verdict.sha256, "")
    assembly.assemble(session, lease)
    assert files(store_root) == []


@pytest.mark.parametrize("status", STATES)
def test_rows_deleted_by_the_orm_take_their_bytes_along(service: Any, store_root: Path, status: str) -> None:
    in_state(service, status)
    UploadSession.objects.all().delete()
    assert files(store_root) == []
    assert usage() == (0, 0, 0)


def test_rows_deleted_with_their_user_take_their_bytes_along(service: Any, store_root: Path) -> None:
    in_state(service, "completed")
    begin(service)
    get_user_model()._default_manager.get(username="owner").delete()
    assert files(store_root) == []
    assert not OwnerUsage.objects.exists()


def test_an_instance_that_is_out_of_date_releases_what_is_counted_now(service: Any, store_root: Path) -> None:
    stale = begin(service)
    service.complete(service.find(stale.upload_id))
    stale.delete()
    assert usage() == (0, 0, 0)
    assert files(store_root) == []


def test_a_rolled_back_deletion_leaves_the_bytes(service: Any) -> None:
    session = in_state(service, "completed")
    with transaction.atomic():
        session.delete()
        transaction.set_rollback(True)
    session = UploadSession.objects.get()
    with session.file.open("rb") as file:
        assert file.read() == b"0123"


@pytest.mark.parametrize("status", ["cancelled", "expired", "failed"])
def test_the_metadata_of_what_ended_without_a_file_goes(service: Any, status: str) -> None:
    assert in_state(service, status).metadata == {}


def test_the_metadata_of_a_completed_upload_stays(service: Any) -> None:
    assert in_state(service, "completed").metadata == {"a": 1}


def test_removing_twice_at_once_is_done_once(service: Any) -> None:
    session = in_state(service, "completed")
    assert removal.remove(session)
    assert not removal.remove(session)


def test_a_removal_that_cleanup_finishes_first_is_a_success(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    session = in_state(service, "completed")
    begin_removing = transitions.begin_removing

    def and_be_too_late(mine: UploadSession) -> bool:
        begun = begin_removing(mine)
        removal.finish_removing(UploadSession.objects.get(pk=mine.pk))
        return begun

    monkeypatch.setattr(transitions, "begin_removing", and_be_too_late)
    service.remove(session.upload_id)
    assert usage() == (0, 0, 0)


def test_completing_what_is_removed_meanwhile_finds_nothing(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    session = begin(service)
    take_lease = transitions.take_lease

    def and_lose_the_row(mine: UploadSession) -> Any:
        lease = take_lease(mine)
        service.remove(mine.upload_id)
        return lease

    monkeypatch.setattr(transitions, "take_lease", and_lose_the_row)
    with pytest.raises(NotFound):
        service.complete(session)


def test_an_init_whose_duplicate_is_removed_meanwhile_begins_a_new_one(
    service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {"filename": "a.bin", "total_size": 4, "client_key": "k"}
    first = service.create(**fields)[0]
    declare = declaring.declare

    def and_find_nothing(session: UploadSession, **what: Any) -> None:
        service.remove(session.upload_id)
        declare(session, **what)

    monkeypatch.setattr(declaring, "declare", and_find_nothing)
    second, created = service.create(**fields, file_hash="a" * 64)
    assert created
    assert second.upload_id != first.upload_id
