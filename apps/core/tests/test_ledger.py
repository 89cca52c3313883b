"""What is written to the ledger is conditional on what the row is at that moment, not on what it was when it was read.

Each test changes the row behind the back of a request that read it before.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.core.errors import Conflict, NotFound, SessionGone, UploadError
from apps.core.models import OwnerUsage, UploadSession
from apps.core.services import declaring, ledger, receiving, sequential_ledger
from apps.core.services.appending import AppendSink
from apps.core.services.sequential_ledger import KeptPart
from apps.core.storage import StagingMissing

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("small_chunks")]

PART = KeptPart(0, 2, "5" * 64, b"state")


@pytest.fixture
def session(service: Any) -> UploadSession:
    """As a request read it that is slow from here on."""
    begun: UploadSession = service.create(filename="a.bin")[0]
    return begun


def receive(service: Any, session: UploadSession, index: int, data: bytes) -> None:
    sink = service.receive_chunk(service.find(session.upload_id), index)
    sink.receive(data)
    sink.finish()


def row(session: UploadSession) -> dict[str, Any]:
    return dict(UploadSession.objects.filter(pk=session.pk).values().get())


@pytest.mark.parametrize(
    ("status", "refusal"),
    [
        ("cancelled", SessionGone),
        ("expired", SessionGone),
        ("assembling", Conflict),
        ("completed", Conflict),
        ("failed", Conflict),
        ("removing", NotFound),
    ],
)
class TestEndedMeanwhile:
    @pytest.fixture(autouse=True)
    def _end(self, session: UploadSession, status: str) -> None:
        UploadSession.objects.update(status=status)

    def test_a_chunk_that_is_not_recorded_is_refused(
        self, session: UploadSession, refusal: type[UploadError], status: str
    ) -> None:
        with pytest.raises(refusal):
            ledger.recorded_digest(session, 0, None)

    def test_no_request_becomes_the_newest(
        self, session: UploadSession, refusal: type[UploadError], status: str
    ) -> None:
        with pytest.raises(refusal):
            ledger.supersede_append(session)
        assert row(session)["append_token"] is None

    def test_no_part_is_kept(self, session: UploadSession, refusal: type[UploadError], status: str) -> None:
        newest = uuid.uuid4()
        UploadSession.objects.update(append_token=newest)
        with pytest.raises(refusal):
            sequential_ledger.record_partial(session, PART, newest)
        assert row(session)["partial_size"] == 0

    def test_no_staged_bytes_are_begun_anew(
        self, session: UploadSession, refusal: type[UploadError], status: str, store_root: Any
    ) -> None:
        for path in (store_root / "staging").iterdir():
            path.unlink()
        with pytest.raises(refusal):
            receiving.staging_lost(session, StagingMissing())
        assert list((store_root / "staging").iterdir()) == []

    def test_no_size_is_declared(self, session: UploadSession, refusal: type[UploadError], status: str) -> None:
        with pytest.raises(Conflict):
            declaring.declare(session, total_size=8, file_hash=None)
        assert row(session)["total_size"] is None
        assert OwnerUsage.objects.get().reserved_bytes == 0


def test_a_recorded_chunk_of_a_session_that_is_removed_is_no_longer_told(service: Any, session: UploadSession) -> None:
    receive(service, session, 0, b"0123")
    assert ledger.recorded_digest(session, 0, None) is not None
    UploadSession.objects.update(status="removing")
    with pytest.raises(NotFound):
        ledger.recorded_digest(session, 0, None)


def test_a_superseded_request_keeps_no_part(session: UploadSession) -> None:
    older = ledger.supersede_append(session)
    ledger.supersede_append(session)
    with pytest.raises(Conflict) as refused:
        sequential_ledger.record_partial(session, PART, older)
    assert refused.value.code == "append_superseded"
    assert row(session)["partial_size"] == 0


def test_an_overdue_session_is_not_appended_to(session: UploadSession) -> None:
    session.expires_at = timezone.now() - timedelta(seconds=1)
    with pytest.raises(SessionGone):
        AppendSink(session, 0)
    assert row(session)["append_token"] is None


class TestDeclaringTheSize:
    def test_not_over_a_chunk_whose_place_was_not_looked_at(self, service: Any, session: UploadSession) -> None:
        receive(service, session, 5, b"4567")
        with pytest.raises(Conflict):
            declaring.declare(session, total_size=8, file_hash=None)
        assert row(session)["total_size"] is None

    def test_not_over_another_one_that_was_declared_meanwhile(self, service: Any, session: UploadSession) -> None:
        service.declare_size(service.find(session.upload_id), 8)
        with pytest.raises(Conflict):
            declaring.declare(session, total_size=12, file_hash=None)
        assert (row(session)["total_size"], row(session)["reserved_bytes"]) == (8, 8)
        assert OwnerUsage.objects.get().reserved_bytes == 8
