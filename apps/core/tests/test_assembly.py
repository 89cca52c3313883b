"""Assembling: once, provably, and by whoever is alive."""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.core import resumable_hash
from apps.core.errors import Conflict, ContentRefused, MissingChunks, Unavailable
from apps.core.models import ChunkReceipt, UploadSession
from apps.core.services import assembly, ledger, transitions
from apps.core.services.repair import Repair
from apps.core.services.secure_file_upload_service import SecureFileUploadService
from apps.core.services.verification import Verdict
from apps.core.signals import upload_completed
from apps.core.storage import StagingMissing, get_store

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


@pytest.mark.parametrize("damaged", [0, 2])
def test_damage_is_repaired_of_a_file_whose_size_was_told_at_the_end(
    service: Any, store_root: Any, damaged: int
) -> None:
    session, _ = service.create(filename="a.bin")
    pieces = [DATA[begin : begin + session.chunk_size] for begin in range(0, len(DATA), session.chunk_size)]

    def send(index: int) -> None:
        receiver = service.receive_chunk(session, index)
        receiver.receive(pieces[index])
        receiver.finish()

    for index in range(len(pieces)):
        send(index)
    with next((store_root / "staging").glob("*.part")).open("r+b") as part:
        part.seek(damaged * session.chunk_size)
        part.write(b"!")
    with pytest.raises(MissingChunks):
        service.complete(service.find(session.upload_id), total_size=len(DATA))
    session.refresh_from_db()
    assert session.missing_chunks == [damaged]
    send(damaged)
    done = service.complete(service.find(session.upload_id))
    assert (done.status, done.damaged_chunks) == ("completed", 1)


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
    session.receipts.filter(index=0).update(sha256=hashlib.sha256(part.read_bytes()[:4]).digest())
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


class TestASuccessor:
    @staticmethod
    def die_after(session: UploadSession, size: int) -> None:
        """An assembly noted that so many bytes are verified, and its server was killed."""
        running = resumable_hash.new()
        running.update(DATA[:size])
        transitions.begin_assembling(session)
        lost = transitions.take_lease(session)
        assert lost is not None
        assert transitions.note_progress(session, lost, size, resumable_hash.save(running))
        transitions.release_lease(session, lost)

    @staticmethod
    def spoil(store_root: Any) -> None:
        next((store_root / "staging").glob("*.part")).write_bytes(b"\0\0\0\0" + DATA[4:])

    def test_goes_on_at_a_verified_chunk(self, service: Any, session: UploadSession, store_root: Any) -> None:
        self.die_after(session, 8)
        self.spoil(store_root)
        after = service.status(session.upload_id)
        assert (after.status, after.sha256) == ("completed", hashlib.sha256(DATA).hexdigest())
        assert bytes(after.assembled_state) == b""

    def test_reads_everything_again_after_a_power_failure(
        self, service: Any, session: UploadSession, store_root: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What was in the page cache when its predecessor read it may be gone."""
        self.die_after(session, 8)
        self.spoil(store_root)
        monkeypatch.setattr(resumable_hash, "stamp", lambda: b"another boot    ")
        after = service.status(session.upload_id)
        assert (after.status, after.missing_chunks) == ("active", [0])
        assert (after.assembled_bytes, bytes(after.assembled_state)) == (0, b"")


def test_a_server_killed_after_publishing_is_taken_over(service: Any, session: UploadSession) -> None:
    transitions.begin_assembling(session)
    lease = uuid.uuid4()
    get_store("default").seal(session.staged, [], lease, lambda: None)
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


def row(session: UploadSession) -> dict[str, Any]:
    return dict(UploadSession.objects.filter(pk=session.pk).values().get())


@pytest.fixture
def lease(session: UploadSession) -> uuid.UUID:
    """The session is being assembled."""
    transitions.begin_assembling(session)
    return take_lease(session)


def take_lease(session: UploadSession) -> uuid.UUID:
    """Become the one that assembles, after the lease of whoever did has run out."""
    UploadSession.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    taken = transitions.take_lease(session)
    assert taken is not None
    return taken


class TestDamagedChunks:
    """Back to ``active``: what is intact stays, and nothing else is left of the attempt."""

    @pytest.mark.parametrize(
        ("damaged", "left"), [([1], (2, 6, 1)), ([0, 2], (1, 4, 0)), ([2], (2, 8, 2)), ([0, 1, 2], (0, 0, 0))]
    )
    def test_the_counters_are_those_of_the_chunks_that_stay(
        self, session: UploadSession, lease: uuid.UUID, damaged: list[int], left: tuple[int, int, int]
    ) -> None:
        assert transitions.finish_damaged(session, lease, Repair(list(damaged), ""))
        session.refresh_from_db()
        assert (session.received_chunks, session.received_bytes, session.contiguous_chunks) == left
        assert session.missing_chunks == damaged

    def test_progress_and_lease_begin_anew(self, session: UploadSession, lease: uuid.UUID) -> None:
        transitions.note_progress(session, lease, 9)
        assert transitions.finish_damaged(session, lease, Repair([1], "another"))
        session.refresh_from_db()
        assert (session.assembled_bytes, session.lease_expires_at, session.store_handle) == (0, None, "another")

    def test_a_kept_part_is_kept_no_longer(self, session: UploadSession, lease: uuid.UUID) -> None:
        UploadSession.objects.update(partial_index=1, partial_size=2, partial_sha256="5" * 64, partial_state=b"state")
        assert transitions.finish_damaged(session, lease, Repair([1], ""))
        session.refresh_from_db()
        assert (session.partial_size, session.partial_sha256, bytes(session.partial_state)) == (0, "", b"")

    def test_the_sender_gets_the_time_to_send_them_again(self, session: UploadSession, lease: uuid.UUID) -> None:
        UploadSession.objects.update(expires_at=timezone.now() - timedelta(hours=1))
        assert transitions.finish_damaged(session, lease, Repair([1], ""))
        session.refresh_from_db()
        assert not session.is_expired

    def test_but_no_more_than_a_session_may_live(self, session: UploadSession, lease: uuid.UUID, uploads: Any) -> None:
        uploads(SESSION_MAX_AGE_HOURS=48)
        session.created_at = timezone.now() - timedelta(hours=47)
        assert transitions.finish_damaged(session, lease, Repair([1], ""))
        assert row(session)["expires_at"] == session.created_at + timedelta(hours=48)

    def test_however_many_they_are_all_leave_the_ledger(self, service: Any) -> None:
        count = 1100
        session, _ = service.create(filename="a.bin", total_size=4 * count)
        ChunkReceipt.objects.bulk_create(
            ChunkReceipt(session=session, index=index, size=4, sha256=b"d" * 32) for index in range(count)
        )
        UploadSession.objects.update(received_chunks=count)
        assert transitions.begin_assembling(session)
        assert transitions.finish_damaged(session, take_lease(session), Repair(list(range(1, count)), ""))
        session.refresh_from_db()
        assert [receipt.index for receipt in session.receipts.all()] == [0]
        assert (session.received_chunks, session.received_bytes) == (1, 4)


class TestLease:
    @pytest.mark.parametrize(
        "step",
        [
            transitions.renew_lease,
            transitions.release_lease,
            lambda session, lease: transitions.note_progress(session, lease, 9),
            lambda session, lease: transitions.finish_completed(
                session, lease, sha256="0" * 64, composite_hash="", name="aa/name"
            ),
            lambda session, lease: transitions.finish_failed(session, lease, code="refused", detail="No."),
            lambda session, lease: transitions.finish_damaged(session, lease, Repair([1], "another")),
        ],
        ids=["renew", "release", "note progress", "complete", "fail", "find damage"],
    )
    def test_who_lost_it_changes_nothing(
        self, session: UploadSession, lease: uuid.UUID, step: Callable[[UploadSession, uuid.UUID], bool | None]
    ) -> None:
        take_lease(session)
        before = row(session)
        assert not step(session, lease)
        assert row(session) == before

    def test_its_holder_says_how_far_the_work_got(self, session: UploadSession, lease: uuid.UUID) -> None:
        assert transitions.note_progress(session, lease, 9)
        assert row(session)["assembled_bytes"] == 9

    def test_keeping_it_puts_its_end_off(self, session: UploadSession, lease: uuid.UUID, uploads: Any) -> None:
        UploadSession.objects.update(lease_expires_at=timezone.now())
        uploads(LEASE_SECONDS=3600)
        assert transitions.renew_lease(session, lease)
        assert row(session)["lease_expires_at"] > timezone.now() + timedelta(seconds=3000)

    def test_it_ends_with_the_assembly(self, session: UploadSession, lease: uuid.UUID) -> None:
        assert transitions.finish_completed(session, lease, sha256="0" * 64, composite_hash="", name="aa/name")
        assert not transitions.renew_lease(session, lease)
        assert row(session)["lease_expires_at"] is None

    @pytest.mark.parametrize(
        ("trouble", "told"), [(OSError("a disk that fails"), OSError), (StagingMissing(), Unavailable)]
    )
    def test_it_is_given_back_after_trouble_that_says_nothing_about_the_content(
        self,
        service: Any,
        session: UploadSession,
        monkeypatch: pytest.MonkeyPatch,
        trouble: Exception,
        told: type[Exception],
    ) -> None:
        def fail(*arguments: Any) -> None:
            raise trouble

        with monkeypatch.context() as troubled:
            troubled.setattr(SecureFileUploadService, "check_stored", fail)
            with pytest.raises(told):
                service.complete(session)
        assert (row(session)["status"], row(session)["lease_expires_at"]) == ("assembling", None)
        assert service.complete(service.find(session.upload_id)).status == "completed"

    def test_it_is_given_back_where_no_thread_can_be_started(
        self, service: Any, session: UploadSession, uploads: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        uploads(INLINE_ASSEMBLE_BYTES=0)
        with monkeypatch.context() as full:
            full.setattr(threading.Thread, "start", fail)
            with pytest.raises(Unavailable):
                service.complete(session)
        assert row(session)["lease_expires_at"] is None


class TestLosingTheLeaseInMidAssembly:
    """A store is not touched any more: what its bytes are now is the successor's business."""

    @staticmethod
    def forbid(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
        monkeypatch.setattr(get_store("default"), step, lambda *arguments: pytest.fail(f"touched the store: {step}"))

    def test_before_the_beginning_nothing_is_sealed(
        self, session: UploadSession, lease: uuid.UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        take_lease(session)
        self.forbid(monkeypatch, "seal")
        assembly.assemble(session, lease)

    def test_during_validation_nothing_is_published(
        self, session: UploadSession, lease: uuid.UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(SecureFileUploadService, "check_stored", lambda *arguments: take_lease(session))
        self.forbid(monkeypatch, "publish")
        assembly.assemble(session, lease)

    def test_while_damage_is_looked_for_nothing_is_reopened(
        self, session: UploadSession, lease: uuid.UUID, store_root: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def find_damage(attempt: Any, chunks: Any) -> Verdict:
            take_lease(session)
            return Verdict([0], "")

        next((store_root / "staging").glob("*.part")).write_bytes(b"!" + DATA[1:])
        monkeypatch.setattr(assembly._Assembly, "_verify", find_damage)
        self.forbid(monkeypatch, "reopen")
        assembly.assemble(session, lease)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"total_size": len(DATA) + 1}, "size_conflict"),
        ({"file_hash": "0" * 64}, "hash_conflict"),
    ],
)
@pytest.mark.parametrize("state", ["assembling", "completed"])
def test_a_session_past_its_last_chunk_takes_no_other_size_or_hash(
    service: Any, session: UploadSession, fields: dict[str, Any], code: str, state: str
) -> None:
    if state == "completed":
        session = service.complete(session)
    else:
        transitions.begin_assembling(session)
        session.refresh_from_db()
    with pytest.raises(Conflict) as refused:
        service.complete(session, **fields)
    assert refused.value.code == code
    digest = hashlib.sha256(DATA).hexdigest()
    assert service.complete(session, total_size=len(DATA), file_hash=digest).status == "completed"


def test_large_files_are_assembled_by_few_threads(
    service: Any, session: UploadSession, uploads: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads(INLINE_ASSEMBLE_BYTES=0)
    monkeypatch.setattr(assembly, "_threads", threading.BoundedSemaphore(1))
    with assembly._threads:
        assert service.complete(session, wait=0).status == "assembling"
        session.refresh_from_db()
        assert session.lease_token is None
    assert service.complete(session, wait=30).status == "completed"
    assert assembly._threads.acquire(timeout=10)
