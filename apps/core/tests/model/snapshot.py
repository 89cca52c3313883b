"""What a crash leaves: rows, files, and what clients were told. Everything else was in the memory of the dead."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.db import connection

from apps.core.models import ChunkReceipt, ChunkReservation, KeptSegment, OwnerUsage, UploadSession

from ..memory_store import BUCKETS, Bucket
from .rows import TABLE, stored_files
from .world import World

_MODELS = (OwnerUsage, UploadSession, ChunkReceipt, ChunkReservation, KeptSegment)
_TABLES = [*(model._meta.db_table for model in _MODELS), TABLE]


@dataclass(frozen=True)
class Snapshot:
    """A state to go back to."""

    tables: dict[str, Sequence[tuple[Any, ...]]]
    files: dict[Path, bytes]
    buckets: dict[str, Bucket]
    world: World

    @classmethod
    def of(cls, world: World, store_root: Path) -> Snapshot:
        tables = {}
        with connection.cursor() as cursor:
            for table in _TABLES:
                tables[table] = cursor.execute(f"SELECT * FROM {table}").fetchall()
        files = {path: path.read_bytes() for path in _files_below(store_root)}
        return cls(tables, files, copy.deepcopy(BUCKETS), _copy_of(world))

    def restore(self, store_root: Path) -> World:
        """Everything as it was, in a world of its own."""
        empty(store_root)
        with connection.cursor() as cursor:
            for table, rows in self.tables.items():
                for row in rows:
                    cursor.execute(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(row))})", row)
        for path, content in self.files.items():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_bytes(content)
        for name, bucket in self.buckets.items():
            vars(BUCKETS[name]).update(copy.deepcopy(vars(bucket)))
        return _copy_of(self.world)


def empty(store_root: Path) -> None:
    """No rows, no files nor shelves for them, and primary keys from 1 on."""
    with connection.cursor() as cursor:
        for table in reversed(_TABLES):
            cursor.execute(f"DELETE FROM {table}")
            cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [table])
    for path in _files_below(store_root):
        path.unlink()
    for shelf in store_root.glob("files/*"):
        shelf.rmdir()
    for bucket in BUCKETS.values():
        vars(bucket).update(vars(Bucket(bucket.identity)))


def _files_below(store_root: Path) -> list[Path]:
    """But for the name of the store itself."""
    return [*{*(path for path in store_root.glob("*/**/*") if path.is_file()), *stored_files()}]


def _copy_of(world: World) -> World:
    return replace(
        world,
        clock=copy.copy(world.clock),
        recorded=dict(world.recorded),
        repairs=world.repairs.copy(),
        offsets=dict(world.offsets),
        damaged=set(world.damaged),
        arriving={},
        answers=list(world.answers),
    )
