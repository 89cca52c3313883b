"""One source into one session: what is missing is sent, what was damaged repaired, the whole verified."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import Empty, Full, Queue
from threading import Event, Lock, Thread
from typing import Any

from .api import Session, UploadApi
from .errors import Conflict, ConnectionFailed, Interrupted, ServerFailed, SessionEnded, Throttled, UploadError
from .progress import ProgressMeter
from .reading import Chunk, Reading
from .retrying import Retrying
from .sources import Source

# Answers after which the server's view is asked for before the chunk is tried again.
UNSURE_CODES = frozenset({"chunk_superseded", "append_superseded", "staging_lost", "conflict", "not_active"})
POLL_SECONDS = 0.2


class Transfer:
    """Sends with a reading thread and some sending threads, while the caller's thread waits and can be interrupted.

    In memory are the chunks in flight and two more.
    """

    def __init__(
        self, api: UploadApi, session: Session, source: Source, *, parallel: int, retrying: Retrying, stop: Event,
        meter: ProgressMeter,
    ) -> None:  # fmt: skip
        self._api = api
        self._session = session
        self._upload_id: str = session["upload_id"]
        self._source = source
        self._parallel = parallel
        self._retrying = retrying
        self._stop = stop
        self._meter = meter
        self._reading = Reading(source, session["chunk_size"])
        self._lock = Lock()
        self._stored = _Stored(session)
        self._failure: BaseException | None = None

    def run(self) -> Session:
        """The completed session.

        Raises:
            UploadError: also :class:`Interrupted` when ``stop`` was set.
            OSError: the source cannot be read.
        """
        self._meter.begin_at(self._session["progress"]["received_bytes"])
        self._send(self._read_all)
        while True:
            answer = self._retrying.run(self._complete)
            if isinstance(answer, dict):
                self._meter.finish(self._reading.size)
                return answer
            self._send_again(answer)

    def _send(self, produce: Callable[[Callable[[Chunk], None]], None]) -> None:
        """Run one producer and the senders until all is sent or one of them failed."""
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
                    self._send_chunk(chunk)

        def guarded(work: Callable[[], None]) -> None:
            try:
                work()
            except BaseException as error:  # handed to the caller's thread
                with self._lock:
                    self._failure = self._failure or error
                done.set()

        threads = [Thread(target=guarded, args=(work,), daemon=True) for work in (read, *[send] * self._parallel)]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                while thread.is_alive():
                    # With a timeout, so that Ctrl-C is heard.
                    thread.join(POLL_SECONDS)
                    if self._stop.is_set():
                        done.set()
        except BaseException:
            done.set()
            self._stop.set()
            self._api.close()
            raise
        if self._failure is not None:
            raise self._failure

    def _read_all(self, deliver: Callable[[Chunk], None]) -> None:
        self._reading.run(lambda index: index not in self._stored, deliver)

    def _send_again(self, missing: list[int]) -> None:
        """Only a source that can be rewound still has what the server lost."""
        if not self._source.rewindable:
            raise Conflict("Chunks were damaged on the server, and a pipe cannot be read again.", code="not_rewindable")
        self._stored.lose(missing)
        self._meter.begin_at(max(self._reading.size - len(missing) * self._session["chunk_size"], 0))

        def produce(deliver: Callable[[Chunk], None]) -> None:
            for index in missing:
                deliver(self._reading.reread(index))

        self._send(produce)

    def _send_chunk(self, chunk: Chunk) -> None:
        if chunk.index in self._stored:
            return
        progress = self._retrying.run(lambda: self._put(chunk))
        self._stored.add(chunk.index)
        if progress and progress["received_chunks"] > len(self._stored) + self._parallel:
            # Somebody else sends this file too: ask what they have sent. If that fails, it was only a chance.
            with suppress(ConnectionFailed, ServerFailed, Throttled):
                self._refresh()

    def _put(self, chunk: Chunk) -> dict[str, Any] | None:
        """The server's progress; None when it turned out to have the chunk."""
        sent = 0

        def on_sent(count: int) -> None:
            nonlocal sent
            if self._stop.is_set():
                raise Interrupted("The upload was stopped.")
            sent += count
            self._meter.add(count)

        try:
            answer = self._api.put_chunk(self._upload_id, chunk.index, chunk.data, chunk.digest, on_sent)
        except UploadError as error:
            self._meter.add(-sent)
            if error.code not in UNSURE_CODES:
                raise
            self._refresh()
            if chunk.index in self._stored:
                return None
            raise
        progress: dict[str, Any] = answer["progress"]
        return progress

    def _refresh(self) -> None:
        session = self._api.status(self._upload_id)
        if session["status"] == "cancelled":
            raise SessionEnded("The upload was cancelled.", code="session_cancelled", status=410)
        if session["status"] == "expired":
            raise SessionEnded("The upload expired.", status=410)
        if session["status"] == "failed":
            raise Conflict(session["error"]["detail"], code=session["error"]["code"])
        self._stored.replace(session)

    def _complete(self) -> Session | list[int]:
        """The verified session, or the chunks that have to be sent (again)."""
        while True:
            try:
                answer = self._api.complete(self._upload_id, self._reading.file_hash, self._reading.size)
            except Conflict as error:
                if error.code != "missing_chunks":
                    raise
                return list(error.problem["missing_chunks"])
            if isinstance(answer, dict):
                return answer
            if self._stop.wait(answer):
                raise Interrupted("The upload was stopped.")

    @property
    def file_hash(self) -> str:
        """SHA-256 of the source in hex, once it was read to its end."""
        return self._reading.file_hash


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
