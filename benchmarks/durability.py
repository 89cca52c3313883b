"""What it costs to have things on the disk before they are answered: ``python -m benchmarks.durability``, as JSON.

In one process, on SQLite, without HTTP: whole small uploads with moves of state flushed (as they are) and not, and
chunks of 1 MiB with ``SYNC_CHUNKS`` and without. DATA_DIR says on which disk; on tmpfs a flush costs nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import statistics
import time
from collections.abc import Callable

import django

UPLOADS = 40
CHUNKS = 64
ROUNDS = 5
MIB = 2**20
UNTHROTTLED = {"INIT_RATE": ""}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "intelliwiz_config.settings")
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    cases = {
        "uploads, flushed": lambda: _uploads(synchronous=2),
        "uploads, not flushed": lambda: _uploads(synchronous=1),
        "chunks, SYNC_CHUNKS": lambda: _chunks(sync=True),
        "chunks": lambda: _chunks(sync=False),
    }
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(ROUNDS):
        for name, case in cases.items():
            seconds[name].append(_timed(case))
    print(json.dumps({name: statistics.median(values) for name, values in seconds.items()}))


def _timed(case: Callable[[], None]) -> float:
    started = time.monotonic()
    case()
    return time.monotonic() - started


def _uploads(*, synchronous: int) -> None:
    """Begin, send one chunk, complete, remove."""
    from django.test import override_settings

    from apps.core.services import transactions

    before, transactions._FULL_SYNCHRONOUS = transactions._FULL_SYNCHRONOUS, synchronous
    try:
        with override_settings(RESUMABLE_UPLOADS=UNTHROTTLED):
            for _ in range(UPLOADS):
                _upload([b"x" * 1000])
    finally:
        transactions._FULL_SYNCHRONOUS = before


def _chunks(*, sync: bool) -> None:
    from django.test import override_settings

    with override_settings(RESUMABLE_UPLOADS={"SYNC_CHUNKS": sync, **UNTHROTTLED}):
        _upload([os.urandom(MIB)] * CHUNKS)


def _upload(chunks: list[bytes]) -> None:
    from django.contrib.auth import get_user_model

    from apps.core.services.resumable_upload_service import ResumableUploadService

    owner, _ = get_user_model()._default_manager.get_or_create(username="bench")
    service = ResumableUploadService(owner)
    data = b"".join(chunks)
    session, _ = service.create(
        filename="a.bin", total_size=len(data), file_hash=hashlib.sha256(data).hexdigest(), chunk_size=MIB
    )
    for index, chunk in enumerate(chunks):
        sink = service.receive_chunk(session, index)
        sink.receive(chunk)
        sink.finish()
    service.complete(session)
    service.remove(session.upload_id)


if __name__ == "__main__":
    main()
