"""The engine: create, receive bytes, status, complete, cancel. Every protocol is a translation onto these."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from django.db import IntegrityError

from ..conf import upload_settings
from ..errors import BadRequest, Conflict, ContentRefused, MissingChunks, SessionGone, StorageFull, TooLarge
from ..grid import fit_chunk_size
from ..models import UploadSession
from ..storage import get_store
from . import assembly, ledger, transitions
from .appending import AppendReceiver, append_offset, record_kept_part
from .receiving import ChunkReceiver
from .secure_file_upload_service import SecureFileUploadService

Status = UploadSession.Status

_POLL_SECONDS = 0.1


class ResumableUploadService:
    """The operations of one owner. Errors are those of :mod:`apps.core.errors`."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner

    def create(
        self,
        *,
        filename: str,
        mime_type: str | None = None,
        total_size: int | None = None,
        file_hash: str = "",
        chunk_size: int | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> tuple[UploadSession, bool]:
        """Begin an upload, or find the open one of the same owner, name, size and hash.

        Args:
            total_size: bytes; None if the sender does not know yet.
            file_hash: SHA-256 of the whole file in lower-case hex; empty if it comes with ``complete``.
            chunk_size: a wish, in bytes.

        Returns:
            The session, and whether it is new.

        Raises:
            BadRequest: the name or the type is not accepted.
            TooLarge, QuotaExceeded, StorageFull: the file does not fit.
        """
        limits = upload_settings()
        name, declared_type = SecureFileUploadService.admit(filename, mime_type)
        if total_size is not None and total_size > limits.max_file_size:
            raise TooLarge(f"Files may have at most {limits.max_file_size} bytes.", limit=limits.max_file_size)
        if total_size and file_hash and (twin := self._open_twin(name, total_size, file_hash)):
            return twin, False
        store = get_store()
        self._require_room(total_size or 0)
        try:
            session = ledger.create(
                self.owner,
                filename=name,
                mime_type=declared_type,
                total_size=total_size,
                file_hash=file_hash,
                metadata=metadata or {},
                chunk_size=fit_chunk_size(
                    total_size,
                    chunk_size or limits.chunk_size,
                    smallest=max(store.min_chunk_size, limits.min_chunk_size if chunk_size else 1),
                    largest=limits.max_chunk_size,
                    max_chunks=limits.max_chunks,
                ),
            )
        except IntegrityError:
            # Another request created the same session in this very moment.
            twin = self._open_twin(name, total_size or 0, file_hash)
            if twin is None:
                raise Conflict("The same upload was begun and ended meanwhile; try again.") from None
            return twin, False
        store.begin(session.upload_id)
        return session, True

    def _open_twin(self, name: str, total_size: int, file_hash: str) -> UploadSession | None:
        twin = ledger.find_open_twin(self.owner, name, total_size, file_hash)
        if twin is None or not twin.is_expired:
            return twin
        if transitions.expire(twin):
            remove_bytes(twin)
            return None
        return self._open_twin(name, total_size, file_hash)

    @staticmethod
    def _require_room(size: int) -> None:
        if get_store().free_bytes() - size < upload_settings().min_free_disk_bytes:
            raise StorageFull

    def find(self, upload_id: UUID) -> UploadSession:
        """The owner's session.

        Raises:
            NotFound: there is none, or it is a stranger's.
        """
        return ledger.find(self.owner, upload_id)

    def status(self, upload_id: UUID) -> UploadSession:
        """The session as it is now. An overdue session is expired, an abandoned assembly is taken over.

        Raises:
            NotFound: as :meth:`find`.
        """
        session = self.find(upload_id)
        if session.status == Status.ACTIVE and session.is_expired:
            self._expire(session)
        if session.status == Status.ASSEMBLING:
            assembly.ensure_assembling(session)
            session.refresh_from_db()
        return session

    def receive_chunk(self, session: UploadSession, index: int, expected_digest: bytes | None = None) -> ChunkReceiver:
        """Begin to receive one chunk.

        Args:
            expected_digest: SHA-256 that came with the chunk, 32 bytes.

        Raises:
            BadRequest: no such chunk.
            SessionGone, Conflict: the session takes no chunks.
            StorageFull: the store has no room.
        """
        try:
            span = session.grid.span(index)
        except IndexError:
            raise BadRequest(
                f"Chunk {index} does not exist: there are {session.total_chunks or session.grid.max_chunks}.",
                code="bad_chunk_index",
            ) from None
        self._require_taking_chunks(session)
        self._require_room(span.size)
        return ChunkReceiver(session, span, expected_digest=expected_digest)

    def _require_taking_chunks(self, session: UploadSession) -> None:
        if session.status in (Status.ASSEMBLING, Status.COMPLETED):
            return  # A recorded chunk may be repeated at any time; whether this one is shows when it has arrived.
        if session.status == Status.ACTIVE and session.is_expired:
            self._expire(session)
        ledger.require_active(session)

    def receive_from(self, session: UploadSession, offset: int) -> AppendReceiver:
        """Begin to receive bytes in order. Displaces an older request that does the same.

        Raises:
            OffsetMismatch: ``offset`` is not where the upload continues.
            SessionGone, Conflict: the session takes no bytes.
        """
        self._require_room(0)
        return AppendReceiver(session, offset)

    @staticmethod
    def offset(session: UploadSession) -> int:
        """Where a sequential sender continues."""
        return append_offset(session)

    def complete(
        self, session: UploadSession, *, file_hash: str | None = None, total_size: int | None = None
    ) -> UploadSession:
        """Prove and publish the file. May be called again at any time, by anyone who may see the session.

        Returns:
            The session: ``completed``, or ``assembling`` if that takes longer than the ``complete_wait`` setting.

        Raises:
            MissingChunks: chunks are missing, or were found damaged and must be sent again.
            ContentRefused: the content is refused, now and for good.
            SessionGone: expired or cancelled.
            Conflict: another size or hash was declared before.
        """
        if session.status == Status.ACTIVE:
            self._begin_assembling(session, file_hash=file_hash, total_size=total_size)
        else:
            self._require_same_declaration(session, file_hash, total_size)
        if session.status == Status.ASSEMBLING:
            self._assemble_or_wait(session)
        return self._require_no_refusal(session)

    def _begin_assembling(self, session: UploadSession, *, file_hash: str | None, total_size: int | None) -> None:
        if session.is_expired:
            self._expire(session)
            ledger.require_active(session)
        limit = upload_settings().max_file_size
        if total_size is not None and total_size > limit:
            raise TooLarge(f"Files may have at most {limit} bytes.", limit=limit)
        ledger.declare(session, total_size=total_size, file_hash=file_hash)
        if session.total_size is None:
            raise BadRequest("The size of the file is still unknown; give total_size.", code="size_required")
        record_kept_part(session)
        transitions.begin_assembling(session)
        session.refresh_from_db()
        if session.status == Status.ACTIVE:
            missing = session.missing_chunks
            raise MissingChunks(missing, f"{len(missing)} of {session.total_chunks} chunks are missing.")

    @staticmethod
    def _require_same_declaration(session: UploadSession, file_hash: str | None, total_size: int | None) -> None:
        if total_size is not None and total_size != session.total_size:
            raise Conflict(f"The declared size is {session.total_size}, not {total_size}.", code="size_conflict")
        if file_hash is not None and file_hash not in (session.file_hash, session.sha256):
            raise Conflict("Another SHA-256 was declared before.", code="hash_conflict")

    @staticmethod
    def _assemble_or_wait(session: UploadSession) -> None:
        deadline = time.monotonic() + upload_settings().complete_wait
        thread = assembly.ensure_assembling(session)
        if thread is not None:
            thread.join(upload_settings().complete_wait)
        session.refresh_from_db()
        while session.status == Status.ASSEMBLING and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
            session.refresh_from_db()

    @staticmethod
    def _require_no_refusal(session: UploadSession) -> UploadSession:
        if session.status == Status.FAILED:
            raise ContentRefused(session.error_detail, code=session.error_code)
        if session.status == Status.ACTIVE:
            missing = session.missing_chunks
            raise MissingChunks(missing, f"{len(missing)} stored chunks were damaged; send them again.")
        if session.status in (Status.CANCELLED, Status.EXPIRED):
            raise SessionGone(session.status)
        return session

    def cancel(self, session: UploadSession) -> UploadSession:
        """End an active upload and remove its bytes. Cancelling twice is a success.

        Raises:
            SessionGone: it expired.
            Conflict: it is assembling, completed or failed.
        """
        if session.status == Status.CANCELLED:
            return session
        if transitions.cancel(session):
            remove_bytes(session)
            return session
        session.refresh_from_db()
        if session.status != Status.CANCELLED:
            ledger.require_active(session)
        return session

    @staticmethod
    def _expire(session: UploadSession) -> None:
        if transitions.expire(session):
            remove_bytes(session)
        session.refresh_from_db()


def remove_bytes(session: UploadSession) -> None:
    """Remove what a session that ended without a file had staged, and its ledger."""
    get_store().discard(session.upload_id)
    transitions.forget_receipts(session)
