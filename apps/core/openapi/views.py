"""Operations of the JSON API in the OpenAPI schema."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiViewExtension
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view

from ..serializers import (
    PUBLIC_STATUSES,
    CompleteRequest,
    InitRequest,
    ProblemDocument,
    Session,
    SessionPage,
    SessionWithReceipts,
    UploadReference,
)
from ..views import resumable_upload_views as views


def _problems(*statuses: int) -> dict[Any, Any]:
    """The error answers of an operation; any can answer 400, 401, 413 or 415."""
    return {
        (status, "application/problem+json"): OpenApiResponse(ProblemDocument)
        for status in (400, 401, 413, 415, *statuses)
    }


def _describe(view: Any, **operations: Any) -> None:
    """Have the schema describe the methods of a view so."""

    class Description(OpenApiViewExtension):  # type: ignore[no-untyped-call]
        target_class = view

        def view_replacement(self) -> Any:
            described = type(self.target.__name__, (self.target,), {"__doc__": self.target.__doc__})
            return extend_schema_view(**operations)(described)


_describe(
    views.InitUploadView,
    post=extend_schema(
        operation_id="init",
        summary="Begin an upload.",
        tags=["upload"],
        request=InitRequest,
        responses={
            201: Session,
            200: OpenApiResponse(Session, description="An open session for this file."),
            **_problems(409, 422, 429, 507),
        },
    ),
)
_describe(
    views.UploadStatusView,
    get=extend_schema(
        operation_id="status",
        summary="Look at an upload.",
        tags=["upload"],
        parameters=[
            OpenApiParameter("receipts_from", int, description="Also the receipts, a page of them from this chunk on.")
        ],
        responses={200: SessionWithReceipts, **_problems(404)},
    ),
)
_describe(
    views.CompleteUploadView,
    post=extend_schema(
        operation_id="complete",
        summary="Verify and publish the file.",
        tags=["upload"],
        request=CompleteRequest,
        responses={
            200: Session,
            202: OpenApiResponse(Session, description="Assembling; ask again after Retry-After seconds."),
            **_problems(404, 409, 410, 422, 429, 507),
        },
    ),
)
_describe(
    views.CancelUploadView,
    post=extend_schema(
        operation_id="cancel",
        summary="Give up an upload.",
        tags=["upload"],
        request=UploadReference,
        responses={200: Session, **_problems(404, 409, 410)},
    ),
)
_describe(
    views.UploadView,
    delete=extend_schema(
        operation_id="remove",
        summary="Delete an upload and its file.",
        tags=["files"],
        request=None,
        responses={204: OpenApiResponse(description="It is gone."), **_problems()},
    ),
)
_describe(
    views.UploadListView,
    get=extend_schema(
        operation_id="list",
        summary="List my uploads.",
        tags=["files"],
        parameters=[
            OpenApiParameter("status", enum=[value for value, _ in PUBLIC_STATUSES]),
            OpenApiParameter("file_hash", description="SHA-256 in hex, declared or verified."),
            OpenApiParameter("cursor", description="From the next or previous link of another page."),
            OpenApiParameter("page_size", int, description="1 to 200, 50 by default."),
        ],
        responses={200: SessionPage, **_problems(404)},
    ),
)
_describe(
    views.UploadFileView,
    get=extend_schema(
        operation_id="download",
        summary="Download a file.",
        tags=["files"],
        parameters=[OpenApiParameter("Range", location=OpenApiParameter.HEADER, description="RFC 9110, one range.")],
        responses={
            (200, "application/octet-stream"): OpenApiResponse(bytes, description="The file."),
            (206, "application/octet-stream"): OpenApiResponse(bytes, description="The range."),
            304: OpenApiResponse(description="Not modified."),
            **_problems(404, 416),
        },
    ),
)
