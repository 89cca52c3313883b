from __future__ import annotations

from typing import Any

import pytest

from apps.core.errors import QuotaExceeded, StorageFull
from apps.core.models import OwnerUsage, UploadSession

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


@pytest.mark.usefixtures("small_chunks")
def test_stored_bytes_are_limited_and_completion_moves_them(api: Api, uploads: Any) -> None:
    uploads(MAX_STORED_BYTES=10)
    api.upload(b"012345")
    assert usage() == (0, 0, 6)
    problem = assert_problem(api.post("init", {"filename": "a.bin", "total_size": 5}), 429, "quota_exceeded")
    assert problem["quota"] == "stored_bytes"


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
def test_a_session_of_unknown_size_reserves_what_arrives(service: Any, uploads: Any) -> None:
    uploads(MAX_RESERVED_BYTES=6)
    session, _ = service.create(filename="a.bin")
    receiver = service.receive_chunk(session, 0)
    receiver.receive(b"0123")
    receiver.finish()
    assert usage() == (1, 4, 0)
    receiver = service.receive_chunk(session, 1)
    receiver.receive(b"4567")
    with pytest.raises(QuotaExceeded):
        receiver.finish()
    session.refresh_from_db()
    assert session.received_chunks == 1


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
