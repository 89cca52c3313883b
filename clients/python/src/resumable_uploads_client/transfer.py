"""One source into one session: what is missing is sent, what was damaged repaired, the whole verified."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, Full, Queue
from threading import Event, Lock, Thread
from typing import Any

from .api import Session, UploadApi
from .errors import Conflict, ConnectionFailed, Interrupted, ProxyLimit, SessionEnded, UploadError
from .line import Line
from .progress import ProgressMeter
from .reading import Chunk, Reading, sha256_of
from .retrying import Retrying
from .slots import Slots
from .sources import Source

# Answers after which the server's view is asked for before the chunk is tried again.
UNSURE_CODES = frozenset({"chunk_superseded", "append_superseded", "staging_lost", "conflict", "not_active"})
POLL_SECONDS = 0.2
BROKEN_OFTEN = 3
COMPARED_FIRST_BYTES = 64 * 2**20
"""So much of what a session had must be of this source before anything is sent: it may be another machine's upload."""


@dataclass(frozen=True)
class Connection:
    """What all uploads to one server share."""

    api: UploadApi
    line: Line
    slots: Slots


class Transfer:
    """Sends with a reading thread and some sending threads, while the caller's thread waits and can be interrupted.

    In memory are the chunks in flight and two more. What the session had at the beginning is read on a thread of its
    own meanwhile, and compared with the receipts.
    """

    def __init__(
        self, connection: Connection, session: Session, source: Source, *, parallel: int, with_sha256: bool,
        retrying: Retrying, stop: Event, meter: ProgressMeter,
    ) -> None:  # fmt: skip
        self._api = connection.api
        self._line = connection.line
        self._slots = connection.slots
        self._session = session
        self._upload_id: str = session["upload_id"]
        self._source = source
        self._parallel = parallel
        self._with_sha256 = with_sha256
        self._retrying = retrying
        self._stop = stop
        self._meter = meter
        self._reading = Reading(source, session["chunk_size"], with_sha256=with_sha256)
        self._lock = Lock()
        self._stored = _Stored(session)
        self._sha256 = ""
        self._broken: dict[int, int] = {}
        """How often the connection of a chunk broke."""
        self._may_send = Event()
        self._failure: BaseException | None = None

    def run(self) -> Session:
        """The completed session.

        Raises:
            UploadError: also :class:`Interrupted` when ``stop`` was set.
            OSError: the source cannot be read.
        """
        self._meter.begin_at(self._session["progress"]["received_bytes"])
        if self._session["status"] == "completed":
            return self._require_same()
        self._send(self._read_missing, self._compare_stored, self._hash_whole)
        composite = self._reading.composite()
        while True:
            answer = self._retrying.run(lambda: self._complete(composite))
            if isinstance(answer, dict):
                self._meter.finish(self._reading.size)
                return answer
            self._send_again(answer)

    def _send(self, produce: Callable[[Callable[[Chunk], None]], None], *beside: Callable[[Event], None]) -> None:
        """Run one producer, the senders, and what else is to be done, until all is done or one of them failed."""
        queue: Queue[Chunk | None] = Queue(maxsize=1)
        done = Event()

        def deliver(chunk: Chunk | None) -> None:
            while not done.is_set():
                with suppress(Full):
                    queue.put(chunk, timeout=POLL_SECONDS)
                    return
            raise Interrupted("The upload was stopped.")

        def read() -> None:
            produce(deliver)
            for _ in range(self._parallel):
                deliver(None)

        def send() -> None:
            while not done.is_set():
                with suppress(Empty):
                    chunk = queue.get(timeout=POLL_SECONDS)
                    if chunk is None:
                        return
                    self._send_chunk(chunk, done)

        def guarded(work: Callable[[], None]) -> None:
            try:
                work()
            except BaseException as error:  # handed to the caller's thread
                with self._lock:
                    self._failure = self._failure or error
                done.set()

        works: list[Callable[[], None]] = [read, *[send] * self._parallel]
        works += [lambda work=work: work(done) for work in beside]  # type: ignore[misc]
        threads = [Thread(target=guarded, args=(work,), daemon=True) for work in works]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                while thread.is_alive():
                    # With a timeout, so that Ctrl-C is heard.
                    thread.join(POLL_SECONDS)
                    if self._stop.is_set():
                        done.set()
                        raise Interrupted("The upload was stopped.")  # The others end when their sockets let them.
        except Interrupted:
            raise
        except BaseException:
            done.set()
            self._stop.set()
            self._api.close()
            raise
        if self._failure is not None:
            raise self._failure

    def _require_same(self) -> Session:
        """The session is complete: of this source, or another one is needed."""
        if self._reading.composite() != self._session["file"]["composite_hash"]:
            raise _other_version()
        self._meter.finish(self._reading.size)
        return self._session

    def _read_missing(self, deliver: Callable[[Chunk], None]) -> None:
        while not self._may_send.wait(POLL_SECONDS):
            if self._failure is not None or self._stop.is_set():
                return
        self._reading.run(lambda index: index not in self._stored, deliver)

    def _compare_stored(self, done: Event) -> None:
        """What the session had at the beginning is of this source, or another session is needed."""
        has_some = self._session["status"] == "active" and self._session["progress"]["received_chunks"]
        start: int | None = 0 if has_some and self._source.rewindable else None
        compared = 0
        while start is not None:
            receipts, start = self._retrying.run(lambda start=start: self._api.receipts(self._upload_id, start))  # type: ignore[misc]
            for receipt in receipts:
                if done.is_set():
                    return
                if receipt["index"] in self._reading.digests:
                    continue  # Sent from here, since.
                if self._reading.chunk(receipt["index"]).digest.hex() != receipt["sha256"]:
                    raise _other_version()
                compared += receipt["size"]
                if compared >= COMPARED_FIRST_BYTES:
                    self._may_send.set()
        self._may_send.set()

    def _hash_whole(self, done: Event) -> None:
        if self._with_sha256 and self._source.rewindable:
            self._sha256 = sha256_of(self._source)

    def _send_again(self, missing: list[int]) -> None:
        """Only a source that can be rewound still has what the server lost."""
        if not self._source.rewindable:
            raise Conflict("Chunks were damaged on the server, and a pipe cannot be read again.", code="not_rewindable")
        self._stored.lose(missing)
        self._meter.begin_at(max(self._reading.size - len(missing) * self._session["chunk_size"], 0))

        def produce(deliver: Callable[[Chunk], None]) -> None:
            for index in missing:
                deliver(self._reading.chunk(index))

        self._send(produce)

    def _send_chunk(self, chunk: Chunk, done: Event) -> None:
        if chunk.index in self._stored:
            return
        progress = self._retrying.run(lambda: self._put(chunk, done))
        self._stored.add(chunk.index)
        if progress and progress["received_chunks"] > len(self._stored) + self._parallel:
            # Somebody else sends this file too: ask what they have sent. If that fails, it was only a chance.
            with suppress(UploadError):
                self._refresh()

    def _put(self, chunk: Chunk, done: Event) -> dict[str, Any]:
        left = 0

        def on_sent(count: int) -> None:
            nonlocal left
            if self._stop.is_set():
                raise Interrupted("The upload was stopped.")
            left += count
            self._meter.add(count)

        try:
            with self._slots.hold(self._reading.size, done), self._line.sending(len(chunk.data)):
                answer = self._api.put_chunk(self._upload_id, chunk.index, chunk.data, chunk.digest, on_sent)
        except UploadError as error:
            self._meter.add(-left)
            if isinstance(error, ConnectionFailed):
                self._slots.narrow()
                self._suspect_a_limit(chunk.index, error)
            if error.code not in UNSURE_CODES:
                raise
            self._refresh()
            if chunk.index not in self._stored:
                raise
            return {}
        self._slots.widen(min(self._line.in_flight(self._session["chunk_size"]), self._parallel))
        progress: dict[str, Any] = answer["progress"]
        return progress

    def _suspect_a_limit(self, index: int, error: ConnectionFailed) -> None:
        """A chunk whose connection breaks again and again, while the server answers: something on the way cuts it off.

        Raises:
            ProxyLimit: it is so.
        """
        try:
            self._api.status(self._upload_id)
        except UploadError:
            return
        self._broken[index] = self._broken.get(index, 0) + 1
        if self._broken[index] >= BROKEN_OFTEN:
            raise ProxyLimit("Chunks of this size do not get through to the server.") from error

    def _refresh(self) -> None:
        session = self._api.status(self._upload_id)
        if session["status"] == "cancelled":
            raise SessionEnded("The upload was cancelled.", code="session_cancelled", status=410)
        if session["status"] == "expired":
            raise SessionEnded("The upload expired.", status=410)
        if session["status"] == "failed":
            raise Conflict(session["error"]["detail"], code=session["error"]["code"])
        self._stored.replace(session)

    def _complete(self, composite: str) -> Session | list[int]:
        """The verified session, or the chunks that have to be sent (again)."""
        file_hash = (self._sha256 or self._reading.sha256()) if self._with_sha256 else None
        proof = {"composite_hash": composite, "file_hash": file_hash}
        while True:
            try:
                answer = self._api.complete(self._upload_id, total_size=self._reading.size, **proof)
            except Conflict as error:
                if error.code != "missing_chunks":
                    raise
                return list(error.problem["missing_chunks"])
            if isinstance(answer, dict):
                return answer
            if self._stop.wait(answer):
                raise Interrupted("The upload was stopped.")


def _other_version() -> Conflict:
    return Conflict("The upload is of another version of this file.", code="other_version")


class _Stored:
    """The chunks that the server has, as many threads know them."""

    def __init__(self, session: Session) -> None:
        self._lock = Lock()
        self._indices: set[int] = set()
        self._all = False
        self.replace(session)

    def replace(self, session: Session) -> None:
        total = session["total_chunks"]
        if session["status"] != "active":
            self._all = True
        elif total is not None:
            with self._lock:
                self._indices |= set(range(total)) - set(session["progress"]["missing_chunks"])

    def add(self, index: int) -> None:
        with self._lock:
            self._indices.add(index)

    def lose(self, indices: Iterable[int]) -> None:
        with self._lock:
            self._all = False
            self._indices -= set(indices)

    def __contains__(self, index: int) -> bool:
        return self._all or index in self._indices

    def __len__(self) -> int:
        return len(self._indices)
