"""Many at once at one thing: a chunk, a file, a session, its end, the deletion of its owner."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import threading
import time
from functools import partial
from typing import Any

from . import sockets
from .audit import audit
from .client import Answer, Client
from .content import KIB, MIB, Content
from .context import Context
from .report import LOST, TRIALS, WRONG, Report
from .server import FaultServer

SETTINGS = {"LEASE_SECONDS": 2.0, "COMPLETE_WAIT": 1.0, "MAX_FILE_SIZE": 600 * MIB}


def run(context: Context) -> Report:
    report = Report("concurrency")
    with context.server(SETTINGS) as server:
        trials = _Trials(server, report, context.random)
        time_left = context.time_left()
        for trial in itertools.cycle(
            (
                trials.one_chunk_by_many,
                trials.two_devices,
                trials.cancel_while_chunks_stream,
                trials.delete_while_chunks_stream,
                trials.complete_while_chunks_stream,
                trials.declare_while_chunks_stream,
                trials.complete_by_many,
                trials.init_by_many,
                trials.owner_deleted,
                trials.requests_aborted,
            )
        ):
            if not time_left():
                break
            report.count(TRIALS)
            trial()
        time.sleep(2)
        audit(server, report)
    return report


class _Trials:
    """Each is one scene with an end that must be right."""

    def __init__(self, server: FaultServer, report: Report, choice: random.Random) -> None:
        self._server = server
        self._report = report
        self._choice = choice

    def _client(self, token: str = "") -> Client:
        return Client(self._server, self._report, token=token, patient=True)

    def _content(self, count: int, *chunk_sizes: int) -> Content:
        chunk_size = self._choice.choice(chunk_sizes)
        content = Content((count - 1) * chunk_size + self._choice.randrange(1, chunk_size + 1), chunk_size)
        # Hashed now, so that clients begin together.
        assert content.sha256
        return content

    def _require_file(self, upload_id: str, digest: str, scene: str, answer: Answer) -> None:
        found = self._server.published_sha256(upload_id)
        if answer.status != 200 or found != digest:
            self._report.defect(f"{scene}, wrong end: {upload_id} {answer}, published {found}", WRONG)

    def one_chunk_by_many(self) -> None:
        """16 senders, two contents, half of the senders with a digest that is wrong: one content wins, for good."""
        content = self._content(2, 64 * KIB, 300 * KIB, 3 * MIB)
        upload_id = self._client().begin(content, file_hash=None)
        contents = [content.chunk(0), content.chunk(0)[::-1]]

        def send(number: int) -> Answer:
            digest = bytes(32) if number % 2 else None
            expect = (400, 409, 422) if number % 2 else (200, 409)
            data = contents[number // 2 % 2]
            return self._client().put(upload_id, 0, data, operation="put at once", digest=digest, expect=expect)

        answers = sockets.together([partial(send, number) for number in range(16)])
        winners = {number // 2 % 2 for number, answer in enumerate(answers) if answer.status == 200}
        if len(winners) != 1:
            self._report.defect(f"one chunk, {len(winners)} contents were acknowledged: {upload_id}", LOST)
            return
        client, winner = self._client(), contents[winners.pop()]
        client.put(upload_id, 0, winner, operation="put again", expect=(200,))
        client.put(upload_id, 1, content.chunk(1), expect=(200,))
        digest = hashlib.sha256(winner + content.chunk(1)).hexdigest()
        self._require_file(upload_id, digest, "one chunk by many", client.finish(upload_id, file_hash=digest))

    def two_devices(self) -> None:
        """The same file from two places that know nothing of each other."""
        content = self._content(self._choice.randrange(4, 12), 256 * KIB, MIB, 2 * MIB + 5)

        def device(seed: int) -> tuple[str, Answer]:
            client = self._client()
            begun = client.init(content, expect=(200, 201)).document
            todo = list(begun["progress"]["missing_chunks"])
            random.Random(seed).shuffle(todo)
            for index in todo:
                client.put(begun["upload_id"], index, content.chunk(index), expect=(200,))
            return begun["upload_id"], client.finish(begun["upload_id"])

        for upload_id, answer in sockets.together([lambda: device(1), lambda: device(2)]):
            self._require_file(upload_id, content.sha256, "two devices", answer)

    def cancel_while_chunks_stream(self) -> None:
        unknown = self._choice.random() < 0.5
        upload_id = self._end_while_chunks_stream("cancel", (200,), unknown)
        state = self._client().status(upload_id).document.get("status")
        if state != "cancelled":
            self._report.defect(f"cancelled while chunks stream, but: {upload_id} is {state}")

    def delete_while_chunks_stream(self) -> None:
        upload_id = self._end_while_chunks_stream("delete", (204,), self._choice.random() < 0.5)
        self._client().status(upload_id, expect=(404,))

    def _end_while_chunks_stream(self, how: str, expect: tuple[int, ...], unknown: bool) -> str:
        content = self._content(40, 64 * KIB, 512 * KIB, 3 * MIB)
        fields = {"total_size": None, "file_hash": None} if unknown else {}
        upload_id = self._client().begin(content, **fields)
        todo = [*range(content.count)]

        def send() -> None:
            client = self._client()
            while todo:
                index = todo.pop()
                answer = client.put(upload_id, index, content.chunk(index), expect=(200, 404, 409, 410))
                if answer.status != 200:
                    return

        def end() -> None:
            time.sleep(delay)
            getattr(self._client(), how)(upload_id, expect=expect)

        delay = self._choice.uniform(0.01, 0.2)
        sockets.together([send, send, send, send, send, end, end])
        return upload_id

    def complete_while_chunks_stream(self) -> None:
        content = self._content(self._choice.randrange(10, 40), 128 * KIB, MIB)
        upload_id = self._client().begin(content)
        self._stream_and_complete(upload_id, content, "complete while chunks stream")

    def declare_while_chunks_stream(self) -> None:
        """Its size is told to ``complete``, again and again, while chunks still come."""
        content = self._content(30, 64 * KIB, 512 * KIB)
        upload_id = self._client().begin(content, total_size=None, file_hash=None)
        proof: dict[str, Any] = {"total_size": content.size, "file_hash": content.sha256}
        self._stream_and_complete(upload_id, content, "size declared while chunks stream", **proof)

    def _stream_and_complete(self, upload_id: str, content: Content, scene: str, **proof: Any) -> None:
        todo = [*range(content.count)]
        self._choice.shuffle(todo)
        sent = threading.Event()

        def send() -> None:
            client = self._client()
            while todo:
                index = todo.pop()
                client.put(upload_id, index, content.chunk(index), operation="put, streaming", expect=(200,))

        def complete() -> None:
            client = self._client()
            while not sent.is_set():
                client.complete(upload_id, expect=(200, 202, 409), **proof)

        def send_all() -> None:
            try:
                sockets.together([send] * 4)
            finally:
                sent.set()

        sockets.together([send_all, complete])
        self._require_file(upload_id, content.sha256, scene, self._client().finish(upload_id, **proof))

    def complete_by_many(self) -> None:
        content = self._content(self._choice.choice((1, 5, 12)), 4 * MIB)
        client = self._client()
        upload_id = client.begin(content)
        for index in range(content.count):
            client.put(upload_id, index, content.chunk(index), expect=(200,))
        sockets.together([lambda: self._client().complete(upload_id, expect=(200, 202))] * 10)
        self._require_file(upload_id, content.sha256, "complete by many", client.finish(upload_id))

    def init_by_many(self) -> None:
        """One ``client_key`` in ten hands: whoever begins gets the one open upload of it, while others end it."""
        content = self._content(2, 64 * KIB)

        def one(number: int) -> None:
            client = self._client()
            for _ in range(5):
                answer = client.init(content, client_key=content.name, expect=(200, 201, 409))
                if answer.status == 409:
                    continue
                upload_id = answer.document["upload_id"]
                if number % 2:
                    client.cancel(upload_id, expect=(200, 409, 410))
                    continue
                for index in range(content.count):
                    client.put(upload_id, index, content.chunk(index), expect=(200, 409, 410))
                client.complete(upload_id, expect=(200, 202, 409, 410))

        def begin() -> str:
            return self._client().begin(content, client_key=content.name)

        begun = set(sockets.together([begin] * 10))
        if len(begun) != 1:
            self._report.defect(f"one client_key, {len(begun)} open uploads: {sorted(begun)}")
        sockets.together([partial(one, number) for number in range(10)])

    def owner_deleted(self) -> None:
        """The user goes while chunks and a completion of theirs are under way: no answer but a refusal."""
        name = f"leaver-{self._choice.randrange(10**12)}"
        token = self._server.in_django(NEW_USER.format(name=name)).splitlines()[-1]
        content, large = self._content(20, 256 * KIB), self._content(12, 8 * MIB)
        client = self._client(token)
        upload_id, large_id = client.begin(content), client.begin(large)
        for index in range(large.count):
            client.put(large_id, index, large.chunk(index), expect=(200,))
        gone = threading.Event()

        def send() -> None:
            sender = self._client(token)
            for index in itertools.cycle(range(content.count)):
                sender.put(upload_id, index, content.chunk(index), operation="put of a leaver", expect=REFUSED)
                if gone.is_set():
                    return

        def complete() -> None:
            time.sleep(0.5)
            completer = self._client(token)
            while completer.complete(large_id, expect=(202, *REFUSED)).status == 202:
                time.sleep(0.05)

        def leave() -> None:
            try:
                self._server.in_django(DELETE_USER.format(name=name))
            finally:
                gone.set()

        def half() -> None:
            data = content.chunk(0)
            with sockets.connect(self._server) as connection:
                path = f"chunk/{upload_id}/0"
                sockets.send(connection, sockets.head(self._server, "PUT", path, length=len(data), token=token))
                sockets.send(connection, data[:1000])
                gone.wait(60)
                sockets.send(connection, data[1000:])
                status, body = sockets.answer(connection)
            if status not in (0, *REFUSED):
                self._report.defect(f"half a chunk of a leaver, unexpected answer: {status} {body[:200]!r}")

        sockets.together([send, send, complete, leave, half])

    def requests_aborted(self) -> None:
        """Clients that leave in the middle of a body, or before they are answered; the next one finds all in order."""
        content = self._content(10, 64 * KIB, 2 * MIB)
        client = self._client()
        upload_id = client.begin(content)
        document = json.dumps({"upload_id": upload_id}).encode()

        def abort(number: int) -> None:
            choice = random.Random(number)
            connection = sockets.connect(self._server)
            if number % 3:
                index = choice.randrange(content.count)
                data = content.chunk(index)
                request = sockets.head(self._server, "PUT", f"chunk/{upload_id}/{index}", length=len(data))
                request += data[: choice.randrange(len(data))]
            else:
                request = sockets.head(
                    self._server, "POST", "complete", "Content-Type: application/json", length=len(document)
                )
                request += document
            sockets.send(connection, request)
            time.sleep(choice.uniform(0, 0.02))
            sockets.reset(connection) if number % 2 else connection.close()

        sockets.together([partial(abort, number) for number in range(40)])
        for index in sorted(client.missing(upload_id)):
            client.put(upload_id, index, content.chunk(index), expect=(200,))
        self._require_file(upload_id, content.sha256, "requests aborted", client.finish(upload_id))


REFUSED = (200, 401, 404, 409, 410)
NEW_USER = """
from django.contrib.auth.models import User
from knox.models import AuthToken
print(AuthToken.objects.create(User.objects.create_user("{name}"))[1])
"""
DELETE_USER = """
from django.contrib.auth.models import User
User.objects.get(username="{name}").delete()
"""
