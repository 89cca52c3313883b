"""What the ordinary JSON views share: the one error form, the body that is JSON whatever it is called, permissions."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any, BinaryIO, ParamSpec, cast

import orjson
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.parsers import BaseParser
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ..conf import KIB, PACKAGE
from ..errors import TooLarge
from ..http.atomic_requests import non_atomic
from ..http.problems import (
    LENGTH_REQUIRED,
    UNKNOWN_PATH,
    Problem,
    problem_for_any,
    unauthenticated,
)
from ..http.protocol import require_identity_encoding
from ..http.small_bodies import MOST_DIGITS
from ..metrics import count_refusal
from ..services.principal import Principal
from ..services.resumable_upload_service import ResumableUploadService

logger = logging.getLogger(f"{PACKAGE}.requests")

P = ParamSpec("P")

BODY_LIMIT = 256 * KIB
"""Largest body of an ordinary view, in bytes."""


def bounded_body(view: Callable[P, HttpResponseBase]) -> Callable[P, HttpResponseBase]:
    """Have the ASGI driver refuse bodies that no view here wants, before Django spools them."""
    view.body_limit = BODY_LIMIT  # type: ignore[attr-defined]
    return view


class AnyTypeJSONParser(BaseParser):
    """JSON, whatever Content-Type was declared (``curl -d`` declares a form), always UTF-8, never decompressed."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        body = cast(BinaryIO, stream).read(BODY_LIMIT + 1)
        if len(body) > BODY_LIMIT:
            raise TooLarge(f"The body may have at most {BODY_LIMIT} bytes.", limit=BODY_LIMIT)
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise exceptions.ParseError(f"The body is not JSON: {error}.") from None


class UploadApiView(APIView):
    """Base of the JSON views: authenticated, JSON in and out, every error a problem."""

    permission_classes = (IsAuthenticated,)
    parser_classes = (AnyTypeJSONParser,)
    renderer_classes = (JSONRenderer,)
    throttle_classes: Any = ()

    @property
    def principal(self) -> Principal:
        """Who sent the request."""
        return Principal.of(self.request.user)

    @property
    def service(self) -> ResumableUploadService:
        """The engine, for who sent the request."""
        return ResumableUploadService(self.principal)

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        view = non_atomic(super().as_view(**initkwargs))
        return bounded_body(view)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdigit() and int(length[:MOST_DIGITS]) > BODY_LIMIT:
            raise TooLarge(f"The body may have at most {BODY_LIMIT} bytes.", limit=BODY_LIMIT)
        _require_known_length(request._request)
        require_identity_encoding(request.headers)
        super().initial(request, *args, **kwargs)

    def perform_authentication(self, request: Request) -> None:
        try:
            super().perform_authentication(request)
        except UnicodeError:  # Authenticators decode what no token is made of.
            raise exceptions.AuthenticationFailed from None

    def permission_denied(self, request: Request, message: str | None = None, code: str | None = None) -> Any:
        # An expired session cookie is an anonymous user: the answer is 401, not 403.
        if not request.user.is_authenticated:
            raise exceptions.NotAuthenticated
        super().permission_denied(request, message, code)

    def handle_exception(self, exc: Exception) -> Response:
        problem = self._problem(exc)
        count_refusal(problem.code)
        response = Response(problem.document(), status=problem.status, headers=problem.headers())
        response.content_type = problem.headers()["Content-Type"]
        response.exception = True
        return response

    def _problem(self, exc: Exception) -> Problem:
        if isinstance(exc, _LengthRequired):
            return LENGTH_REQUIRED
        if isinstance(exc, exceptions.AuthenticationFailed | exceptions.NotAuthenticated):
            return unauthenticated(self.get_authenticate_header(self.request), str(exc.detail))
        if isinstance(exc, exceptions.APIException):
            return _framework_problem(exc)
        if isinstance(exc, Http404):
            return UNKNOWN_PATH
        return problem_for_any(exc)


class _LengthRequired(Exception):
    """A chunked body that the server does not hand over."""


def _require_known_length(request: HttpRequest) -> None:
    """DRF takes a chunked body for none. Under ASGI it was read, so its length is known by now."""
    if "HTTP_TRANSFER_ENCODING" not in request.META or request.META.get("CONTENT_LENGTH"):
        return
    if not isinstance(request, ASGIRequest):
        raise _LengthRequired
    request.META["CONTENT_LENGTH"] = str(len(request.body))


def _framework_problem(exc: exceptions.APIException) -> Problem:
    if isinstance(exc, exceptions.ValidationError):
        return Problem(400, "bad_field", _first_sentence(exc.detail), {"errors": exc.detail})
    if isinstance(exc, exceptions.Throttled):
        wait = getattr(exc, "wait", None)
        headers = {} if wait is None else {"Retry-After": str(math.ceil(wait))}
        return Problem(429, "throttled", "Too many requests of this kind; wait.", more_headers=headers)
    codes = {
        exceptions.ParseError: "bad_json",
        exceptions.MethodNotAllowed: "method_not_allowed",
        exceptions.NotAcceptable: "not_acceptable",
        exceptions.NotFound: "not_found",
        exceptions.PermissionDenied: "forbidden",
        exceptions.UnsupportedMediaType: "unsupported_media_type",
    }
    code = codes.get(type(exc), "error")
    if isinstance(exc, exceptions.PermissionDenied) and "CSRF" in str(exc.detail):
        code = "csrf_failed"
    return Problem(exc.status_code, code, str(exc.detail))


def _first_sentence(detail: Any) -> str:
    if isinstance(detail, dict) and detail:
        name, messages = next(iter(detail.items()))
        return f"{name}: {_first_sentence(messages)}"
    if isinstance(detail, list) and detail:
        return _first_sentence(detail[0])
    return str(detail)


def problem_response(problem: Problem) -> HttpResponse:
    """A problem outside of any JSON view."""
    count_refusal(problem.code)
    return HttpResponse(problem.body(), status=problem.status, headers=problem.headers())


@bounded_body
@csrf_exempt
def unknown_path(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404 in the one error form, for addresses below the API where nothing is; fit for Django's ``handler404`` too."""
    return problem_response(UNKNOWN_PATH)
