"""Assembling: verify the stored bytes, validate them, publish them.

The work belongs to whoever holds the session's lease and survives the request that began it. A server that dies stops
renewing; the next ``complete``, ``status`` or cleanup takes over, and goes on at a verified chunk
(:mod:`.verification`). Verifying and publishing can be repeated without harm, and only the holder of the lease can end
the state ``assembling``.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid

from django.db import connection

from ..conf import upload_settings
from ..errors import ContentRefused, Unavailable
from ..hashing import composite_of
from ..metrics import observe_assembly
from ..models import UploadSession
from ..signals import upload_completed
from ..storage import PartsChanged, SealLost, StagingMissing, get_store
from . import joined, ledger, transitions
from .concatenation import Joining, PartialDamaged, PartialUnfinished, partials_to_remove, repair_partial
from .publishing import Publication
from .removal import remove, remove_copied, remove_left_segments, remove_staged
from .repair import parts_of, remove_what_was_replaced, reopen
from .secure_file_upload_service import SecureFileUploadService
from .verification import Progress, RecordedChunk, Verdict, Verification, sha256_of_one

logger = logging.getLogger(__name__)

Status = UploadSession.Status


THREADS = 4
"""Of one process, for large files: each keeps a core busy and holds a database connection."""
_threads = threading.BoundedSemaphore(THREADS)


class LeaseLost(Exception):
    """Somebody else assembles this session now."""


def ensure_assembling(session: UploadSession) -> threading.Thread | None:
    """See to it that somebody assembles the session: does a small one at once, starts a thread for a large one.

    Returns:
        The thread at work in this process, or None if the work is done, somebody else's, or must wait for a thread.
    """
    if (session.total_size or 0) <= upload_settings().inline_assemble_bytes:
        take_over(session)
        return None
    if not _threads.acquire(blocking=False):
        return None  # Whoever asks next, once there is a place, sees to it.
    lease = transitions.take_lease(session)
    if lease is None:
        _threads.release()
        return None
    ledger.refresh(session)
    thread = threading.Thread(target=_assemble_on_thread, args=(session, lease), daemon=True, name="assemble")
    try:
        thread.start()
    except RuntimeError as error:  # The process has as many threads as it may.
        _threads.release()
        transitions.release_lease(session, lease)
        raise Unavailable("The server is busy; try again.") from error
    return thread


def take_over(session: UploadSession) -> bool:
    """Assemble a session that nobody is at, here and now. False if somebody is."""
    lease = transitions.take_lease(session)
    if lease is None:
        return False
    ledger.refresh(session)
    assemble(session, lease)
    return True


def _assemble_on_thread(session: UploadSession, lease: uuid.UUID) -> None:
    try:
        assemble(session, lease)
    except Exception:
        logger.exception("assembling failed and will be tried again", extra={"upload_id": str(session.upload_id)})
    finally:
        connection.close()
        _threads.release()


def assemble(session: UploadSession, lease: uuid.UUID) -> None:
    """Verify, validate and publish, as the holder of ``lease``; ends the state ``assembling`` one way or another.

    What is not a verdict on the content (a full disk, a lost database) is raised, and the lease released.
    """
    started = time.monotonic()
    try:
        outcome = _Assembly(session, lease).run()
    except (LeaseLost, SealLost):
        return
    except StagingMissing as error:
        if UploadSession.objects.filter(pk=session.pk, status=Status.ASSEMBLING).exists():
            transitions.release_lease(session, lease)
            raise Unavailable("The stored bytes vanished while they were read; try again.") from error
        return  # Removed meanwhile, bytes and all.
    except BaseException:
        transitions.release_lease(session, lease)
        raise
    observe_assembly(outcome, time.monotonic() - started)


class _Assembly:
    """One attempt at assembling one session."""

    def __init__(self, session: UploadSession, lease: uuid.UUID) -> None:
        self._session = session
        self._lease = lease
        self._store = get_store(session.store)
        self._size = session.total_size or 0
        self._renew_at = time.monotonic() + upload_settings().lease_seconds / 5
        self._publication = self._publication_elsewhere() if session.destination else None

    def _publication_elsewhere(self) -> Publication:
        return Publication(self._session, self._lease, self._store, keep_lease=self._keep_lease, lost=LeaseLost())

    def run(self) -> str:
        self._require(transitions.renew_lease(self._session, self._lease))
        if self._publication is not None and (name := self._publication.earlier()):
            return self._finish(name, self._session.sha256, self._session.composite_hash)
        if self._session.concat == UploadSession.Concat.FINAL and (outcome := self._join()):
            return outcome
        parts = list(parts_of(self._session))
        if len(parts) != self._session.total_chunks:
            # Removed meanwhile, receipts first: then the lease is gone too. An object store would make a file of these.
            return self._reopen(sorted({*range(self._session.total_chunks or 0)} - {part.index for part in parts}))
        try:
            self._store.seal(self._session.staged, parts, self._lease, self._keep_lease)
        except PartsChanged as changed:
            return self._reopen(changed.indices)
        chunks = [RecordedChunk(part.index, part.offset, part.size, part.sha256) for part in parts]
        verdict = self._verify(chunks)
        if verdict.damaged:
            return self._reopen(verdict.damaged)
        if self._session.file_hash and verdict.sha256 != self._session.file_hash:
            return self._fail(_wrong_hash())
        try:
            with self._store.open(self._session.staged) as stored:
                SecureFileUploadService.check_stored(self._session, stored)
        except ContentRefused as refusal:
            return self._fail(refusal)
        return self._publish(verdict.sha256, composite_of(chunk.sha256 for chunk in chunks))

    def _join(self) -> str:
        """Copy the partials of a final upload. What it came to, if it is not for verifying yet."""
        try:
            Joining(self._session, self._lease, self._keep_lease).run()
        except joined.JoiningLost:
            raise LeaseLost from None
        except PartialUnfinished as error:
            if isinstance(error, PartialDamaged):
                repair_partial(error, self._lease, self._keep_lease)
            self._require(transitions.finish_waiting(self._session, self._lease))
            return "waiting"
        except ContentRefused as refusal:
            return self._fail(refusal)
        except StagingMissing as error:
            self._begin_joining_anew()
            raise Unavailable("The staged bytes vanished, and are put together anew; try again.") from error
        return ""

    def _begin_joining_anew(self) -> None:
        try:
            joined.begin_anew(self._session, self._lease)
        except joined.JoiningLost:
            raise LeaseLost from None

    def _keep_lease(self) -> None:
        if self._is_time_to_renew():
            self._require(transitions.renew_lease(self._session, self._lease))

    def _verify(self, chunks: list[RecordedChunk]) -> Verdict:
        """The store's own word is enough for a composite, if it verified the parts; a SHA-256 of more than one chunk
        needs all bytes."""
        wanted = upload_settings().whole_file_sha256
        by_default = not self._store.verifies_parts
        with_sha256 = bool(self._session.file_hash or self._publication) or (by_default if wanted is None else wanted)
        is_left_out = wanted is False and not with_sha256
        recorded = "" if is_left_out or self._publication else sha256_of_one(chunks)
        if self._store.verifies_parts and (recorded or not with_sha256):
            return Verdict([], recorded)
        return Verification(
            chunks,
            lambda: self._store.open(self._session.staged),
            with_sha256=with_sha256,
            in_order=self._store.reads_cost,
            after=Progress(self._session.assembled_bytes, bytes(self._session.assembled_state)),
            keep=self._note_progress,
        ).run()

    def _note_progress(self, progress: Progress) -> None:
        if self._is_time_to_renew():
            self._require(transitions.note_progress(self._session, self._lease, progress.size, progress.state))

    def _is_time_to_renew(self) -> bool:
        if time.monotonic() < self._renew_at:
            return False
        self._renew_at = time.monotonic() + upload_settings().lease_seconds / 5
        return True

    @staticmethod
    def _require(kept: bool) -> None:
        if not kept:
            raise LeaseLost

    def _reopen(self, damaged: list[int]) -> str:
        """Ask for the damaged chunks again."""
        self._require(transitions.renew_lease(self._session, self._lease))
        self._delete_remains()
        before = self._session.staged
        repair = reopen(self._session, damaged, self._lease, self._keep_lease)
        logger.warning(
            "damaged chunks must be sent again",
            extra={"upload_id": str(self._session.upload_id), "chunks": len(repair.damaged)},
        )
        is_recorded = transitions.finish_damaged(self._session, self._lease, repair)
        remove_what_was_replaced(self._session, before, repair, is_recorded=is_recorded)
        self._require(is_recorded)
        return "damaged"

    def _fail(self, refusal: ContentRefused) -> str:
        self._delete_remains()
        self._require(transitions.finish_failed(self._session, self._lease, code=refusal.code, detail=refusal.detail))
        remove_staged(self._session)
        return "failed"

    def _publish(self, sha256: str, composite_hash: str) -> str:
        self._require(transitions.renew_lease(self._session, self._lease))
        if self._publication is not None:
            return self._finish(self._publication.run(sha256, composite_hash), sha256, composite_hash)
        name = self._store.publish(self._session.staged, self._size, self._lease)
        return self._finish(name, sha256, composite_hash)

    def _delete_remains(self) -> None:
        if self._publication is not None:
            self._publication.delete_remains()

    def _finish(self, name: str, sha256: str, composite_hash: str) -> str:
        digests = {"sha256": sha256, "composite_hash": composite_hash}
        self._require(transitions.finish_completed(self._session, self._lease, name=name, **digests))
        if self._publication is not None:
            remove_copied(self._session)
        elif self._session.append_token is not None:
            remove_left_segments(self._session)
        announce(self._session)
        for partial in partials_to_remove(self._session):
            remove(partial)
        return "completed"


def _wrong_hash() -> ContentRefused:
    return ContentRefused(
        "Every chunk is stored as it was sent, but the file's SHA-256 is not the declared one.", code="hash_mismatch"
    )


def announce(session: UploadSession) -> bool:
    """Send ``upload_completed``, after the commit. False if it was sent, or is being sent by somebody else."""
    if not transitions.begin_announcing(session):
        return False
    for receiver, result in upload_completed.send_robust(sender=UploadSession, session=session):
        if isinstance(result, Exception):
            logger.error("receiver %r of upload_completed failed", receiver, exc_info=result)
    transitions.mark_announced(session)
    return True
