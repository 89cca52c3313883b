"""``make bench``: our server beside its peers on this machine, medians of several runs, as ratios within one run.

nginx, @tus/server (``TUS_NODE_MODULES``), tusd (``TUSD`` or on the PATH) and copyparty (``COPYPARTY``, a Python that
has it) are measured where they are installed; each round measures every server once, so that a noisy minute hits all of
them. Numbers are MB/s (10^6 bytes) unless said.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.browser.chromium import CHROMIUM

from . import cost as costs
from . import durability, python_client, s3, servers
from .browser import BrowserFailed, tus_client, upload_from_browser
from .load import MIB, OursClient, Payload, dav_puts, tus_patches
from .page import bare_rows, longest_task
from .python_client import ClientResult
from .slow import with_slow_clients
from .streams import idle_connections, idle_streams, one_stream, with_slow_streams

CONNECTIONS = 4


class Bench:
    """Collects rates by case over several rounds."""

    def __init__(self, rounds: int, base: Path) -> None:
        self.rounds = rounds
        self.base = base
        self.rates: dict[str, list[float]] = defaultdict(list)

    @contextmanager
    def directory(self) -> Iterator[Path]:
        path = Path(tempfile.mkdtemp(dir=self.base))
        path.chmod(0o755)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def run(self, cases: list[tuple[str, Callable[[], float]]]) -> None:
        for number in range(self.rounds):
            costs.touch_memory(self.base)
            for name, case in cases:
                rate = case()
                self.rates[name].append(rate)
                print(f"  round {number + 1}: {name:<44}{rate:8.0f}", flush=True)

    def median(self, name: str) -> float:
        return statistics.median(self.rates[name])

    def spread(self, name: str) -> str:
        """The least and the most of the rounds."""
        return f"{min(self.rates[name]):.0f} to {max(self.rates[name]):.0f}"

    def table(self, title: str, cases: list[tuple[str, Callable[[], float]]]) -> str:
        """Medians and spreads, and how often each median is the first one."""
        first = self.median(cases[0][0])
        lines = [f"\n| {title} | median | spread | first = 1 |", "|---|---:|---:|---:|"]
        lines += [
            f"| {name} | {self.median(name):.0f} | {self.spread(name)} | {self.median(name) / first:.2f} |"
            for name, _ in cases
        ]
        return "\n".join([*lines, ""])


def has_postgres() -> bool:
    return bool(shutil.which("initdb") or list(Path("/usr/lib/postgresql").glob("*/bin/initdb")))


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--megabytes", type=int, default=400, help="bytes of each throughput case (MiB)")
    parser.add_argument("--directory", type=Path, default=Path("/dev/shm" if Path("/dev/shm").exists() else "/tmp"))
    parts = {
        "throughput": throughput,
        "cost": cost,
        "large": large,
        "verification": verification,
        "stream": stream,
        "position": position,
        "slow": slow,
        "durable": durable,
        "browser": browser,
        "page": page,
        "client": client,
        "s3": object_store,
    }
    parser.add_argument("--only", choices=tuple(parts))
    arguments = parser.parse_args()
    bench = Bench(arguments.rounds, arguments.directory)
    for name, part in parts.items():
        if arguments.only in (None, name):
            part(bench, arguments.megabytes)


def throughput(bench: Bench, megabytes: int) -> None:
    """Chunks over four connections: ours verified, authenticated and recorded, the peers with none of that."""
    pool = os.urandom(64 * MIB)
    small, big = Payload(pool, MIB, megabytes), Payload(pool, 8 * MIB, max(megabytes // 8, CONNECTIONS))
    print("Chunks over 4 connections, MB/s")
    cases: list[tuple[str, Callable[[], float]]] = [
        ("ours, raw 1 MiB, PostgreSQL", lambda: ours_rate(bench, small, database="postgres")),
        ("ours, raw 1 MiB, SQLite", lambda: ours_rate(bench, small)),
        ("ours, raw 8 MiB, PostgreSQL", lambda: ours_rate(bench, big, database="postgres")),
        ("ours, raw 8 MiB, SQLite", lambda: ours_rate(bench, big)),
        ("ours, JSON 1 MiB, PostgreSQL", lambda: ours_rate(bench, small, database="postgres", json=True)),
        ("ours, JSON 1 MiB, SQLite", lambda: ours_rate(bench, small, json=True)),
        ("ours under WSGI, raw 1 MiB, SQLite", lambda: ours_rate(bench, small, server="wsgi")),
        *peers(bench, small),
    ]
    if not has_postgres():
        print("without PostgreSQL: install Debian's package postgresql")
        cases = [case for case in cases if "PostgreSQL" not in case[0]]
    bench.run(cases)
    print(bench.table("400 MiB over 4 connections, MB/s", cases))


def object_store(bench: Bench, megabytes: int) -> None:
    """2 GiB into an S3 engine, ours beside boto3's transfer manager and tusd; and the memory of parts in flight."""
    if not (shutil.which("versitygw") or shutil.which("go")):
        print("without an S3 engine: versitygw on the PATH, or Go to build it")
        return
    payload = Payload(os.urandom(64 * MIB), s3.PART, 256)
    assert payload.digests  # Computed now, and not while it is measured.
    cases: dict[str, Callable[[Path, Payload], s3.Result]] = {
        "boto3's transfer manager, straight": s3.straight,
        "ours": s3.ours,
    }
    if os.environ.get("TUSD") or shutil.which("tusd"):
        cases |= {"ours, four uploads": s3.ours_in_four, "tusd, four uploads": s3.tusd}
    results: dict[str, list[s3.Result]] = defaultdict(list)
    for number in range(bench.rounds):
        for name, case in cases.items():
            costs.touch_memory(bench.base)
            with bench.directory() as directory:
                results[name].append(case(directory, payload))
            print(f"  round {number + 1}: {name:<44}{results[name][-1].rate:8.0f}", flush=True)
    print(s3.table(results))
    with bench.directory() as directory:
        print(f"16 parts of 8 MiB in flight: {s3.memory_of_many(directory) / 1e6:.0f} MB of one process")


def cost(bench: Bench, megabytes: int) -> None:
    """Seconds of processor per GiB, ours beside the least there can be and the peers."""
    measured: dict[str, list[costs.Cost]] = defaultdict(list)
    for number in range(bench.rounds):
        costs.touch_memory(bench.base)
        for case in costs.cases(megabytes):
            with bench.directory() as directory:
                found = case.measure(directory)
            measured[case.name].append(found)
            print(
                f"  round {number + 1}: {case.name:<30}{found.user:6.2f} +{found.system:5.2f} s {found.rate:6.0f} MB/s",
                flush=True,
            )
    print(f"\n{costs.table(measured)}\n")


def durable(bench: Bench, megabytes: int) -> None:
    """What flushing costs, on the disk of the working directory: tmpfs has none to flush to."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:
        seconds = json.loads(
            subprocess.run(
                [sys.executable, "-m", "benchmarks.durability"],
                env={**os.environ, "DATA_DIR": directory},
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        )
    print("On disk before it is answered, SQLite, seconds\n\n| case | flushed | not | ratio |\n|---|---:|---:|---:|")
    for name, with_flush, without in (
        (f"{durability.UPLOADS} small uploads", "uploads, flushed", "uploads, not flushed"),
        (f"{durability.CHUNKS} MiB in chunks, and `complete`", "chunks, SYNC_CHUNKS", "chunks"),
    ):
        flushed, not_flushed = seconds[with_flush], seconds[without]
        print(f"| {name} | {flushed:.2f} | {not_flushed:.2f} | {flushed / not_flushed:.2f} |")
    print()


def peers(bench: Bench, payload: Payload) -> list[tuple[str, Callable[[], float]]]:
    def measured(serve: Callable[[Path], object], send: Callable[[servers.Server], float]) -> float:
        with bench.directory() as directory, serve(directory) as server:  # type: ignore[attr-defined]
            return payload.size / 1e6 / send(server)

    found: list[tuple[str, Callable[[], float]]] = []
    if os.environ.get("TUS_NODE_MODULES"):
        found.append(
            (
                "@tus/server, PATCH of 1 MiB, unverified",
                lambda: measured(servers.tus_node, lambda server: tus_patches(server, payload, CONNECTIONS)),
            )
        )
    if os.environ.get("TUSD") or shutil.which("tusd"):
        found.append(
            (
                "tusd, PATCH of 1 MiB, unverified",
                lambda: measured(servers.tusd, lambda server: tus_patches(server, payload, CONNECTIONS)),
            )
        )
    if os.environ.get("COPYPARTY"):
        # It stores chunks with the same bytes once.
        different = Payload(os.urandom(payload.size), MIB, payload.chunks)

        def by_up2k() -> float:
            with bench.directory() as directory, servers.copyparty(directory) as server:
                return payload.size / 1e6 / costs.up2k(server, different)

        found.append(("copyparty, up2k 1 MiB, hashed and recorded", by_up2k))
    if shutil.which("nginx"):
        found.append(
            (
                "nginx, PUT of 1 MiB, unverified",
                lambda: measured(servers.nginx, lambda server: dav_puts(server, payload, CONNECTIONS, run=0)),
            )
        )
    return found


@contextmanager
def our_server(bench: Bench, *, database: str = "", server: str = "asgi") -> Iterator[servers.Server]:
    with ExitStack() as stack:
        directory = stack.enter_context(bench.directory())
        url = ""
        if database == "postgres":
            (directory / "postgres").mkdir()
            url = stack.enter_context(servers.postgres(directory / "postgres"))
        yield stack.enter_context(servers.ours(directory / "data", database_url=url, server=server))


def ours_rate(bench: Bench, payload: Payload, *, database: str = "", server: str = "asgi", json: bool = False) -> float:
    with our_server(bench, database=database, server=server) as running:
        client = OursClient(running)
        warm = Payload(payload.pool, MIB, 16)
        client.send_raw(client.init(warm), warm, CONNECTIONS)
        upload_id = client.init(payload)
        seconds = (client.send_json if json else client.send_raw)(upload_id, payload, CONNECTIONS)
        return payload.size / 1e6 / seconds


def large(bench: Bench, megabytes: int) -> None:
    """One file of 2 GiB from init to completed."""
    pool = os.urandom(64 * MIB)
    two = Payload(pool, 8 * MIB, 256)
    _ = two.composite_hash, megabytes
    with our_server(bench) as running:
        client = OursClient(running)
        started = time.perf_counter()
        upload_id = client.init(two)
        sent = client.send_raw(upload_id, two, CONNECTIONS)
        completed = client.complete(upload_id, two)
        total = time.perf_counter() - started
        print(f"2 GiB end to end, raw 8 MiB, SQLite: {two.size / 1e6 / total:.0f} MB/s")
        print(f"  sent in {sent:.2f} s, completed in {completed:.2f} s")
    if shutil.which("nginx"):
        with bench.directory() as directory, servers.nginx(directory) as server:
            whole = Payload(pool * 32, 2048 * MIB, 1)
            print(f"2 GiB by one PUT to nginx: {whole.size / 1e6 / dav_puts(server, whole, 1, run=0):.0f} MB/s")
    print()


def verification(bench: Bench, megabytes: int) -> None:
    """``complete`` of 1 GiB, with and without the SHA-256 of the whole, beside what one core needs for that."""
    _ = megabytes
    payload = Payload(os.urandom(64 * MIB), 8 * MIB, 128)
    _ = payload.composite_hash

    def completed(*, with_sha256: bool) -> float:
        with bench.directory() as directory, servers.ours(directory, with_sha256=with_sha256) as running:
            client = OursClient(running)
            upload_id = client.init(payload)
            client.send_raw(upload_id, payload, CONNECTIONS)
            return client.complete(upload_id, payload) * 1000

    def hashed() -> float:
        with bench.directory() as directory:
            file = directory / "file"
            with file.open("wb") as written:
                for index in range(payload.chunks):
                    written.write(payload.chunk(index))
            started = time.perf_counter()
            with file.open("rb") as read:
                hashlib.file_digest(read, "sha256")
            return (time.perf_counter() - started) * 1000

    print("complete of 1 GiB, ms")
    cases: list[tuple[str, Callable[[], float]]] = [
        ("each chunk against its receipt", lambda: completed(with_sha256=False)),
        ("and the SHA-256 of the whole", lambda: completed(with_sha256=True)),
        ("SHA-256 of such a file by one core", hashed),
    ]
    bench.run(cases)
    print(bench.table("complete of 1 GiB, ms", cases))


def stream(bench: Bench, megabytes: int) -> None:
    """One file of 2 GiB by one PATCH of tus: ours hashes and records it, the peers do neither."""
    _ = megabytes
    payload = Payload(os.urandom(64 * MIB), 8 * MIB, 256)

    def measured(serve: Callable[[Path], object], *, ends: bool) -> float:
        with bench.directory() as directory, serve(directory) as server:  # type: ignore[attr-defined]
            return payload.size / 1e6 / one_stream(server, payload, ends=ends)

    cases: list[tuple[str, Callable[[], float]]] = [
        ("ours, hashed and recorded", lambda: measured(servers.ours, ends=False)),
        ("ours, the verdict included", lambda: measured(servers.ours, ends=True)),
    ]
    if os.environ.get("TUS_NODE_MODULES"):
        cases.append(("@tus/server, unverified", lambda: measured(servers.tus_node, ends=True)))
    if os.environ.get("TUSD") or shutil.which("tusd"):
        cases.append(("tusd, unverified", lambda: measured(servers.tusd, ends=True)))
    print("2 GiB by one PATCH, MB/s")
    bench.run(cases)
    print(bench.table("2 GiB by one PATCH, MB/s", cases))
    with our_server(bench) as running:
        print(f"\nmemory of one idle stream, of 500: {idle_streams(running, 500) / 1e6:.3f} MB\n")


def position(bench: Bench, megabytes: int) -> None:
    """What chunk 10,000 costs compared with chunk 1: 10,000 chunks of 64 KiB, a thousand early and late in turn."""
    _ = megabytes
    pool = os.urandom(MIB)
    payload = Payload(pool, 64 * 1024, 10_000)
    for database in ("", "postgres") if has_postgres() else ("",):
        with our_server(bench, database=database) as running:
            client = OursClient(running)
            last, first = (statistics.median(part) for part in client.late_against_early(payload, 1000))
            name = database or "sqlite"
            print(
                f"chunk 10,000 against chunk 1, {name}: {last / first:.3f} ({first * 1e3:.2f} ms, {last * 1e3:.2f} ms)"
            )
    print()


def slow(bench: Bench, megabytes: int) -> None:
    """Memory of all server processes and the latency of a fast client's chunks of 64 KiB beside slow clients."""
    _ = megabytes
    print(
        "| slow clients, 2 KB every 0.1 s | reached, KB/s each | server, MB (idle) | server, processors | the clients, "
        "processors | a fast client's 64 KiB: median, ms | p99, ms |\n|---|---:|---:|---:|---:|---:|---:|"
    )
    for name, crowd in (("chunks", with_slow_clients), ("streams of tus", with_slow_streams)):
        for clients in (2000, 10_000):
            with our_server(bench) as running:
                found = crowd(running, clients, 15)
            print(
                f"| {clients}, {name} | {found.rate / 1e3:.1f} | {found.memory_bytes / 1e6:.0f} "
                f"({found.idle_memory_bytes / 1e6:.0f}) | {found.server_processors:.2f} "
                f"| {found.crowd_processors:.2f} | {found.median * 1e3:.1f} | {found.p99 * 1e3:.1f} |",
                flush=True,
            )
    with our_server(bench) as running:
        print(f"\nmemory of a connection between requests, of 5000: {idle_connections(running, 5000) / 1e3:.1f} KB\n")


def page(bench: Bench, megabytes: int) -> None:
    """The longest task of the page for people while it is given many files, in ms."""
    _ = megabytes
    if CHROMIUM is None:
        print("without Chromium: install Debian's package chromium")
        return

    def measured(measure: Callable[[servers.Server, Path, int], float], count: int) -> float:
        with bench.directory() as directory, servers.ours(directory / "data") as server:
            return measure(server, directory / "data", count)

    print("The longest task of the page, ms")
    cases: list[tuple[str, Callable[[], float]]] = [
        ("1,000 rows that each ask for their width", lambda: measured(bare_rows, 1000)),
        ("200 files", lambda: measured(longest_task, 200)),
        ("1,000 files", lambda: measured(longest_task, 1000)),
    ]
    bench.run(cases)
    print(bench.table("longest task, ms", cases))


def browser(bench: Bench, megabytes: int) -> None:
    """512 MiB from Chromium: our client, which verifies every byte, beside tus-js-client to @tus/server.

    Our client knows nothing of the line, and cuts the file into chunks of 1 MiB; once it does, it takes 8 MiB.
    """
    _ = megabytes
    if CHROMIUM is None:
        print("without Chromium: install Debian's package chromium")
        return
    longest: dict[str, float] = defaultdict(float)

    def measured(name: str, *, parallel: int, ours: bool, chunk_size: int | None = None) -> float:
        with bench.directory() as directory:
            serve = servers.ours(directory / "data") if ours else servers.tus_node(directory)
            with serve as server:
                result = upload_from_browser(server, directory, megabytes=512, parallel=parallel, chunk_size=chunk_size)
        longest[name] = max(longest[name], result.blocked)
        return result.rate

    ours, tus = "ours, verified", "tus-js-client to @tus/server, one request, unverified"
    cases: list[tuple[str, Callable[[], float]]] = [
        (ours, lambda: measured(ours, parallel=4, ours=True)),
        ("ours, 8 MiB", lambda: measured("ours, 8 MiB", parallel=4, ours=True, chunk_size=8 * MIB)),
    ]
    if os.environ.get("TUS_NODE_MODULES") and tus_client().exists():
        cases.append((tus, lambda: measured(tus, parallel=1, ours=False)))
        try:
            measured("parallel", parallel=4, ours=False)
        except BrowserFailed as failure:
            print(f"tus-js-client with parallelUploads 4: {failure}")
    bench.run(cases)
    print(bench.table("512 MiB from Chromium, MB/s", cases))
    for name, milliseconds in longest.items():
        print(f"longest task of the page, {name}: {milliseconds or '< 50'} ms")
    print()


def client(bench: Bench, megabytes: int) -> None:
    """2 GiB from the Python client, which with the server verifies every byte, beside clients that verify nothing."""
    _ = megabytes
    memory: dict[str, float] = defaultdict(float)
    with bench.directory() as source:
        file = source / "file.bin"
        pool = os.urandom(64 * MIB)
        with file.open("wb") as sink:
            for _number in range(32):
                sink.write(pool)

        def measured(name: str, serve: Any, send: Callable[[servers.Server, Path, Path], ClientResult]) -> float:
            with bench.directory() as directory, serve(directory) as server:
                result = send(server, file, directory)
            memory[name] = max(memory[name], result.memory)
            return result.rate

        ours, tuspy, curl = "ours, verified", "tuspy to @tus/server, unverified", "curl -T to nginx, unverified"
        serve_ours = lambda directory: servers.ours(directory / "data")  # noqa: E731
        cases: list[tuple[str, Callable[[], float]]] = [(ours, lambda: measured(ours, serve_ours, python_client.ours))]
        if os.environ.get("TUSPY") and os.environ.get("TUS_NODE_MODULES"):
            cases.append((tuspy, lambda: measured(tuspy, servers.tus_node, python_client.tuspy)))
        if shutil.which("nginx"):
            cases.append((curl, lambda: measured(curl, servers.nginx, python_client.curl)))
        bench.run(cases)
    print(bench.table("2 GiB by a client, MB/s", cases))
    for name, megabytes_used in memory.items():
        print(f"memory of the client, {name}: {megabytes_used:.0f} MB")
    print()


if __name__ == "__main__":
    main()
