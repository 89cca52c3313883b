"""Transactions: run again when the database aborted them, on the disk before they are answered where that matters.

Aborted
    A deadlock's victim, a serialization failure, a lock that was waited for too long: the database rolled everything
    back and says so, so nothing happened, and the same may be tried again, a bounded number of times.

Unknown
    A connection that broke may have broken before the commit or after it. Nothing is repeated blindly then: whoever
    called reads what happened (:func:`on_fresh_connection`), or the client gets 503 and repeats; each operation can be
    repeated by those who ask for it.

Durable
    A database that answers before its commit is on the disk may forget it in a power failure. SQLite does in WAL mode
    with ``synchronous=NORMAL``, which is what makes a receipt cheap. A forgotten receipt is a chunk that is sent again,
    and a receipt that outlives bytes which were not flushed is worse than losing both. A forgotten session or a
    forgotten "completed" is neither, so these transactions are flushed whatever the connection says (``durable``).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, connection, transaction

T = TypeVar("T")
P = ParamSpec("P")

TRIES = 8
LONGEST_PAUSE = 0.05
"""Seconds between two tries, at most, and longer each time up to this: who collided must not collide again."""

# PostgreSQL: serialization_failure, deadlock_detected. MariaDB and MySQL: ER_LOCK_DEADLOCK, ER_LOCK_WAIT_TIMEOUT,
# ER_CHECKREAD (the row was changed since the snapshot was taken).
_ABORTED = {"40001", "40P01", 1213, 1205, 1020}

_FULL_SYNCHRONOUS = 2


def transactional(*, durable: bool = False) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Run a function in a transaction, or in the one that is open already. It must bear to be run again."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> T:
            def attempt() -> T:
                with transaction.atomic():
                    return function(*args, **kwargs)

            with flushed() if durable else nullcontext():
                return retried(attempt)

        return run

    return decorate


def retried(attempt: Callable[[], T]) -> T:
    """Run a transaction, or a single statement, again if the database aborted it."""
    for tries in range(1, TRIES):
        try:
            return attempt()
        except OperationalError as error:
            if connection.in_atomic_block or not was_aborted(error):
                raise  # What is open around it was rolled back with it, and is not ours to repeat.
            time.sleep(random.uniform(0, LONGEST_PAUSE * tries / TRIES))  # noqa: S311
    return attempt()


def was_aborted(error: OperationalError) -> bool:
    """Whether the database rolled the transaction back and would take it again."""
    cause = error.__cause__
    return getattr(cause, "sqlstate", None) in _ABORTED or error.args[:1] in [(code,) for code in _ABORTED]


def on_fresh_connection(read: Callable[[], T]) -> T:
    """Read what is there now, on a connection that has not failed."""
    if not connection.in_atomic_block:
        connection.close()
    return read()


def reading(read: Callable[[], T]) -> T:
    """Read; once more on a fresh connection if the one at hand has died, as after a restart of the database."""
    try:
        return read()
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block:
            raise
        return on_fresh_connection(read)


@contextmanager
def flushed() -> Iterator[None]:
    """Transactions of this connection are on the disk before they end; no effect inside of one."""
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    with connection.cursor() as cursor:
        (before,) = cursor.execute("PRAGMA synchronous").fetchone()
        if before >= _FULL_SYNCHRONOUS:
            yield
            return
        cursor.execute(f"PRAGMA synchronous = {_FULL_SYNCHRONOUS}")
        try:
            yield
        finally:
            cursor.execute(f"PRAGMA synchronous = {before}")
