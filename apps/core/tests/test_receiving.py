"""Receiving: the invariants of chunks, and of bytes in order."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core import resumable_hash
from apps.core.conf import MIB
from apps.core.errors import (
    BodyBroken,
    ChecksumMismatch,
    ChunkConflict,
    Conflict,
    ContentRefused,
    MissingChunks,
    OffsetMismatch,
    QuotaExceeded,
    SessionGone,
    StorageFull,
    TooLarge,
    UploadError,
)
from apps.core.models import ChunkReceipt, UploadSession
from apps.core.services import partial_chunk, sequential_ledger
from apps.core.services.appending import record_kept_part
from apps.core.services.sequential_ledger import KeptPart
from apps.core.storage import get_store
from apps.core.storage.local import writer
from apps.core.storage.local.claims import COMMITTED

from .noise import noise
from .threads import together

pytestmark = pytest.mark.integration


def begin(service: Any, size: int | None, **fields: Any) -> UploadSession:
    session: UploadSession = service.create(filename=fields.pop("filename", "a.bin"), total_size=size, **fields)[0]
    return session


def receive(service: Any, session: UploadSession, index: int, data: bytes) -> None:
    receiver = service.receive_chunk(session, index)
    receiver.receive(data)
    receiver.finish()


def stored(session: UploadSession) -> bytes:
    with get_store("default").open(session.staged) as file:
        return file.read()


@pytest.mark.usefixtures("small_chunks")
class TestChunks:
    def test_the_receipt_is_the_sha256_of_the_stored_bytes(self, service: Any) -> None:
        session = begin(service, 10)
        receive(service, session, 1, b"4567")
        assert bytes(ChunkReceipt.objects.get().sha256) == hashlib.sha256(b"4567").digest()
        assert stored(session)[4:] == b"4567"

    def test_a_short_body_is_no_chunk(self, service: Any) -> None:
        session = begin(service, 10)
        receiver = service.receive_chunk(session, 0)
        receiver.receive(b"012")
        with pytest.raises(BodyBroken):
            receiver.finish()
        assert not ChunkReceipt.objects.exists()

    def test_a_long_body_is_refused_at_its_first_byte_too_many(self, service: Any) -> None:
        receiver = service.receive_chunk(begin(service, 10), 2)
        receiver.receive(b"89")
        with pytest.raises(TooLarge):
            receiver.receive(b"!")
        assert not ChunkReceipt.objects.exists()

    def test_a_session_cancelled_while_a_chunk_arrives_takes_it_no_more(self, service: Any, store_root: Any) -> None:
        session = begin(service, 10)
        receiver = service.receive_chunk(session, 0)
        receiver.receive(b"0123")
        service.cancel(session)
        with pytest.raises(SessionGone):
            receiver.finish()
        assert list((store_root / "staging").iterdir()) == []

    @pytest.mark.parametrize("lost", ["part", "claims"])
    def test_lost_files_are_begun_anew_for_chunks_that_are_written_as_they_arrive_too(
        self, service: Any, uploads: Any, store_root: Any, lost: str
    ) -> None:
        uploads(CHUNK_SIZE=3 * MIB, MAX_FILE_SIZE=9 * MIB)
        session = begin(service, 3 * MIB)
        (store_root / "staging" / f"{session.upload_id.hex}.{lost}").unlink()
        data = noise(MIB)

        def send() -> None:
            receiver = service.receive_chunk(session, 0)
            for _ in range(3):
                receiver.receive(data)
            receiver.finish()

        with pytest.raises(Conflict) as refusal:
            send()
        assert refusal.value.code == "staging_lost"
        send()
        assert stored(session) == 3 * data

    def test_no_lock_and_no_transaction_is_open_between_blocks(self, service: Any) -> None:
        session = begin(service, 10)
        slow = service.receive_chunk(session, 0)
        slow.receive(b"01")
        assert not connection.in_atomic_block
        receive(service, session, 0, b"0123")  # Another sender of the very same chunk is not held up.
        slow.receive(b"23")
        slow.finish()
        assert ChunkReceipt.objects.count() == 1

    def test_a_chunk_costs_the_same_queries_first_or_last(self, service: Any) -> None:
        session = begin(service, 400)
        counts = set()
        for index in range(100):
            with CaptureQueriesContext(connection) as queries:
                receive(service, session, index, b"abcd")
            counts.add(len(queries))
        assert len(counts) == 1

    def test_a_chunk_that_arrives_damaged_is_counted(self, service: Any) -> None:
        session = begin(service, 10)
        for _ in range(2):
            receiver = service.receive_chunk(session, 0, expected_digest=b"\0" * 32)
            receiver.receive(b"abcd")
            with pytest.raises(ChecksumMismatch):
                receiver.finish()
        receive(service, session, 0, b"abcd")
        session.refresh_from_db()
        assert session.damaged_chunks == 2

    def test_the_first_bytes_are_checked_as_they_arrive(self, service: Any) -> None:
        session = begin(service, 10, filename="a.bin")
        receiver = service.receive_chunk(session, 0)
        receiver.receive(b"MZ\x90\0")
        with pytest.raises(ContentRefused):
            receiver.finish()
        assert not ChunkReceipt.objects.exists()

    def test_the_first_bytes_of_another_chunk_are_not_those_of_the_file(self, service: Any) -> None:
        receive(service, begin(service, 10), 1, b"MZ\x90\0")
        assert ChunkReceipt.objects.get().index == 1

    def test_a_type_that_contradicts_is_refused_with_its_first_block(self, service: Any, uploads: Any) -> None:
        uploads(MAX_FILE_SIZE=MIB)
        session = begin(service, MIB, filename="a.png", chunk_size=MIB)
        receiver = service.receive_chunk(session, 0)
        with pytest.raises(ContentRefused):
            receiver.receive(b"GIF89a" + bytes(8192))


def test_threads_sending_the_same_chunks_store_each_once(service: Any, uploads: Any) -> None:
    uploads(CHUNK_SIZE=64, MIN_CHUNK_SIZE=1)
    data = noise(64 * 20)
    session = begin(service, len(data))

    def send(number: int) -> None:
        for index in range(20)[:: 1 if number % 2 else -1]:
            receive(service, session, index, data[index * 64 : (index + 1) * 64])

    together(4, send)
    session.refresh_from_db()
    assert (session.received_chunks, session.received_bytes) == (20, len(data))
    assert stored(session) == data


def test_of_two_different_chunks_at_once_one_is_stored_and_one_refused(service: Any, uploads: Any) -> None:
    uploads(CHUNK_SIZE=3 * MIB)
    session = begin(service, 3 * MIB)
    first, second = (service.receive_chunk(session, 0) for _ in range(2))
    for _ in range(3):
        first.receive(b"a" * MIB)
        second.receive(b"b" * MIB)
    second.finish()
    with pytest.raises(ChunkConflict):
        first.finish()
    assert stored(session) == b"b" * 3 * MIB


@pytest.mark.parametrize("size", [2 * MIB, None])
@pytest.mark.parametrize("blocks", [1, 2])
def test_nothing_is_written_over_a_recorded_chunk(service: Any, uploads: Any, size: int | None, blocks: int) -> None:
    uploads(CHUNK_SIZE=2 * MIB)
    data = noise(2 * MIB)
    session = begin(service, size)
    late = service.receive_chunk(session, 0)
    receive(service, session, 0, data)
    for start in range(0, 2 * MIB, 2 * MIB // blocks):
        late.receive(bytes(data[start : start + 2 * MIB // blocks][::-1]))
    with pytest.raises(ChunkConflict):
        late.finish()
    assert stored(session) == data


def test_a_large_chunk_repeated_after_completion_is_compared(service: Any, uploads: Any) -> None:
    uploads(CHUNK_SIZE=3 * MIB)
    data = noise(3 * MIB)
    session = begin(service, 3 * MIB)

    def send(block: bytes) -> None:
        receiver = service.receive_chunk(session, 0)
        for start in range(0, 3 * MIB, MIB):
            receiver.receive(block[start : start + MIB])
        receiver.finish()

    send(data)
    session.refresh_from_db()
    session = service.complete(session)
    send(data)
    with pytest.raises(ChunkConflict):
        send(data[::-1])
    assert session.file.size == 3 * MIB


def test_memory_held_is_given_back(service: Any, uploads: Any) -> None:
    from apps.core.memory import memory_budget

    uploads(CHUNK_SIZE=3 * MIB)
    session = begin(service, 3 * MIB)
    before = memory_budget._used  # Of requests that other tests left open.
    receiver = service.receive_chunk(session, 0)
    receiver.receive(b"a" * (MIB // 2))
    assert memory_budget.exhausted(before)
    receiver.abort()
    assert not memory_budget.exhausted(before)


def test_short_of_memory_every_block_is_written_out(service: Any, uploads: Any) -> None:
    uploads(CHUNK_SIZE=MIB, RECEIVE_BUFFER_BYTES=1)
    data = noise(MIB)
    session = begin(service, MIB)
    receiver = service.receive_chunk(session, 0)
    receiver.receive(data[:1000])
    assert stored(session) == data[:1000]
    receiver.receive(data[1000:])
    receiver.finish()
    assert stored(session) == data


def no_room(fd: int, data: bytes, offset: int) -> None:
    if data:
        raise StorageFull


@pytest.mark.usefixtures("small_chunks")
class TestInOrder:
    def test_bytes_spread_over_chunks_and_the_rest_is_kept(self, service: Any) -> None:
        session = begin(service, 10)
        receiver = service.receive_from(session, 0)
        receiver.receive(b"012345")
        assert receiver.abort() == 6
        session.refresh_from_db()
        assert session.received_chunks == 1
        assert service.offset(session) == 6

    def test_it_goes_on_in_the_middle_of_a_chunk(self, service: Any) -> None:
        data = b"0123456789"
        session = begin(service, 10, file_hash=hashlib.sha256(data).hexdigest())
        for start in range(0, 10, 3):
            session.refresh_from_db()
            receiver = service.receive_from(session, start)
            receiver.receive(data[start : start + 3])
            receiver.finish()
        session.refresh_from_db()
        assert service.complete(session).status == "completed"

    @pytest.mark.parametrize("offset", [0, 5, 7])
    def test_another_offset_is_a_mismatch(self, service: Any, offset: int) -> None:
        session = begin(service, 10)
        receiver = service.receive_from(session, 0)
        receiver.receive(b"012345")
        receiver.abort()
        session.refresh_from_db()
        with pytest.raises(OffsetMismatch) as mismatch:
            service.receive_from(session, offset)
        assert mismatch.value.extra["expected_offset"] == 6

    def test_a_newer_request_takes_over_and_the_older_changes_nothing(self, service: Any) -> None:
        session = begin(service, 10)
        older = service.receive_from(session, 0)
        older.receive(b"xx")
        newer = service.receive_from(session, 0)
        newer.receive(b"012")
        newer.abort()
        with pytest.raises(UploadError) as superseded:
            older.receive(b"xxxx")
        assert superseded.value.code == "append_superseded"
        older.abort()
        session.refresh_from_db()
        assert service.offset(session) == 3
        assert stored(session)[:3] == b"012"

    def test_more_than_the_file_has_is_refused_and_what_fits_is_kept(self, service: Any) -> None:
        session = begin(service, 6)
        receiver = service.receive_from(session, 0)
        with pytest.raises(TooLarge):
            receiver.receive(b"0123456789")
        session.refresh_from_db()
        assert service.offset(session) == 6

    def test_a_kept_part_that_a_power_failure_damaged_is_not_built_upon(
        self, service: Any, store_root: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        session = begin(service, 10)
        receiver = service.receive_from(session, 0)
        receiver.receive(b"012345")
        receiver.abort()
        monkeypatch.setattr(resumable_hash, "stamp", lambda: b"another boot    ")
        session.refresh_from_db()
        assert service.offset(session) == 6
        part = next((store_root / "staging").glob("*.part"))
        part.write_bytes(b"0123!!")
        monkeypatch.setattr(resumable_hash, "stamp", lambda: b"and another one ")
        assert service.offset(session) == 4
        session.refresh_from_db()
        assert (session.partial_size, session.partial_sha256, bytes(session.partial_state)) == (0, "", b"")

    def test_small_steps_read_nothing_again(self, service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        data = b"0123456789"
        session = begin(service, 10, chunk_size=10, file_hash=hashlib.sha256(data).hexdigest())
        monkeypatch.setattr(partial_chunk, "_hash_stored", lambda *arguments: pytest.fail("read the kept part again"))
        for start in range(10):
            service.receive_from(service.find(session.upload_id), start).receive(data[start : start + 1])
            if start < 9:
                newer = service.receive_from(service.find(session.upload_id), start)
                newer.receive(data[start : start + 1])
                newer.abort()
        assert service.complete(service.find(session.upload_id)).status == "completed"

    def test_a_kept_part_is_forgotten_only_if_it_is_still_the_same(self, service: Any) -> None:
        session = begin(service, 10)
        receiver = service.receive_from(session, 0)
        receiver.receive(b"012345")
        receiver.abort()
        seen = KeptPart.of(service.find(session.upload_id))
        newer = service.receive_from(service.find(session.upload_id), 6)
        newer.receive(b"6")
        newer.abort()
        late = service.find(session.upload_id)
        sequential_ledger.drop_partial(late, seen)
        assert service.offset(service.find(session.upload_id)) == service.offset(late) == 7

    @pytest.mark.parametrize("last", [2, MIB, 2 * MIB - 7], ids=["when kept", "in mid-chunk", "at the end"])
    def test_a_full_disk_loses_nothing_that_reached_it(
        self, service: Any, uploads: Any, monkeypatch: pytest.MonkeyPatch, last: int
    ) -> None:
        uploads(CHUNK_SIZE=4 * MIB, MAX_FILE_SIZE=10 * MIB)
        data = hashlib.sha512(b"seed").digest() * (4 * MIB // 64)
        session = begin(service, 4 * MIB, file_hash=hashlib.sha256(data).hexdigest())
        first = service.receive_from(session, 0)
        first.receive(data[: MIB + 7])
        assert first.abort() == MIB + 7
        reached = 2 * MIB + 7
        sink = service.receive_from(service.find(session.upload_id), MIB + 7)
        sink.receive(data[MIB + 7 : reached])
        with monkeypatch.context() as full:
            full.setattr(writer, "pwrite_all", no_room)
            with suppress(StorageFull):
                sink.receive(data[reached : reached + last])
            assert sink.abort() == reached
        assert service.offset(service.find(session.upload_id)) == reached
        service.receive_from(service.find(session.upload_id), reached).receive(data[reached:])
        assert service.complete(service.find(session.upload_id)).status == "completed"

    def test_a_refused_block_leaves_what_was_kept_before(self, service: Any, uploads: Any) -> None:
        session = begin(service, None)
        first = service.receive_from(session, 0)
        first.receive(b"01")
        first.abort()
        uploads(MAX_RESERVED_BYTES=0)
        session = service.find(session.upload_id)
        UploadSession.objects.update(reserved_bytes=2)
        session.refresh_from_db()
        sink = service.receive_from(session, 2)
        with pytest.raises(QuotaExceeded):
            sink.receive(b"23")
        assert sink.abort() == 2
        assert service.offset(service.find(session.upload_id)) == 2

    def test_chunks_of_other_protocols_count(self, service: Any) -> None:
        session = begin(service, 10)
        receive(service, session, 1, b"4567")
        receive(service, session, 0, b"0123")
        session.refresh_from_db()
        assert service.offset(session) == 8

    def test_a_kept_part_becomes_the_last_chunk_when_the_size_is_known(self, service: Any) -> None:
        session = begin(service, None)
        receiver = service.receive_from(session, 0)
        receiver.receive(b"012345")
        receiver.finish()
        session.refresh_from_db()
        done = service.complete(session, total_size=6, file_hash=hashlib.sha256(b"012345").hexdigest())
        assert done.status == "completed"

    def test_what_is_kept_of_a_chunk_that_was_recorded_meanwhile_is_nothing(self, service: Any) -> None:
        session = begin(service, 10)
        sink = service.receive_from(session, 0)
        sink.receive(b"xx")
        receive(service, session, 0, b"0123")
        sink.abort()
        assert stored(session) == b"0123"
        assert service.offset(service.find(session.upload_id)) == 4

    def test_the_first_bytes_of_a_request_in_mid_file_are_not_those_of_the_file(self, service: Any) -> None:
        session = begin(service, 10, chunk_size=10)
        keep(service, session, 0, b"01")
        service.receive_from(service.find(session.upload_id), 2).receive(b"MZ\x90\x004567")
        assert service.find(session.upload_id).received_chunks == 1


def keep(service: Any, session: UploadSession, offset: int, data: bytes) -> None:
    sink = service.receive_from(service.find(session.upload_id), offset)
    sink.receive(data)
    sink.abort()


@pytest.mark.usefixtures("small_chunks")
class TestTheKeptPartWhenTheSizeIsKnown:
    """It is the last chunk if it is the whole of it, and of this chunk, and not damaged."""

    @staticmethod
    def complete(service: Any, session: UploadSession) -> None:
        with pytest.raises(MissingChunks, match="are missing"):
            service.complete(service.find(session.upload_id), total_size=6)

    def test_a_part_of_the_chunk_is_not_the_chunk(self, service: Any) -> None:
        session = begin(service, None)
        keep(service, session, 0, b"01234")
        self.complete(service, session)
        assert service.offset(service.find(session.upload_id)) == 5

    def test_a_part_of_a_chunk_that_was_finished_since_is_not_the_next_one(self, service: Any) -> None:
        session = begin(service, None)
        keep(service, session, 0, b"01")
        keep(service, session, 2, b"23")
        self.complete(service, session)
        assert service.offset(service.find(session.upload_id)) == 4

    def test_a_damaged_part_is_not_recorded(
        self, service: Any, store_root: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        session = begin(service, None)
        keep(service, session, 0, b"012345")
        monkeypatch.setattr(resumable_hash, "stamp", lambda: b"another boot    ")
        next((store_root / "staging").glob("*.part")).write_bytes(b"0123!!")
        self.complete(service, session)
        assert service.offset(service.find(session.upload_id)) == 4


@pytest.mark.usefixtures("small_chunks")
def test_a_kept_part_that_became_a_chunk_is_never_written_over(service: Any) -> None:
    """Invariant 2: once its receipt is written, nobody writes in its place, not even the newest sequential sender."""
    session = begin(service, None)
    sink = service.receive_from(session, 0)
    sink.receive(b"012345")
    sink.abort()
    session.refresh_from_db()
    service.declare_size(session, 6)
    record_kept_part(session)
    store: Any = get_store("default")
    with store.exclusive(session.staged, 1) as entry:
        assert entry.read() == COMMITTED
    assert ChunkReceipt.objects.count() == 2


@pytest.mark.usefixtures("small_chunks")
def test_a_plain_chunk_is_not_told_that_a_newer_request_superseded_it(service: Any) -> None:
    session = begin(service, None)
    service.receive_from(session, 0)
    sink = service.receive_chunk(service.find(session.upload_id), 5)
    sink.receive(b"4567")
    service.declare_size(service.find(session.upload_id), 8)
    with pytest.raises(Conflict) as refused:
        sink.finish()
    assert refused.value.code == "chunk_beyond_end"
