"""The engine: create, receive bytes, status, complete, cancel, remove. Every protocol is a translation onto these."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID, uuid4

from ..conf import upload_settings
from ..errors import (
    BadRequest,
    Conflict,
    ContentRefused,
    MissingChunks,
    NotFound,
    SessionGone,
    StorageFull,
)
from ..grid import Span
from ..models import UploadSession
from ..storage import get_store
from . import assembly, composite, concatenation, declaring, ledger, open_appends, removal, transitions
from .appending import AppendSink, append_offset, record_kept_part, take_over
from .checked_appending import CheckedAppendSink, ExpectedChecksum
from .creation import Concatenation, NewUpload, require_allowed_size
from .permission import require_still_allowed
from .principal import Principal
from .purposes import read_field_token
from .receiving import ChunkSink
from .waiting import wait_for_assembly
from .write_guard import ChunkGuard

Status = UploadSession.Status
Concat = UploadSession.Concat


class ResumableUploadService:
    """The operations of one owner, a user or a :class:`Principal`. Errors are those of the app's ``errors`` module."""

    def __init__(self, owner: Any) -> None:
        self.principal = Principal.of(owner)

    def create(
        self,
        *,
        filename: str,
        mime_type: str | None = None,
        total_size: int | None = None,
        file_hash: str = "",
        chunk_size: int | None = None,
        exact_chunk_size: int | None = None,
        metadata: dict[str, Any] | None = None,
        client_key: str = "",
        raw_metadata: str = "",
        concat: Concatenation = Concatenation(),  # noqa: B008  # It is frozen.
        upload_id: UUID | None = None,
        purpose: str = "",
    ) -> tuple[UploadSession, bool]:
        """Begin an upload, or find the open one with the same ``client_key``, or else of the same name, size and hash.

        An empty file is completed at once.

        Args:
            total_size: bytes; None if the sender does not know yet.
            file_hash: SHA-256 of the whole file in lower-case hex; empty if it comes with ``complete``.
            chunk_size: a wish, in bytes.
            exact_chunk_size: no wish, whatever is configured: for clients that cut files without asking.
            client_key: whatever tells this upload from the sender's others.
            raw_metadata: metadata as the sender wrote it, to be given back.
            upload_id: its id, if that was promised before; a new one by default.
            concat: whether it is a part of others, or made of others; then ``total_size`` is the sum of theirs.
            purpose: the token of the model field that it is for.

        Returns:
            The session, and whether it is new.

        Raises:
            BadRequest: the name or the type is not accepted, or the token of the field is not valid.
            ContentRefused: an empty file has another hash.
            Conflict: the ``client_key`` belongs to an open upload of another name, size or hash.
            TooLarge, QuotaExceeded, StorageFull: the file does not fit.
        """
        upload = NewUpload(
            self.principal,
            filename=filename,
            mime_type=mime_type,
            total_size=total_size,
            file_hash=file_hash,
            chunk_size=chunk_size,
            exact_chunk_size=exact_chunk_size,
            metadata=metadata or {},
            client_key=client_key,
            raw_metadata=raw_metadata,
            concat=concat,
            upload_id=upload_id or uuid4(),
            purpose=read_field_token(purpose) if purpose else None,
        )
        session, created = upload.begin()
        if total_size == 0 and not concat.is_partial:
            self.complete(session)
        elif concat.partials:
            self.advance(session)
        return session, created

    def advance(self, final: UploadSession) -> None:
        """Join the partials of an upload that waits for them, if they are done; fail it if one has ended."""
        if final.status == Status.ACTIVE:
            concatenation.advance(final)
            ledger.refresh(final)
        if final.status == Status.ASSEMBLING:
            assembly.ensure_assembling(final)
            ledger.refresh(final)

    def advance_finals_of(self, partial: UploadSession) -> None:
        """A partial upload is done: join what waited for it."""
        for final in concatenation.waiting_finals(partial):
            self.advance(final)

    def promised_id(self, key: str) -> UUID:
        """The id of the upload that this owner begins with this key: the same whenever they ask, and nobody else's."""
        digest = hashlib.sha256("\0".join([self.principal.key, "promised", key]).encode()).digest()
        return UUID(bytes=digest[:16], version=4)

    def find(self, upload_id: UUID) -> UploadSession:
        """The owner's session.

        Raises:
            NotFound: there is none, or it is a stranger's.
        """
        return ledger.find(self.principal, upload_id)

    def status(self, upload_id: UUID) -> UploadSession:
        """The session as it is now. An overdue session is expired, an abandoned assembly is taken over.

        Raises:
            NotFound: as :meth:`find`.
        """
        session = self.find(upload_id)
        if session.status == Status.ACTIVE and session.is_expired:
            removal.expire(session)
        if session.concat == Concat.FINAL:
            self.advance(session)
        elif session.status == Status.ASSEMBLING:
            assembly.ensure_assembling(session)
            ledger.refresh(session)
        return session

    def receive_chunk(self, session: UploadSession, index: int, expected_digest: bytes | None = None) -> ChunkSink:
        """Begin to receive one chunk.

        Args:
            expected_digest: SHA-256 that came with the chunk, 32 bytes.

        Raises:
            BadRequest: no such chunk.
            SessionGone, Conflict: the session takes no chunks.
            StorageFull: the store has no room.
        """
        span = self.require_receivable(session, index)
        return ChunkSink(session, span, expected_digest=expected_digest)

    def require_receivable(self, session: UploadSession, index: int) -> Span:
        """What :meth:`receive_chunk` requires, before anything is received; returns the chunk's place.

        Raises:
            BadRequest, SessionGone, Conflict, StorageFull: as there.
        """
        try:
            span = session.grid.span(index)
        except IndexError:
            raise BadRequest(
                f"Chunk {index} does not exist: there are {session.total_chunks or session.grid.max_chunks}.",
                code="bad_chunk_index",
            ) from None
        self._require_taking_chunks(session)
        ledger.require_place(session, index)
        self._require_room(session, span)
        return span

    @staticmethod
    def _require_room(session: UploadSession, span: Span) -> None:
        try:
            get_store(session.store).require_room(span.size)
        except StorageFull:
            if ChunkGuard(session, span.index).may_write():
                raise
            # The repetition of a recorded chunk needs no room: it is compared, not stored.

    def _require_taking_chunks(self, session: UploadSession) -> None:
        _require_own_bytes(session)
        if session.status in (Status.ASSEMBLING, Status.COMPLETED):
            return  # A recorded chunk may be repeated at any time; whether this one is shows when it has arrived.
        removal.require_active(session)

    def receive_from(self, session: UploadSession, offset: int, checksum: ExpectedChecksum | None = None) -> AppendSink:
        """Begin to receive bytes in order. Supersedes an older request that does the same.

        Args:
            checksum: over the bytes that come; with it all of them are kept, or none.

        Raises:
            OffsetMismatch: ``offset`` is not where the upload continues.
            SessionGone, Conflict: the session takes no bytes.
        """
        _require_own_bytes(session)
        removal.require_active(session)
        get_store(session.store).require_room(0)
        return AppendSink(session, offset) if checksum is None else CheckedAppendSink(session, offset, checksum)

    @staticmethod
    def offset(session: UploadSession, *, supersede: bool = False) -> int:
        """Where a sequential sender continues, in bytes.

        Args:
            supersede: end a request that still receives bytes in order, so that the offset stays what it is.

        Raises:
            SessionGone, Conflict: with ``supersede``, the session takes no more bytes.
        """
        if supersede:
            take_over(session)
        return append_offset(session)

    @staticmethod
    def close_appending(session: UploadSession) -> None:
        """End the upload for protocols whose offsets never decrease; others may repair and complete it."""
        ledger.close_appending(session)

    def declare_size(self, session: UploadSession, total_size: int) -> None:
        """Fix the size of a file that was begun without one. The same size again is a success.

        Raises:
            TooLarge, QuotaExceeded: the file does not fit.
            BadRequest: it needs more chunks than a session may have.
            Conflict: another size was declared before, or the size does not fit what is stored.
            SessionGone: expired or cancelled.
        """
        ledger.refresh(session)
        removal.require_active(session)
        require_allowed_size(total_size, session.largest_size)
        declaring.declare(session, total_size=total_size, file_hash=None)

    def complete(
        self,
        session: UploadSession,
        *,
        file_hash: str | None = None,
        composite_hash: str | None = None,
        total_size: int | None = None,
        wait: float | None = None,
    ) -> UploadSession:
        """Verify and publish the file. May be called again at any time, by anyone who may see the session.

        Args:
            file_hash: SHA-256 of the whole file, in hex.
            composite_hash: what :func:`~.hashing.composite_of` gives for the chunks of the sender's file. Nothing of
                the request is kept if it is another.
            wait: seconds to wait for the end, if a place to wait in is free; the ``complete_wait`` setting by default.

        Returns:
            The session: ``completed``, or ``assembling`` if that takes longer.

        Raises:
            MissingChunks: chunks are missing, or were found damaged and must be sent again.
            ContentRefused: the content is refused, now and for good.
            Forbidden, QuotaExceeded: its owner may not store it any more.
            SessionGone: expired or cancelled.
            Conflict: another size or hash was declared before; ``composite_mismatch``.
        """
        if session.concat == Concat.PARTIAL:
            raise Conflict("A partial upload is completed by the final one made of it.", code="partial_upload")
        if session.status == Status.ACTIVE:
            self._begin_assembling(session, file_hash, composite_hash, total_size)
        else:
            self._require_same_declaration(session, file_hash, composite_hash, total_size)
        if session.status == Status.ASSEMBLING:
            self._assemble(session, upload_settings().complete_wait if wait is None else wait)
        return self._require_no_refusal(session)

    def _begin_assembling(
        self, session: UploadSession, file_hash: str | None, composite_hash: str | None, total_size: int | None
    ) -> None:
        removal.require_active(session)
        require_allowed_size(total_size, session.largest_size)
        if composite_hash is not None:
            _require_own_bytes(session)
            composite.require_composite(session, composite_hash, total_size)
        declaring.declare(session, total_size=total_size, file_hash=file_hash)
        require_still_allowed(session)
        if session.total_size is None:
            raise BadRequest("The size of the file is still unknown; give total_size.", code="size_required")
        if session.concat == Concat.FINAL:
            concatenation.advance(session)
        else:
            record_kept_part(session)
            if composite_hash is None:
                transitions.begin_assembling(session)
            else:
                composite.begin_assembling(session, composite_hash)
        ledger.refresh(session)
        if session.concat == Concat.FINAL and session.status == Status.ACTIVE:
            raise Conflict("A partial upload that this one is made of is unfinished.", code="partials_unfinished")
        if session.status == Status.ACTIVE:
            missing = session.missing_chunks
            raise MissingChunks(missing, f"{len(missing)} of {session.total_chunks} chunks are missing.")

    @staticmethod
    def _require_same_declaration(
        session: UploadSession, file_hash: str | None, composite_hash: str | None, total_size: int | None
    ) -> None:
        if total_size is not None and total_size != session.total_size:
            raise Conflict(f"The declared size is {session.total_size}, not {total_size}.", code="size_conflict")
        if file_hash is not None and file_hash not in (session.file_hash, session.sha256):
            raise Conflict("Another SHA-256 was declared before.", code="hash_conflict")
        if composite_hash is not None and session.status in (Status.ASSEMBLING, Status.COMPLETED):
            composite.require_composite(session, composite_hash)

    @staticmethod
    def _assemble(session: UploadSession, wait: float) -> None:
        work = assembly.ensure_assembling(session)
        ledger.refresh(session)
        if session.status == Status.ASSEMBLING:
            wait_for_assembly(session, work, wait)

    @staticmethod
    def _require_no_refusal(session: UploadSession) -> UploadSession:
        if session.status == Status.FAILED:
            raise ContentRefused(session.error_detail, code=session.error_code)
        if session.status == Status.ACTIVE:
            missing = session.missing_chunks
            raise MissingChunks(missing, f"{len(missing)} stored chunks were damaged; send them again.")
        if session.status in (Status.CANCELLED, Status.EXPIRED):
            raise SessionGone(session.status)
        if session.status == Status.REMOVING:
            raise NotFound
        return session

    def cancel(self, session: UploadSession) -> UploadSession:
        """End an active upload and remove its bytes. Cancelling twice is a success.

        Raises:
            SessionGone: it expired.
            Conflict: it is assembling, completed or failed.
        """
        if session.status == Status.CANCELLED:
            return session
        if removal.cancel(session):
            open_appends.end_superseded(session.pk)
            return session
        ledger.refresh(session)
        if session.status != Status.CANCELLED:
            ledger.require_active(session)
        return session

    def remove(self, upload_id: UUID) -> None:
        """Remove an upload in any state, record and file. Nothing happens if it is unknown, gone or a stranger's.

        Raises:
            Conflict: its file belongs to a model's row.
        """
        try:
            session = self.find(upload_id)
        except NotFound:
            return
        removal.remove(session)
        open_appends.end_superseded(session.pk)


def _require_own_bytes(session: UploadSession) -> None:
    if session.concat == Concat.FINAL:
        raise Conflict("A final upload is made of its partials and takes no bytes.", code="final_upload")
