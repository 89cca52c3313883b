"""What any store must do: one suite, run on the local store, on one with an object store's rules, and on S3 engines.

Two senders of one chunk are kept apart by a lock where a store has one, and noticed at seal where it has none; the last
tests say which is which.
"""

from __future__ import annotations

import hashlib
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from apps.core import resumable_hash
from apps.core.errors import ChecksumMismatch, ChunkConflict, Conflict, ContentRefused, MissingChunks
from apps.core.grid import Grid
from apps.core.models import UploadSession
from apps.core.services import transitions
from apps.core.services.checked_appending import ExpectedChecksum
from apps.core.services.creation import Concatenation
from apps.core.services.repair import parts_of
from apps.core.storage import (
    KeptSegments,
    PartsChanged,
    SealLost,
    Segment,
    Staged,
    StagingMissing,
    Store,
    StoredPart,
    Writer,
    WriterSuperseded,
    get_store,
    locks_chunks,
)
from apps.core.storage.local import LocalStore

from .memory_store import MemoryStore
from .s3_engine import made_bucket, made_store
from .write_guards import Guard

pytestmark = pytest.mark.unit

LEASE = uuid4()
TAIL = b"89"


def nothing() -> None:
    """Nobody waits for a lease here."""


@pytest.fixture(params=["local", "memory", pytest.param("s3", marks=pytest.mark.s3)])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    if request.param == "s3":
        return made_store(monkeypatch)
    return LocalStore(tmp_path / "uploads") if request.param == "local" else MemoryStore(bucket=str(tmp_path))


@pytest.fixture(params=["memory", pytest.param("s3", marks=pytest.mark.s3)])
def object_store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    return made_store(monkeypatch) if request.param == "s3" else MemoryStore(bucket=str(tmp_path))


@pytest.fixture
def staged(store: Store) -> Staged:
    return begin(store)


def begin(store: Store) -> Staged:
    upload_id = uuid4()
    return Staged(upload_id, store.begin(upload_id, mime_type="application/octet-stream"))


def grid_of(store: Store) -> Grid:
    """Two chunks of the smallest size that the store takes, and a short one."""
    size = max(store.min_chunk_size, 4)
    return Grid(size, 2 * size + len(TAIL), max_chunks=10)


def pieces_of(store: Store) -> list[bytes]:
    size = grid_of(store).chunk_size
    return [b"0123".ljust(size, b"."), b"4567".ljust(size, b"."), TAIL]


def whole(store: Store, *others: tuple[int, bytes]) -> bytes:
    pieces = dict(enumerate(pieces_of(store))) | dict(others)
    return b"".join(pieces[index] for index in range(3))


def written(store: Store, staged: Staged, index: int, data: bytes) -> Writer:
    writer = store.writer(staged, grid_of(store).span(index), Guard())
    for start in range(0, len(data), max(len(data) // 4, 1)):
        writer.write(data[start : start + max(len(data) // 4, 1)])
    return writer


def commit(store: Store, staged: Staged, writer: Writer, index: int, data: bytes) -> StoredPart:
    lock = store.exclusive(staged, index) if locks_chunks(store) else nullcontext()
    digest = hashlib.sha256(data).digest()
    with lock as entry:
        etag = writer.commit(entry, digest)
    writer.discard()
    return StoredPart(index, grid_of(store).span(index).offset, len(data), etag, digest)


def write(store: Store, staged: Staged, index: int, data: bytes) -> StoredPart:
    return commit(store, staged, written(store, staged, index, data), index, data)


def write_all(store: Store, staged: Staged) -> list[StoredPart]:
    parts = {index: write(store, staged, index, pieces_of(store)[index]) for index in (2, 0, 1)}
    return [parts[index] for index in range(3)]


def read(store: Store, staged: Staged) -> bytes:
    with store.open(staged) as file:
        return file.read()


def reopened(
    store: Store, staged: Staged, parts: list[StoredPart], lease: UUID = LEASE
) -> tuple[Staged, dict[int, StoredPart]]:
    again = store.reopen(staged, parts, lease, nothing, mime_type="application/octet-stream")
    kept = {part.index: replace(part, etag=again.etags[part.index]) for part in parts if part.index in again.etags}
    return Staged(staged.upload_id, again.handle), kept


def test_chunks_may_come_in_any_order(store: Store, staged: Staged) -> None:
    store.seal(staged, write_all(store, staged), LEASE, nothing)
    assert read(store, staged) == whole(store)


def test_what_was_discarded_is_not_stored(store: Store, staged: Staged) -> None:
    parts = write_all(store, staged)
    late = written(store, staged, 0, b"XX")
    late.discard()
    store.seal(staged, parts, LEASE, nothing)
    assert read(store, staged) == whole(store)


def test_sealing_and_publishing_may_be_repeated(store: Store, staged: Staged) -> None:
    parts = write_all(store, staged)
    for _ in range(2):
        store.seal(staged, parts, LEASE, nothing)
    names = set()
    for _ in range(2):
        names.add(store.publish(staged, len(whole(store)), LEASE))
        store.seal(staged, parts, LEASE, nothing)
    assert names == {store.name_of(staged)}
    assert read(store, staged) == whole(store)


def test_a_published_file_is_a_django_file(store: Store, staged: Staged) -> None:
    store.seal(staged, write_all(store, staged), LEASE, nothing)
    with store.published.open(store.publish(staged, len(whole(store)), LEASE)) as file:
        assert file.read() == whole(store)


def test_a_stored_file_is_read_from_anywhere(store: Store, staged: Staged) -> None:
    store.seal(staged, write_all(store, staged), LEASE, nothing)
    expected = whole(store)
    with store.open(staged) as file:
        for start in (3, 0, len(expected) - 1, len(expected) - 1, len(expected) + 5):
            file.seek(start)
            assert file.read(3) == expected[start : start + 3]


def test_an_empty_upload_is_an_empty_file(store: Store, staged: Staged) -> None:
    for _ in range(2):
        store.seal(staged, [], LEASE, nothing)
    store.publish(staged, 0, LEASE)
    assert read(store, staged) == b""


def test_reopening_keeps_the_intact_chunks(store: Store, staged: Staged) -> None:
    parts = write_all(store, staged)
    store.seal(staged, parts, LEASE, nothing)
    again, kept = reopened(store, staged, [parts[0], parts[2]])
    other = b"wxyz".ljust(grid_of(store).chunk_size, b"-")
    kept[1] = write(store, again, 1, other)
    store.seal(again, [kept[index] for index in range(3)], LEASE, nothing)
    assert read(store, again) == whole(store, (1, other))


def test_reopening_keeps_the_intact_chunks_of_what_was_published_and_never_recorded(
    store: Store, staged: Staged
) -> None:
    parts = write_all(store, staged)
    dead, successor = uuid4(), uuid4()
    store.seal(staged, parts, dead, nothing)
    store.publish(staged, len(whole(store)), dead)
    store.seal(staged, parts, successor, nothing)
    again, kept = reopened(store, staged, [parts[0], parts[2]], successor)
    other = b"wxyz".ljust(grid_of(store).chunk_size, b"-")
    kept[1] = write(store, again, 1, other)
    store.seal(again, [kept[index] for index in range(3)], LEASE, nothing)
    assert read(store, again) == whole(store, (1, other))


def test_removing_leaves_nothing(store: Store, staged: Staged) -> None:
    store.seal(staged, write_all(store, staged), LEASE, nothing)
    name = store.publish(staged, len(whole(store)), LEASE)
    for _ in range(2):
        store.discard(staged)
        store.remove(name)
    assert list(store.staged()) == []
    assert list(store.objects()) == []
    with pytest.raises(StagingMissing):
        store.open(staged)


def test_discarded_bytes_are_said_to_be_gone(store: Store, staged: Staged) -> None:
    store.discard(staged)
    with pytest.raises(StagingMissing):
        write(store, staged, 0, pieces_of(store)[0])


def test_everything_staged_and_published_is_listed(store: Store, staged: Staged) -> None:
    other = begin(store)
    store.seal(staged, write_all(store, staged), LEASE, nothing)
    name = store.publish(staged, len(whole(store)), LEASE)
    assert [found for found, _ in store.staged()] == [other]
    assert [(found.name, found.size) for found in store.objects()] == [(name, len(whole(store)))]


def test_an_orphan_that_was_listed_and_sealed_since_stays(store: Store, staged: Staged) -> None:
    parts = write_all(store, staged)
    ((orphan, _),) = store.staged()
    store.seal(staged, parts, LEASE, nothing)
    name = store.publish(staged, len(whole(store)), LEASE)
    store.discard_orphan(orphan)
    assert [found.name for found in store.objects()] == [name]


def test_what_is_in_the_trash_is_no_longer_published(store: Store, staged: Staged) -> None:
    store.seal(staged, write_all(store, staged), LEASE, nothing)
    store.trash(store.publish(staged, len(whole(store)), LEASE))
    assert list(store.objects()) == []


def test_a_store_keeps_its_identity(store: Store) -> None:
    assert store.identity() == store.identity()
    assert len(store.identity()) == 32


def test_two_uploads_do_not_meet(store: Store, staged: Staged) -> None:
    other = begin(store)
    write(store, other, 0, b"XXXX".ljust(grid_of(store).chunk_size, b"X"))
    store.seal(staged, write_all(store, staged), LEASE, nothing)
    assert read(store, staged) == whole(store)


def test_a_part_of_a_chunk_is_kept_and_gone_on_from(store: Store, staged: Staged) -> None:
    grid, data = grid_of(store), pieces_of(store)[0]
    segments: list[Segment] = []
    for start, end in ((0, 1), (1, 3)):
        writer = store.writer(staged, grid.span(0), Guard(), start=start, supersede=True, segments=segments)
        writer.write(data[start:end])
        lock = store.exclusive(staged, 0) if locks_chunks(store) else nullcontext()
        with lock as entry:
            kept = writer.commit_partial(entry)
        writer.discard()
        segments += [kept] if kept else []
    with store.open_kept(staged, grid.span(0), segments) as file:
        assert file.read(3) == data[:3]
    last = store.writer(staged, grid.span(0), Guard(), start=3, supersede=True, segments=segments)
    last.write(data[3:])
    first = commit(store, staged, last, 0, data)
    parts = [first, *(write(store, staged, index, pieces_of(store)[index]) for index in (1, 2))]
    if isinstance(store, KeptSegments):
        store.remove_segments(segments)
    store.seal(staged, parts, LEASE, nothing)
    store.publish(staged, len(whole(store)), LEASE)
    assert read(store, staged) == whole(store)
    assert list(store.staged()) == []


class TestWherePublishingIsARename:
    """A directory has two places, and a lease that says who may move the bytes from one to the other."""

    @pytest.fixture
    def local(self, tmp_path: Path) -> LocalStore:
        return LocalStore(tmp_path / "uploads")

    def test_who_was_sealed_out_neither_publishes_nor_reopens(self, local: LocalStore) -> None:
        staged = begin(local)
        parts = write_all(local, staged)
        former, successor = uuid4(), uuid4()
        local.seal(staged, parts, former, nothing)
        local.seal(staged, parts, successor, nothing)
        with pytest.raises(SealLost):
            local.publish(staged, 10, former)
        with pytest.raises(SealLost):
            reopened(local, staged, parts, former)
        again, _ = reopened(local, staged, [parts[0], parts[2]], successor)
        with pytest.raises(SealLost):
            local.publish(staged, 10, successor)
        write(local, again, 1, b"wxyz")
        assert list(local.objects()) == []

    def test_discarding_spares_what_is_published(self, local: LocalStore) -> None:
        staged = begin(local)
        local.seal(staged, write_all(local, staged), LEASE, nothing)
        local.publish(staged, 10, LEASE)
        local.discard(staged)
        assert read(local, staged) == whole(local)


class TestWherePublishingMovesNothing:
    """A bucket has one place for each attempt, and the ledger says which one counts."""

    def test_reopening_touches_nothing_of_what_was_sealed(self, object_store: Store) -> None:
        staged = begin(object_store)
        parts = write_all(object_store, staged)
        object_store.seal(staged, parts, LEASE, nothing)
        again, _ = reopened(object_store, staged, [parts[0]])
        assert again.handle != staged.handle
        assert read(object_store, staged) == whole(object_store)

    def test_what_is_not_sealed_is_reopened_as_it_is(self, object_store: Store) -> None:
        staged = begin(object_store)
        parts = write_all(object_store, staged)
        again, kept = reopened(object_store, staged, parts)
        assert again == staged
        assert list(kept.values()) == parts

    def test_of_what_is_gone_nothing_is_kept(self, object_store: Store) -> None:
        staged = begin(object_store)
        parts = write_all(object_store, staged)
        object_store.discard(staged)
        with pytest.raises(PartsChanged) as changed:
            object_store.seal(staged, parts, LEASE, nothing)
        assert changed.value.indices == [0, 1, 2]
        again, kept = reopened(object_store, staged, parts)
        assert kept == {}
        assert again.handle != staged.handle


class TestTwoSendersOfOneChunk:
    """The second commits after the first one's bytes were recorded."""

    def test_where_there_is_a_lock_the_late_one_is_superseded(self, tmp_path: Path) -> None:
        store = LocalStore(tmp_path)
        staged = begin(store)
        span = Grid(2**21, 2**21, max_chunks=1).span(0)
        digest = hashlib.sha256(b"f" * 2**21).digest()
        late, first = store.writer(staged, span, Guard()), store.writer(staged, span, Guard())
        late.write(b"l" * 2**20)
        first.write(b"f" * 2**20)
        first.write(b"f" * 2**20)
        with store.exclusive(staged, 0) as entry:
            first.commit(entry, digest)
        first.discard()
        late.write(b"l" * 2**20)
        with pytest.raises(WriterSuperseded), store.exclusive(staged, 0) as entry:
            late.commit(entry, digest)
        assert read(store, staged) == b"f" * 2**21

    def test_where_there_is_none_it_is_noticed_at_seal(self, object_store: Store) -> None:
        staged = begin(object_store)
        parts = write_all(object_store, staged)
        write(object_store, staged, 1, b"late".ljust(grid_of(object_store).chunk_size, b"!"))
        with pytest.raises(PartsChanged) as changed:
            object_store.seal(staged, parts, LEASE, nothing)
        assert changed.value.indices == [1]

    def test_where_there_is_none_unsealed_bytes_cannot_be_read(self, object_store: Store) -> None:
        staged = begin(object_store)
        write_all(object_store, staged)
        with pytest.raises(StagingMissing):
            object_store.open(staged)


@pytest.mark.integration
class TestEngineOnAnObjectStore:
    """The engine relies on nothing that only a disk gives."""

    @pytest.fixture(autouse=True, params=["memory", pytest.param("s3", marks=pytest.mark.s3)])
    def objects(
        self, request: pytest.FixtureRequest, uploads: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Any:
        if request.param == "s3":
            objects = {"BACKEND": "apps.core.storage.s3.S3Store", "OPTIONS": made_bucket(monkeypatch)}
        else:
            objects = {"BACKEND": f"{MemoryStore.__module__}.MemoryStore", "OPTIONS": {"bucket": str(tmp_path)}}
        stores = {"default": {"BACKEND": "apps.core.storage.local.LocalStore"}, "objects": objects}
        uploads(STORES=stores, STORE="objects", CHUNK_SIZE=4, MIN_CHUNK_SIZE=1)
        return get_store("objects")

    def begin(self, service: Any, **fields: Any) -> Any:
        size = grid_of(get_store("objects")).total_size
        return service.create(filename="a.bin", total_size=size, **fields)[0]

    def send(self, service: Any, session: Any, index: int, data: bytes | None = None) -> None:
        sink = service.receive_chunk(session, index)
        sink.receive(data or pieces_of(get_store("objects"))[index])
        sink.finish()

    def send_all(self, service: Any, session: Any) -> None:
        for index in (2, 0, 1):
            self.send(service, session, index)

    def append(self, service: Any, session: Any, data: bytes) -> int:
        sink = service.receive_from(session, service.offset(session))
        sink.receive(data)
        return int(sink.finish())

    def other(self, index: int) -> bytes:
        return b"late".ljust(len(pieces_of(get_store("objects"))[index]), b"!")

    def test_an_upload_completes(self, service: Any, objects: Any) -> None:
        session = self.begin(service)
        self.send_all(service, session)
        done = service.complete(session)
        assert (done.status, done.store) == ("completed", "objects")
        with done.file.open("rb") as file:
            assert file.read() == whole(objects)
        service.remove(done.upload_id)
        assert (list(objects.staged()), list(objects.objects())) == ([], [])

    def test_an_empty_upload_completes(self, service: Any) -> None:
        done = service.create(filename="a.bin", total_size=0)[0]
        assert (done.status, done.file.open("rb").read()) == ("completed", b"")

    def test_a_declared_hash_is_compared_with_what_is_stored(self, service: Any, objects: Any) -> None:
        good = hashlib.sha256(whole(objects)).hexdigest()
        session = self.begin(service, file_hash=good)
        self.send_all(service, session)
        assert service.complete(session).sha256 == good
        wrong = self.begin(service, file_hash="0" * 64)
        self.send_all(service, wrong)
        with pytest.raises(ContentRefused):
            service.complete(wrong)
        assert len(list(objects.objects())) == 1

    def test_the_same_chunk_again_changes_nothing(self, service: Any, objects: Any) -> None:
        session = self.begin(service)
        self.send_all(service, session)
        self.send(service, session, 1)
        with pytest.raises(ChunkConflict):
            self.send(service, session, 1, self.other(1))
        assert service.complete(session).status == "completed"
        self.send(service, session, 1)

    def test_an_overwritten_part_is_asked_for_again(self, service: Any) -> None:
        session = self.begin(service)
        late = service.receive_chunk(session, 1)
        late.receive(self.other(1))
        self.send_all(service, session)
        # The dead writer's request reaches the store at last.
        late._writer.commit(None, hashlib.sha256(self.other(1)).digest())
        with pytest.raises(MissingChunks) as missing:
            service.complete(session)
        assert missing.value.extra["missing_chunks"] == [1]
        session.refresh_from_db()
        self.send(service, session, 1)
        assert service.complete(session).status == "completed"

    def test_damage_after_sealing_is_repaired_in_a_new_place(self, service: Any, objects: Any) -> None:
        session = self.begin(service, file_hash=hashlib.sha256(whole(objects)).hexdigest())
        self.send_all(service, session)
        transitions.begin_assembling(session)
        session.refresh_from_db()
        before = session.staged
        objects.seal(before, parts_of(session), uuid4(), nothing)
        self.damage(objects, objects.name_of(before), whole(objects, (1, self.other(1))))
        with pytest.raises(MissingChunks) as missing:
            service.complete(session)
        assert missing.value.extra["missing_chunks"] == [1]
        again = service.find(session.upload_id)
        assert again.staged != before
        assert list(objects.objects()) == []
        self.send(service, again, 1)
        done = service.complete(again)
        with done.file.open("rb") as file:
            assert file.read() == whole(objects)

    def damage(self, objects: Any, name: str, data: bytes) -> None:
        if isinstance(objects, MemoryStore):
            objects.bucket.objects[name] = data
        else:
            objects.bucket.put(f"{objects.bucket.keys.files}{name}", data, hashlib.sha256(data).digest())

    def test_staged_bytes_that_were_lost_are_begun_anew(self, service: Any, objects: Any) -> None:
        session = self.begin(service)
        self.send(service, session, 0)
        objects.discard(session.staged)
        with pytest.raises(Conflict) as lost:
            self.send(service, session, 1)
        assert lost.value.code == "staging_lost"
        again = service.find(session.upload_id)
        for index in (1, 2):
            self.send(service, again, index)
        with pytest.raises(MissingChunks) as missing:
            service.complete(again)
        assert missing.value.extra["missing_chunks"] == [0]
        again = service.find(session.upload_id)
        self.send(service, again, 0)
        assert service.complete(again).status == "completed"
        assert list(objects.staged()) == []

    def test_bytes_in_order_are_kept_in_small_steps(self, service: Any, objects: Any) -> None:
        data = whole(objects)
        session = self.begin(service)
        size = grid_of(objects).chunk_size
        reached = 0
        for end in (1, 3, size - 1, size + 1, len(data)):
            assert self.append(service, service.find(session.upload_id), data[reached:end]) == end
            reached = end
        done = service.complete(service.find(session.upload_id))
        with done.file.open("rb") as file:
            assert file.read() == data
        assert list(objects.staged()) == []
        assert done.segments.count() == 0

    def test_the_tail_of_a_file_of_unknown_size_is_kept(self, service: Any, objects: Any) -> None:
        data = whole(objects)
        session, _ = service.create(filename="a.bin")
        assert self.append(service, session, data) == len(data)
        done = service.complete(service.find(session.upload_id), total_size=len(data))
        with done.file.open("rb") as file:
            assert file.read() == data

    def test_what_is_kept_is_read_again_by_another_machine(
        self, service: Any, objects: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        data = whole(objects)
        session = self.begin(service)
        self.append(service, session, data[:3])
        monkeypatch.setattr(resumable_hash, "load", lambda state, size: None)
        assert self.append(service, service.find(session.upload_id), data[3:]) == len(data)
        assert service.complete(service.find(session.upload_id)).status == "completed"

    def test_bytes_in_order_that_do_not_have_their_checksum_leave_nothing(self, service: Any, objects: Any) -> None:
        data = whole(objects)
        session = self.begin(service)
        wrong = service.receive_from(session, 0, ExpectedChecksum(hashlib.sha1, b"wrong"))
        wrong.receive(data)
        with pytest.raises(ChecksumMismatch):
            wrong.finish()
        assert service.offset(service.find(session.upload_id)) == 0
        right = service.receive_from(
            service.find(session.upload_id), 0, ExpectedChecksum(hashlib.sha1, hashlib.sha1(data).digest())
        )
        right.receive(data)
        assert right.finish() == len(data)
        assert service.complete(service.find(session.upload_id)).status == "completed"

    def test_partial_uploads_are_joined(self, service: Any, objects: Any) -> None:
        data = whole(objects)
        cut = grid_of(objects).chunk_size + 1
        partials = []
        for part in (data[:cut], data[cut:]):
            partial, _ = service.create(
                filename="p", total_size=len(part), concat=Concatenation(UploadSession.Concat.PARTIAL)
            )
            self.append(service, partial, part)
            partials.append(service.find(partial.upload_id))
        final, _ = service.create(
            filename="a.bin",
            total_size=len(data),
            concat=Concatenation(UploadSession.Concat.FINAL, partials=tuple(partials)),
        )
        done = service.complete(final)
        with done.file.open("rb") as file:
            assert file.read() == data
        assert [found.name for found in objects.objects()] == [done.file.name]

    def test_what_was_cancelled_leaves_nothing(self, service: Any, objects: Any) -> None:
        session = self.begin(service)
        self.append(service, session, whole(objects)[:-1])
        service.cancel(service.find(session.upload_id))
        assert (list(objects.staged()), list(objects.objects())) == ([], [])

    def test_the_stores_smallest_part_reaches_the_grid(self, service: Any, objects: Any, uploads: Any) -> None:
        uploads(CHUNK_SIZE=1)
        size = 2 * objects.min_chunk_size + 2
        assert service.create(filename="a.bin", total_size=size)[0].chunk_size == objects.min_chunk_size
        wish = service.create(filename="a.bin", total_size=size, chunk_size=2)[0]
        assert wish.chunk_size == objects.min_chunk_size

    def test_a_session_stays_in_its_store_when_the_default_changes(
        self, service: Any, objects: Any, uploads: Any
    ) -> None:
        session = self.begin(service)
        uploads(STORE="default")
        self.send_all(service, session)
        assert service.complete(session).store == "objects"
        with session.file.open("rb") as file:
            assert file.read() == whole(objects)
        assert service.create(filename="b.bin", total_size=4)[0].store == "default"
