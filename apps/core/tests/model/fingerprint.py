"""Whether two runs have led to the same state, so that the second one need not be followed further."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.db.models import DateTimeField

from apps.core.models import ChunkReceipt, OwnerUsage, UploadSession
from apps.core.storage import get_store
from apps.core.storage.local.claims import COMMITTED, ENTRY_SIZE, FREE, PARTIAL

from ..library.models import Paper
from ..memory_store import BUCKETS
from .rows import stored_files
from .state import as_time, rows_of
from .world import World

_RANDOM = re.compile(r"\b(?:[0-9a-f]{2}/)?[0-9a-f]{32}\b")
"""An id or a token; a published file has the shelf of its name before it."""
_ENTRIES = {FREE: "free", COMMITTED: "committed", PARTIAL: "partial"}


def fingerprint_of(world: World) -> str:
    """All that the future of a world without actors depends on.

    Ids and tokens count by the order in which they appear, and times by their distance from now, to the second.
    """
    text = "\n".join([*_rows(world), *_bytes(), *_files_of_rows(), *_promises(world)])
    numbers: dict[str, str] = {}
    return _RANDOM.sub(lambda found: numbers.setdefault(found[0][-32:], f"#{len(numbers)}"), text)


def _rows(world: World) -> Iterator[str]:
    for model in (UploadSession, ChunkReceipt, OwnerUsage):
        fields = {str(field.column): field for field in model._meta.concrete_fields if not field.primary_key}
        for row in rows_of(model, *fields):
            yield repr([_timeless(world, field, row[column]) for column, field in fields.items()])


def _timeless(world: World, field: Any, value: Any) -> Any:
    return world.clock.seconds_until(as_time(value)) if value and isinstance(field, DateTimeField) else value


def _bytes() -> Iterator[str]:
    root: Path | None = getattr(get_store("default"), "root", None)
    if root is None:
        yield repr(BUCKETS).replace("-", "")
        return
    for path in sorted(root.rglob("*")):
        if path.suffix == ".claims":
            content = path.read_bytes()
            entries = [content[place : place + ENTRY_SIZE] for place in range(0, len(content), ENTRY_SIZE)]
            yield f"{path.name} {[_ENTRIES.get(entry, entry.hex()) for entry in entries]}"
        elif path.is_file():
            yield f"{path.name} {path.read_bytes()!r}"


def _files_of_rows() -> Iterator[str]:
    yield repr([*rows_of(Paper, "id", "number", "file"), *sorted(path.name for path in stored_files())])


def _promises(world: World) -> Iterator[str]:
    """What clients were told, and what the program did to the bytes."""
    yield repr(sorted((upload_id.hex, index, digest) for (upload_id, index), digest in world.recorded.items()))
    yield repr(sorted((upload_id.hex, offset) for upload_id, offset in world.offsets.items()))
    yield repr(sorted((upload_id.hex, index) for upload_id, index in world.damaged))
