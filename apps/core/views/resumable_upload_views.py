"""The JSON API: what has small bodies. Chunks are protocols of their own (``protocols``)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from django.utils.decorators import method_decorator
from rest_framework import exceptions, serializers
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from ..errors import BadRequest, NotFound
from ..http.compression import gzip_large
from ..http.request_limits import note_request_limit
from ..http.responses import WithoutLength
from ..http.throttles import InitPerAddress
from ..models import UploadSession
from ..protocols.session_document import receipts_document, session_document
from ..serializers import (
    PUBLIC_STATUSES,
    CompleteRequest,
    InitRequest,
    Sha256Field,
    StatusQuery,
    UploadReference,
)
from .api_base import UploadApiView
from .download import file_response

RETRY_AFTER_SECONDS = 1


def _checked(serializer: serializers.Serializer[Any]) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    fields: dict[str, Any] = serializer.validated_data
    return fields


class InitUploadView(UploadApiView):
    """Begin an upload."""

    throttle_classes = (InitPerAddress,)

    def post(self, request: Request) -> Response:
        """Begin an upload, or return the open one of the same key (or name, size and hash) with what it already has."""
        fields = _checked(InitRequest(data=request.data))
        if (limit := fields.pop("request_limit", None)) is not None:
            note_request_limit(limit)
        session, created = self.service.create(**fields)
        return Response(session_document(session), status=201 if created else 200)


class UploadStatusView(UploadApiView):
    """Look at a session."""

    def get(self, request: Request, upload_id: UUID) -> Response:
        """The whole session: state, progress, missing chunks, receipts on request, and the file once completed."""
        query = _checked(StatusQuery(data=request.query_params.dict()))
        session = self.service.status(upload_id)
        document = session_document(session)
        if "receipts_from" in query:
            document |= receipts_document(session, query["receipts_from"])
        return Response(document)


class CompleteUploadView(UploadApiView):
    """Verify and publish."""

    def post(self, request: Request) -> Response:
        """Verify every byte and publish the file. May be repeated: the work is done once."""
        fields = _checked(CompleteRequest(data=request.data))
        service = self.service
        session = service.find(fields["upload_id"])
        _require_proof(session, fields)
        declared = {name: fields.get(name) for name in ("file_hash", "composite_hash", "total_size")}
        session = service.complete(session, **declared)
        if session.status == UploadSession.Status.ASSEMBLING:
            return Response(session_document(session), status=202, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
        return Response(session_document(session))


def _require_proof(session: UploadSession, fields: dict[str, Any]) -> None:
    """Nobody leaves out by mistake what proves the file."""
    is_empty = 0 in (session.total_size, fields.get("total_size"))
    given = session.file_hash or fields.get("file_hash") or fields.get("composite_hash") or fields.get("unverified")
    if not given and not is_empty:
        raise BadRequest(
            "Give composite_hash, or file_hash, the SHA-256 of the whole file; init did not have it.",
            code="hash_required",
        )


class CancelUploadView(UploadApiView):
    """Give up."""

    def post(self, request: Request) -> Response:
        """End an active upload and remove its bytes."""
        service = self.service
        session = service.find(_checked(UploadReference(data=request.data))["upload_id"])
        return Response(session_document(service.cancel(session)))


class UploadView(UploadApiView):
    """One upload, whatever its state."""

    def delete(self, request: Request, upload_id: UUID) -> HttpResponseBase:
        """Remove an upload in any state, record and file. 204 for an unknown id too, so it may be repeated."""
        self.service.remove(upload_id)
        response = WithoutLength(status=204)
        del response["Content-Type"]
        return response


class ListQuery(serializers.Serializer[Any]):
    """What a list can be narrowed to."""

    status = serializers.ChoiceField(choices=PUBLIC_STATUSES, required=False)
    file_hash = Sha256Field(required=False)
    search = serializers.CharField(required=False, max_length=255, help_text="A part of the name, in any case.")


class SessionPages(CursorPagination):
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    ordering = ("-created_at", "-pk")

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        try:
            return super().paginate_queryset(queryset, request, view)
        except (DjangoValidationError, ValueError):  # The position in a made-up cursor is no date.
            raise exceptions.NotFound(self.invalid_cursor_message) from None


@method_decorator(gzip_large, name="dispatch")
class UploadListView(UploadApiView):
    """My sessions."""

    def get(self, request: Request) -> Response:
        """My sessions, the newest first, in pages."""
        query = _checked(ListQuery(data=request.query_params.dict()))
        if search := query.pop("search", None):
            query["filename__icontains"] = search
        rows: QuerySet[UploadSession] = self.principal.uploads().filter(**query)
        pages = SessionPages()
        page = pages.paginate_queryset(rows, request, view=self) or []
        return pages.get_paginated_response([session_document(row, summary=True) for row in page])


class UploadFileView(UploadApiView):
    """Download."""

    def get(self, request: Request, upload_id: UUID) -> HttpResponseBase:
        """My completed file: as an attachment, never sniffed or run, with ranges and an ETag."""
        session = self.service.find(upload_id)
        if session.status != UploadSession.Status.COMPLETED:
            raise NotFound
        return file_response(request._request, session)
