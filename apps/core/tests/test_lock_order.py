"""An owner's usage row is locked before any of their session rows, in every transaction (services.quotas)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.models import ChunkReceipt, OwnerUsage, UploadSession
from apps.core.services import audit, quotas, removal, transitions

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("small_chunks")]

SESSIONS, USAGE = (model._meta.db_table for model in (UploadSession, OwnerUsage))


def begin(service: Any, size: int | None = 4) -> UploadSession:
    session: UploadSession = service.create(filename="a.bin", total_size=size)[0]
    session.refresh_from_db()
    return session


def send(service: Any, session: UploadSession) -> None:
    sink = service.receive_chunk(session, 0)
    sink.receive(b"0123")
    sink.finish()


def create(service: Any) -> Callable[[], object]:
    return lambda: begin(service)


def cancel(service: Any) -> Callable[[], object]:
    session = begin(service)
    return lambda: transitions.cancel(session)


def expire(service: Any) -> Callable[[], object]:
    session = begin(service)
    return lambda: transitions.expire(session)


def complete(service: Any) -> Callable[[], object]:
    session = begin(service)
    send(service, session)
    transitions.begin_assembling(session)
    lease = transitions.take_lease(session)
    assert lease is not None
    return lambda: transitions.finish_completed(session, lease, sha256="a" * 64, composite_hash="", name="a")


def remove(service: Any) -> Callable[[], object]:
    session = begin(service)
    return lambda: transitions.begin_removing(session)


def finish_removing(service: Any) -> Callable[[], object]:
    session = begin(service)
    transitions.begin_removing(session)
    return lambda: removal.finish_removing(session)


def orm_delete(service: Any) -> Callable[[], object]:
    session = begin(service)
    return session.delete


def record(service: Any) -> Callable[[], object]:
    session = begin(service, None)
    return lambda: send(service, session)


def declare(service: Any) -> Callable[[], object]:
    session = begin(service, None)
    return lambda: service.declare_size(session, 3)


def recount(service: Any) -> Callable[[], object]:
    session = begin(service)
    return lambda: audit.recount(session.owner_id)


def reserve_spool(service: Any) -> Callable[[], object]:
    session = begin(service)
    return lambda: quotas.reserve_spool(session, 4)


def release_spool(service: Any) -> Callable[[], object]:
    session = begin(service)
    quotas.reserve_spool(session, 4)
    return lambda: quotas.release_spool(session, 4)


CHANGES = [cancel, expire, complete, remove, finish_removing, orm_delete, record, declare, recount]
CHANGES += [reserve_spool, release_spool]


@pytest.mark.parametrize("prepare", CHANGES)
def test_it_is_the_owners_row_that_is_locked(
    service: Any, monkeypatch: pytest.MonkeyPatch, prepare: Callable[[Any], Callable[[], object]]
) -> None:
    act = prepare(service)
    locked: list[object] = []
    monkeypatch.setattr(quotas, "lock", locked.append)
    act()
    assert set(locked) == {service.principal.user_id}


@pytest.mark.parametrize("prepare", [create, *CHANGES])
def test_usage_comes_first(service: Any, prepare: Callable[[Any], Callable[[], object]]) -> None:
    act = prepare(service)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        act()
    locking = [
        table
        for query in captured.captured_queries
        for table in (SESSIONS, USAGE)
        if table in query["sql"] and _locks(query["sql"], table)
    ]
    assert USAGE in locking
    if SESSIONS in locking:
        assert locking.index(USAGE) < locking.index(SESSIONS)
    assert not ChunkReceipt.objects.filter(session__status="removing").exists()


def _locks(sql: str, table: str) -> bool:
    """Whether a statement writes to the table, or, on SQLite, which has no FOR UPDATE, only looks at the usage row."""
    writes = sql.startswith(
        (f'UPDATE "{table}"', f"UPDATE `{table}`", f'DELETE FROM "{table}"', f"DELETE FROM `{table}`")
    )
    inserts = sql.startswith((f'INSERT INTO "{table}"', f"INSERT INTO `{table}`"))
    by_hand = f"UPDATE {table} SET" in sql
    reads = sql.startswith("SELECT") and (table == USAGE or "FOR UPDATE" in sql)
    return writes or inserts or by_hand or reads


def test_a_recount_looks_at_no_session_before_it_holds_the_counters(service: Any) -> None:
    session = begin(service)
    with CaptureQueriesContext(connection) as captured:
        audit.recount(session.owner_id)
    tables = [USAGE if USAGE in query["sql"] else SESSIONS for query in captured if "SELECT" in query["sql"]]
    assert tables == [USAGE, SESSIONS]
