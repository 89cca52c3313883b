"""A file of 2 GiB from the command line: our Python client beside tuspy to ``@tus/server`` and ``curl -T`` to nginx.

Every client is a process of its own, so that its memory is its own too. tuspy is measured where ``TUSPY`` names a
Python that has it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from .servers import HOST, Server

CHUNK_BYTES = 8 * 2**20

OURS = """
import sys
from pathlib import Path
from resumable_uploads_client import Uploader
url, token, file, state, chunk_size = sys.argv[1:]
with Uploader(url, token, state_directory=Path(state)) as uploader:
    uploader.upload(file, chunk_size=int(chunk_size), parallel=4)
"""

TUSPY = """
import sys
from tusclient.client import TusClient
url, file, chunk_size = sys.argv[1:]
TusClient(url).uploader(file, metadata={"filename": "file.bin"}, chunk_size=int(chunk_size)).upload()
"""

PEAK = "print(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0])"


@dataclass(frozen=True)
class ClientResult:
    """MB/s, start of the process included, and its peak memory in MB (0: not measured)."""

    rate: float
    memory: float = 0.0


def ours(server: Server, file: Path, directory: Path) -> ClientResult:
    url = f"http://{HOST}:{server.port}/api/v1/upload"
    arguments = [url, server.token, str(file), str(directory / "state"), str(CHUNK_BYTES)]
    return _timed([sys.executable, "-c", OURS + PEAK, *arguments], file)


def tuspy(server: Server, file: Path, directory: Path) -> ClientResult:
    command = [os.environ["TUSPY"], "-c", TUSPY + PEAK]
    return _timed([*command, f"http://{HOST}:{server.port}/files", str(file), str(CHUNK_BYTES)], file)


def curl(server: Server, file: Path, directory: Path) -> ClientResult:
    return _timed(["curl", "-sf", "-T", str(file), f"http://{HOST}:{server.port}/file.bin"], file)


def _timed(command: list[str], file: Path) -> ClientResult:
    started = time.perf_counter()
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    seconds = time.perf_counter() - started
    return ClientResult(file.stat().st_size / 1e6 / seconds, int(printed) * 1024 / 1e6 if printed else 0.0)
