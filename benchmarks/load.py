"""Sending the same bytes to each server in its own protocol, and timing it."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from .servers import HOST, Server
from .wire import Connection

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True)
class Payload:
    """A file of ``chunks`` chunks, made of a smaller pool of random bytes that repeats."""

    pool: bytes
    chunk_size: int
    chunks: int

    @property
    def size(self) -> int:
        return self.chunk_size * self.chunks

    def chunk(self, index: int) -> memoryview:
        start = index * self.chunk_size % len(self.pool)
        return memoryview(self.pool)[start : start + self.chunk_size]

    @cached_property
    def digests(self) -> list[bytes]:
        known: dict[int, bytes] = {}
        for start in range(0, len(self.pool), self.chunk_size):
            known[start] = hashlib.sha256(self.pool[start : start + self.chunk_size]).digest()
        return [known[index * self.chunk_size % len(self.pool)] for index in range(self.chunks)]

    @cached_property
    def composite_hash(self) -> str:
        return f"{hashlib.sha256(b''.join(self.digests)).hexdigest()}-{self.chunks}"

    @cached_property
    def json_bodies(self) -> list[tuple[str, str]]:
        """For each chunk of the pool its base64 and its digest in hex."""
        return [
            (base64.b64encode(self.chunk(index)).decode(), self.digests[index].hex())
            for index in range(min(self.chunks, len(self.pool) // self.chunk_size))
        ]


def in_parallel(connections: int, work: Callable[[int], None]) -> float:
    """Run ``work(number)`` on as many threads; returns seconds."""
    failures: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(connections)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - started
    if failures:
        raise failures[0]
    return elapsed


class OursClient:
    """The API of this project."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._headers = {"Authorization": f"Bearer {server.token}"}

    def _request(self, path: str, document: dict[str, object]) -> tuple[int, bytes]:
        connection = Connection(HOST, self._server.port)
        status, _, body = connection.request(
            "POST", f"/api/v1/upload/{path}", json.dumps(document).encode(), self._headers
        )
        connection.close()
        return status, body

    def post(self, path: str, document: dict[str, object]) -> dict[str, object]:
        status, body = self._request(path, document)
        if status >= 300 or status == 202:
            raise RuntimeError(f"{path}: {status} {body[:300]!r}")
        answer: dict[str, object] = json.loads(body)
        return answer

    def init(self, payload: Payload) -> str:
        document = {"filename": "bench.bin", "total_size": payload.size, "chunk_size": payload.chunk_size}
        answer = self.post("init", document)
        assert answer["chunk_size"] == payload.chunk_size
        return str(answer["upload_id"])

    def send_raw(self, upload_id: str, payload: Payload, connections: int) -> float:
        """All chunks raw with their digests; returns seconds."""
        digests = [base64.b64encode(digest).decode() for digest in payload.digests]

        def work(number: int) -> None:
            connection = Connection(HOST, self._server.port)
            for index in range(number, payload.chunks, connections):
                headers = {**self._headers, "Content-Digest": f"sha-256=:{digests[index]}:"}
                path = f"/api/v1/upload/chunk/{upload_id}/{index}"
                status, _, body = connection.request("PUT", path, payload.chunk(index), headers)
                if status != 200:
                    raise RuntimeError(f"{status} {body!r}")
            connection.close()

        return in_parallel(connections, work)

    def send_json(self, upload_id: str, payload: Payload, connections: int) -> float:
        """All chunks as JSON; returns seconds."""
        bodies = payload.json_bodies

        def work(number: int) -> None:
            connection = Connection(HOST, self._server.port)
            for index in range(number, payload.chunks, connections):
                data, checksum = bodies[index % len(bodies)]
                body = (
                    f'{{"upload_id":"{upload_id}","chunk_index":{index},"checksum":"{checksum}","chunk_data":"{data}"}}'
                ).encode()
                status, _, answer = connection.request("POST", "/api/v1/upload/chunk", body, self._headers)
                if status != 200:
                    raise RuntimeError(f"{status} {answer!r}")
            connection.close()

        return in_parallel(connections, work)

    def late_against_early(self, payload: Payload, count: int) -> tuple[list[float], list[float]]:
        """Seconds of each of the last ``count`` chunks of one upload, and in turn with them the first of another."""
        late, early = self.init(payload), self.init(payload)
        before = Payload(payload.pool, payload.chunk_size, payload.chunks - count)
        self.send_raw(late, before, 4)
        connection = Connection(HOST, self._server.port)

        def send(upload_id: str, index: int) -> float:
            started = time.perf_counter()
            path = f"/api/v1/upload/chunk/{upload_id}/{index}"
            status, _, body = connection.request("PUT", path, payload.chunk(index), self._headers)
            if status != 200:
                raise RuntimeError(f"{status} {body!r}")
            return time.perf_counter() - started

        pairs = [(send(late, before.chunks + number), send(early, number)) for number in range(count)]
        connection.close()
        return [pair[0] for pair in pairs], [pair[1] for pair in pairs]

    def complete(self, upload_id: str, payload: Payload) -> float:
        """Complete and wait until it is done; returns seconds."""
        document: dict[str, object] = {"upload_id": upload_id, "composite_hash": payload.composite_hash}
        started = time.perf_counter()
        while True:
            status, answer = self._request("complete", document)
            if status == 200:
                return time.perf_counter() - started
            if status != 202:
                raise RuntimeError(f"{status} {answer!r}")


def tus_patches(server: Server, payload: Payload, connections: int) -> float:
    """The same bytes as that many tus uploads side by side, a PATCH per chunk; returns seconds."""
    share = payload.chunks // connections

    def work(number: int) -> None:
        connection = Connection(HOST, server.port)
        tus = {"Tus-Resumable": "1.0.0"}
        created = {**tus, "Upload-Length": str(share * payload.chunk_size)}
        status, headers, body = connection.request("POST", server.files, b"", created)
        if status != 201:
            raise RuntimeError(f"{status} {body!r}")
        path = "/" + headers["location"].split("/", 3)[3]
        patch = {**tus, "Content-Type": "application/offset+octet-stream"}
        for index in range(share):
            chunk = payload.chunk(number * share + index)
            offset = {"Upload-Offset": str(index * payload.chunk_size)}
            status, _, body = connection.request("PATCH", path, chunk, {**patch, **offset})
            if status != 204:
                raise RuntimeError(f"{status} {body!r}")
        connection.close()

    return in_parallel(connections, work)


def dav_puts(server: Server, payload: Payload, connections: int, *, run: int) -> float:
    """The same bytes as one new file per chunk by PUT; returns seconds."""

    def work(number: int) -> None:
        connection = Connection(HOST, server.port)
        for index in range(number, payload.chunks, connections):
            status, _, body = connection.request("PUT", f"/{run}-{index}", payload.chunk(index))
            if status != 201:
                raise RuntimeError(f"{status} {body!r}")
        connection.close()

    return in_parallel(connections, work)
