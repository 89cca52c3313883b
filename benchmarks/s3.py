"""The same bytes into the same S3 engine: through our server, straight from boto3's transfer manager, and through tusd.

All are verified: ours and boto3's by a SHA-256 of each part that the engine compares, ours at the end by the composite
of all of them besides; tusd's by the signature of each part. The engine is versitygw, on this machine, so what it costs
is told apart.
"""

from __future__ import annotations

import os
import secrets
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from . import servers
from .load import MIB, OursClient, Payload, in_parallel, tus_patches
from .servers import HOST, PROJECT, Server
from .wire import Connection

CONNECTIONS = 4
GIB = 1024 * MIB
PART = 8 * MIB


@dataclass(frozen=True)
class Engine:
    """A running engine, and a bucket in it."""

    url: str
    access_key: str
    secret_key: str
    pid: int
    bucket: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "S3_BUCKET": self.bucket,
            "S3_ENDPOINT_URL": self.url,
            "S3_REGION": "us-east-1",
            "S3_ADDRESSING_STYLE": "path",
        }


@contextmanager
def engine(directory: Path) -> Iterator[Engine]:
    script = str(PROJECT / ".ci" / "s3")
    started = subprocess.run(
        [script, "start", str(directory), str(servers.free_port())], capture_output=True, check=True, text=True
    )
    try:
        url = urlsplit(started.stdout.strip())
        made = Engine(
            f"http://{url.hostname}:{url.port}",
            url.username or "",
            url.password or "",
            int((directory / "pid").read_text()),
            f"bench-{secrets.token_hex(4)}",
        )
        import boto3

        keys = {"aws_access_key_id": made.access_key, "aws_secret_access_key": made.secret_key}
        boto3.client("s3", endpoint_url=made.url, region_name="us-east-1", **keys).create_bucket(Bucket=made.bucket)
        yield made
    finally:
        subprocess.run([script, "stop", str(directory)], check=False)


@dataclass(frozen=True)
class Result:
    """MB/s; seconds of processor per GiB, of who sends to the engine and of the engine; most memory, in bytes."""

    rate: float
    own: float
    engine: float
    memory: int


def _measured(engine: Engine, pid: int, size: int, send: Callable[[], float]) -> Result:
    before, engine_before = sum(servers.processor_seconds(pid)), sum(servers.processor_seconds(engine.pid))
    with _most_memory(pid) as most:
        seconds = send()
    own = sum(servers.processor_seconds(pid)) - before
    engines = sum(servers.processor_seconds(engine.pid)) - engine_before
    gib = size / GIB
    return Result(size / 1e6 / seconds, own / gib, engines / gib, most[0])


@contextmanager
def _most_memory(pid: int) -> Iterator[list[int]]:
    most, is_over = [0], threading.Event()

    def look() -> None:
        while not is_over.wait(0.05):
            most[0] = max(most[0], servers.resident_bytes(pid))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield most
    finally:
        is_over.set()
        thread.join()


def ours(directory: Path, payload: Payload) -> Result:
    """Raw chunks, and the composite of them in the end."""
    with (
        engine(directory / "engine") as target,
        servers.ours(directory / "data", environment=target.environment) as server,
    ):
        client = OursClient(server)
        warm = Payload(payload.pool, PART, 8)
        client.send_raw(client.init(warm), warm, CONNECTIONS)

        def send() -> float:
            upload_id = client.init(payload)
            return client.send_raw(upload_id, payload, CONNECTIONS) + client.complete(upload_id, payload)

        return _measured(target, server.pid, payload.size, send)


def ours_in_four(directory: Path, payload: Payload) -> Result:
    """The same bytes as four uploads side by side, as tusd gets them."""
    share = Payload(payload.pool, PART, payload.chunks // CONNECTIONS)
    assert share.composite_hash  # Computed now, and not while it is measured.
    with (
        engine(directory / "engine") as target,
        servers.ours(directory / "data", environment=target.environment) as server,
    ):
        client = OursClient(server)

        def work(number: int) -> None:
            upload_id = client.init(share)
            client.send_raw(upload_id, share, 1)
            client.complete(upload_id, share)

        in_parallel(CONNECTIONS, work)  # Warm.
        return _measured(target, server.pid, payload.size, lambda: in_parallel(CONNECTIONS, work))


_TRANSFER = """
import sys, time, boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
path, bucket, endpoint, part, threads = sys.argv[1:6]
client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", config=Config(
    max_pool_connections=int(threads), s3={"addressing_style": "path", "payload_signing_enabled": True}))
config = TransferConfig(multipart_threshold=int(part), multipart_chunksize=int(part), max_concurrency=int(threads))
print("ready", flush=True)
sys.stdin.readline()
started = time.perf_counter()
client.upload_file(path, bucket, "straight", Config=config, ExtraArgs={"ChecksumAlgorithm": "SHA256"})
print(time.perf_counter() - started, flush=True)
sys.stdin.readline()
"""


def straight(directory: Path, payload: Payload) -> Result:
    """boto3's transfer manager, with a SHA-256 for each part, in a process of its own."""
    directory.mkdir(exist_ok=True)
    path = directory / "file"
    with path.open("wb") as file:
        for index in range(payload.chunks):
            file.write(payload.chunk(index))
    with engine(directory / "engine") as target:
        command = [sys.executable, "-c", _TRANSFER, str(path), target.bucket, target.url, str(PART), str(CONNECTIONS)]
        environment = {**os.environ, **target.environment}
        with subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            talk, listen = process.stdin, process.stdout
            listen.readline()

            def send() -> float:
                talk.write("\n")
                talk.flush()
                return float(listen.readline())

            result = _measured(target, process.pid, payload.size, send)
            talk.write("\n")
    path.unlink()
    return result


def tusd(directory: Path, payload: Payload) -> Result:
    """tusd's S3 store: as many uploads side by side as others have connections, a PATCH for each part."""
    with engine(directory / "engine") as target, tusd_on(target) as server:
        return _measured(target, server.pid, payload.size, lambda: tus_patches(server, payload, CONNECTIONS))


@contextmanager
def tusd_on(target: Engine) -> Iterator[Server]:
    port = servers.free_port()
    binary = os.environ.get("TUSD") or shutil.which("tusd") or "tusd"
    command = [binary, f"-host={HOST}", f"-port={port}", f"-s3-bucket={target.bucket}", f"-s3-endpoint={target.url}"]
    options = [f"-s3-part-size={PART}", f"-s3-min-part-size={PART}", "-behind-proxy=false", "-verbose=false"]
    with servers.running("tusd", port, [*command, *options], {**os.environ, **target.environment}) as pid:
        yield Server("tusd", port, pid)


def memory_of_many(directory: Path) -> int:
    """Most bytes of the one web process while 16 parts of 8 MiB are in flight, each whole but for its last byte."""
    payload = Payload(os.urandom(64 * MIB), PART, 16)
    with engine(directory / "engine") as target:
        environment = {**target.environment, "WORKERS": "1"}
        with servers.ours(directory / "data", environment=environment) as server:
            client = OursClient(server)
            upload_id = client.init(payload)
            worker = max([server.pid, *servers.descendants(server.pid)], key=servers.resident_of)
            with _most_memory(worker) as most:
                in_parallel(16, lambda number: _all_but_the_end(server, upload_id, payload.chunk(number), number))
            return most[0]


def _all_but_the_end(server: Server, upload_id: str, chunk: memoryview, index: int) -> None:
    """The last byte a second later than the others."""

    def parts() -> Iterator[memoryview]:
        yield chunk[:-1]
        time.sleep(1)
        yield chunk[-1:]

    connection = Connection(HOST, server.port)
    path = f"/api/v1/upload/chunk/{upload_id}/{index}"
    headers = {"Authorization": f"Bearer {server.token}"}
    status, _, body = connection.request_in_parts("PUT", path, len(chunk), parts(), headers)
    assert status == 200, body
    connection.close()


def table(results: dict[str, list[Result]]) -> str:
    """Medians, with the spread of the rates, and rates as parts of the first one's."""
    lines = [
        "\n| 2 GiB into versitygw | MB/s | spread | first = 1 | processor s per GiB | of the engine | memory MB |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    first = 0.0
    for name, runs in results.items():
        rates = [run.rate for run in runs]
        rate = statistics.median(rates)
        first = first or rate
        own, engines = (statistics.median(getattr(run, side) for run in runs) for side in ("own", "engine"))
        memory = max(run.memory for run in runs) / 1e6
        lines.append(
            f"| {name} | {rate:.0f} | {min(rates):.0f} to {max(rates):.0f} | {rate / first:.2f} | {own:.2f} "
            f"| {engines:.2f} | {memory:.0f} |"
        )
    return "\n".join([*lines, ""])
