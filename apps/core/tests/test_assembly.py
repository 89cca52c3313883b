"""Assembling: once, provably, and by whoever is alive."""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.core.errors import ContentRefused
from apps.core.models import ChunkReceipt, UploadSession
from apps.core.services import assembly, ledger, transitions
from apps.core.signals import upload_completed
from apps.core.storage import get_store

from .threads import together

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("small_chunks")]

DATA = b"0123456789"


@pytest.fixture
def announced() -> Iterator[list[UploadSession]]:
    heard: list[UploadSession] = []

    def listen(session: UploadSession, **kwargs: Any) -> None:
        heard.append(session)

    upload_completed.connect(listen)
    yield heard
    upload_completed.disconnect(listen)


@pytest.fixture
def session(service: Any) -> UploadSession:
    """Everything is sent, nothing completed."""
    begun: UploadSession = service.create(
        filename="a.bin", total_size=len(DATA), file_hash=hashlib.sha256(DATA).hexdigest()
    )[0]
    for index in range(3):
        receiver = service.receive_chunk(begun, index)
        receiver.receive(DATA[index * 4 : index * 4 + 4])
        receiver.finish()
    begun.refresh_from_db()
    return begun


def refuse(file: Any, session: UploadSession) -> None:
    raise ContentRefused(f"{len(file.read())} bytes of virus")


def accept(file: Any, session: UploadSession) -> None:
    assert file.read() == DATA
    assert session.filename == "a.bin"


def test_the_file_is_reachable_from_the_session(service: Any, session: UploadSession) -> None:
    done = service.complete(session)
    with done.file.open("rb") as file:
        assert file.read() == DATA
    assert done.file.size == len(DATA)


def test_the_signal_is_sent_once_after_the_commit(service: Any, session: UploadSession, announced: Any) -> None:
    for _ in range(3):
        session.refresh_from_db()
        service.complete(session)
    assert [heard.upload_id for heard in announced] == [session.upload_id]
    session.refresh_from_db()
    assert session.announced_at is not None


def test_a_receiver_that_raises_does_not_disturb_the_upload(service: Any, session: UploadSession) -> None:
    def fail(**kwargs: Any) -> None:
        raise RuntimeError

    upload_completed.connect(fail)
    try:
        assert service.complete(session).status == "completed"
    finally:
        upload_completed.disconnect(fail)


def test_many_completes_at_once_do_the_work_once(service: Any, session: UploadSession, announced: Any) -> None:
    answers: list[str] = []

    def complete(number: int) -> None:
        mine = ledger.find(service.principal, session.upload_id)
        answers.append(service.complete(mine).status)

    together(6, complete)
    # Some may have been told that it goes on.
    assert {"completed"} <= set(answers) <= {"completed", "assembling"}
    assert service.complete(session).status == "completed"
    assert len(announced) == 1


def test_validators_see_the_stored_file(service: Any, session: UploadSession, uploads: Any) -> None:
    uploads(VALIDATORS=(f"{__name__}.accept",))
    assert service.complete(session).status == "completed"


def test_a_validators_refusal_is_the_answer(
    service: Any, session: UploadSession, uploads: Any, store_root: Any
) -> None:
    uploads(VALIDATORS=(f"{__name__}.refuse",))
    with pytest.raises(ContentRefused, match="10 bytes of virus"):
        service.complete(session)
    session.refresh_from_db()
    assert session.status == "failed"
    assert list((store_root / "staging").iterdir()) == []
    assert not session.file


def test_the_type_is_checked_on_the_stored_bytes(service: Any, session: UploadSession, store_root: Any) -> None:
    part = next((store_root / "staging").glob("*.part"))
    part.write_bytes(b"MZ" + DATA[2:])
    UploadSession.objects.update(file_hash=hashlib.sha256(part.read_bytes()).hexdigest())
    session.refresh_from_db()
    with pytest.raises(ContentRefused) as refused:
        service.complete(session)
    assert refused.value.code == "executable_refused"


def test_without_a_declared_hash_every_receipt_is_checked(
    service: Any, session: UploadSession, store_root: Any
) -> None:
    UploadSession.objects.update(file_hash="")
    part = next((store_root / "staging").glob("*.part"))
    part.write_bytes(b"!" + DATA[1:])
    session.refresh_from_db()
    with pytest.raises(Exception, match="damaged"):
        service.complete(session)
    session.refresh_from_db()
    assert session.missing_chunks == [0]


def test_chunks_that_left_the_ledger_are_no_longer_contiguous(
    service: Any, session: UploadSession, store_root: Any
) -> None:
    assert service.offset(session) == len(DATA)
    part = next((store_root / "staging").glob("*.part"))
    part.write_bytes(DATA[:4] + b"!" + DATA[5:])
    session.refresh_from_db()
    with pytest.raises(Exception, match="damaged"):
        service.complete(session)
    session.refresh_from_db()
    assert service.offset(session) == 4


def test_a_lease_is_respected_until_it_runs_out(service: Any, session: UploadSession, uploads: Any) -> None:
    uploads(COMPLETE_WAIT=0.0)
    assert transitions.begin_assembling(session)
    transitions.take_lease(session)
    session.refresh_from_db()
    assert service.complete(session).status == "assembling"
    UploadSession.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    session.refresh_from_db()
    assert service.complete(session).status == "completed"


def test_status_takes_over_what_a_killed_server_left(service: Any, session: UploadSession) -> None:
    transitions.begin_assembling(session)
    transitions.take_lease(session)
    UploadSession.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert service.status(session.upload_id).status == "completed"


def test_an_assembly_that_lost_its_lease_ends_nothing(service: Any, session: UploadSession) -> None:
    transitions.begin_assembling(session)
    lost = transitions.take_lease(session)
    UploadSession.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert transitions.take_lease(session) is not None
    assert lost is not None
    assembly.assemble(session, lost)
    session.refresh_from_db()
    assert session.status == "assembling"


def test_a_successor_reads_everything_again(service: Any, session: UploadSession, store_root: Any) -> None:
    """What was in the page cache when a predecessor read it may be gone after a power failure."""
    transitions.begin_assembling(session)
    lost = transitions.take_lease(session)
    assert lost is not None
    assert transitions.note_progress(session, lost, 9)
    transitions.release_lease(session, lost)
    part = next((store_root / "staging").glob("*.part"))
    part.write_bytes(b"\0\0\0\0" + DATA[4:])
    after = service.status(session.upload_id)
    assert (after.status, after.missing_chunks) == ("active", [0])


def test_a_server_killed_after_publishing_is_taken_over(service: Any, session: UploadSession) -> None:
    transitions.begin_assembling(session)
    lease = uuid.uuid4()
    get_store("default").seal(session.staged, [], lease)
    get_store("default").publish(session.staged, len(DATA), lease)
    session.refresh_from_db()
    assert service.complete(session).status == "completed"


def test_a_large_file_is_assembled_behind_a_202(service: Any, session: UploadSession, uploads: Any) -> None:
    uploads(INLINE_ASSEMBLE_BYTES=0, COMPLETE_WAIT=0.0)
    assert service.complete(session).status in ("assembling", "completed")
    for _ in range(100):
        if service.status(session.upload_id).status == "completed":
            return
        threading.Event().wait(0.05)
    pytest.fail("never completed")


def test_the_ledger_stays_until_cleanup_and_goes_with_a_failure(service: Any, session: UploadSession) -> None:
    UploadSession.objects.update(file_hash="0" * 64)
    session.refresh_from_db()
    with pytest.raises(ContentRefused):
        service.complete(session)
    assert not ChunkReceipt.objects.exists()
