"""``check_uploads``: what differs is found, and what can be repaired is."""

from __future__ import annotations

import os
import time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.core.models import OwnerUsage, StoreIdentity, UploadSession
from apps.core.services.audit import Audit, remember_store, unknown_files
from apps.core.storage import get_store

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("small_chunks")]


def check(*arguments: str) -> str:
    out = StringIO()
    try:
        call_command("check_uploads", *arguments, stdout=out)
    except CommandError as error:
        return f"{out.getvalue()}\n{error}"
    return out.getvalue()


@pytest.fixture
def done(service: Any) -> UploadSession:
    return upload(service)


def upload(service: Any) -> UploadSession:
    session: UploadSession = service.create(filename="a.bin", total_size=4)[0]
    sink = service.receive_chunk(session, 0)
    sink.receive(b"0123")
    sink.finish()
    return service.complete(session)  # type: ignore[no-any-return]


def forget(session: UploadSession) -> Path:
    """Lose the record, as a restored backup does."""
    path = Path(session.file.path)
    session.receipts.all().delete()
    UploadSession.objects.filter(pk=session.pk)._raw_delete("default")
    hours_ago = time.time() - 7200
    os.utime(path, (hours_ago, hours_ago))
    return path


def test_what_is_right_is_said_to_be(done: UploadSession) -> None:
    assert "1 files with a record; 0 missing, 0 changed, 0 without a record; 0 counters wrong" in check("--rehash")


def test_what_is_right_is_not_said_to_be_repaired(done: UploadSession) -> None:
    assert check("--fix").endswith("There was nothing to repair.\n")


def test_a_missing_file_is_found(done: UploadSession) -> None:
    Path(done.file.path).unlink()
    assert f"{done.upload_id}: its file" in check()
    assert "restored" not in check()
    assert "restore them from a backup" in check("--fix")


def test_a_shorter_file_is_found(done: UploadSession) -> None:
    os.truncate(done.file.path, 3)
    assert "its file has 3 bytes, not 4" in check()


def test_rot_is_found_on_request(done: UploadSession) -> None:
    Path(done.file.path).write_bytes(b"012X")
    assert "0 changed" in check()
    assert "another SHA-256 than at completion" in check("--rehash")


def test_rot_is_found_where_the_sha256_of_the_whole_was_left_out(done: UploadSession) -> None:
    UploadSession.objects.update(sha256="")
    assert "0 changed" in check("--rehash")
    Path(done.file.path).write_bytes(b"012X")
    assert "1 changed" in check("--rehash")


def test_a_file_without_a_record_goes_to_the_trash_for_some_days(service: Any, store_root: Path) -> None:
    kept = [upload(service) for _ in range(9)]
    path = forget(upload(service))
    assert "1 without a record" in check()
    assert path.exists()
    assert "Repaired" in check("--fix")
    assert not path.exists()
    assert [file.read_bytes() for file in (store_root / "trash").iterdir()] == [b"0123"]
    assert all(Path(session.file.path).exists() for session in kept)


def test_a_file_whose_upload_completes_during_the_audit_has_a_record(
    service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not assembling any more when the names are looked up, and was not completed before."""
    done = upload(service)
    hours_ago = time.time() - 7200
    os.utime(done.file.path, (hours_ago, hours_ago))
    name = done.file.name
    UploadSession.objects.update(status="assembling", file="")
    real = get_store("default").name_of

    def complete_meanwhile(staged: Any) -> str:
        UploadSession.objects.update(status="completed", file=name)
        return real(staged)

    monkeypatch.setattr(get_store("default"), "name_of", complete_meanwhile)
    assert list(unknown_files(timezone.now())) == []


def test_a_file_is_young_when_it_is_published(service: Any, store_root: Path) -> None:
    session = service.create(filename="a.bin", total_size=4)[0]
    sink = service.receive_chunk(session, 0)
    sink.receive(b"0123")
    sink.finish()
    for part in (store_root / "staging").iterdir():
        os.utime(part, (0, 0))
    path = Path(service.complete(session).file.path)
    assert path.stat().st_mtime > time.time() - 3600


def test_a_young_file_may_get_its_record_yet(done: UploadSession) -> None:
    path = forget(done)
    os.utime(path)
    assert "0 without a record" in check()


def test_nothing_is_removed_for_a_database_that_never_saw_the_store(done: UploadSession) -> None:
    path = forget(done)
    StoreIdentity.objects.all().delete()
    assert "has never put an upload into the store" in check("--fix", "--max-share", "1")
    assert path.exists()


def test_nothing_is_removed_when_it_is_too_much(service: Any) -> None:
    upload(service)
    path = forget(upload(service))
    assert "(50% of all)" in check("--fix")
    assert path.exists()
    assert "Repaired" in check("--fix", "--max-share", "0.5")
    assert not path.exists()


def other_store(uploads: Any, tmp_path: Path) -> Path:
    """A second store that this database has seen, with two files without a record."""
    local = "apps.core.storage.local.LocalStore"
    uploads(
        STORES={"default": {"BACKEND": local}, "b": {"BACKEND": local, "OPTIONS": {"location": str(tmp_path / "b")}}}
    )
    remember_store("b")
    shelf = tmp_path / "b" / "files" / "zz"
    shelf.mkdir(parents=True)
    for name in ("u", "v"):
        (shelf / name).write_text("x")
        os.utime(shelf / name, (1, 1))
    return shelf


def test_the_share_is_counted_for_each_store(service: Any, uploads: Any, tmp_path: Path) -> None:
    for _ in range(20):
        upload(service)
    shelf = other_store(uploads, tmp_path)
    assert "2 files of the store 'b' (100% of all)" in check("--fix")
    assert len(list(shelf.iterdir())) == 2


def test_missing_files_do_not_make_the_share_smaller(service: Any) -> None:
    for _ in range(10):
        Path(upload(service).file.path).unlink()
    path = forget(upload(service))
    assert "(100% of all)" in check("--fix")
    assert path.exists()


def test_what_is_no_file_of_its_own_is_left_alone(service: Any, store_root: Path, tmp_path: Path) -> None:
    upload(service)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for path in (elsewhere / "precious", store_root / "files" / "zz" / "directory" / "file"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    (store_root / "files" / "link").symlink_to(elsewhere)
    (store_root / "files" / "zz" / "link").symlink_to(elsewhere / "precious")
    for path in (elsewhere / "precious", store_root / "files" / "zz" / "directory"):
        os.utime(path, (1, 1))
    assert "0 without a record" in check()


def test_nothing_in_the_trash_is_overwritten(store_root: Path, transactional_db: None) -> None:
    store = get_store("default")
    for shelf, name in (("a-b", "c"), ("a", "b-c"), ("a", "b-c")):
        (store_root / "files" / shelf).mkdir(parents=True, exist_ok=True)
        (store_root / "files" / shelf / name).write_text(shelf)
        store.trash(f"{shelf}/{name}")
    assert len(list((store_root / "trash").iterdir())) == 3


def test_a_file_that_got_its_record_since_the_audit_stays(service: Any) -> None:
    kept = [upload(service) for _ in range(10)]
    path = Path(kept[0].file.path)
    hours_ago = time.time() - 7200
    os.utime(path, (hours_ago, hours_ago))
    UploadSession.objects.filter(pk=kept[0].pk).update(file="")
    audit = Audit()
    assert audit.run().unknown_files
    UploadSession.objects.filter(pk=kept[0].pk).update(file=kept[0].file.name)
    audit.fix(max_share=1)
    assert path.exists()


def test_counters_are_made_what_the_uploads_say(service: Any, done: UploadSession) -> None:
    service.create(filename="b.bin", total_size=7)
    OwnerUsage.objects.update(open_sessions=5, reserved_bytes=0, stored_bytes=99, stored_files=9)
    assert "4 counters wrong" in check()
    check("--fix")
    usage = OwnerUsage.objects.get()
    assert (usage.open_sessions, usage.reserved_bytes) == (1, 7)
    assert (usage.stored_bytes, usage.stored_files) == (4, 1)


def test_a_counter_that_drifted_does_not_keep_a_session_from_ending(service: Any) -> None:
    session = service.create(filename="b.bin", total_size=7)[0]
    OwnerUsage.objects.update(open_sessions=0, reserved_bytes=3)
    assert service.cancel(session).status == "cancelled"
    assert OwnerUsage.objects.get().reserved_bytes == 0


@pytest.mark.parametrize("share", ["-0.1", "1.1"])
def test_a_senseless_share_is_refused(share: str, transactional_db: None) -> None:
    assert "must be from 0 to 1" in check("--max-share", share)
