"""The three queries on the path of every chunk, as SQL.

Django compiles a query anew each time it runs, which costs more than all else that the server does for a chunk of
1 MiB. These are compiled once. They are plain SQL that SQLite (3.35 and later) and PostgreSQL share.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import connection, transaction

from ..models import ChunkReceipt, UploadSession

_SESSION = UploadSession._meta
_RECEIPT = ChunkReceipt._meta

_SELECT_CHUNK_STATE = f"""
    SELECT s.status, s.append_token, r.sha256
    FROM {_SESSION.db_table} s
    LEFT JOIN {_RECEIPT.db_table} r ON r.session_id = s.id AND r."index" = %s
    WHERE s.id = %s
"""  # noqa: S608  # nothing but names of our own tables

_COUNT_RECEIPT = f"""
    UPDATE {_SESSION.db_table} SET
        received_chunks = received_chunks + 1,
        received_bytes = received_bytes + %s,
        contiguous_chunks = contiguous_chunks + (CASE WHEN contiguous_chunks = %s THEN 1 ELSE 0 END),
        expires_at = %s,
        updated_at = %s
    WHERE id = %s AND status = 'active' AND (%s OR append_token = %s)
    RETURNING received_chunks, received_bytes
"""  # noqa: S608

_INSERT_RECEIPT = f'INSERT INTO {_RECEIPT.db_table} (session_id, "index", size, sha256)'

# PostgreSQL does both in one statement, and so in one round trip instead of four.
_COUNT_AND_INSERT = f"""
    WITH counted AS ({_COUNT_RECEIPT}), inserted AS ({_INSERT_RECEIPT} SELECT %s, %s, %s, %s FROM counted)
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
        f"{sql} WHERE upload_id = %s AND owner_id = %s",
        [field.attname for field in _SESSION.concrete_fields],
        [(position, expression, functions) for position, (functions, expression) in converters.items()],
    )


def select_session(upload_id: uuid.UUID, owner_id: Any) -> UploadSession | None:
    """The owner's session with all its fields."""
    select = _session_select(connection.vendor)
    row = _fetch_one(select.sql, (_prepared("upload_id", upload_id), owner_id))
    if row is None:
        return None
    values = list(row)
    for position, expression, functions in select.converters:
        for convert in functions:
            values[position] = convert(values[position], expression, connection)
    return UploadSession.from_db(connection.alias, select.field_names, values)


def select_chunk_state(session_pk: int, index: int) -> tuple[str, uuid.UUID | None, bytes | None] | None:
    """Status and append token of a session, and the SHA-256 recorded for a chunk of it, of one moment."""
    row = _fetch_one(_SELECT_CHUNK_STATE, (index, session_pk))
    if row is None:
        return None
    status, token, digest = row
    return status, _as_uuid(token), None if digest is None else bytes(digest)


def record_receipt(
    session_pk: int,
    index: int,
    size: int,
    digest: bytes,
    *,
    append_token: uuid.UUID | None,
    expires_at: datetime,
    now: datetime,
) -> tuple[int, int] | None:
    """Write a receipt and count it, both or neither.

    Returns:
        Chunks and bytes the session has received with it; None if it takes no chunks (of this sequential request).

    Raises:
        IntegrityError: there is a receipt for this chunk already.
    """
    adapt = connection.ops.adapt_datetimefield_value
    count = (
        size,
        index,
        adapt(expires_at),
        adapt(now),
        session_pk,
        append_token is None,
        _prepared("append_token", append_token),
    )
    receipt = (session_pk, index, size, digest)
    if connection.vendor == "postgresql":
        row: tuple[int, int] | None = _fetch_one(_COUNT_AND_INSERT, count + receipt)
        return row
    with transaction.atomic():
        counted: tuple[int, int] | None = _fetch_one(_COUNT_RECEIPT, count)
        if counted is not None:
            with connection.cursor() as cursor:
                cursor.execute(f"{_INSERT_RECEIPT} VALUES (%s, %s, %s, %s)", receipt)
    return counted


def _fetch_one(sql: str, parameters: tuple[Any, ...]) -> Any:
    if connection.vendor == "postgresql":
        return _fetch_one_prepared(sql, parameters)
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()


def _fetch_one_prepared(sql: str, parameters: tuple[Any, ...]) -> Any:
    """By psycopg's own cursor: Django's merges the parameters into the text, which PostgreSQL then parses each time."""
    import psycopg

    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        return cursor.execute(sql, parameters, prepare=True).fetchone()


def _prepared(field_name: str, value: Any) -> Any:
    return _SESSION.get_field(field_name).get_db_prep_value(value, connection)  # type: ignore[union-attr]


def _as_uuid(value: Any) -> uuid.UUID | None:
    return value if value is None or isinstance(value, uuid.UUID) else uuid.UUID(hex=value)
