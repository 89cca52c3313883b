"""The three queries on the path of every chunk, as SQL.

Django compiles a query anew each time it runs, which costs more than all else that the server does for a chunk of
1 MiB. These are compiled once for each kind of database: SQLite (3.35 and later), PostgreSQL, and MariaDB with MySQL.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from ..models import ChunkReceipt, UploadSession

_SESSION = UploadSession._meta
_RECEIPT = ChunkReceipt._meta

_RETURNING = " RETURNING received_chunks, received_bytes"
_RECEIPT_ROW = "%(session)s, %(index)s, %(size)s, %(digest)s, %(etag)s"


@lru_cache(maxsize=4)
def _select_chunk_state(vendor: str) -> str:
    index = connection.ops.quote_name("index")
    return f"""
        SELECT s.status, s.append_token, r.sha256
        FROM {_SESSION.db_table} s
        LEFT JOIN {_RECEIPT.db_table} r ON r.session_id = s.id AND r.{index} = %(index)s
        WHERE s.id = %(session)s
    """  # noqa: S608  # nothing but names of our own tables


# The guards say where a chunk may lie: within what is reserved, which is the whole file once its size is declared;
# there, all chunks are whole but the last; or, while the size is unknown, not behind the short chunk that ends the
# file, and a short chunk not before any other.
_COUNT_RECEIPT = f"""
    UPDATE {_SESSION.db_table} SET
        received_chunks = received_chunks + 1,
        received_bytes = received_bytes + %(size)s,
        contiguous_chunks = contiguous_chunks + (CASE WHEN contiguous_chunks = %(index)s THEN 1 ELSE 0 END),
        chunks_end = (CASE WHEN chunks_end > %(index)s THEN chunks_end ELSE %(next_index)s END),
        end_index = (CASE WHEN %(is_short)s AND total_size IS NULL THEN %(index)s ELSE end_index END),
        expires_at = %(expires_at)s,
        updated_at = %(now)s
    WHERE id = %(session)s AND status = 'active' AND (%(is_alone)s OR append_token = %(append_token)s)
        AND reserved_bytes >= %(end)s
        AND (total_size IS NULL OR total_size = %(end)s OR (NOT %(is_short)s AND total_size > %(end)s))
        AND (end_index IS NULL OR end_index >= %(index)s)
        AND (NOT %(is_short)s OR total_size IS NOT NULL OR chunks_end <= %(index)s)
"""  # noqa: S608


@lru_cache(maxsize=4)
def _insert_receipt(vendor: str) -> str:
    index = connection.ops.quote_name("index")
    return f"INSERT INTO {_RECEIPT.db_table} (session_id, {index}, size, sha256, etag)"


@lru_cache(maxsize=4)
def _count_and_insert(vendor: str) -> str:
    """PostgreSQL does both in one statement, and so in one round trip instead of four."""
    return f"""
        WITH counted AS ({_COUNT_RECEIPT} {_RETURNING}),
             inserted AS ({_insert_receipt(vendor)} SELECT {_RECEIPT_ROW} FROM counted)
        SELECT received_chunks, received_bytes FROM counted
    """  # noqa: S608


@dataclass(frozen=True)
class _SessionSelect:
    """How to read a session: the statement, and what turns each column into the field's value."""

    sql: str
    field_names: list[str]
    converters: list[tuple[int, Any, list[Callable[..., Any]]]]


@lru_cache(maxsize=4)
def _session_select(vendor: str) -> _SessionSelect:
    compiler = UploadSession.objects.order_by().query.get_compiler(connection=connection)
    sql, _ = compiler.as_sql()
    converters = compiler.get_converters([column for column, _, _ in compiler.select or []])
    return _SessionSelect(
        f"{sql} WHERE upload_id = %(upload_id)s AND owner_id = %(owner)s AND status <> 'removing'",
        [field.attname for field in _SESSION.concrete_fields],
        [(position, expression, functions) for position, (functions, expression) in converters.items()],
    )


def select_session(upload_id: uuid.UUID, owner_id: Any) -> UploadSession | None:
    """The owner's session with all its fields; one that is being removed is hidden."""
    database = _database()
    select = _session_select(database.vendor)
    parameters = {
        "upload_id": _prepared(database, "upload_id", upload_id),
        "owner": _prepared(database, "owner", owner_id),
    }
    row = _fetch_one(database, select.sql, parameters)
    if row is None:
        return None
    values = list(row)
    for position, expression, functions in select.converters:
        for convert in functions:
            values[position] = convert(values[position], expression, database)
    return UploadSession.from_db(database.alias, select.field_names, values)


def select_chunk_state(session_pk: int, index: int) -> tuple[str, uuid.UUID | None, bytes | None] | None:
    """Status and append token of a session, and the SHA-256 recorded for a chunk of it, of one moment."""
    database = _database()
    row = _fetch_one(database, _select_chunk_state(database.vendor), {"index": index, "session": session_pk})
    if row is None:
        return None
    status, token, digest = row
    return status, _as_uuid(token), None if digest is None else bytes(digest)


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt to be written. ``is_short``: of fewer bytes than a chunk has, which only the last one may have."""

    index: int
    offset: int
    size: int
    digest: bytes
    etag: str
    is_short: bool


def record_receipt(
    session_pk: int, receipt: Receipt, *, append_token: uuid.UUID | None, expires_at: datetime, now: datetime
) -> tuple[Any, ...] | None:
    """Write a receipt and count it, both or neither.

    Returns:
        Chunks and bytes the session has received with it; None if it takes no chunks (here, or of this sequential
        request).

    Raises:
        IntegrityError: there is a receipt for this chunk already.
    """
    database = _database()
    adapt = database.ops.adapt_datetimefield_value
    parameters = {
        "session": session_pk,
        "index": receipt.index,
        "next_index": receipt.index + 1,
        "size": receipt.size,
        "end": receipt.offset + receipt.size,
        "is_short": receipt.is_short,
        "digest": receipt.digest,
        "etag": receipt.etag,
        "is_alone": append_token is None,
        "append_token": _prepared(database, "append_token", append_token),
        "expires_at": adapt(expires_at),
        "now": adapt(now),
    }
    if database.vendor == "postgresql":
        return _fetch_one(database, _count_and_insert(database.vendor), parameters)
    with transaction.atomic():
        counted = _count(database, parameters)
        if counted is not None:
            with database.cursor() as cursor:
                cursor.execute(f"{_insert_receipt(database.vendor)} VALUES ({_RECEIPT_ROW})", parameters)
    return counted


def _database() -> BaseDatabaseWrapper:
    """This thread's connection itself; what Django calls ``connection`` looks for it each time it is used."""
    return connections[DEFAULT_DB_ALIAS]


def _count(database: BaseDatabaseWrapper, parameters: dict[str, Any]) -> tuple[Any, ...] | None:
    if database.vendor == "sqlite":
        return _fetch_one(database, _COUNT_RECEIPT + _RETURNING, parameters)
    # MariaDB and MySQL return nothing from an UPDATE, and must lock the row first (see ``conditional``).
    table = _SESSION.db_table
    with database.cursor() as cursor:
        cursor.execute(f"SELECT id FROM {table} WHERE id = %(session)s FOR UPDATE", parameters)  # noqa: S608
        cursor.execute(_COUNT_RECEIPT, parameters)
        if not cursor.rowcount:
            return None
    totals = f"SELECT received_chunks, received_bytes FROM {table} WHERE id = %(session)s"  # noqa: S608
    return _fetch_one(database, totals, parameters)


def _fetch_one(database: BaseDatabaseWrapper, sql: str, parameters: dict[str, Any]) -> tuple[Any, ...] | None:
    if database.vendor == "postgresql":
        return _fetch_one_prepared(database, sql, parameters)
    with database.cursor() as cursor:
        cursor.execute(sql, parameters)
        row: tuple[Any, ...] | None = cursor.fetchone()
        return row


def _fetch_one_prepared(database: BaseDatabaseWrapper, sql: str, parameters: dict[str, Any]) -> tuple[Any, ...] | None:
    """By psycopg's own cursor, which sends the parameters apart, where Django's merges them into the text.

    Prepared where the database's ``OPTIONS`` have a ``prepare_threshold``, which poolers of transactions may not bear.
    """
    import psycopg

    database.ensure_connection()
    with database.wrap_database_errors, psycopg.Cursor(database.connection) as cursor:
        return cursor.execute(sql, parameters, prepare=True).fetchone()


def _prepared(database: BaseDatabaseWrapper, field_name: str, value: Any) -> Any:
    return _SESSION.get_field(field_name).get_db_prep_value(value, database)  # type: ignore[union-attr]


def _as_uuid(value: Any) -> uuid.UUID | None:
    return value if value is None or isinstance(value, uuid.UUID) else uuid.UUID(hex=value)
