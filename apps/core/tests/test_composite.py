"""The composite hash: compared with the receipts, kept with the completed upload."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from apps.core.errors import Conflict, MissingChunks
from apps.core.hashing import composite_of
from apps.core.models import UploadSession
from apps.core.services import composite, transitions
from apps.core.services.creation import Concatenation

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("small_chunks")]

DATA = b"0123456789"
PIECES = [DATA[:4], DATA[4:8], DATA[8:]]
COMPOSITE = composite_of(hashlib.sha256(piece).digest() for piece in PIECES)
WRONG = [composite_of([]), f"{'0' * 64}-3", COMPOSITE[:-1] + "2"]


def send(service: Any, session: UploadSession, *pieces: tuple[int, bytes]) -> None:
    for index, piece in pieces:
        receiver = service.receive_chunk(session, index)
        receiver.receive(piece)
        receiver.finish()
    session.refresh_from_db()


def mismatch(service: Any, session: UploadSession, **declared: Any) -> None:
    with pytest.raises(Conflict) as refused:
        service.complete(session, **declared)
    assert refused.value.code == "composite_mismatch"


@pytest.fixture
def session(service: Any) -> UploadSession:
    begun: UploadSession = service.create(filename="a.bin", total_size=len(DATA))[0]
    send(service, begun, *enumerate(PIECES))
    return begun


def test_the_right_one_completes_and_stays_when_the_receipts_go(service: Any, session: UploadSession) -> None:
    done = service.complete(session, composite_hash=COMPOSITE)
    assert (done.status, done.composite_hash) == ("completed", COMPOSITE)
    transitions.forget_receipts(done)
    assert service.complete(service.find(done.upload_id), composite_hash=COMPOSITE).status == "completed"
    mismatch(service, service.find(done.upload_id), composite_hash=WRONG[1])


def test_every_completed_upload_has_one(service: Any, session: UploadSession) -> None:
    assert service.complete(session).composite_hash == COMPOSITE


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_one_changes_nothing(service: Any, session: UploadSession, wrong: str) -> None:
    mismatch(service, session, composite_hash=wrong, file_hash="0" * 64)
    session.refresh_from_db()
    assert (session.status, session.file_hash, session.composite_hash) == ("active", "", "")
    assert service.complete(session, composite_hash=COMPOSITE).status == "completed"


def test_a_wrong_one_fixes_no_size(service: Any) -> None:
    session, _ = service.create(filename="a.bin", chunk_size=4)
    # While the size is unknown chunks are larger.
    pieces = [DATA[at : at + session.chunk_size] for at in range(0, len(DATA), session.chunk_size)]
    send(service, session, *enumerate(pieces))
    mismatch(service, session, composite_hash=WRONG[1], total_size=len(DATA))
    session.refresh_from_db()
    assert session.total_size is None


def test_while_it_is_assembled_another_one_is_refused(service: Any, session: UploadSession) -> None:
    assert transitions.begin_assembling(session)
    session.refresh_from_db()
    mismatch(service, session, composite_hash=WRONG[1])
    assert service.complete(session, composite_hash=COMPOSITE).status == "completed"


def test_chunks_that_are_missing_are_said_first(service: Any) -> None:
    session, _ = service.create(filename="a.bin", total_size=len(DATA))
    send(service, session, (0, PIECES[0]), (2, PIECES[2]))
    with pytest.raises(MissingChunks) as refused:
        service.complete(session, composite_hash=COMPOSITE)
    assert refused.value.extra["missing_chunks"] == [1]


def test_receipts_that_change_before_the_move_are_compared(
    service: Any, session: UploadSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the first look and the move a chunk was found damaged, and somebody else sent other bytes."""

    def replaced(session: UploadSession) -> None:
        session.receipts.filter(index=0).update(sha256=bytes(32))

    monkeypatch.setattr("apps.core.services.resumable_upload_service.record_kept_part", replaced)
    mismatch(service, session, composite_hash=COMPOSITE)
    session.refresh_from_db()
    assert session.status == "active"


def test_who_is_no_longer_active_does_not_begin(session: UploadSession) -> None:
    assert transitions.cancel(session)
    assert not composite.begin_assembling(session, COMPOSITE)


def test_an_empty_file_has_one_too(service: Any) -> None:
    session, _ = service.create(filename="a.bin", total_size=0)
    assert session.composite_hash == composite_of([]) == f"{hashlib.sha256().hexdigest()}-0"
    assert service.complete(session, composite_hash=composite_of([])).status == "completed"


def test_a_joined_upload_has_none_to_compare_before_it_is_joined(service: Any) -> None:
    part, _ = service.create(filename="p.bin", total_size=4, concat=Concatenation(kind="partial"))
    final, _ = service.create(filename="a.bin", total_size=4, concat=Concatenation(kind="final", partials=(part,)))
    with pytest.raises(Conflict) as refused:
        service.complete(final, composite_hash=COMPOSITE)
    assert refused.value.code == "final_upload"


@pytest.mark.parametrize("declared", [False, True])
def test_the_sha256_of_the_whole_can_be_left_out(
    service: Any, session: UploadSession, uploads: Any, declared: bool
) -> None:
    uploads(WHOLE_FILE_SHA256=False)
    sha256 = hashlib.sha256(DATA).hexdigest()
    done = service.complete(session, composite_hash=COMPOSITE, file_hash=sha256 if declared else None)
    assert done.sha256 == (sha256 if declared else "")
    assert done.published_digest == (sha256 if declared else COMPOSITE)
