"""What is committed in the engine's tables, read by hand since it happens after every step."""

from __future__ import annotations

import uuid
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection

from apps.core.models import ChunkReceipt, OwnerUsage, UploadSession

_SESSION_COLUMNS = (
    *("id", "upload_id", "owner_id", "status", "total_size", "chunk_size", "file_hash", "store_handle"),
    *("received_chunks", "received_bytes", "contiguous_chunks", "chunks_end", "end_index"),
    *("reserved_bytes", "spooled_bytes", "lease_token", "sha256", "file", "counted_bytes", "expires_at"),
    *("destination", "claimed_at"),
)
_COUNTERS = ("open_sessions", "reserved_bytes", "stored_bytes", "stored_files")


@dataclass(frozen=True)
class State:
    """Sessions by primary key, receipts by session and index, usage by owner."""

    sessions: dict[int, dict[str, Any]]
    receipts: dict[int, dict[int, tuple[int, bytes]]]
    usage: dict[int, tuple[int, ...]]


def read_state() -> State:
    receipts: dict[int, dict[int, tuple[int, bytes]]] = defaultdict(dict)
    for row in rows_of(ChunkReceipt, "session_id", "index", "size", "sha256"):
        receipts[row["session_id"]][row["index"]] = (row["size"], bytes(row["sha256"]))
    sessions = {}
    for row in rows_of(UploadSession, *_SESSION_COLUMNS):
        row["upload_id"] = _uuid(row["upload_id"])
        row["expires_at"] = as_time(row["expires_at"])
        row["lease_token"] = str(row["lease_token"] or "")
        sessions[row["id"]] = row
    usage = {
        row["owner_id"]: tuple(row[name] for name in _COUNTERS) for row in rows_of(OwnerUsage, "owner_id", *_COUNTERS)
    }
    return State(sessions, receipts, usage)


def rows_of(model: Any, *columns: str) -> list[dict[str, Any]]:
    """All rows of a table, in the order in which they were made."""
    names = ", ".join(connection.ops.quote_name(column) for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {names} FROM {model._meta.db_table} ORDER BY id")
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def _uuid(value: Any) -> uuid.UUID:
    return value if isinstance(value, uuid.UUID) else uuid.UUID(hex=value)


def as_time(value: Any) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
