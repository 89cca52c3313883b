"""The Python client against the server as a process, with faults in between."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from resumable_uploads_client import Uploader

from apps.core.tests.noise import noise

from ..flaky_proxy import FlakyProxy
from ..server_process import ServerProcess

MIB = 2**20
LONG = 300
"""Seconds in which everything ends, however busy the machine is."""
QUICK_RETRIES = [0.1] * 10 * LONG


@pytest.fixture
def uploader(proxy: FlakyProxy, server: ServerProcess, tmp_path: Path) -> Iterator[Uploader]:
    """Through the proxy, trying again at once."""
    with new_uploader(proxy, server, tmp_path) as made:
        yield made


def new_uploader(proxy: FlakyProxy, server: ServerProcess, tmp_path: Path, **options: object) -> Uploader:
    arguments = {"retry_delays": QUICK_RETRIES, "state_directory": tmp_path / "state", **options}
    return Uploader(f"{proxy.base_url}/api/v1/upload", server.token, **arguments)  # type: ignore[arg-type]


@pytest.fixture
def make_file(tmp_path: Path) -> Callable[..., Path]:
    """A file of random bytes: ``make_file(size, name)``."""

    def make(size: int, name: str = "file.bin") -> Path:
        path = tmp_path / name
        path.write_bytes(noise(size))
        return path

    return make


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
