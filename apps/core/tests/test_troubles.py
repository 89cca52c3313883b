"""What database and operating system say, as a client is told."""

from __future__ import annotations

import errno
from typing import Any

import pytest
from django.db import IntegrityError, InterfaceError, InternalError, OperationalError, connection

from apps.core.errors import StorageFull, Unavailable, UploadError
from apps.core.http.problems import problem_for_any
from apps.core.troubles import trouble_behind

pytestmark = pytest.mark.unit


def by_psycopg(error: Exception, sqlstate: str) -> Exception:
    error.__cause__ = type("Error", (Exception,), {"sqlstate": sqlstate})()
    return error


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (OSError(errno.ENOSPC, ""), StorageFull),
        (OSError(errno.EDQUOT, ""), StorageFull),
        (OSError(errno.EROFS, ""), Unavailable),
        (OSError(errno.EIO, ""), Unavailable),
        (PermissionError(errno.EACCES, ""), Unavailable),
        (NotADirectoryError(errno.ENOTDIR, ""), Unavailable),
        (OperationalError("database or disk is full"), StorageFull),
        (OperationalError("database is locked"), Unavailable),
        (OperationalError("attempt to write a readonly database"), Unavailable),
        (OperationalError(2006, "Server has gone away"), Unavailable),
        (OperationalError(1021, "Disk full"), StorageFull),
        (InterfaceError("connection already closed"), Unavailable),
        (by_psycopg(OperationalError("no space"), "53100"), StorageFull),
        (by_psycopg(InternalError("read-only"), "25006"), Unavailable),
    ],
    ids=repr,
)
def test_what_passes_is_told_as_such(error: Exception, trouble: type[UploadError]) -> None:
    found = trouble_behind(error)
    assert type(found) is trouble
    assert (problem_for_any(error).status, trouble) in [(507, StorageFull), (503, Unavailable)]


@pytest.mark.parametrize("name", ["OperationalError", "InterfaceError"])
def test_an_error_that_django_did_not_translate_is_told_too(name: str, db: None) -> None:
    opened: Any = connection
    opened.ensure_connection()
    error: Exception = getattr(opened.Database, name)("server closed the connection unexpectedly")
    assert type(trouble_behind(error)) is Unavailable


@pytest.mark.parametrize("error", [OSError(errno.EINVAL, ""), IntegrityError(""), ValueError("")], ids=repr)
def test_faults_of_the_program_stay_faults(error: Exception) -> None:
    assert trouble_behind(error) is None
    assert problem_for_any(error).status == 500


def test_who_is_told_to_come_back_is_told_when() -> None:
    problem: Any = problem_for_any(OperationalError("database is locked"))
    assert problem.headers()["Retry-After"] == "1"
