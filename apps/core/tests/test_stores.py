"""What any store must do: one suite, run on the local store and on one with an object store's rules.

Two senders of one chunk are kept apart by a lock where a store has one, and noticed at seal where it has none; the last
tests say which is which.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from apps.core.errors import Conflict
from apps.core.grid import Grid
from apps.core.storage import (
    PartsChanged,
    SealLost,
    Staged,
    StagingMissing,
    Store,
    StoredPart,
    WriterSuperseded,
    get_store,
)
from apps.core.storage.local import LocalStore

from .memory_store import MemoryStore
from .write_guards import Guard

pytestmark = pytest.mark.unit

GRID = Grid(4, 10, max_chunks=10)
PIECES = [b"0123", b"4567", b"89"]
LEASE = uuid4()


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "local":
        return LocalStore(tmp_path / "uploads")
    return MemoryStore(bucket=str(tmp_path))


@pytest.fixture
def staged(store: Store) -> Staged:
    return begin(store)


def begin(store: Store) -> Staged:
    upload_id = uuid4()
    return Staged(upload_id, store.begin(upload_id, mime_type="application/octet-stream"))


def write(store: Store, staged: Staged, index: int, data: bytes) -> StoredPart:
    writer = store.writer(staged, GRID.span(index), Guard())
    for byte in range(len(data)):
        writer.write(data[byte : byte + 1])
    with store.exclusive(staged, index) as entry:
        return StoredPart(index, len(data), writer.commit(entry))


def write_all(store: Store, staged: Staged) -> list[StoredPart]:
    parts = {index: write(store, staged, index, PIECES[index]) for index in (2, 0, 1)}
    return [parts[index] for index in range(3)]


def read(store: Store, staged: Staged) -> bytes:
    with store.open(staged) as file:
        return file.read()


def test_chunks_may_come_in_any_order(store: Store, staged: Staged) -> None:
    store.seal(staged, write_all(store, staged), LEASE)
    assert read(store, staged) == b"0123456789"


def test_what_was_discarded_is_not_stored(store: Store, staged: Staged) -> None:
    parts = write_all(store, staged)
    late = store.writer(staged, GRID.span(0), Guard())
    late.write(b"XX")
    late.discard()
    store.seal(staged, parts, LEASE)
    assert read(store, staged) == b"0123456789"


def test_sealing_and_publishing_may_be_repeated(store: Store, staged: Staged) -> None:
    parts = write_all(store, staged)
    for _ in range(2):
        store.seal(staged, parts, LEASE)
    names = set()
    for _ in range(2):
        names.add(store.publish(staged, 10, LEASE))
        store.seal(staged, parts, LEASE)
    assert names == {store.name_of(staged)}
    assert read(store, staged) == b"0123456789"


def test_a_published_file_is_a_django_file(store: Store, staged: Staged) -> None:
    store.seal(staged, write_all(store, staged), LEASE)
    with store.published.open(store.publish(staged, 10, LEASE)) as file:
        assert file.read() == b"0123456789"


def test_an_empty_upload_is_an_empty_file(store: Store, staged: Staged) -> None:
    store.seal(staged, [], LEASE)
    store.publish(staged, 0, LEASE)
    assert read(store, staged) == b""


def test_reopening_keeps_the_intact_chunks(store: Store, staged: Staged) -> None:
    parts = write_all(store, staged)
    store.seal(staged, parts, LEASE)
    again = Staged(staged.upload_id, store.reopen(staged, [parts[0], parts[2]], LEASE))
    parts[1] = write(store, again, 1, b"wxyz")
    store.seal(again, parts, LEASE)
    assert read(store, again) == b"0123wxyz89"


def test_reopening_keeps_the_intact_chunks_of_what_was_published_and_never_recorded(
    store: Store, staged: Staged
) -> None:
    parts = write_all(store, staged)
    dead, successor = uuid4(), uuid4()
    store.seal(staged, parts, dead)
    store.publish(staged, 10, dead)
    store.seal(staged, parts, successor)
    again = Staged(staged.upload_id, store.reopen(staged, [parts[0], parts[2]], successor))
    parts[1] = write(store, again, 1, b"wxyz")
    assert list(store.objects()) == []
    store.seal(again, parts, LEASE)
    assert read(store, again) == b"0123wxyz89"


def test_who_was_sealed_out_neither_publishes_nor_reopens(store: Store, staged: Staged) -> None:
    parts = write_all(store, staged)
    former, successor = uuid4(), uuid4()
    store.seal(staged, parts, former)
    store.seal(staged, parts, successor)
    with pytest.raises(SealLost):
        store.publish(staged, 10, former)
    with pytest.raises(SealLost):
        store.reopen(staged, parts, former)
    again = Staged(staged.upload_id, store.reopen(staged, [parts[0], parts[2]], successor))
    with pytest.raises(SealLost):
        store.publish(staged, 10, successor)
    write(store, again, 1, b"wxyz")
    assert list(store.objects()) == []


def test_removing_leaves_nothing(store: Store, staged: Staged) -> None:
    store.seal(staged, write_all(store, staged), LEASE)
    name = store.publish(staged, 10, LEASE)
    for _ in range(2):
        store.discard(staged)
        store.remove(name)
    assert list(store.staged()) == []
    assert list(store.objects()) == []
    with pytest.raises(StagingMissing):
        store.open(staged)


def test_discarding_spares_what_is_published(store: Store, staged: Staged) -> None:
    store.seal(staged, write_all(store, staged), LEASE)
    store.publish(staged, 10, LEASE)
    store.discard(staged)
    assert read(store, staged) == b"0123456789"


def test_discarded_bytes_are_said_to_be_gone(store: Store, staged: Staged) -> None:
    store.discard(staged)
    with pytest.raises(StagingMissing):
        write(store, staged, 0, b"0123")


def test_everything_staged_and_published_is_listed(store: Store, staged: Staged) -> None:
    other = begin(store)
    store.seal(staged, write_all(store, staged), LEASE)
    name = store.publish(staged, 10, LEASE)
    assert [found for found, _ in store.staged()] == [other]
    assert [(found.name, found.size) for found in store.objects()] == [(name, 10)]


def test_what_is_in_the_trash_is_no_longer_published(store: Store, staged: Staged) -> None:
    store.seal(staged, write_all(store, staged), LEASE)
    store.trash(store.publish(staged, 10, LEASE))
    assert list(store.objects()) == []


def test_a_store_keeps_its_identity(store: Store) -> None:
    assert store.identity() == store.identity()
    assert len(store.identity()) == 32


def test_two_uploads_do_not_meet(store: Store, staged: Staged) -> None:
    other = begin(store)
    write(store, other, 0, b"XXXX")
    store.seal(staged, write_all(store, staged), LEASE)
    assert read(store, staged) == b"0123456789"


class TestTwoSendersOfOneChunk:
    """The second commits after the first one's bytes were recorded."""

    def test_where_there_is_a_lock_the_late_one_is_superseded(self, tmp_path: Path) -> None:
        store = LocalStore(tmp_path)
        staged = begin(store)
        span = Grid(2**21, 2**21, max_chunks=1).span(0)
        late, first = store.writer(staged, span, Guard()), store.writer(staged, span, Guard())
        late.write(b"l" * 2**20)
        first.write(b"f" * 2**20)
        first.write(b"f" * 2**20)
        with store.exclusive(staged, 0) as entry:
            first.commit(entry)
        first.discard()
        late.write(b"l" * 2**20)
        with pytest.raises(WriterSuperseded), store.exclusive(staged, 0) as entry:
            late.commit(entry)
        assert read(store, staged) == b"f" * 2**21

    def test_where_there_is_none_it_is_noticed_at_seal(self, tmp_path: Path) -> None:
        store = MemoryStore(bucket=str(tmp_path))
        staged = begin(store)
        parts = write_all(store, staged)
        write(store, staged, 1, b"late")
        with pytest.raises(PartsChanged) as changed:
            store.seal(staged, parts, LEASE)
        assert changed.value.indices == [1]

    def test_where_there_is_none_unsealed_bytes_cannot_be_read(self, tmp_path: Path) -> None:
        store = MemoryStore(bucket=str(tmp_path))
        staged = begin(store)
        write_all(store, staged)
        with pytest.raises(StagingMissing):
            store.open(staged)


@pytest.mark.integration
class TestEngineOnAnObjectStore:
    """The engine relies on nothing that only a disk gives."""

    @pytest.fixture(autouse=True)
    def _stores(self, uploads: Any, tmp_path: Path) -> None:
        stores = {
            "default": {"BACKEND": "apps.core.storage.local.LocalStore"},
            "objects": {"BACKEND": f"{MemoryStore.__module__}.MemoryStore", "OPTIONS": {"bucket": str(tmp_path)}},
        }
        uploads(STORES=stores, STORE="objects", CHUNK_SIZE=4, MIN_CHUNK_SIZE=1)

    def send(self, service: Any, session: Any, index: int, data: bytes) -> None:
        sink = service.receive_chunk(session, index)
        sink.receive(data)
        sink.finish()

    def test_an_upload_completes(self, service: Any) -> None:
        session, _ = service.create(filename="a.bin", total_size=10)
        for index in (2, 0, 1):
            self.send(service, session, index, PIECES[index])
        done = service.complete(session)
        assert (done.status, done.store) == ("completed", "objects")
        with done.file.open("rb") as file:
            assert file.read() == b"0123456789"

    def test_an_overwritten_part_is_asked_for_again(self, service: Any) -> None:
        session, _ = service.create(filename="a.bin", total_size=10)
        late = service.receive_chunk(session, 1)
        late.receive(b"late")
        for index in range(3):
            self.send(service, session, index, PIECES[index])
        with late._store.exclusive(session.staged, 1) as entry:
            late._writer.commit(entry)  # The dead writer's request reaches the store at last.
        with pytest.raises(Exception, match="damaged"):
            service.complete(session)
        session.refresh_from_db()
        assert session.missing_chunks == [1]
        self.send(service, session, 1, PIECES[1])
        assert service.complete(session).status == "completed"

    def test_staged_bytes_that_were_lost_are_begun_anew(self, service: Any) -> None:
        session, _ = service.create(filename="a.bin", total_size=4)
        get_store("objects").discard(session.staged)
        with pytest.raises(Conflict) as lost:
            self.send(service, session, 0, b"0123")
        assert lost.value.code == "staging_lost"
        again = service.find(session.upload_id)
        self.send(service, again, 0, b"0123")
        assert service.complete(again).status == "completed"
        assert list(get_store("objects").staged()) == []

    def test_the_stores_smallest_part_reaches_the_grid(self, service: Any, uploads: Any) -> None:
        uploads(CHUNK_SIZE=1)
        assert service.create(filename="a.bin", total_size=10)[0].chunk_size == 4
        assert service.create(filename="a.bin", total_size=10, chunk_size=2)[0].chunk_size == 4

    def test_a_session_stays_in_its_store_when_the_default_changes(self, service: Any, uploads: Any) -> None:
        session, _ = service.create(filename="a.bin", total_size=4)
        uploads(STORE="default")
        self.send(service, session, 0, b"0123")
        assert service.complete(session).store == "objects"
        assert session.file.open("rb").read() == b"0123"
        assert service.create(filename="b.bin", total_size=4)[0].store == "default"
