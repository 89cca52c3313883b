"""Moving a claimed file to the name that its row gives it.

A callable ``upload_to`` may need the row, and often its primary key, so the name can only be told after the commit. The
file is readable all the time, and each step can be repeated by whoever finds it undone:

1. the new name is written to the ledger;
2. the file is linked there, or copied where links are not to be had;
3. the row is updated, where it still names the old one;
4. the ledger has the new name, and the old one for some minutes, for those who were just given it;
5. the old name is deleted (:func:`delete_old_name`, by cleanup).
"""

from __future__ import annotations

import os
import posixpath
from typing import Any

from django.core.files.storage import Storage
from django.db import router
from django.db.models import Q
from django.utils import timezone

from ..models import UploadSession
from ..storage.destinations import upload_field
from ..storage.on_disk import flush, local_path
from .claiming import row_naming
from .conditional import row_of, update_if
from .destination_names import unused_name
from .streamed_content import StreamedContent


def move(session: UploadSession) -> bool:
    """Give the file of a confirmed claim its name. True if it was moved; the session's ``file`` is then the new one.

    Raises:
        LookupError: the field is gone.
    """
    session.refresh_from_db()
    if not session.is_name_provisional or not session.is_claimed or session.claim_expires_at is not None:
        return False
    field: Any = upload_field(session.purpose)
    old = session.file.name or ""
    pk = row_naming(session, old)
    if pk is not None and not session.moving_to:
        _choose_name(session, field, pk)
    new = session.moving_to
    if pk is not None and new:
        _copy(session, field.storage, old, new)
        pk = pk if _rename_in_row(field, pk, old, new) else None
    elif new:
        pk = row_naming(session, new)  # Killed after the row was updated.
    if pk is None:
        return _give_up(session, field.storage)
    changes = {"file": new, "moved_from": old, "moved_at": timezone.now()}
    moved = update_if(row_of(session), Q(moving_to=new), moving_to="", is_name_provisional=False, **changes)
    session.refresh_from_db()
    return moved


def delete_old_name(session: UploadSession) -> bool:
    """Delete the name that a moved file had before."""
    upload_field(session.purpose).storage.delete(session.moved_from)
    return update_if(row_of(session), Q(moved_from=session.moved_from), moved_from="", moved_at=None)


def _choose_name(session: UploadSession, field: Any, pk: Any) -> None:
    rows = field.model._base_manager.using(router.db_for_write(field.model))
    directory, filename = posixpath.split(field.generate_filename(rows.get(pk=pk), session.filename))
    name = unused_name(field.storage, directory, filename, field.max_length)
    update_if(row_of(session), Q(moving_to="", is_name_provisional=True), moving_to=name)
    session.refresh_from_db()


def _copy(session: UploadSession, storage: Storage, old: str, new: str) -> None:
    size = session.total_size or 0
    if storage.exists(new):
        if storage.size(new) == size:
            return
        storage.delete(new)  # Half of a copy.
    source, target = local_path(storage, old), local_path(storage, new)
    if source is not None and target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target)
        except OSError:  # A file system without links.
            source = None
    if source is None or target is None:
        with storage.open(old) as stored:
            storage.save(new, StreamedContent(stored, size, session.sha256, name=new))  # type: ignore[arg-type]
    if target is not None:
        flush(target)


def _rename_in_row(field: Any, pk: Any, old: str, new: str) -> bool:
    rows = field.model._base_manager.using(router.db_for_write(field.model))
    return bool(rows.filter(pk=pk, **{field.name: old}).update(**{field.name: new}))


def _give_up(session: UploadSession, storage: Storage) -> bool:
    """The row has another file by now, or is gone."""
    if session.moving_to:
        storage.delete(session.moving_to)
    update_if(row_of(session), Q(moving_to=session.moving_to), moving_to="", is_name_provisional=False)
    return False
