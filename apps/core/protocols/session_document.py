"""The JSON of a session, the same for every protocol that answers with one."""

from __future__ import annotations

from typing import Any

from ..models import UploadSession
from ..services.references import reference_to


def session_document(session: UploadSession, *, summary: bool = False) -> dict[str, Any]:
    """The JSON of a session; ``summary`` leaves out what costs a query."""
    total = session.total_chunks
    progress: dict[str, Any] = {
        "percentage": session.progress_percentage,
        "received_chunks": session.received_chunks,
        "total_chunks": total,
        "received_bytes": session.received_bytes,
        "damaged_chunks": session.damaged_chunks,
    }
    if not summary:
        progress["missing_chunks"] = session.missing_chunks
        progress["assembled_bytes"] = _assembled_bytes(session)
        progress["assembled_percentage"] = _assembled_percentage(session)
    return {
        "upload_id": str(session.upload_id),
        "status": session.status,
        "filename": session.filename,
        "mime_type": session.mime_type,
        "total_size": session.total_size,
        "chunk_size": session.chunk_size,
        "total_chunks": total,
        "file_hash": session.file_hash,
        "metadata": session.metadata,
        "created_at": session.created_at.isoformat(),
        "expires_at": session.expires_at.isoformat(),
        "progress": progress,
        "file": _file_document(session),
        "error": {"code": session.error_code, "detail": session.error_detail} if session.error_code else None,
    }


RECEIPTS_PAGE = 1000
"""Receipts in one answer."""


def receipts_document(session: UploadSession, start: int) -> dict[str, Any]:
    """One page of the ledger, from the chunk ``start`` on, and where the next page starts, if there is one."""
    rows = session.receipts.filter(index__gte=start).order_by("index").values_list("index", "size", "sha256")
    page = list(rows[: RECEIPTS_PAGE + 1])
    receipts = [{"index": index, "size": size, "sha256": bytes(digest).hex()} for index, size, digest in page]
    more = receipts[RECEIPTS_PAGE]["index"] if len(receipts) > RECEIPTS_PAGE else None
    return {"receipts": receipts[:RECEIPTS_PAGE], "receipts_next": more}


def _file_document(session: UploadSession) -> dict[str, Any] | None:
    if session.status != UploadSession.Status.COMPLETED:
        return None
    return {
        "name": session.filename,
        "size": session.total_size,
        "mime_type": session.mime_type,
        "sha256": session.sha256 or None,
        "composite_hash": session.composite_hash or None,
        "url": session.file.url,
        "completed_at": session.ended_at.isoformat() if session.ended_at else None,
        "reference": reference_to(session),
        "used_by": _used_by(session),
    }


def _used_by(session: UploadSession) -> dict[str, str] | None:
    """The row that has the file."""
    if not session.is_claimed:
        return None
    return {"field": session.purpose, "pk": session.claimed_pk}


def _assembled_bytes(session: UploadSession) -> int:
    return session.total_size or 0 if session.status == UploadSession.Status.COMPLETED else session.assembled_bytes


def _assembled_percentage(session: UploadSession) -> float:
    if session.status == UploadSession.Status.COMPLETED:
        return 100.0
    return session.assembled_bytes * 10_000 // session.total_size / 100 if session.total_size else 0.0
