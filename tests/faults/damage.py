"""Staged files damaged behind the server's back between acknowledgement and ``complete``.

``complete`` must name exactly the damaged chunks, and once these were sent again publish what was sent. What is done to
a claims file alone damages nothing: a recorded chunk stays as it is.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterable

from .audit import audit
from .client import Client
from .content import KIB, MIB, Content
from .context import Context
from .report import LOST, TRIALS, WRONG, Report
from .server import FaultServer

THREADS = 3
PAGE = 4096
CLAIM = 16
"""Bytes of a claims file for each chunk."""


def run(context: Context) -> Report:
    report = Report("damage")
    with context.server() as server:
        time_left = context.time_left()

        def work(number: int) -> None:
            choice = random.Random(context.seed * 1000 + number)
            kinds = list(DAMAGE)
            while time_left():
                # Every kind comes before any comes twice.
                kind = kinds.pop(choice.randrange(len(kinds)))
                kinds = kinds or list(DAMAGE)
                _Trial(server, report, choice, kind).run()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        audit(server, report)
    return report


class _Trial:
    """One upload that is damaged in one way, after all of its chunks were acknowledged or after half of them."""

    def __init__(self, server: FaultServer, report: Report, choice: random.Random, kind: str) -> None:
        self._server = server
        self._report = report
        self._client = Client(server, report)
        self._choice = choice
        self._early = choice.random() < 0.3
        self._name = f"{'early ' if self._early else ''}{kind}"
        self._damage = DAMAGE[kind]
        chunk_size = choice.choice((64 * KIB, 100 * KIB, 256 * KIB, 1500 * KIB))
        chunks = choice.randrange(2, 20) if chunk_size < MIB else choice.randrange(2, 5)
        self._content = Content((chunks - 1) * chunk_size + choice.randrange(1, chunk_size + 1), chunk_size)

    def run(self) -> None:
        self._report.count(TRIALS)
        upload_id = self._client.begin(self._content)
        order = [*range(self._content.count)]
        self._choice.shuffle(order)
        before = order[: len(order) // 2] if self._early else order
        self._send(upload_id, before)
        hit = self._damage(Target(self._server, self._client, self._choice, upload_id, self._content, set(before)))
        self._send(upload_id, order[len(before) :])
        if not self._asks_for(upload_id, hit):
            return
        answer = self._client.finish(upload_id)
        if answer.status != 200:
            self._report.defect(f"{self._name}, not completed after repair: {upload_id} {answer}", WRONG)
        elif self._server.published_sha256(upload_id) != self._content.sha256:
            self._report.defect(f"{self._name}, published with other bytes: {upload_id}", WRONG)

    def _asks_for(self, upload_id: str, hit: set[int]) -> bool:
        """Whether ``complete`` names the chunks that were hit, which are then sent again."""
        if not hit:
            return True
        answer = self._client.finish(upload_id)
        if answer.missing != hit:
            words = f"{upload_id} has damage in {sorted(hit)}, complete says {answer} {sorted(answer.missing)}"
            self._report.defect(f"{self._name}, asked for other chunks: {words}", WRONG)
            return False
        self._send(upload_id, hit)
        return True

    def _send(self, upload_id: str, indices: Iterable[int]) -> None:
        for index in indices:
            data = self._content.chunk(index)
            answer = self._client.put(upload_id, index, data)
            # Said once when the files are found to be gone; they are made anew.
            if answer.code == "staging_lost":
                answer = self._client.put(upload_id, index, data)
            if answer.status != 200:
                self._report.defect(f"{self._name}, chunk refused: {upload_id} chunk {index} {answer}")


class Target:
    """The staged files of one upload, and who sends it. Each kind of damage returns the chunks it hit."""

    def __init__(
        self,
        server: FaultServer,
        client: Client,
        choice: random.Random,
        upload_id: str,
        content: Content,
        present: set[int],
    ) -> None:
        self._server = server
        self._client = client
        self._choice = choice
        self._id = upload_id
        self._content = content
        self._present = present
        self._part = server.part(upload_id)
        self._claims = server.claims(upload_id)

    def flip(self) -> set[int]:
        """One bit in some chunks."""
        hit = set(self._choice.sample(sorted(self._present), min(len(self._present), self._choice.randrange(1, 4))))
        for index in hit:
            offset = index * self._content.chunk_size + self._choice.randrange(len(self._content.chunk(index)))
            with self._part.open("r+b") as file:
                byte = os.pread(file.fileno(), 1, offset)[0]
                os.pwrite(file.fileno(), bytes([byte ^ (1 << self._choice.randrange(8))]), offset)
        return hit

    def zero(self) -> set[int]:
        """Some pages, as after a power failure before they were flushed."""
        start = self._choice.randrange(self._content.size // PAGE + 1) * PAGE
        end = min(start + PAGE * self._choice.randrange(1, 40), self._content.size)
        self._write(self._part, start, bytes(max(end - start, 0)))
        return self._touched(start, end)

    def truncate(self) -> set[int]:
        length = self._choice.choice((0, self._choice.randrange(self._content.size)))
        os.truncate(self._part, length)
        return self._touched(length, self._content.size)

    def extend(self) -> set[int]:
        self._write(self._part, self._content.size, b"more" * 1000)
        return set()

    def swap(self) -> set[int]:
        """Two whole chunks with each other."""
        whole = [index for index in self._present if len(self._content.chunk(index)) == self._content.chunk_size]
        if len(whole) < 2:
            return self.flip()
        first, second = self._choice.sample(sorted(whole), 2)
        for place, index in ((first, second), (second, first)):
            self._write(self._part, place * self._content.chunk_size, self._content.chunk(index))
        return {first, second}

    def exchange(self) -> set[int]:
        """The staged file with that of another upload of the same size."""
        other = Content(self._content.size, self._content.chunk_size)
        other_id = self._client.begin(other)
        for index in range(other.count):
            self._client.put(other_id, index, other.chunk(index))
        other_part = self._server.part(other_id)
        other_part.replace(self._part)
        self._client.delete(other_id, expect=(204,))
        return set(self._present)

    def lose_part(self) -> set[int]:
        self._part.unlink()
        return set(self._present)

    def lose_claims(self) -> set[int]:
        self._claims.unlink()
        return self._send_otherwise()

    def lose_both(self) -> set[int]:
        self._claims.unlink()
        self._part.unlink()
        return set(self._present)

    def empty_claims(self) -> set[int]:
        os.truncate(self._claims, 0)
        return self._send_otherwise()

    def zero_claims(self) -> set[int]:
        self._write(self._claims, 0, bytes(CLAIM * self._content.count))
        return self._send_otherwise()

    def scramble_claims(self) -> set[int]:
        self._write(self._claims, 0, self._choice.randbytes(CLAIM * self._content.count))
        return self._send_otherwise()

    def commit_claims(self) -> set[int]:
        """Every chunk noted as written, those that never came too."""
        self._write(self._claims, 0, b"committed".ljust(CLAIM, b"\0") * self._content.count)
        return set()

    def _send_otherwise(self) -> set[int]:
        """Other bytes for a recorded chunk, also such as come with a pause: with its claim lost it must not change."""
        if not self._present:
            return set()
        index = self._choice.choice(sorted(self._present))
        data = self._content.chunk(index)[::-1]
        answer = self._client.put(self._id, index, data, operation="put otherwise")
        if answer.code == "staging_lost":
            answer = self._client.put(self._id, index, data, operation="put otherwise")
        staged = self._server.staged_chunk(self._id, index * self._content.chunk_size, len(data))
        if staged == self._content.chunk(index):
            return set()
        self._client.report.defect(f"a recorded chunk changed: {self._id} chunk {index} {answer}", LOST)
        return {index}

    def _touched(self, start: int, end: int) -> set[int]:
        if start >= end:
            return set()
        size = self._content.chunk_size
        return self._present & set(range(start // size, (end - 1) // size + 1))

    @staticmethod
    def _write(path: os.PathLike[str], offset: int, data: bytes) -> None:
        with open(path, "r+b") as file:
            os.pwrite(file.fileno(), data, offset)


DAMAGE: dict[str, Callable[[Target], set[int]]] = {
    "flip": Target.flip,
    "zero": Target.zero,
    "truncate": Target.truncate,
    "extend": Target.extend,
    "swap": Target.swap,
    "exchange": Target.exchange,
    "lose part": Target.lose_part,
    "lose claims": Target.lose_claims,
    "lose both": Target.lose_both,
    "empty claims": Target.empty_claims,
    "zero claims": Target.zero_claims,
    "scramble claims": Target.scramble_claims,
    "commit claims": Target.commit_claims,
}
