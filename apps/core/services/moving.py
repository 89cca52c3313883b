"""Moving a claimed file to the name that its row gives it.

A callable ``upload_to`` may need the row, and often its primary key, so the name can only be told after the commit. The
file can be read all the time, and each step is repeated by whoever finds it undone:

1. the new name is written to the ledger;
2. the file is linked there, or copied where links are not to be had, and the copy is compared;
3. the row is updated, where it still names the old one;
4. the ledger has the new name, and the old one for some minutes, for those who were just given it;
5. the old name is deleted (:func:`delete_old_name`, by cleanup).

One at a time
    Whoever moves holds the session's lease, as an assembly does before it (:mod:`.transitions`), and renews it while it
    copies. A former holder may come to life again, and all it can still do is what its successor does: both write the
    same bytes under the same name, and rename the same row. The old name is deleted by neither.

Whoever read the row before
    An instance that was read before the move and is saved after it writes the old name back. Saving looks it up
    (:func:`present_name`); and before the old name is deleted, rows that have it all the same are given the new one.

A record that goes before its file was moved, with its uploader, leaves the file under its provisional name.
"""

from __future__ import annotations

import os
import posixpath
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.core.files.storage import Storage
from django.db.models import Q
from django.utils import timezone

from ..conf import upload_settings
from ..errors import Unavailable
from ..models import UploadSession
from ..storage.destinations import upload_field
from ..storage.on_disk import flush, local_path
from . import transitions
from .conditional import row_of, update_if
from .destination_names import PROVISIONAL, unused_name
from .rows import FoundRow, instance_of, is_named, rename, rename_all, row_naming
from .streamed_content import StreamedContent, require_sha256


class MovedElsewhere(Unavailable):
    """Somebody else moves the file by now."""


def move(session: UploadSession) -> bool:
    """Give the file of a confirmed claim its name. True if it was moved; the session's ``file`` is then the new one.
    False if there is nothing to move, or somebody is at it.

    Raises:
        LookupError: the field is gone.
        MovedElsewhere: this took so long that somebody else does it.
    """
    field: Any = upload_field(session.purpose)
    lease = transitions.take_lease_to_move(session)
    session.refresh_from_db()
    if lease is None:
        return False
    try:
        return _Move(session, lease, field).run()
    finally:
        transitions.release_lease(session, lease)


def delete_old_name(session: UploadSession) -> bool:
    """Delete the name that a moved file had before, unless a row has it again: that is given the new name first, and
    its readers the same time."""
    field: Any = upload_field(session.purpose)
    old = session.moved_from
    mine = Q(moved_from=old)
    if not is_named(field, old):
        field.storage.delete(old)
    elif _give_new_name(field, session):
        return update_if(row_of(session), mine, moved_at=timezone.now())
    return update_if(row_of(session), mine, moved_from="", moved_at=None)


def forget_old_name(session: UploadSession) -> None:
    """The record of a moved file is gone, and nobody will come for the old name."""
    if not session.moved_from:
        return
    field: Any = upload_field(session.purpose)
    if not is_named(field, session.moved_from) or _give_new_name(field, session):
        field.storage.delete(session.moved_from)


def _give_new_name(field: Any, session: UploadSession) -> bool:
    """Give it to rows that have the old one. False if the row that had the new name is gone with its file: the old name
    is that of whoever has it now."""
    new = session.file.name or ""
    if not field.storage.exists(new):
        return False
    rename_all(field, session.moved_from, new)
    return True


def present_name(name: str) -> str:
    """What a provisional name was moved to; the name itself where it was not."""
    try:
        upload_id = uuid.UUID(hex=name.removeprefix(PROVISIONAL).partition("/")[0])
    except ValueError:
        return name
    moved = UploadSession.objects.filter(upload_id=upload_id, destination_name=name, is_name_provisional=False).first()
    return moved.file.name or name if moved else name


class _Move:
    """One attempt, by the holder of the lease."""

    def __init__(self, session: UploadSession, lease: uuid.UUID, field: Any) -> None:
        self._session = session
        self._lease = lease
        self._field = field
        self._storage: Storage = field.storage
        self._old = session.file.name or ""
        self._size = session.total_size or 0
        self._keep = _keeping(self._note)

    def run(self) -> bool:
        if not self._rename_row():
            return self._give_up()
        new = self._session.moving_to
        self._note(file=new, moved_from=self._old, moved_at=timezone.now(), moving_to="", is_name_provisional=False)
        self._session.refresh_from_db()
        return True

    def _rename_row(self) -> bool:
        """Whether the row names the new file, which is complete."""
        row = row_naming(self._session, self._old)
        if row is not None:
            if not self._session.moving_to:
                self._choose_name(row)
            self._copy()
            self._note()  # Whoever lost the lease meanwhile renames nothing.
            if rename(self._field, row, self._old, self._session.moving_to):
                return True
        if not self._session.moving_to or row_naming(self._session, self._session.moving_to) is None:
            return False
        # Whoever renamed the row was killed then, or lost the lease before all was copied.
        self._copy()
        return True

    def _choose_name(self, row: FoundRow) -> None:
        wanted = self._field.generate_filename(instance_of(self._field, row), self._session.filename)
        directory, filename = posixpath.split(wanted)
        self._note(moving_to=unused_name(self._storage, directory, filename, self._field.max_length))

    def _copy(self) -> None:
        new = self._session.moving_to
        if self._is_complete(new):
            return
        source, target = local_path(self._storage, self._old), local_path(self._storage, new)
        if source is None or target is None or not _link(source, target):
            target = local_path(self._storage, self._stream(new))
        if target is not None:
            flush(target)

    def _is_complete(self, new: str) -> bool:
        """What an earlier attempt left is compared, or deleted if it is half of a copy."""
        if not self._storage.exists(new):
            return False
        source, target = local_path(self._storage, self._old), local_path(self._storage, new)
        if source is not None and target is not None and source.exists() and source.samefile(target):
            return True
        if self._storage.size(new) == self._size:
            with suppress(Unavailable), self._storage.open(new) as copy:
                require_sha256(copy, self._session.sha256)
                return True
        self._storage.delete(new)
        return False

    def _stream(self, name: str) -> str:
        with self._storage.open(self._old) as stored:
            content = StreamedContent(stored, self._size, self._session.sha256, name=name, at_block=self._keep)  # type: ignore[arg-type]
            saved = self._storage.save(name, content)
        if saved != name:  # A storage that gives names of its own has the last word.
            try:
                self._note(moving_to=saved)
            except MovedElsewhere:
                self._storage.delete(saved)
                raise
        content.require_kept(self._storage, saved)
        return saved

    def _give_up(self) -> bool:
        """The row has another file by now, or is gone. What was copied goes as old names go."""
        new = self._session.moving_to
        left = {"moved_from": new, "moved_at": timezone.now()} if new else {}
        self._note(moving_to="", is_name_provisional=False, **left)
        return False

    def _note(self, **changes: Any) -> None:
        if not transitions.note_move(self._session, self._lease, **changes):
            raise MovedElsewhere("Somebody else moves this file.")


def _link(source: Path, target: Path) -> bool:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:  # A file system without links.
        return False
    return True


def _keeping(renew: Callable[[], None]) -> Callable[[], None]:
    """Renew a lease several times within its length, however often it is called."""
    due = time.monotonic()

    def keep() -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + upload_settings().lease_seconds / 5
            renew()

    return keep
