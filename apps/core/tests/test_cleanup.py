from __future__ import annotations

import errno
import os
import time
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone

from apps.core.models import ChunkReceipt, OwnerUsage, StoreIdentity, UploadSession
from apps.core.services import transitions
from apps.core.storage import get_store

from .threads import together

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("small_chunks")]


def cleanup(*arguments: str) -> str:
    out = StringIO()
    call_command("cleanup_expired_uploads", *arguments, stdout=out)
    return out.getvalue()


def begin(service: Any, data: bytes = b"0123") -> UploadSession:
    session: UploadSession = service.create(filename="a.bin", total_size=len(data))[0]
    receiver = service.receive_chunk(session, 0)
    receiver.receive(data)
    receiver.finish()
    return session


def overdue(session: UploadSession) -> None:
    UploadSession.objects.filter(pk=session.pk).update(expires_at=timezone.now() - timedelta(seconds=1))


def ended_long_ago(session: UploadSession) -> None:
    UploadSession.objects.filter(pk=session.pk).update(ended_at=timezone.now() - timedelta(days=365))


def test_overdue_sessions_expire_and_their_bytes_go(service: Any, store_root: Any) -> None:
    kept, gone = begin(service), begin(service)
    overdue(gone)
    assert "1 sessions expired" in cleanup()
    gone.refresh_from_db()
    kept.refresh_from_db()
    assert (gone.status, kept.status) == ("expired", "active")
    assert {path.name.split(".")[0] for path in (store_root / "staging").iterdir()} == {kept.upload_id.hex}
    assert OwnerUsage.objects.get().open_sessions == 1


def test_old_records_go_and_completed_uploads_stay(service: Any) -> None:
    completed, cancelled = service.complete(begin(service)), begin(service)
    service.cancel(cancelled)
    for session in (completed, cancelled):
        ended_long_ago(session)
    assert "1 old records deleted" in cleanup("--hours", "0")
    assert UploadSession.objects.get() == completed
    assert os.path.exists(completed.file.path)
    assert OwnerUsage.objects.get().stored_bytes == 4


def test_receipts_of_completed_uploads_go_after_a_while(service: Any) -> None:
    completed = service.complete(begin(service))
    cleanup()
    assert completed.receipts.exists()
    ended_long_ago(completed)
    cleanup()
    assert not completed.receipts.exists()
    completed.refresh_from_db()
    assert completed.missing_chunks == []


def test_a_term_may_be_set_for_completed_uploads(service: Any, uploads: Any) -> None:
    old, young = service.complete(begin(service)), service.complete(begin(service))
    ended_long_ago(old)
    path = Path(old.file.path)
    uploads(COMPLETED_TERM_HOURS=24)
    assert "Would be: 1 completed uploads removed" in cleanup("--dry-run")
    assert path.exists()
    assert "1 completed uploads removed" in cleanup()
    assert UploadSession.objects.get() == young
    assert not path.exists()
    assert OwnerUsage.objects.get().stored_bytes == 4


def test_files_without_a_record_are_reported_and_stay(service: Any) -> None:
    """The wrong database, or a restored backup of it, would lose every file."""
    completed = service.complete(begin(service))
    path = Path(completed.file.path)
    hours_ago = time.time() - 7200
    os.utime(path, (hours_ago, hours_ago))
    assert "0 files without a record" in cleanup()
    ChunkReceipt.objects.all().delete()
    UploadSession.objects.all()._raw_delete("default")
    assert "1 files without a record" in cleanup()
    assert path.exists()


def test_a_row_that_published_nothing_takes_no_file_along(service: Any) -> None:
    """A restored backup has the upload as it was before it completed."""
    completed = service.complete(begin(service))
    path = Path(completed.file.path)
    UploadSession.objects.update(status="active", file="", sha256="", ended_at=None, counted_bytes=0)
    overdue(completed)
    cleanup("--hours", "0")
    cleanup("--hours", "0")
    assert not UploadSession.objects.exists()
    assert path.exists()


def test_the_wrong_database_sweeps_no_staged_bytes(service: Any, store_root: Any) -> None:
    begin(service)
    hours_ago = time.time() - 7200
    for path in (store_root / "staging").iterdir():
        os.utime(path, (hours_ago, hours_ago))
    ChunkReceipt.objects.all().delete()
    UploadSession.objects.all()._raw_delete("default")
    StoreIdentity.objects.all().delete()
    assert "0 orphaned" in cleanup()
    assert list((store_root / "staging").iterdir())


def test_an_upload_that_cannot_be_swept_stops_no_other(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck, other = begin(service), begin(service)
    for session in (stuck, other):
        transitions.begin_removing(session)
    discard = get_store("default").discard

    def refuse_one(staged: Any) -> None:
        if staged.upload_id == stuck.upload_id:
            raise PermissionError
        discard(staged)

    monkeypatch.setattr(get_store("default"), "discard", refuse_one)
    with pytest.raises(CommandError, match=str(stuck.upload_id)):
        cleanup()
    assert UploadSession.objects.get() == stuck


def test_hours_sets_the_age_of_records_to_delete(service: Any) -> None:
    session = begin(service)
    service.cancel(session)
    assert "0 old records deleted" in cleanup()
    assert "0 old records deleted" in cleanup("--hours", "1")
    assert "1 old records deleted" in cleanup("--hours", "0")


def test_dry_run_changes_nothing(service: Any, store_root: Any) -> None:
    session = begin(service)
    overdue(session)
    assert "Would be: 1 sessions expired" in cleanup("--dry-run")
    session.refresh_from_db()
    assert session.status == "active"
    assert list((store_root / "staging").iterdir())


def test_verbose_names_every_session(service: Any) -> None:
    session = begin(service)
    overdue(session)
    assert f"expired {session.upload_id}" in cleanup("--verbose")


def test_batches_reach_every_session(service: Any) -> None:
    for _ in range(5):
        overdue(begin(service))
    assert "5 sessions expired" in cleanup("--batch-size", "2")


def test_only_old_orphans_are_removed(service: Any, store_root: Any) -> None:
    old, fresh, used = uuid4(), uuid4(), begin(service).upload_id
    for orphan in (old, fresh):
        get_store("default").begin(orphan, mime_type="text/plain")
    hours_ago = time.time() - 7200
    for upload_id in (old, used):
        for path in (store_root / "staging").glob(f"{upload_id.hex}.*"):
            os.utime(path, (hours_ago, hours_ago))
    assert "1 orphaned staging files removed" in cleanup()
    assert {found.upload_id for found, _ in get_store("default").staged()} == {fresh, used}


def test_an_abandoned_assembly_is_finished(service: Any) -> None:
    session = begin(service)
    transitions.begin_assembling(session)
    transitions.take_lease(session)
    UploadSession.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert "1 abandoned assemblies resumed" in cleanup()
    session.refresh_from_db()
    assert session.status == "completed"


def test_an_assembly_that_nobody_ever_took_is_finished(service: Any) -> None:
    """Its server was killed between the move to ``assembling`` and the lease, or gave the lease back after an error."""
    session = begin(service)
    transitions.begin_assembling(session)
    assert "1 abandoned assemblies resumed" in cleanup()
    session.refresh_from_db()
    assert session.status == "completed"


def test_a_signal_that_a_killed_server_owed_is_sent(service: Any) -> None:
    session = service.complete(begin(service))
    UploadSession.objects.update(announced_at=None)
    assert "0 forgotten" in cleanup()
    long_ago = timezone.now() - timedelta(hours=1)
    UploadSession.objects.update(ended_at=long_ago, announcing_at=long_ago)
    assert "1 forgotten" in cleanup()
    session.refresh_from_db()
    assert session.announced_at is not None


def test_a_signal_that_is_being_sent_is_not_sent_again(service: Any) -> None:
    service.complete(begin(service))
    long_ago = timezone.now() - timedelta(hours=1)
    UploadSession.objects.update(announced_at=None, ended_at=long_ago)
    assert "0 forgotten" in cleanup()
    UploadSession.objects.update(announcing_at=long_ago)
    assert "1 forgotten" in cleanup()


def test_two_sweeps_at_once_do_everything_once(service: Any) -> None:
    for _ in range(10):
        overdue(begin(service))
    outputs: list[str] = []

    together(2, lambda number: outputs.append(cleanup()))
    assert sum(int(output.split()[0]) for output in outputs) == 10
    assert OwnerUsage.objects.get().open_sessions == 0


@pytest.mark.parametrize("arguments", [("--batch-size", "0"), ("--hours", "-1")])
def test_senseless_options_are_refused(arguments: tuple[str, str], transactional_db: None) -> None:
    with pytest.raises(CommandError):
        cleanup(*arguments)


def test_receipts_go_of_whom_a_server_ended_and_died(service: Any) -> None:
    session = begin(service)
    assert transitions.cancel(session)
    assert session.receipts.exists()
    cleanup()
    assert not ChunkReceipt.objects.exists()


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (OperationalError("attempt to write a readonly database"), "database does not answer"),
        (OSError(errno.EROFS, "read-only"), "storage does not work"),
    ],
)
def test_what_keeps_it_from_anything_is_one_line(
    service: Any, monkeypatch: pytest.MonkeyPatch, trouble: Exception, said: str
) -> None:
    def fail(**_: Any) -> None:
        raise trouble

    monkeypatch.setattr(transitions, "forget_receipts_of_ended", fail)
    with pytest.raises(CommandError, match=said):
        cleanup()


def test_a_fault_of_the_program_keeps_its_traceback(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transitions, "forget_receipts_of_ended", None)
    with pytest.raises(TypeError):
        cleanup()
