"""What is special to the local store: places, claims, permissions, links. See test_stores for what any store does."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import tempfile
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from apps.core.conf import MIB
from apps.core.errors import StorageFull, Unavailable
from apps.core.grid import Grid
from apps.core.storage import Staged, WriterSuperseded
from apps.core.storage.disk import pwrite_all
from apps.core.storage.local import LocalStore, claims
from apps.core.storage.local import writer as store_writer
from apps.core.storage.local.claims import FREE

from .noise import noise
from .write_guards import Guard

pytestmark = pytest.mark.unit

SIZE = 3 * MIB
BIG = Grid(SIZE, 2 * SIZE, max_chunks=10)
SMALL = Grid(4, 10, max_chunks=10)
DIGEST = b"compared by none but object stores"


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "uploads")


@pytest.fixture
def staged(store: LocalStore) -> Staged:
    upload_id = uuid4()
    return Staged(upload_id, store.begin(upload_id, mime_type="application/octet-stream"))


def stored(store: LocalStore, staged: Staged) -> bytes:
    with store.open(staged) as file:
        return file.read()


def publish(store: LocalStore, staged: Staged, size: int) -> str:
    lease = uuid4()
    store.seal(staged, [], lease, lambda: None)
    return store.publish(staged, size, lease)


def write_chunk(store: LocalStore, staged: Staged, grid: Grid, index: int, data: bytes) -> None:
    writer = store.writer(staged, grid.span(index), Guard())
    for start in range(0, len(data), MIB):
        writer.write(data[start : start + MIB])
    with store.exclusive(staged, index) as entry:
        writer.commit(entry, DIGEST)


def test_what_is_not_committed_changes_nothing_stored(store: LocalStore, staged: Staged) -> None:
    good = noise(SIZE)
    write_chunk(store, staged, BIG, 0, good)
    late = store.writer(staged, BIG.span(0), Guard(is_writable=False))
    late.write(b"x" * 2 * MIB)
    late.discard()
    assert stored(store, staged) == good


def test_a_large_chunk_is_written_in_place_while_it_arrives(store: LocalStore, staged: Staged) -> None:
    writer = store.writer(staged, BIG.span(0), Guard())
    writer.write(b"a" * MIB)
    assert stored(store, staged) == b"a" * MIB


def test_a_newer_writer_supersedes_and_the_older_changes_no_byte_more(store: LocalStore, staged: Staged) -> None:
    older = store.writer(staged, BIG.span(0), Guard())
    older.write(b"o" * MIB)
    newer = store.writer(staged, BIG.span(0), Guard(), supersede=True)
    newer.write(b"n" * MIB)
    older.write(b"o" * MIB)
    assert stored(store, staged) == b"n" * MIB


def test_superseding_spares_what_is_recorded(store: LocalStore, staged: Staged) -> None:
    good = noise(SIZE)
    guard = Guard()
    newer = store.writer(staged, BIG.span(0), guard, supersede=True)
    guard.is_writable = False
    write_chunk(store, staged, BIG, 0, good)
    newer.write(b"n" * 2 * MIB)
    newer.discard()
    assert stored(store, staged) == good


@pytest.mark.parametrize("damage", ["lost", "empty"])
@pytest.mark.parametrize("supersede", [False, True])
def test_the_ledger_decides_and_not_the_claims(
    store: LocalStore, staged: Staged, tmp_path: Path, damage: str, supersede: bool
) -> None:
    good = noise(SIZE)
    write_chunk(store, staged, BIG, 0, good)
    claims = next((tmp_path / "uploads" / "staging").glob("*.claims"))
    claims.write_bytes(b"") if damage == "empty" else claims.unlink()
    store.begin(staged.upload_id, mime_type="")
    late = store.writer(staged, BIG.span(0), Guard(is_writable=False), supersede=supersede)
    late.write(b"x" * 2 * MIB)
    late.discard()
    assert stored(store, staged) == good


def test_of_a_recorded_chunk_nothing_is_kept_when_it_comes_again(store: LocalStore, staged: Staged) -> None:
    guard = Guard(is_writable=False)
    again = store.writer(staged, BIG.span(0), guard)
    for _ in range(2):
        again.write(b"x" * MIB)
    assert (stored(store, staged), again.held_bytes, guard.spooled) == (b"", 0, 0)


def test_who_kept_nothing_has_nothing_to_commit(store: LocalStore, staged: Staged) -> None:
    """Not even if the chunk left the ledger since, because it was damaged."""
    again = store.writer(staged, BIG.span(0), Guard(is_writable=False))
    for _ in range(3):
        again.write(b"x" * MIB)
    with store.exclusive(staged, 0) as entry, pytest.raises(WriterSuperseded):
        again.commit(entry, DIGEST)


def test_a_chunk_that_was_committed_and_not_recorded_is_written_again_in_place(
    store: LocalStore, staged: Staged
) -> None:
    write_chunk(store, staged, BIG, 0, b"a" * SIZE)
    again = store.writer(staged, BIG.span(0), Guard())
    again.write(b"b" * MIB)
    assert stored(store, staged)[:MIB] == b"b" * MIB


def test_what_a_second_sender_spools_is_reserved_until_it_is_gone(store: LocalStore, staged: Staged) -> None:
    first, guard = store.writer(staged, BIG.span(0), Guard()), Guard()
    second = store.writer(staged, BIG.span(0), guard)
    first.write(b"1" * MIB)
    second.write(b"2" * MIB)
    assert (guard.spooled, stored(store, staged)) == (SIZE, b"1" * MIB)
    second.discard()
    assert guard.spooled == 0


def test_a_kept_part_stays_kept_whatever_becomes_of_who_continued_it(store: LocalStore, staged: Staged) -> None:
    writer = store.writer(staged, BIG.span(0), Guard(), supersede=True)
    writer.write(b"k" * MIB)
    with store.exclusive(staged, 0) as entry:
        writer.commit_partial(entry)
    continued = store.writer(staged, BIG.span(0), Guard(), start=MIB, supersede=True)
    continued.write(b"c" * MIB)
    continued.discard()
    other = store.writer(staged, BIG.span(0), Guard())
    other.write(b"o" * MIB)
    assert stored(store, staged)[:MIB] == b"k" * MIB
    other.discard()


def test_bytes_in_memory_stay_there_when_the_disk_is_full(
    store: LocalStore, staged: Staged, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*arguments: Any, **options: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    writer = store.writer(staged, BIG.span(0), Guard())
    writer.write(b"1" * MIB)
    with monkeypatch.context() as full:
        full.setattr(store_writer, "pwrite_all", no_room)
        with pytest.raises(StorageFull):
            writer.write(b"2" * MIB)
    assert writer.held_bytes == MIB
    writer.write(b"3" * MIB)
    with store.exclusive(staged, 0) as entry:
        writer.commit(entry, DIGEST)
    assert stored(store, staged) == b"1" * MIB + b"2" * MIB + b"3" * MIB


def test_a_kept_part_is_continued_where_it_ended(store: LocalStore, staged: Staged) -> None:
    writer = store.writer(staged, SMALL.span(0), Guard(), supersede=True)
    writer.write(b"01")
    with store.exclusive(staged, 0) as entry:
        writer.commit_partial(entry)
    writer = store.writer(staged, SMALL.span(0), Guard(), start=2, supersede=True)
    writer.write(b"23")
    with store.exclusive(staged, 0) as entry:
        writer.commit(entry, DIGEST)
    assert stored(store, staged) == b"0123"


def test_a_full_disk_is_said_to_be_full_whatever_is_written(
    store: LocalStore, staged: Staged, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*arguments: Any, **options: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    with store.exclusive(staged, 0) as entry:
        monkeypatch.setattr(os, "pwrite", no_room)
        with pytest.raises(StorageFull):
            entry.write(b"token")
    monkeypatch.setattr(tempfile, "TemporaryFile", no_room)
    with pytest.raises(StorageFull):
        store._staging.spool()


def test_an_abandoned_claim_is_released(store: LocalStore, staged: Staged) -> None:
    writer = store.writer(staged, BIG.span(0), Guard())
    writer.write(b"a" * MIB)
    writer.discard()
    with store.exclusive(staged, 0) as entry:
        assert entry.read() == FREE


def test_one_chunk_is_exclusive_and_others_are_not(store: LocalStore, staged: Staged) -> None:
    order: list[str] = []

    def second() -> None:
        with store.exclusive(staged, 0):
            order.append("second")

    with store.exclusive(staged, 0):
        thread = threading.Thread(target=second)
        thread.start()
        with store.exclusive(staged, 1):
            order.append("other chunk")
        thread.join(0.05)
        order.append("first")
    thread.join()
    assert order == ["other chunk", "first", "second"]


def test_publishing_renames_the_file(store: LocalStore, staged: Staged, tmp_path: Path) -> None:
    write_chunk(store, staged, SMALL, 0, b"0123")
    inode = next((tmp_path / "uploads" / "staging").glob("*.part")).stat().st_ino
    name = publish(store, staged, 4)
    assert (tmp_path / "uploads" / "files" / name).stat().st_ino == inode
    assert list((tmp_path / "uploads" / "staging").iterdir()) == []


def test_publishing_cuts_what_lies_behind_the_end(store: LocalStore, staged: Staged) -> None:
    write_chunk(store, staged, SMALL, 1, b"4567")
    publish(store, staged, 6)
    assert len(stored(store, staged)) == 6


def test_files_and_directories_are_private(store: LocalStore, staged: Staged, tmp_path: Path) -> None:
    write_chunk(store, staged, SMALL, 0, b"0123")
    publish(store, staged, 4)
    store.begin(uuid4(), mime_type="text/plain")
    for path in (tmp_path / "uploads").rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_a_link_in_place_of_the_bytes_is_not_followed(store: LocalStore, staged: Staged, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"untouched")
    part = next((tmp_path / "uploads" / "staging").glob("*.part"))
    part.unlink()
    part.symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"):
        write_chunk(store, staged, SMALL, 0, b"0123")
    assert victim.read_bytes() == b"untouched"


@pytest.mark.parametrize("planted", ["file", "shelf"])
def test_a_link_in_place_of_what_is_published_is_not_followed(
    store: LocalStore, staged: Staged, tmp_path: Path, planted: str
) -> None:
    name = publish(store, staged, 0)
    published = store.root / "files" / name
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / published.name).write_text("of somebody else")
    with store.published.open(name) as file:
        assert file.read() == b""
    published.unlink()
    if planted == "file":
        published.symlink_to(elsewhere / published.name)
    else:
        published.parent.rmdir()
        published.parent.symlink_to(elsewhere)
    with pytest.raises(FileNotFoundError):
        store.published.open(name)


def test_a_link_in_place_of_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "staging").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Unavailable):
        LocalStore(tmp_path / "uploads").begin(uuid4(), mime_type="text/plain")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_check_leaves_nothing_behind(store: LocalStore, tmp_path: Path) -> None:
    store.check()
    assert list((tmp_path / "uploads" / "staging").iterdir()) == []


@pytest.fixture
def _usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_usual_umask")
def test_its_directories_are_private_and_what_is_above_is_as_usual(tmp_path: Path) -> None:
    root = tmp_path / "media" / "below" / "uploads"
    LocalStore(root).begin(uuid4(), mime_type="text/plain")
    for path in (root.parent, root.parent.parent):  # Those of MEDIA_ROOT, which others may read.
        assert stat.S_IMODE(path.stat().st_mode) == 0o755
    for path in (root, *root.rglob("*")):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


def test_the_trash_is_emptied_of_what_is_old(store: LocalStore, staged: Staged, tmp_path: Path) -> None:
    write_chunk(store, staged, SMALL, 0, b"0123")
    store.trash(publish(store, staged, 4))
    assert store.empty_trash(timedelta(days=1), lambda name: False) == 0
    (aside,) = (tmp_path / "uploads" / "trash").iterdir()
    os.utime(aside, (0, 0))
    assert store.empty_trash(timedelta(days=1), lambda name: False) == 1
    assert list((tmp_path / "uploads" / "trash").iterdir()) == []


def test_publishing_flushes_the_bytes_before_the_rename_and_the_directories_around_it(
    store: LocalStore, staged: Staged, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_chunk(store, staged, SMALL, 0, b"0123")
    lease = uuid4()
    store.seal(staged, [], lease, lambda: None)
    order: list[int | str] = []
    fsync, rename = os.fsync, os.rename

    def noted_fsync(fd: int) -> None:
        order.append(os.fstat(fd).st_ino)
        fsync(fd)

    def noted_rename(*arguments: Any, **options: Any) -> None:
        order.append("rename")
        rename(*arguments, **options)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "rename", noted_rename)
    published = store.root / "files" / store.publish(staged, 4, lease)
    shelf, files = published.parent, published.parent.parent
    assert order == [published.stat().st_ino, files.stat().st_ino, "rename", shelf.stat().st_ino]


def test_a_removed_file_stays_removed_when_the_power_fails(
    store: LocalStore, staged: Staged, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_chunk(store, staged, SMALL, 0, b"0123")
    name = publish(store, staged, 4)
    published = store.root / "files" / name
    shelf = published.parent.stat().st_ino
    flushed: list[tuple[int, bool]] = []
    monkeypatch.setattr(os, "fsync", lambda fd: flushed.append((os.fstat(fd).st_ino, published.exists())))
    store.remove(name)
    assert flushed == [(shelf, False)]


@pytest.mark.parametrize("name", ["00/00000000000000000000000000000000", "nothing", ""])
def test_removing_what_is_not_there_is_a_success(store: LocalStore, name: str) -> None:
    store.remove(name)


def test_a_write_that_stops_early_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pwritev = os.pwritev
    monkeypatch.setattr(os, "pwritev", lambda fd, data, offset: pwritev(fd, [b"".join(data)[:3]], offset))
    with (tmp_path / "file").open("wb") as file:
        pwrite_all(file.fileno(), [b"01", b"", b"2345", b"6", b"789"], 2)
    assert (tmp_path / "file").read_bytes() == b"\0\0" + b"0123456789"


def test_more_pieces_than_the_system_takes_at_once_are_written(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        pwrite_all(file.fileno(), [b"x"] * 3000, 0)
    assert (tmp_path / "file").read_bytes() == b"x" * 3000


def test_lent_memory_is_not_kept(store: LocalStore, staged: Staged) -> None:
    """A block whose memory is used again once it was taken; but for the last, which is committed with it."""
    writer = store.writer(staged, SMALL.span(0), Guard())
    lent = bytearray(b"01")
    writer.write(memoryview(lent))
    lent[:] = b"23"
    writer.write(memoryview(lent))
    with store.exclusive(staged, 0) as entry:
        writer.commit(entry, DIGEST)
    with store.open(staged) as file:
        assert file.read() == b"0123"


@pytest.mark.parametrize(("sync_chunks", "order"), [(True, ["pwrite", "fdatasync"]), (False, ["pwrite"])])
def test_chunks_are_flushed_before_they_are_committed_if_so_configured(
    store: LocalStore,
    staged: Staged,
    uploads: Any,
    monkeypatch: pytest.MonkeyPatch,
    sync_chunks: bool,
    order: list[str],
) -> None:
    uploads(SYNC_CHUNKS=sync_chunks)
    noted: list[str] = []
    writer = store.writer(staged, SMALL.span(0), Guard())
    writer.write(b"0123")
    with store.exclusive(staged, 0) as entry:
        monkeypatch.setattr(os, "fdatasync", lambda fd: noted.append("fdatasync"))
        monkeypatch.setattr(store_writer, "pwrite_all", lambda *arguments: noted.append("pwrite"))
        monkeypatch.setattr(entry, "write", lambda token: noted.append("committed"))
        writer.commit(entry, DIGEST)
    assert noted == [*order, "committed"]


def test_giving_up_spares_the_claim_of_who_took_the_chunk_over(store: LocalStore, staged: Staged) -> None:
    older = store.writer(staged, BIG.span(0), Guard(), supersede=True)
    older.write(b"o" * MIB)
    newer = store.writer(staged, BIG.span(0), Guard(), supersede=True)
    newer.write(b"n" * MIB)
    older.discard()
    newer.write(b"m" * MIB)
    assert stored(store, staged) == b"n" * MIB + b"m" * MIB


def test_a_spool_that_begins_behind_a_kept_part_lands_behind_it(store: LocalStore, staged: Staged) -> None:
    writer = store.writer(staged, BIG.span(1), Guard(), supersede=True)
    writer.write(b"k" * MIB)
    with store.exclusive(staged, 1) as entry:
        writer.commit_partial(entry)
    store.writer(staged, BIG.span(1), Guard(), start=MIB, supersede=True).write(b"c" * MIB)
    second = store.writer(staged, BIG.span(1), Guard(), start=MIB)
    second.write(b"s" * MIB)
    second.write(b"t" * MIB)
    with store.exclusive(staged, 1) as entry:
        second.commit(entry, DIGEST)
    second.discard()
    assert stored(store, staged)[SIZE:] == b"k" * MIB + b"s" * MIB + b"t" * MIB


def test_sealing_waits_for_whoever_has_a_chunk_for_itself(
    store: LocalStore, staged: Staged, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.exclusive(staged, 7):
        monkeypatch.setattr(claims, "_OFD_SETLKW", fcntl.F_OFD_SETLK)  # Which fails where the other one waits.
        with pytest.raises(BlockingIOError):
            store.seal(staged, [], uuid4(), lambda: None)
    store.seal(staged, [], uuid4(), lambda: None)


def test_a_deadlock_that_the_kernel_sees_and_that_is_none_is_tried_again(
    store: LocalStore, staged: Staged, monkeypatch: pytest.MonkeyPatch
) -> None:
    troubles = [OSError(errno.EDEADLK, "Resource deadlock avoided")]

    def lock(fd: int, command: int, request: bytes) -> int:
        if troubles:
            raise troubles.pop()
        return 0

    monkeypatch.setattr(fcntl, "fcntl", lock)
    with store.exclusive(staged, 0):
        assert troubles == []
