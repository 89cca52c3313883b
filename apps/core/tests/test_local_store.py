"""The local store on a real disk: places, claims, permissions, links."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from apps.core.conf import MIB
from apps.core.grid import Grid
from apps.core.storage import StagingMissing, WriterDisplaced
from apps.core.storage.local import LocalStore

pytestmark = pytest.mark.unit

SIZE = 3 * MIB
BIG = Grid(SIZE, 2 * SIZE, max_chunks=10)
SMALL = Grid(4, 10, max_chunks=10)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "uploads")


@pytest.fixture
def upload_id(store: LocalStore) -> UUID:
    upload_id = uuid4()
    store.begin(upload_id)
    return upload_id


def stored(store: LocalStore, upload_id: UUID) -> bytes:
    with store.open(upload_id) as file:
        return file.read()


def write_chunk(store: LocalStore, upload_id: UUID, grid: Grid, index: int, data: bytes) -> None:
    writer = store.writer(upload_id, grid.span(index))
    for start in range(0, len(data), MIB):
        writer.write(data[start : start + MIB])
    with store.exclusive(upload_id, index) as entry:
        writer.settle(entry)


def test_chunks_land_at_their_final_offset_in_any_order(store: LocalStore, upload_id: UUID) -> None:
    for index, data in ((2, b"89"), (0, b"0123"), (1, b"4567")):
        write_chunk(store, upload_id, SMALL, index, data)
    assert stored(store, upload_id) == b"0123456789"


def test_what_is_not_settled_changes_nothing_stored(store: LocalStore, upload_id: UUID) -> None:
    good = os.urandom(SIZE)
    write_chunk(store, upload_id, BIG, 0, good)
    late = store.writer(upload_id, BIG.span(0))
    late.write(b"x" * 2 * MIB)
    late.discard()
    assert stored(store, upload_id) == good


def test_a_large_chunk_is_written_in_place_while_it_arrives(store: LocalStore, upload_id: UUID) -> None:
    writer = store.writer(upload_id, BIG.span(0))
    writer.write(b"a" * MIB)
    assert stored(store, upload_id) == b"a" * MIB


def test_of_two_senders_of_a_large_chunk_the_first_to_settle_wins(store: LocalStore, upload_id: UUID) -> None:
    first, second = (store.writer(upload_id, BIG.span(0)) for _ in range(2))
    first.write(b"a" * 2 * MIB)
    second.write(b"b" * 2 * MIB)
    second.write(b"b" * MIB)
    with store.exclusive(upload_id, 0) as entry:
        second.settle(entry)
    first.write(b"a" * MIB)
    with pytest.raises(WriterDisplaced), store.exclusive(upload_id, 0) as entry:
        first.settle(entry)
    assert stored(store, upload_id) == b"b" * SIZE


def test_a_newer_writer_takes_over_and_the_older_changes_no_byte_more(store: LocalStore, upload_id: UUID) -> None:
    older = store.writer(upload_id, BIG.span(0))
    older.write(b"o" * MIB)
    newer = store.writer(upload_id, BIG.span(0), take_over=True)
    newer.write(b"n" * MIB)
    older.write(b"o" * MIB)
    assert stored(store, upload_id) == b"n" * MIB


def test_taking_over_spares_what_is_settled(store: LocalStore, upload_id: UUID) -> None:
    good = os.urandom(SIZE)
    newer = store.writer(upload_id, BIG.span(0), take_over=True)
    write_chunk(store, upload_id, BIG, 0, good)
    newer.write(b"n" * 2 * MIB)
    newer.discard()
    assert stored(store, upload_id) == good


def test_a_kept_part_is_continued_where_it_ended(store: LocalStore, upload_id: UUID) -> None:
    writer = store.writer(upload_id, SMALL.span(0), take_over=True)
    writer.write(b"01")
    with store.exclusive(upload_id, 0) as entry:
        writer.keep(entry)
    writer = store.writer(upload_id, SMALL.span(0), start=2, take_over=True)
    writer.write(b"23")
    with store.exclusive(upload_id, 0) as entry:
        writer.settle(entry)
    assert stored(store, upload_id) == b"0123"


def test_an_abandoned_claim_is_given_back(store: LocalStore, upload_id: UUID) -> None:
    writer = store.writer(upload_id, BIG.span(0))
    writer.write(b"a" * MIB)
    writer.discard()
    with store.exclusive(upload_id, 0) as entry:
        assert entry.is_untouched


def test_one_chunk_is_exclusive_and_others_are_not(store: LocalStore, upload_id: UUID) -> None:
    order: list[str] = []

    def second() -> None:
        with store.exclusive(upload_id, 0):
            order.append("second")

    with store.exclusive(upload_id, 0):
        thread = threading.Thread(target=second)
        thread.start()
        with store.exclusive(upload_id, 1):
            order.append("other chunk")
        thread.join(0.05)
        order.append("first")
    thread.join()
    assert order == ["other chunk", "first", "second"]


def test_publishing_renames_the_file(store: LocalStore, upload_id: UUID, tmp_path: Path) -> None:
    write_chunk(store, upload_id, SMALL, 0, b"0123")
    inode = next((tmp_path / "uploads" / "staging").glob("*.part")).stat().st_ino
    name = store.publish(upload_id, 4)
    assert (tmp_path / "uploads" / "files" / name).stat().st_ino == inode
    assert list((tmp_path / "uploads" / "staging").iterdir()) == []


def test_publishing_twice_is_a_success(store: LocalStore, upload_id: UUID) -> None:
    write_chunk(store, upload_id, SMALL, 0, b"0123")
    assert store.publish(upload_id, 4) == store.publish(upload_id, 4)
    assert stored(store, upload_id) == b"0123"


def test_publishing_cuts_what_lies_behind_the_end(store: LocalStore, upload_id: UUID) -> None:
    write_chunk(store, upload_id, SMALL, 1, b"4567")
    store.publish(upload_id, 6)
    assert len(stored(store, upload_id)) == 6


def test_files_and_directories_are_private(store: LocalStore, upload_id: UUID, tmp_path: Path) -> None:
    write_chunk(store, upload_id, SMALL, 0, b"0123")
    store.publish(upload_id, 4)
    store.begin(uuid4())
    for path in (tmp_path / "uploads").rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_a_link_in_place_of_the_bytes_is_not_followed(store: LocalStore, upload_id: UUID, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"untouched")
    part = next((tmp_path / "uploads" / "staging").glob("*.part"))
    part.unlink()
    part.symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"):
        write_chunk(store, upload_id, SMALL, 0, b"0123")
    assert victim.read_bytes() == b"untouched"


def test_a_link_in_place_of_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "staging").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"Not a directory|symbolic links"):
        LocalStore(tmp_path / "uploads").begin(uuid4())
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_bytes_that_are_gone_are_said_to_be(store: LocalStore, upload_id: UUID) -> None:
    store.discard(upload_id)
    with pytest.raises(StagingMissing):
        store.open(upload_id)
    with pytest.raises(StagingMissing):
        store.exclusive(upload_id, 0)


def test_staged_lists_what_is_there(store: LocalStore, upload_id: UUID) -> None:
    assert [found for found, _ in store.staged()] == [upload_id]


def test_check_leaves_nothing_behind(store: LocalStore, tmp_path: Path) -> None:
    store.check()
    assert list((tmp_path / "uploads" / "staging").iterdir()) == []
