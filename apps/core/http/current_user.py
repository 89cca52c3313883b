"""Who sent the request at work: a form field has no request, and a reference is for its uploader's forms alone."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

from ..errors import ReferenceAlreadyClaimed, ReferenceRefused
from .problems import problem_for_any

_request: ContextVar[HttpRequest | None] = ContextVar("resumable_uploads_request", default=None)


def current_user() -> Any:
    """The user of the request at work; None outside of requests that pass :class:`CurrentUserMiddleware`."""
    return getattr(_request.get(), "user", None)


def use_once(upload_id: str, posted_as: str) -> bool:
    """Note that an input of the request at work names an upload. False if another one does: the forms of a form set,
    say, of which two have the same file."""
    request = _request.get()
    if request is None or not posted_as:
        return True
    uses: dict[str, str] = request.__dict__.setdefault("_resumable_uploads", {})
    return uses.setdefault(upload_id, posted_as) == posted_as


class CurrentUserMiddleware(MiddlewareMixin):
    """Lets form fields know who sent the form. Behind ``AuthenticationMiddleware``."""

    def process_request(self, request: HttpRequest) -> None:
        _request.set(request)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        _request.set(None)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """What a valid form is for was claimed, or removed, before it was saved: 409, where no mixin makes it an error
        of the form."""
        if not isinstance(exception, ReferenceAlreadyClaimed | ReferenceRefused):
            return None
        problem = problem_for_any(exception)
        return HttpResponse(problem.body(), status=problem.status, headers=problem.headers())
