"""Fixtures: a small world for one program at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apps.core.storage import get_store

from ..memory_store import BUCKETS
from .programs import Program
from .runs import Runner
from .world import CHUNK


@pytest.fixture
def runner_of(owner: Any, uploads: Any, store_root: Path) -> Callable[[Program], Runner]:
    """What runs a program, with chunks of a few bytes that are written as they come."""

    def make(program: Program) -> Runner:
        small = {"CHUNK_SIZE": CHUNK, "MIN_CHUNK_SIZE": 1, "MAX_FILE_SIZE": 40_000, "RECEIVE_BUFFER_BYTES": 0}
        uploads(**{**small, **program.settings})
        BUCKETS.clear()
        get_store.cache_clear()
        return Runner(program, owner, store_root)

    return make
