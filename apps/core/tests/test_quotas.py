from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db.models import F

from apps.core.conf import MIB
from apps.core.errors import BadRequest, Conflict, QuotaExceeded, SessionGone, StorageFull, Throttled, TooLarge
from apps.core.models import OwnerUsage, UploadSession
from apps.core.services import quotas

from .api import Api, assert_problem, sha256
from .threads import together

pytestmark = pytest.mark.integration


def usage() -> tuple[int, int, int]:
    row = OwnerUsage.objects.get()
    return row.open_sessions, row.reserved_bytes, row.stored_bytes


def test_open_sessions_are_limited(service: Any, uploads: Any) -> None:
    uploads(MAX_OPEN_SESSIONS=2)
    for _ in range(2):
        service.create(filename="a.bin", total_size=1)
    with pytest.raises(QuotaExceeded) as exceeded:
        service.create(filename="a.bin", total_size=1)
    assert exceeded.value.extra == {"quota": "open_sessions"}


def test_reserved_bytes_are_limited(service: Any, uploads: Any) -> None:
    uploads(MAX_RESERVED_BYTES=10)
    service.create(filename="a.bin", total_size=6)
    with pytest.raises(QuotaExceeded) as exceeded:
        service.create(filename="a.bin", total_size=5)
    assert exceeded.value.extra == {"quota": "reserved_bytes"}
    service.create(filename="a.bin", total_size=4)


def test_what_is_reserved_counts_as_stored_before_it_is(service: Any, uploads: Any) -> None:
    uploads(MAX_STORED_BYTES=10)
    service.create(filename="a.bin", total_size=6)
    with pytest.raises(QuotaExceeded) as exceeded:
        service.create(filename="a.bin", total_size=5)
    assert exceeded.value.extra == {"quota": "stored_bytes"}
    service.create(filename="a.bin", total_size=4)


@pytest.mark.usefixtures("small_chunks")
def test_stored_bytes_are_limited_and_completion_moves_them(api: Api, uploads: Any) -> None:
    uploads(MAX_STORED_BYTES=10)
    api.upload(b"012345")
    assert usage() == (0, 0, 6)
    problem = assert_problem(api.post("init", {"filename": "a.bin", "total_size": 5}), 429, "quota_exceeded")
    assert problem["quota"] == "stored_bytes"


@pytest.mark.usefixtures("small_chunks")
def test_files_are_limited_and_those_to_come_count(api: Api, service: Any, uploads: Any) -> None:
    uploads(MAX_STORED_FILES=2)
    done = api.upload(b"0123")["upload_id"]
    begun = api.init(b"4567")
    assert OwnerUsage.objects.get().stored_files == 1
    problem = assert_problem(api.post("init", {"filename": "c.bin", "total_size": 0}), 429, "quota_exceeded")
    assert problem["quota"] == "stored_files"
    service.remove(done)
    service.remove(begun)
    assert OwnerUsage.objects.get().stored_files == 0
    for name in ("a.bin", "b.bin"):
        service.create(filename=name, total_size=0)


def test_a_file_whose_row_the_host_deletes_is_no_longer_counted(service: Any) -> None:
    service.create(filename="a.bin", total_size=0)
    UploadSession.objects.all().delete()
    assert OwnerUsage.objects.get().stored_files == 0


def test_a_limit_that_was_lowered_keeps_no_upload_from_growing(service: Any, uploads: Any) -> None:
    session = service.create(filename="a.bin")[0]
    uploads(MAX_STORED_FILES=0)
    quotas.reserve_up_to(session, 5)
    assert session.reserved_bytes >= 5


@pytest.mark.usefixtures("small_chunks")
def test_everything_that_ends_gives_back(api: Api) -> None:
    cancelled = api.init(b"cancelled")
    api.post("cancel", {"upload_id": cancelled})
    failed = api.post("init", {"filename": "a.bin", "total_size": 4, "file_hash": sha256(b"else")}).json()["upload_id"]
    api.put(failed, 0, b"0123")
    api.complete(failed)
    expired = api.init(b"expired")
    UploadSession.objects.filter(upload_id=expired).update(expires_at="2020-01-01T00:00Z")
    api.status(expired)
    assert usage() == (0, 0, 0)


@pytest.mark.usefixtures("small_chunks")
class TestUnknownSize:
    @pytest.fixture
    def session(self, service: Any) -> Any:
        return service.create(filename="a.bin")[0]

    @staticmethod
    def receive(service: Any, session: UploadSession, index: int, data: bytes) -> None:
        sink = service.receive_chunk(service.find(session.upload_id), index)
        sink.receive(data)
        sink.finish()

    def test_it_reserves_by_windows_and_gives_back_what_was_too_much(
        self, service: Any, session: UploadSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(quotas, "WINDOW", 16)
        self.receive(service, session, 0, b"0123")
        assert usage() == (1, 16, 0)
        self.receive(service, session, 3, b"0123")
        assert usage() == (1, 16, 0)
        self.receive(service, session, 4, b"0123")
        assert usage() == (1, 32, 0)
        service.declare_size(service.find(session.upload_id), 20)
        assert usage() == (1, 20, 0)
        service.cancel(service.find(session.upload_id))
        assert usage() == (0, 0, 0)

    def test_where_no_window_fits_it_reserves_what_it_needs(
        self, service: Any, session: UploadSession, uploads: Any
    ) -> None:
        uploads(MAX_RESERVED_BYTES=6)
        self.receive(service, session, 0, b"0123")
        assert usage() == (1, 4, 0)

    def test_a_second_window_needs_room_for_no_more_than_itself(
        self, service: Any, session: UploadSession, uploads: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(quotas, "WINDOW", 16)
        uploads(MAX_RESERVED_BYTES=32)
        self.receive(service, session, 0, b"0123")
        self.receive(service, session, 4, b"0123")
        assert usage() == (1, 32, 0)

    def test_what_another_request_reserved_meanwhile_is_reserved(
        self, service: Any, session: UploadSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(quotas, "WINDOW", 16)
        late = service.receive_chunk(session, 1)
        self.receive(service, session, 0, b"0123")
        late.receive(b"4567")
        assert late.finish().totals.received_chunks == 2
        assert usage() == (1, 16, 0)

    def test_a_window_fits_only_beside_what_others_have_reserved(
        self, service: Any, session: UploadSession, uploads: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(quotas, "WINDOW", 16)
        uploads(MAX_STORED_BYTES=20)
        service.create(filename="b.bin", total_size=10)
        self.receive(service, session, 0, b"0123")
        assert usage() == (2, 14, 0)

    def test_nothing_is_written_that_is_not_reserved(
        self, service: Any, session: UploadSession, uploads: Any, store_root: Path
    ) -> None:
        uploads(MAX_RESERVED_BYTES=6, RECEIVE_BUFFER_BYTES=0)
        sink = service.receive_chunk(session, 1)
        sink.receive(b"45")
        with pytest.raises(QuotaExceeded):
            sink.receive(b"67")
        (part,) = (store_root / "staging").glob("*.part")
        assert part.stat().st_size == 6
        assert usage() == (1, 6, 0)

    def test_the_largest_file_there_may_be_is_a_bound_while_bytes_arrive(
        self, service: Any, session: UploadSession, uploads: Any
    ) -> None:
        uploads(MAX_FILE_SIZE=6)
        session = service.find(session.upload_id)
        sink = service.receive_chunk(session, 1)
        with pytest.raises(TooLarge):
            sink.receive(b"4567")
        with pytest.raises(BadRequest):
            service.receive_chunk(session, 2)
        with pytest.raises(TooLarge):
            service.receive_from(session, 0).receive(b"01234567")

    def test_a_chunk_in_flight_while_the_size_is_declared_leaks_no_quota(
        self, service: Any, session: UploadSession
    ) -> None:
        in_flight = service.receive_chunk(session, 1)
        in_flight.receive(b"4567")
        service.declare_size(service.find(session.upload_id), 8)
        in_flight.finish()
        self.receive(service, session, 0, b"0123")
        assert usage() == (1, 8, 0)
        done = service.complete(service.find(session.upload_id), file_hash=sha256(b"01234567"))
        assert (done.status, usage()) == ("completed", (0, 0, 8))

    def test_bytes_of_an_ended_session_reserve_nothing(self, service: Any, session: UploadSession) -> None:
        sink = service.receive_chunk(session, 0)
        service.cancel(service.find(session.upload_id))
        with pytest.raises(SessionGone):
            sink.receive(b"0123")
        assert usage() == (0, 0, 0)

    def test_bytes_behind_the_declared_end_are_refused_as_they_arrive(
        self, service: Any, session: UploadSession
    ) -> None:
        sink = service.receive_chunk(session, 5)
        service.declare_size(service.find(session.upload_id), 8)
        with pytest.raises(Conflict) as refused:
            sink.receive(b"4567")
        assert refused.value.code == "chunk_beyond_end"
        assert usage() == (1, 8, 0)


class TestSpools:
    @pytest.fixture
    def second(self, service: Any, uploads: Any) -> Any:
        """A sender of a chunk that another one writes."""
        uploads(CHUNK_SIZE=2 * MIB, MAX_RESERVED_BYTES=5 * MIB)
        session, _ = service.create(filename="a.bin", total_size=2 * MIB)
        first = service.receive_chunk(session, 0)
        first.receive(b"1" * MIB)
        return service.receive_chunk(session, 0)

    def test_spooled_bytes_count_as_reserved_until_they_are_gone(self, second: Any) -> None:
        second.receive(b"2" * MIB)
        assert usage() == (1, 4 * MIB, 0)
        second.abort()
        assert usage() == (1, 2 * MIB, 0)

    def test_what_does_not_fit_is_not_spooled(self, second: Any, uploads: Any) -> None:
        uploads(MAX_RESERVED_BYTES=3 * MIB)
        with pytest.raises(QuotaExceeded):
            second.receive(b"2" * MIB)
        assert usage() == (1, 2 * MIB, 0)

    def test_the_end_of_the_session_releases_what_a_killed_process_spooled(self, second: Any, service: Any) -> None:
        second.receive(b"2" * MIB)
        service.cancel(service.find(second.session.upload_id))
        assert usage() == (0, 0, 0)
        second.abort()
        assert usage() == (0, 0, 0)

    def test_they_are_counted_for_their_own_session(self, second: Any, service: Any, uploads: Any) -> None:
        def spooled(session: UploadSession) -> int:
            return service.find(session.upload_id).spooled_bytes  # type: ignore[no-any-return]

        uploads(MAX_RESERVED_BYTES=10 * MIB)
        other, _ = service.create(filename="b.bin", total_size=1)
        second.receive(b"2" * MIB)
        assert (spooled(second.session), spooled(other)) == (2 * MIB, 0)
        quotas.reserve_spool(other, 3 * MIB)
        second.abort()
        assert (spooled(second.session), spooled(other)) == (0, 3 * MIB)

    def test_what_was_released_is_not_released_again(self, second: Any, service: Any) -> None:
        second.receive(b"2" * MIB)
        second.abort()
        quotas.release_spool(second.session, 2 * MIB)
        assert service.find(second.session.upload_id).spooled_bytes == 0
        assert usage() == (1, 2 * MIB, 0)

    def test_a_session_that_ended_spools_nothing(self, second: Any, service: Any) -> None:
        service.cancel(service.find(second.session.upload_id))
        quotas.reserve_spool(second.session, MIB)
        assert usage() == (0, 0, 0)


def test_an_owner_begins_as_many_sessions_in_a_period_as_the_rate_says(service: Any, uploads: Any) -> None:
    uploads(INIT_RATE="3/day")
    outcomes: list[bool] = []

    def begin(number: int) -> None:
        try:
            service.create(filename="a.bin", total_size=1)
            outcomes.append(True)
        except Throttled:
            outcomes.append(False)

    together(10, begin)
    assert sorted(outcomes) == [False] * 7 + [True] * 3
    OwnerUsage.objects.update(init_window=F("init_window") - 1)
    service.create(filename="a.bin", total_size=1)
    assert OwnerUsage.objects.get().init_count == 1


def test_parallel_inits_never_overdraw(service: Any, uploads: Any) -> None:
    uploads(MAX_OPEN_SESSIONS=5)
    outcomes: list[bool] = []

    def begin(number: int) -> None:
        try:
            service.create(filename="a.bin", total_size=1)
            outcomes.append(True)
        except QuotaExceeded:
            outcomes.append(False)

    together(20, begin)
    assert sorted(outcomes) == [False] * 15 + [True] * 5
    assert usage()[0] == 5


def test_parallel_inits_of_one_file_make_one_session(service: Any) -> None:
    found: list[object] = []

    def begin(number: int) -> None:
        found.append(service.create(filename="a.bin", total_size=1, file_hash="a" * 64)[0].upload_id)

    together(8, begin)
    assert len(found) == 8
    assert len(set(found)) == 1
    assert usage() == (1, 1, 0)


def test_a_full_disk_is_507_and_loses_nothing(api: Api, uploads: Any, small_chunks: None) -> None:
    upload_id = api.init(b"0123456789")
    api.put(upload_id, 0, b"0123")
    uploads(MIN_FREE_DISK_BYTES=2**62)
    assert_problem(api.put(upload_id, 1, b"4567"), 507, "storage_full")
    assert_problem(api.post("init", {"filename": "a.bin", "total_size": 4}), 507, "storage_full")
    uploads(MIN_FREE_DISK_BYTES=1)
    api.send(upload_id, b"0123456789", 4, indices=[1, 2])
    assert api.complete(upload_id).status_code == 200


def test_no_room_for_the_file_is_found_at_init(service: Any, uploads: Any) -> None:
    uploads(MAX_FILE_SIZE=2**62, MAX_RESERVED_BYTES=2**62, MAX_STORED_BYTES=2**62)
    with pytest.raises(StorageFull):
        service.create(filename="a.bin", total_size=2**61)
