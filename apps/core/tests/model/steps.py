"""Where actors stop: calls of the operating system by the local store, its locks, and methods of other stores.

Statements are steps too; they are found by Django's own hook (:mod:`.scheduler`).
"""

from __future__ import annotations

import fcntl
import os
import random
import secrets
import struct
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any
from unittest import mock

from apps.core.memory import MemoryBudget
from apps.core.services import resumable_upload_service
from apps.core.storage import local

from ..memory_store import MemoryStore
from .clock import Clock
from .scheduler import step

_CALLS = {
    # The calls that others may notice, or that notice them, and whether they change anything. Closing is none: it
    # happens to a killed process too.
    "fdopen": False,
    "ftruncate": True,
    "mkdir": False,
    "open": True,
    "pread": False,
    "pwrite": True,
    "rename": True,
    "scandir": False,
    "unlink": True,
}
_FLUSHES = {"fsync", "fdatasync"}
"""Killed processes need none of these."""
_FLOCK = struct.Struct("@hhqqi")


class _SteppedOs:
    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name in _FLUSHES:
            return _flush_nothing
        if name not in _CALLS:
            return real

        def call(*arguments: Any, **options: Any) -> Any:
            step(name, is_critical=_CALLS[name] and (name != "open" or bool(arguments[1] & os.O_CREAT)))
            return real(*arguments, **options)

        return call


def _flush_nothing(fd: int) -> None:
    pass


class _SteppedFcntl:
    def __getattr__(self, name: str) -> Any:
        return getattr(fcntl, name)

    def fcntl(self, fd: int, command: int, request: bytes) -> bytes:
        def is_blocked() -> bool:
            kind: int = _FLOCK.unpack(fcntl.fcntl(fd, fcntl.F_OFD_GETLK, request))[0]
            return kind != fcntl.F_UNLCK

        step("lock", is_critical=True, is_blocked=is_blocked)
        return fcntl.fcntl(fd, command, request)


class _Stepped:
    """An object whose every method is a step."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._real, name)
        if not callable(value) or name == "name_of":
            return value

        def call(*arguments: Any, **options: Any) -> Any:
            step(f"store.{name}", is_critical=True)
            return value(*arguments, **options)

        return call


class SteppedMemoryStore(_Stepped):
    """The strict object store in memory, as actors meet it."""

    def __init__(self, bucket: str) -> None:
        super().__init__(MemoryStore(bucket))

    def remove_segments(self, segments: Any) -> None:
        self.__getattr__("remove_segments")(segments)

    def writer(self, *arguments: Any, **options: Any) -> _Stepped:
        return _Stepped(self._real.writer(*arguments, **options))


class _Seeded:
    """A module whose random names are the same in each run, so that directories are listed in the same order."""

    def __init__(self, real: Any, seed: str) -> None:
        self._real = real
        self._random = random.Random(seed)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def uuid4(self) -> uuid.UUID:
        return uuid.UUID(int=self._random.getrandbits(128), version=4)

    def token_bytes(self, size: int) -> bytes:
        return self._random.randbytes(size)


def _seeded_text(seed: str) -> Callable[[int], str]:
    """The random part of the names of published files."""
    names = random.Random(seed)
    return lambda length: "".join(names.choices("abcdefghij", k=length))


@contextmanager
def stepped(clock: Clock, seed: str) -> Iterator[None]:
    """Let actors stop at every step, live by ``clock``, and draw the random names of ``seed``."""
    services = resumable_upload_service.__name__.rpartition(".")[0]
    replacements = {
        (services, "time"): clock,
        (services, "uuid"): _Seeded(uuid, seed),
        (services, "get_random_string"): _seeded_text(seed),
        (local.__name__, "secrets"): _Seeded(secrets, seed),
        (local.__name__, "os"): _SteppedOs(),
        (local.__name__, "fcntl"): _SteppedFcntl(),
        # What killed actors held is never given back.
        (local.__name__, "memory_budget"): MemoryBudget(),
    }
    with ExitStack() as patches:
        patches.enter_context(mock.patch("django.utils.timezone.now", clock.now))
        for (package, name), replacement in replacements.items():
            for module in _importers(package, name):
                patches.enter_context(mock.patch.object(module, name, replacement))
        yield


def _importers(package: str, name: str) -> list[ModuleType]:
    """The modules of a package that have imported ``name``."""
    return [module for path, module in sys.modules.items() if path.startswith(f"{package}.") and hasattr(module, name)]
