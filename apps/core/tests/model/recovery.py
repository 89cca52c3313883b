"""How every run ends: the sweeper comes, clients send what is missing, and nothing is left behind.

A chain of stages, each of which depends on nothing but the state before it. So whoever runs it may stop at a stage
whose state was recovered from before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta

from apps.core.conf import upload_settings
from apps.core.errors import MissingChunks, QuotaExceeded, UploadError
from apps.core.models import UploadSession
from apps.core.services.audit import Audit
from apps.core.services.cells import RESERVED_FOR
from apps.core.services.cleanup import MOVING_TIME, Cleanup
from apps.core.storage import get_store

from .observer import Violation
from .rows import untidy_rows
from .world import FILE, OTHER, World, chunk_of, file_of

NOTHING_DONE = "nothing"
_ATTEMPTS = 12
"""How often missing chunks are sent: after the first time, nothing is damaged any more."""


def recover(world: World, *, rows_go: bool, claims_lapse: bool) -> Iterator[str]:
    """Bring every upload to its end; yields what was done after each stage.

    Args:
        rows_go: whether the program deletes rows by other ways than the engine's. A process that is killed then may
            leave a file without a record, which ``check_uploads`` is for.
        claims_lapse: whether a claim may have been over before its row was saved.

    Raises:
        Violation: one did not come to its end, or something is left behind.
    """
    yield NOTHING_DONE
    world.clock.sleep(upload_settings().lease_seconds + RESERVED_FOR.total_seconds())
    _sweep()
    _require_none_stuck()
    yield "swept"
    for _ in range(_ATTEMPTS):
        session = UploadSession.objects.filter(status="active").first()
        if session is None:
            break
        _ask_offset(world, session)
        _send_missing(world, session)
        yield "sent"
        _complete(world, session)
        yield "completed"
    else:
        raise Violation("a client that persists completes its uploads")
    world.clock.sleep(2 * 3600 * upload_settings().session_ttl_hours)
    _sweep()
    for _ in range(2):  # A row that had an old name again keeps it for its readers.
        world.clock.sleep(MOVING_TIME.total_seconds() + upload_settings().moved_grace_seconds)
        _sweep()
    _require_tidy(world, rows_go=rows_go)
    if problem := untidy_rows(may_share=claims_lapse):
        raise Violation(problem)


def _sweep() -> None:
    summary = Cleanup(retention=timedelta(days=365), batch_size=10, dry_run=False).run()
    if summary.failures:
        raise Violation(f"cleanup does all it finds, but: {summary.failures}")


def _require_none_stuck() -> None:
    stuck = UploadSession.objects.filter(status__in=("assembling", "removing"))
    if states := list(stuck.values_list("status", flat=True)):
        raise Violation(f"cleanup ends what was begun, but left {states}")


def _ask_offset(world: World, session: UploadSession) -> None:
    if any(upload_id == session.upload_id for upload_id, _ in world.damaged):
        return
    kept, offset = world.offsets.get(session.upload_id, 0), world.service.offset(session)
    if offset < kept:
        raise Violation(f"a sequential sender was told that {kept} bytes are kept, but {offset} are")


def _send_missing(world: World, session: UploadSession) -> None:
    """A client asks what is missing, so what is not it is promised."""
    size = len(FILE) if session.total_size is None else session.total_size
    for index, digest in session.receipts.values_list("index", "sha256"):
        world.recorded[session.upload_id, index] = bytes(digest)
    try:
        for index in range(len(FILE)):
            data = chunk_of(file_of(size), index)
            if data and (session.upload_id, index) not in world.recorded:
                sink = world.service.receive_chunk(session, index)
                sink.receive(data)
                world.finish(sink, data)
    except QuotaExceeded:
        world.service.cancel(session)
    except UploadError as error:
        world.note("recovery", error)


def _complete(world: World, session: UploadSession) -> None:
    content = _content(session)
    digest = hashlib.sha256(content).hexdigest()
    session = world.service.find(session.upload_id)
    try:
        world.service.complete(session, total_size=len(content), file_hash=session.file_hash or digest, wait=0)
    except MissingChunks:
        return
    except UploadError as error:
        world.note("recovery", error)
    session.refresh_from_db()
    if session.status == "failed" and session.file_hash == digest:
        raise Violation("an upload of the right bytes does not fail")


def _content(session: UploadSession) -> bytes:
    """The whole file, as the receipts have it: chunks of one file or the other."""
    size = len(FILE) if session.total_size is None else session.total_size
    content = b""
    for index, digest in session.receipts.order_by("index").values_list("index", "sha256"):
        theirs = chunk_of(OTHER[:size], index)
        content += theirs if hashlib.sha256(theirs).digest() == bytes(digest) else chunk_of(file_of(size), index)
    return content


def _require_tidy(world: World, *, rows_go: bool) -> None:
    """No bytes without a record, no completion untold, and an audit that finds nothing."""
    store = get_store("default")
    is_aging = hasattr(store, "root")  # What the store in memory has staged is never old.
    if is_aging and (staged := list(store.staged())):
        raise Violation(f"staged bytes without an open upload go, but these stay: {staged}")
    if UploadSession.objects.filter(status="completed", announced_at=None).exists():
        raise Violation("each completion is announced")
    findings = Audit(rehash=True).run()
    if world.damaged:
        findings.wrong_files.clear()
    if rows_go:
        findings.unknown_files.clear()
    if findings:
        raise Violation(f"an audit finds nothing, but: {findings}")
