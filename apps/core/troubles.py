"""Errors of database and operating system that pass, as the engine's own: what a full disk or a restart looks like."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, connections

from .errors import StorageFull, StoreMisconfigured, Unavailable, UploadError

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
OUT_OF_ORDER = {
    *(errno.EROFS, errno.EIO, errno.ENODEV, errno.ESTALE, errno.EMFILE, errno.ENFILE, errno.ENOMEM),
    # The store's directories belong to somebody else, or are none: for the operator to mend, while clients wait.
    *(errno.EACCES, errno.EPERM, errno.ENOTDIR),
}

_NO_DATABASE = "The server's database does not answer at the moment. Nothing that was stored is lost."
# PostgreSQL: disk_full. MariaDB and MySQL: ER_DISK_FULL, ER_RECORD_FILE_FULL. SQLite has words alone.
_DATABASE_FULL = {"53100", 1021, 1114}
# PostgreSQL: read_only_sql_transaction. MariaDB and MySQL: the server, or the transaction, is read-only.
_READ_ONLY = {"25006", 1290, 1792}


def trouble_behind(error: BaseException) -> UploadError | None:
    """What an error means to who sent the request; None if it is a fault of the program."""
    if isinstance(error, OSError):
        return _of_system(error)
    if isinstance(error, StoreMisconfigured):
        return Unavailable("The server's store is not configured as it was. Nothing that was stored is lost.")
    if isinstance(error, DatabaseError | InterfaceError):
        return _of_database(error)
    if isinstance(error, _drivers_errors()):
        return Unavailable(_NO_DATABASE)
    return None


def _drivers_errors() -> tuple[type[Exception], ...]:
    """Of a connection that broke where Django does not translate: when it closes a cursor of the server's."""
    opened: Iterable[Any] = connections.all(initialized_only=True)
    drivers = [connection.Database for connection in opened]
    return tuple(error for driver in drivers for error in (driver.OperationalError, driver.InterfaceError))


def _of_system(error: OSError) -> UploadError | None:
    if error.errno in NO_ROOM:
        return StorageFull()
    if error.errno in OUT_OF_ORDER:
        return Unavailable("The server's storage does not work at the moment. Nothing that was stored is lost.")
    return None


def _of_database(error: Exception) -> UploadError | None:
    codes = {getattr(error.__cause__, "sqlstate", None), *error.args[:1]}
    if codes & _DATABASE_FULL or "disk is full" in str(error):
        return StorageFull()
    if isinstance(error, OperationalError | InterfaceError) or codes & _READ_ONLY:
        return Unavailable(_NO_DATABASE)
    return None


@contextmanager
def translated() -> Iterator[None]:
    """Raise the engine's errors in place of those of the system, where there are such."""
    try:
        yield
    except OSError as error:
        trouble = trouble_behind(error)
        if trouble is None:
            raise
        raise trouble from error
