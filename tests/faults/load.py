"""What users do all day, many at once, and what must hold of it at any moment."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from types import TracebackType
from typing import Any

from .client import Answer, Broken, Client
from .content import KIB, MIB, Content
from .report import LOST, STUCK, WRONG, Report
from .server import FaultServer

SESSION_SECONDS = 25.0
"""How long a session lives without a new chunk: long enough for any fault, short enough to expire during a campaign."""
LOAD_SETTINGS = {
    "SESSION_TTL_HOURS": SESSION_SECONDS / 3600,
    "LEASE_SECONDS": 2.0,
    "COMPLETE_WAIT": 1.0,
    # Some assemblies run inside the request, and some on a thread of their own.
    "INLINE_ASSEMBLE_BYTES": 8 * MIB,
    # So that sessions of unknown size get chunks of the size asked for.
    "MAX_FILE_SIZE": 600 * MIB,
}
CHUNKS_READ_BACK = 30
"""Staged chunks of each upload that are compared with what was sent, in each check."""


class Stage(Enum):
    SENDING = auto()
    COMPLETING = auto()
    COMPLETED = auto()
    ENDED = auto()
    """Cancelled, deleted, or left to expire."""


@dataclass
class Upload:
    """One upload, as its sender knows it."""

    id: str
    content: Content
    knows_size: bool
    stage: Stage = Stage.SENDING
    acknowledged: set[int] = field(default_factory=set)
    in_flight: set[int] = field(default_factory=set)
    last_acknowledged: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def may_have_expired(self) -> bool:
        return time.monotonic() - self.last_acknowledged > SESSION_SECONDS - 2

    @property
    def proof(self) -> dict[str, Any]:
        """What ``complete`` must be told."""
        return {} if self.knows_size else {"total_size": self.content.size, "file_hash": self.content.sha256}

    def take(self, choice: random.Random) -> int | None:
        """A chunk that nobody sends yet."""
        with self.lock:
            left = sorted(set(range(self.content.count)) - self.acknowledged - self.in_flight)
            if self.stage is not Stage.SENDING or not left:
                return None
            index = choice.choice(left)
            self.in_flight.add(index)
            return index

    def acknowledge(self, index: int) -> None:
        with self.lock:
            self.acknowledged.add(index)
            self.last_acknowledged = time.monotonic()

    def move(self, before: Stage, after: Stage) -> bool:
        """Whether this caller made the move."""
        with self.lock:
            if self.stage is not before:
                return False
            self.stage = after
            return True


class Load:
    """Senders at work while the block lasts.

    Args:
        senders: threads, each with a connection of its own.
        open_uploads: how many are under way at once.
        largest: bytes of the largest files.
        forgives_loss: chunks and sessions may be lost, as by a power failure; files that completed may not be wrong.
    """

    def __init__(
        self,
        server: FaultServer,
        report: Report,
        *,
        seed: int,
        senders: int = 6,
        open_uploads: int = 6,
        largest: int = 100 * MIB,
        forgives_loss: bool = False,
    ) -> None:
        self.uploads: list[Upload] = []
        self._server = server
        self._report = report
        self._open_uploads = open_uploads
        self._largest = largest
        self._forgives_loss = forgives_loss
        self._may_begin = True
        self._held = threading.Event()
        self._at_work: set[int] = set()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(seed * 1000 + n,)) for n in range(senders)]
        self._verifier = Client(server, report)

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @contextmanager
    def held(self) -> Iterator[None]:
        """No request is under way meanwhile."""
        self._held.set()
        while self._at_work:
            time.sleep(0.01)
        try:
            yield
        finally:
            self._held.clear()

    # What must hold

    def verify(self) -> None:
        """Every acknowledged chunk is recorded and staged as it was sent, every completed file is right."""
        for upload in list(self.uploads):
            if upload.stage is Stage.COMPLETED:
                self._verify_file(upload)
            elif upload.stage is not Stage.ENDED:
                self._until_answered(partial(self._verify_chunks, upload))

    def drain(self, seconds: float = 60) -> None:
        """Begin nothing new, finish what is under way, and stop; what cannot be finished is stuck."""
        self._may_begin = False
        deadline = time.monotonic() + seconds
        while self._under_way() and time.monotonic() < deadline:
            # It also removes what is completed, which may be all that there is room for.
            self.verify()
            time.sleep(0.2)
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for upload in self._under_way():
            state = f"{len(upload.acknowledged)} of {upload.content.count} chunks, {upload.stage.name.lower()}"
            self._report.defect(f"never finished: {upload.id}, {state}", STUCK)
        self.verify()

    def _under_way(self) -> list[Upload]:
        return [upload for upload in self.uploads if upload.stage in (Stage.SENDING, Stage.COMPLETING)]

    def _verify_chunks(self, upload: Upload) -> None:
        known = set(upload.acknowledged)
        answer = self._verifier.status(upload.id)
        if answer.status >= 500 or answer.document.get("status") in ("assembling", "completed"):
            return
        if upload.stage is Stage.ENDED:
            return  # Ended while it was asked for.
        if answer.document.get("status") != "active":
            self._ended_by_server(upload, answer)
            return
        if lost := known & set(answer.document["progress"]["missing_chunks"]):
            self._lose(f"acknowledged and not recorded: {upload.id} {sorted(lost)[:10]}", len(lost))
            with upload.lock:
                upload.acknowledged -= lost
        for index in sorted(known - lost)[:CHUNKS_READ_BACK]:
            sent = upload.content.chunk(index)
            staged = self._server.staged_chunk(upload.id, index * upload.content.chunk_size, len(sent))
            if staged is not None and staged != sent:
                self._lose(f"recorded and stored otherwise: {upload.id} chunk {index}", 1)

    def _verify_file(self, upload: Upload) -> None:
        digest = self._server.published_sha256(upload.id)
        if digest != upload.content.sha256 and upload.stage is Stage.COMPLETED:
            self._report.defect(f"completed with other bytes: {upload.id} has SHA-256 {digest}", WRONG)
        self._report.count("files hashed")
        # Large ones would fill the disk.
        if upload.move(Stage.COMPLETED, Stage.ENDED):
            self._until_answered(lambda: self._verifier.delete(upload.id))

    def _lose(self, text: str, chunks: int) -> None:
        if self._forgives_loss:
            self._report.count("chunks sent again", chunks)
        else:
            self._report.defect(text, LOST, chunks)

    def _until_answered(self, ask: Callable[[], object]) -> None:
        for _ in range(100):
            with suppress(Broken):
                ask()
                return
            time.sleep(0.1)

    # What users do

    def _work(self, seed: int) -> None:
        choice, client = random.Random(seed), Client(self._server, self._report)
        me = threading.get_ident()
        while not self._stop.is_set():
            self._at_work.add(me)
            try:
                if not self._held.is_set():
                    self._step(client, choice)
                    continue
            except Broken:
                self._report.count("broken connections")
            finally:
                self._at_work.discard(me)
            time.sleep(0.05)

    def _step(self, client: Client, choice: random.Random) -> None:
        under_way = self._under_way()
        if self._may_begin and len(under_way) < self._open_uploads:
            self._begin(client, choice)
        elif not under_way:
            time.sleep(0.05)
        elif (upload := choice.choice(under_way)).stage is Stage.COMPLETING:
            self._complete(client, upload)
        elif self._may_begin and choice.random() < 0.01:
            self._end(client, choice, upload)
        elif choice.random() < 0.04 and upload.acknowledged:
            self._repeat(client, choice, upload)
        else:
            self._advance(client, choice, upload)

    def _begin(self, client: Client, choice: random.Random) -> None:
        size, chunk_size = choice.choices(
            (
                (choice.randrange(4 * MIB), choice.choice((64, 100, 256)) * KIB),
                (choice.randrange(4 * MIB, 20 * MIB), choice.choice((MIB, 3 * MIB + 17))),
                (choice.randrange(self._largest // 2, self._largest), 4 * MIB),
            ),
            (10, 6, 1),
        )[0]
        content = Content(size, chunk_size)
        # Before init: a session must not grow old meanwhile.
        fields = {} if content.sha256 and choice.random() < 0.7 else {"total_size": None, "file_hash": None}
        answer = client.init(content, **fields)
        if answer.status in (200, 201):
            assert size == 0 or answer.document["chunk_size"] == chunk_size
            self.uploads.append(Upload(answer.document["upload_id"], content, knows_size=not fields))

    def _advance(self, client: Client, choice: random.Random, upload: Upload) -> None:
        """Send one more chunk, or complete when there is none left."""
        index = upload.take(choice)
        if index is None:
            if len(upload.acknowledged) == upload.content.count and upload.move(Stage.SENDING, Stage.COMPLETING):
                self._complete(client, upload)
            else:
                time.sleep(0.005)
            return
        try:
            self._send(client, choice, upload, index)
        finally:
            with upload.lock:
                upload.in_flight.discard(index)

    def _send(self, client: Client, choice: random.Random, upload: Upload, index: int) -> None:
        data = upload.content.chunk(index)
        if choice.random() < 0.05:
            # Damaged on its way: refused, and nothing changes.
            answer = client.put(upload.id, index, data, operation="put damaged", digest=bytes(32))
            if answer.status == 200:
                self._report.defect(f"accepted with a wrong digest: {upload.id} chunk {index}")
            return
        as_json = len(data) <= 2 * MIB and choice.random() < 0.3
        answer = client.post_chunk(upload.id, index, data) if as_json else client.put(upload.id, index, data)
        if answer.status == 200:
            upload.acknowledge(index)
        elif answer.status in (404, 410):
            self._ended_by_server(upload, answer)
        elif answer.status >= 500:
            time.sleep(0.05)

    def _repeat(self, client: Client, choice: random.Random, upload: Upload) -> None:
        """Send a recorded chunk again, as it was or otherwise; only as it was where it may be recorded no more."""
        index = choice.choice(sorted(upload.acknowledged))
        data = upload.content.chunk(index)
        if self._forgives_loss or choice.random() < 0.5:
            client.put(upload.id, index, data, operation="put again")
        elif client.put(upload.id, index, data[::-1], operation="put otherwise").status == 200 and len(data) > 1:
            self._report.defect(f"a recorded chunk was overwritten: {upload.id} chunk {index}", LOST)

    def _end(self, client: Client, choice: random.Random, upload: Upload) -> None:
        if upload.move(Stage.SENDING, Stage.ENDED):
            give_up = choice.choice((client.cancel, client.delete, None))
            if give_up is not None:
                give_up(upload.id)

    def _complete(self, client: Client, upload: Upload) -> None:
        answer = client.complete(upload.id, **upload.proof)
        if answer.status == 200:
            upload.move(Stage.COMPLETING, Stage.COMPLETED)
        elif answer.code == "missing_chunks":
            lost = answer.missing & upload.acknowledged
            with upload.lock:
                upload.acknowledged -= lost
            if upload.move(Stage.COMPLETING, Stage.SENDING) and lost:
                self._lose(f"asked for again at complete: {upload.id} {sorted(lost)[:10]}", len(lost))
        elif answer.status in (404, 410):
            self._ended_by_server(upload, answer)
        elif answer.status in (400, 422):
            self._report.defect(f"refused at complete: {upload.id} {answer}", WRONG)
            upload.move(Stage.COMPLETING, Stage.ENDED)
        else:
            time.sleep(0.1)

    def _ended_by_server(self, upload: Upload, answer: Answer) -> None:
        with upload.lock:
            if upload.stage in (Stage.SENDING, Stage.COMPLETING):
                if not upload.may_have_expired:
                    age = time.monotonic() - upload.last_acknowledged
                    self._lose(f"ended too early: {upload.id} {answer}, {age:.1f} s after a chunk", 1)
                upload.stage = Stage.ENDED
