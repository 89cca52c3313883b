"""Uploads made of others: partial uploads, and the final one that joins them (tus 1.0.0, extension *concatenation*).

A *partial* is a session that receives bytes like any other and never assembles: it is done when all its bytes are
there. A *final* receives none. It waits, ``active``, until each of its partials is done (:func:`advance`); then it goes
to ``assembling``, and whoever holds its lease joins the partials (:class:`Joining`) before it verifies and publishes it
as any other session.

Joining
    One pass reads the partials in order, chunk by chunk as their receipts cut them, and writes what it reads into the
    final's grid, whose cuts fall elsewhere: so a copy is the normal case here. A chunk of the final is recorded once
    all bytes of it come from chunks that matched their receipts; a successor goes on behind what is recorded.

Damage
    A chunk of a partial that does not match leaves the partial's ledger, so that its sender is asked for it again, and
    the final waits again. What was recorded of the final is verified and stays.

Ends
    A partial that ends before it was joined takes the final with it, which fails with that reason. When a final is
    published its partials go, but for those that another final waits for.

Quotas
    The bytes of the partials are counted once. A final reserves no more than what its partials have not: those that it
    uses twice, or that another final waits for as well.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ..conf import MIB
from ..errors import BadRequest, ContentRefused, Forbidden, QuotaExceeded
from ..grid import Span, ceil_div
from ..models import PartOfFinal, UploadSession
from ..storage import PartsChanged, StagingMissing, Writer, WriterSuperseded, get_store, locks_chunks
from . import cells, joined, transitions
from .conditional import row_of
from .permission import require_still_allowed
from .repair import Repair, parts_of, remove_what_was_replaced, reopen

Status = UploadSession.Status
Concat = UploadSession.Concat

_GONE = "A partial upload that this one is made of was {}."


def require_partials(sessions: Sequence[UploadSession]) -> None:
    """
    Raises:
        BadRequest: one is no partial upload, has ended, or is of unknown size.
    """
    for session in sessions:
        if session.concat != Concat.PARTIAL:
            raise BadRequest(f"{session.upload_id} is no partial upload.", code="bad_concat")
        if session.status != Status.ACTIVE:
            raise BadRequest(f"{session.upload_id} is {session.status}.", code="bad_concat")
        if session.total_size is None:
            raise BadRequest(f"The length of {session.upload_id} is not known yet.", code="bad_concat")


def reserve_for(partials: Sequence[UploadSession]) -> int:
    """How many bytes a final of these must reserve besides what they have."""
    lent = set(
        PartOfFinal.objects.filter(partial__in=partials, final__status__in=UploadSession.OPEN).values_list(
            "partial_id", flat=True
        )
    )
    size = 0
    for partial in partials:
        if partial.pk in lent:
            size += partial.total_size or 0
        lent.add(partial.pk)
    return size


def waiting_finals(partial: UploadSession) -> list[UploadSession]:
    """The finals that wait for a partial."""
    return list(UploadSession.objects.filter(parts__partial=partial, status=Status.ACTIVE).distinct())


def is_awaited(session: UploadSession) -> bool:
    """Whether it is a partial that is done, of finals that are open and wait for others."""
    is_done = session.concat == Concat.PARTIAL and session.received_chunks == session.total_chunks
    return is_done and session.finals.filter(final__status__in=UploadSession.OPEN).exists()


def advance(final: UploadSession) -> bool:
    """Move a final on that waits: to ``assembling`` if all its partials are done, to ``failed`` if one has ended.

    Returns whether it assembles now.
    """
    partials = [part.partial for part in final.parts.select_related("partial")]
    what = next((_end_of(partial) for partial in partials if partial is None or partial.status != Status.ACTIVE), "")
    if what:
        transitions.fail_waiting(final, code="partial_gone", detail=_GONE.format(what))
        return False
    if all(partial is not None and partial.received_chunks == partial.total_chunks for partial in partials):
        return _may_join(final) and transitions.begin_joining(final)
    latest = max(partial.expires_at for partial in partials if partial is not None)
    if latest > final.expires_at:
        row_of(final).filter(status=Status.ACTIVE).update(expires_at=latest)
    return False


def _may_join(final: UploadSession) -> bool:
    try:
        require_still_allowed(final)
    except (Forbidden, QuotaExceeded):
        return False  # It waits, and expires.
    return True


def _end_of(partial: UploadSession | None) -> str:
    return "removed" if partial is None or partial.status == Status.REMOVING else partial.status


def partials_to_remove(final: UploadSession) -> list[UploadSession]:
    """The partials of a published final that nobody else waits for."""
    mine = UploadSession.objects.filter(finals__final=final, status=Status.ACTIVE).distinct()
    needed = PartOfFinal.objects.filter(final__status__in=UploadSession.OPEN).values("partial")
    return list(mine.exclude(pk__in=needed))


class PartialUnfinished(Exception):
    """A partial must be sent on before it can be joined."""


class PartialDamaged(PartialUnfinished):
    """Chunks of a partial are not what their receipts say."""

    def __init__(self, partial: UploadSession, receipts: dict[int, int]) -> None:
        """
        Args:
            receipts: those that are wrong: their primary keys by index. A chunk that was sent again has another.
        """
        super().__init__()
        self.partial = partial
        self.receipts = receipts


def repair_partial(found: PartialDamaged, lease: uuid.UUID, keep: Callable[[], None]) -> None:
    """Ask for damaged chunks of a partial again. Where the store locks chunks the partial was never sealed."""
    partial = found.partial
    before = partial.staged
    if locks_chunks(get_store(partial.store)):
        repair = Repair(sorted(found.receipts), before.handle)
    else:
        repair = reopen(partial, sorted(found.receipts), lease, keep)
    is_recorded = transitions.drop_damaged(partial, repair, found.receipts)
    remove_what_was_replaced(partial, before, repair, is_recorded=is_recorded)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A chunk of a partial, at its place in the final."""

    partial: UploadSession
    index: int
    offset: int
    size: int
    sha256: bytes
    receipt: int
    """The primary key of its receipt."""

    @property
    def end(self) -> int:
        return self.offset + self.size

    def blocks(self) -> Iterator[bytes]:
        """Its stored bytes, as many as there are."""
        try:
            stored = get_store(self.partial.store).open(self.partial.staged)
        except StagingMissing:
            return
        with stored:
            stored.seek(self.index * self.partial.chunk_size)
            left = self.size
            while left and (block := stored.read(min(left, MIB))):
                left -= len(block)
                yield block


class _Alone:
    """The guard of who writes what nobody else may."""

    def may_write(self) -> bool:
        return True

    def reserve_spool(self, size: int) -> None:
        """Nobody writes beside it."""

    def release_spool(self) -> None:
        """Nobody writes beside it."""


class _Chunk:
    """A chunk of the final while it is written."""

    def __init__(self, span: Span, writer: Writer) -> None:
        self.span = span
        self.writer = writer
        self.digest = hashlib.sha256()
        self.room = span.size

    @property
    def end(self) -> int:
        return self.span.offset + self.span.size

    def write(self, data: bytes) -> None:
        self.writer.write(data)
        self.digest.update(data)
        self.room -= len(data)
        if not self.room:
            self.writer.write_out()


class Joining:
    """One attempt at copying the partials into a final.

    Args:
        lease: of the assembly of the final.
        keep_lease: called between blocks; raises what ends the attempt.
    """

    def __init__(self, final: UploadSession, lease: uuid.UUID, keep_lease: Callable[[], None]) -> None:
        self._final = final
        self._lease = lease
        self._keep_lease = keep_lease
        self._store = get_store(final.store)
        self._grid = final.grid
        self._recorded = set(final.receipts.values_list("index", flat=True))
        self._chunks: list[_Chunk] = []
        """What is written and not recorded: the last one maybe not whole, the others not verified to their ends."""

    def run(self) -> None:
        """
        Raises:
            PartialUnfinished: a chunk must be sent again; what was verified before it is recorded.
            ContentRefused: a partial is gone.
            JoiningLost: somebody else holds the lease.
        """
        try:
            for piece in self._pieces():
                if not self._is_recorded(piece):
                    self._copy(piece)
        finally:
            for chunk in self._chunks:
                chunk.writer.discard()

    def _pieces(self) -> Iterator[_Piece]:
        start = 0
        for part in self._final.parts.select_related("partial"):
            if part.partial is None:
                raise ContentRefused(_GONE.format("removed"), code="partial_gone")
            if part.partial.received_chunks != part.partial.total_chunks:
                raise PartialUnfinished
            self._make_readable(part.partial)
            expected = 0
            receipts = part.partial.receipts.order_by("index").values_list("index", "size", "sha256", "pk")
            for index, size, sha256, receipt in receipts.iterator(chunk_size=1000):
                if index != expected:
                    break
                expected += 1
                offset = start + index * part.partial.chunk_size
                yield _Piece(part.partial, index, offset, size, bytes(sha256), receipt)
            if expected != part.partial.total_chunks:
                raise PartialUnfinished
            start += part.size

    def _make_readable(self, partial: UploadSession) -> None:
        """An object store reads nothing that is not sealed. A partial that is, takes no other bytes anyhow."""
        store = get_store(partial.store)
        if locks_chunks(store):
            return
        receipts = dict(partial.receipts.values_list("index", "pk"))
        parts = list(parts_of(partial))
        if len(parts) != partial.total_chunks:
            raise PartialUnfinished
        try:
            store.seal(partial.staged, parts, self._lease, self._keep_lease)
        except PartsChanged as changed:
            raise PartialDamaged(partial, {index: receipts.get(index, 0) for index in changed.indices}) from None

    def _is_recorded(self, piece: _Piece) -> bool:
        size = self._final.chunk_size
        return self._recorded.issuperset(range(piece.offset // size, ceil_div(piece.end, size)))

    def _copy(self, piece: _Piece) -> None:
        digest = hashlib.sha256()
        at = piece.offset
        for block in piece.blocks():
            digest.update(block)
            self._write(block, at)
            at += len(block)
            self._keep_lease()
        if at != piece.end or digest.digest() != piece.sha256:
            raise PartialDamaged(piece.partial, {piece.index: piece.receipt})
        self._record_up_to(piece.end)

    def _write(self, block: bytes, at: int) -> None:
        """Put bytes at their place, but for those of recorded chunks."""
        while block:
            span = self._grid.span(at // self._final.chunk_size)
            part = block[: span.offset + span.size - at]
            if span.index not in self._recorded:
                self._chunk_at(span).write(part)
            block = block[len(part) :]
            at += len(part)

    def _chunk_at(self, span: Span) -> _Chunk:
        if not self._chunks or self._chunks[-1].span.index != span.index:
            self._chunks.append(_Chunk(span, self._store.writer(self._final.staged, span, _Alone(), supersede=True)))
        return self._chunks[-1]

    def _record_up_to(self, end: int) -> None:
        while self._chunks and self._chunks[0].end <= end:
            chunk = self._chunks[0]
            digest = chunk.digest.digest()
            with cells.locked(self._final, self._store, chunk.span.index) as entry:
                try:
                    etag = chunk.writer.commit(entry, digest)
                except WriterSuperseded:
                    raise joined.JoiningLost from None
                joined.record(self._final, chunk.span, digest, etag, self._lease)
            self._chunks.pop(0).writer.discard()
