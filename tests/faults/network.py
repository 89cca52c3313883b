"""What clients and networks do to HTTP: bodies cut and mislabelled, pipelines, answers nobody reads, slow clients.

Whatever came over the wire, only whole and right chunks are recorded, each upload can be finished, and a well-behaved
client beside it all is served.
"""

from __future__ import annotations

import itertools
import random
import select
import threading
import time
from collections.abc import Collection

from . import sockets
from .audit import audit
from .client import Broken, Client
from .content import KIB, MIB, Content
from .context import Context
from .report import LOST, TRIALS, WRONG, Report
from .server import FaultServer

SLOW_CLIENTS = {"asgi": 300, "wsgi": 20}
"""Beside the fast one; under WSGI each of them holds a thread."""
PATIENCE = 5.0
"""Seconds within which the fast client must be answered whatever the slow ones do."""
UNREAD_MEMORY = 150 * MIB
"""By which the workers may grow while nobody reads their answers."""


def run(context: Context) -> Report:
    report = Report("network")
    with context.server({"MAX_FILE_SIZE": 600 * MIB}) as server:
        scenes = _Scenes(server, report, context.random)
        time_left = context.time_left()
        program = [
            scenes.bodies_cut,
            scenes.bodies_in_pieces,
            scenes.lengths_that_lie,
            scenes.expectations,
            scenes.pipelined,
            scenes.refused_before_the_body,
            scenes.answers_unread,
            lambda: scenes.slow_clients(SLOW_CLIENTS[context.kind]),
        ]
        if context.kind == "asgi":
            program.append(scenes.heads_that_never_end)
        else:
            report.note("without heads that never end: gunicorn needs nginx in front (tests/test_nginx.py)")
        for scene in itertools.cycle(program):
            if not time_left():
                break
            report.count(TRIALS)
            scene()
        audit(server, report)
    return report


class _Scenes:
    """Each has an upload of its own, which must become right in the end."""

    def __init__(self, server: FaultServer, report: Report, choice: random.Random) -> None:
        self._server = server
        self._report = report
        self._choice = choice
        self._client = Client(server, report)

    # What all scenes need

    def _begin(self, count: int = 8, chunk_size: int = 64 * KIB) -> tuple[str, Content]:
        content = Content(count * chunk_size - 77, chunk_size)
        return self._client.begin(content), content

    def _finish(self, scene: str, upload_id: str, content: Content) -> None:
        for index in sorted(self._client.missing(upload_id)):
            self._client.put(upload_id, index, content.chunk(index), expect=(200,))
        answer = self._client.finish(upload_id)
        if answer.status != 200 or self._server.published_sha256(upload_id) != content.sha256:
            self._report.defect(f"{scene}, wrong end: {upload_id} {answer}", WRONG)

    def _require_missing(self, scene: str, upload_id: str, indices: Collection[int]) -> None:
        if recorded := set(indices) - self._client.missing(upload_id):
            self._report.defect(f"{scene}, recorded what did not arrive: {upload_id} {sorted(recorded)}", LOST)

    def _head(
        self, upload_id: str, index: int, *headers: str, length: int | None = None, version: str = "1.1"
    ) -> bytes:
        path = f"chunk/{upload_id}/{index}"
        return sockets.head(self._server, "PUT", path, *headers, length=length, version=version)

    def _ask(self, name: str, request: bytes, expect: Collection[int]) -> None:
        """One request on a connection of its own; 0 among the expected: it may be closed without an answer."""
        # Some of what makes no sense looks unfinished, and is waited for.
        with sockets.connect(self._server, timeout=3 if 0 in expect else 20) as connection:
            sockets.send(connection, request)
            self._take(name, sockets.answer(connection), expect)

    def _take(self, name: str, result: sockets.Result, expect: Collection[int]) -> None:
        status, body = result
        self._report.answer(name, status, "", body[:200].decode(errors="replace"), names_wait=True)
        if status not in expect:
            self._report.defect(f"{name}, unexpected answer: {status} {body[:200]!r}, expected {sorted(expect)}")

    # The scenes

    def bodies_cut(self) -> None:
        """By an orderly end, by a reset, by closing one direction."""
        upload_id, content = self._begin(6, self._choice.choice((64 * KIB, 2 * MIB)))
        for number in range(30):
            index = self._choice.randrange(content.count)
            data = content.chunk(index)
            connection = sockets.connect(self._server)
            sockets.send(connection, self._head(upload_id, index, length=len(data)))
            sockets.send(connection, data[: self._choice.randrange(len(data))])
            if number % 3 == 0:
                sockets.reset(connection)
            elif number % 3 == 1:
                connection.close()
            else:
                connection.shutdown(1)
                self._take("put, half closed", sockets.answer(connection), (0, 400, 408))
                connection.close()
        self._require_missing("bodies cut", upload_id, range(content.count))
        self._finish("bodies cut", upload_id, content)

    def bodies_in_pieces(self) -> None:
        """Transfer-Encoding: chunked, in odd pieces, with what the grammar allows and what it does not."""
        upload_id, content = self._begin()

        def pieces(index: int, data: bytes, end: bytes = b"0\r\n\r\n", extension: bytes = b"") -> bytes:
            request = bytearray(self._head(upload_id, index, "Transfer-Encoding: chunked"))
            while data:
                piece, data = data[: (cut := self._choice.randrange(1, 30_000))], data[cut:]
                request += b"%x%s\r\n%s\r\n" % (len(piece), extension, piece)
            return bytes(request) + end

        self._ask("put in pieces", pieces(0, content.chunk(0)), (200,))
        self._ask("put in pieces, extension", pieces(1, content.chunk(1), extension=b";a=b"), (200,))
        self._ask("put in pieces, trailer", pieces(2, content.chunk(2), b"0\r\nX-Trailer: a\r\n\r\n"), (200, 400))
        self._ask("put in pieces, too short", pieces(3, content.chunk(3)[:-1]), (400,))
        self._ask("put in pieces, too long", pieces(4, content.chunk(4) + b"x"), (413,))
        self._ask("put in pieces, much too long", pieces(4, content.chunk(4) * 20), (413, 0))
        self._ask("put in pieces, malformed", pieces(5, b"", b"zz\r\nabc\r\n"), (400, 0))
        self._ask("put in pieces, endless number", pieces(6, b"", b"f" * 18 + b"\r\nabc\r\n"), (400, 413, 0))
        self._require_missing("bodies in pieces", upload_id, (3, 4, 5, 6))
        self._finish("bodies in pieces", upload_id, content)

    def lengths_that_lie(self) -> None:
        upload_id, content = self._begin()
        data = content.chunk(0)
        for name, value, expect in (
            ("one less", str(len(data) - 1), (400,)),
            ("one more", str(len(data) + 1), (413,)),
            ("zero", "0", (400,)),
            ("negative", "-5", (400, 0)),
            ("huge", "9" * 30, (400, 413, 0)),
            ("letters", "12ab", (400, 0)),
            ("signed", "+65536", (400, 0)),
        ):
            self._ask(f"put, length {name}", self._head(upload_id, 0, f"Content-Length: {value}") + data, expect)
        twice = (f"Content-Length: {len(data)}", f"Content-Length: {len(data) - 1}")
        self._ask("put, two lengths", self._head(upload_id, 0, *twice) + data, (400, 0))
        both = (f"Content-Length: {len(data)}", "Transfer-Encoding: chunked")
        self._ask("put, length and pieces", self._head(upload_id, 0, *both) + data, (400, 0))
        compressed = self._head(upload_id, 0, "Content-Encoding: gzip", length=len(data)) + data
        self._ask("put, compressed", compressed, (415,))
        self._require_missing("lengths that lie", upload_id, (0,))
        old = self._head(upload_id, 1, length=len(content.chunk(1)), version="1.0") + content.chunk(1)
        self._ask("put, HTTP/1.0", old, (200,))
        self._finish("lengths that lie", upload_id, content)

    def expectations(self) -> None:
        """Expect: 100-continue: the body is asked for, or refused before it is sent."""
        upload_id, content = self._begin()
        data = content.chunk(0)
        with sockets.connect(self._server, timeout=5) as connection:
            sockets.send(connection, self._head(upload_id, 0, "Expect: 100-continue", length=len(data)))
            try:
                first = connection.recv(4096)
            except TimeoutError:
                first = b""
            if not first.startswith(b"HTTP/1.1 100"):
                self._report.defect(f"Expect: 100-continue was answered with {first[:100]!r}")
            sockets.send(connection, data)
            self._take("put, expecting", sockets.answer(connection), (200,))
        refused = self._head(upload_id, 99_999, "Expect: 100-continue", length=len(data))
        self._ask("put, expecting, no such chunk", refused, (400,))
        self._finish("expectations", upload_id, content)

    def pipelined(self) -> None:
        """Eight chunks, and a question after each, sent without waiting for any answer."""
        upload_id, content = self._begin()
        question = sockets.head(self._server, "GET", f"status/{upload_id}")
        requests = b"".join(
            self._head(upload_id, index, length=len(content.chunk(index))) + content.chunk(index) + question
            for index in range(content.count)
        )
        rest = bytearray()
        with sockets.connect(self._server) as connection:
            sender = threading.Thread(target=sockets.send, args=(connection, requests))
            sender.start()
            for _ in range(2 * content.count):
                self._take("pipelined", sockets.answer(connection, rest), (200,))
            sender.join()
        self._finish("pipelined", upload_id, content)

    def refused_before_the_body(self) -> None:
        """A body that is refused unread looks like requests: none of them may be taken for one."""
        upload_id, content = self._begin()
        smuggled = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 1000
        follow_up = self._head(upload_id, 1, length=len(content.chunk(1))) + content.chunk(1)
        for name, request in (
            ("no such chunk", self._head(upload_id, 12_345, length=len(smuggled))),
            ("no such token", sockets.head(self._server, "PUT", "x", length=len(smuggled), token="none")),
            ("too large", self._head(upload_id, 0, length=200 * MIB)),
        ):
            rest = bytearray()
            with sockets.connect(self._server, timeout=3) as connection:
                sockets.send(connection, request + smuggled + follow_up)
                self._take(f"refused early, {name}", sockets.answer(connection, rest), (400, 401, 404, 413))
                status, body = sockets.answer(connection, rest)
                if status == 200 and b'"chunk_index"' not in body:
                    self._report.defect(f"a refused body was taken for a request: {name} {body[:200]!r}")
        self._finish("refused before the body", upload_id, content)

    def answers_unread(self) -> None:
        """Downloads and pipelined questions whose answers nobody reads: they may not fill the memory."""
        upload_id, content = self._begin(8, 8 * MIB)
        self._finish("answers unread", upload_id, content)
        before = self._server.memory()
        downloads = [sockets.connect(self._server, receive_buffer=4096) for _ in range(20)]
        for connection in downloads:
            sockets.send(connection, sockets.head(self._server, "GET", f"file/{upload_id}"))
        flood = sockets.connect(self._server, receive_buffer=4096)
        flood.setblocking(False)
        questions = sockets.head(self._server, "GET", f"status/{upload_id}") * 1000
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            if select.select([], [flood], [], 0.1)[1]:
                sockets.send(flood, questions)
        grown = self._server.memory() - before
        if grown > UNREAD_MEMORY:
            self._report.defect(f"answers that nobody reads take memory: {grown // MIB} MiB")
        self._require_quick("answers unread", upload_id)
        for connection in (*downloads, flood):
            connection.close()

    def heads_that_never_end(self) -> None:
        upload_id, content = self._begin()
        unfinished = self._head(upload_id, 0, "X-Endless: a")[:-4]
        connections = [sockets.connect(self._server) for _ in range(200)]
        for number, connection in enumerate(connections):
            sockets.send(connection, unfinished if number % 2 else b"")
        self._require_quick("heads that never end", upload_id)
        self._ask("a head of 1 MiB", unfinished + b"a" * MIB + b"\r\n\r\n", (400, 413, 414, 431, 0))
        for connection in connections:
            connection.close()
        self._finish("heads that never end", upload_id, content)

    def slow_clients(self, count: int) -> None:
        """Many that send a little now and then; the one that is fast does not feel them."""
        upload_id, content = self._begin(count, 64 * KIB)
        slow = [sockets.connect(self._server) for _ in range(count)]
        for index, connection in enumerate(slow):
            data = content.chunk(index)
            sockets.send(connection, self._head(upload_id, index, length=len(data)))
        for step in range(3):
            for index, connection in enumerate(slow):
                sockets.send(connection, content.chunk(index)[step * 1000 : (step + 1) * 1000])
            self._require_quick("slow clients", upload_id)
            fast_id, fast = self._begin()
            self._finish("fast beside slow ones", fast_id, fast)
        for index, connection in enumerate(slow):
            # Half of them finish, half of them give up.
            if index % 2:
                sockets.send(connection, content.chunk(index)[3000:])
                self._take("put, slowly", sockets.answer(connection), (200,))
            connection.close()
        self._require_missing("slow clients", upload_id, range(0, count, 2))
        self._finish("slow clients", upload_id, content)

    def _require_quick(self, scene: str, upload_id: str) -> None:
        try:
            Client(self._server, self._report).call(
                "status of a fast client", "GET", f"status/{upload_id}", expect=(200,), timeout=PATIENCE
            )
        except Broken as error:
            self._report.defect(f"{scene}, a fast client waited {PATIENCE:.0f} s: {error}")
