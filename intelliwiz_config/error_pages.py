"""What goes wrong outside of any view: a page for people, the one error form for programs."""

from __future__ import annotations

import logging

from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.utils.cache import patch_vary_headers

from apps.core.conf import PACKAGE
from apps.core.http.problems import CONTENT_TYPE, INTERNAL_ERROR, MALFORMED, UNKNOWN_PATH, Problem
from apps.core.metrics import count_refusal
from apps.core.views.api_base import problem_response
from apps.core.views.page import CONTENT_SECURITY_POLICY

logger = logging.getLogger(f"{PACKAGE}.requests")

API = "/api/"
"""Below it everything speaks JSON, whatever a client accepts."""

_FORBIDDEN = Problem(403, "forbidden", "You may not do this.")
_CSRF_FAILED = Problem(403, "csrf_failed", "The CSRF token is missing or wrong.")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's ``handler400``."""
    return _answer(request, MALFORMED, "400.html")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's ``handler403``."""
    return _answer(request, _FORBIDDEN, "403.html")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's ``handler404``."""
    return _answer(request, UNKNOWN_PATH, "404.html")


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's ``handler500``."""
    try:
        return _answer(request, INTERNAL_ERROR, "500.html")
    except Exception:  # The templates may be what failed.
        logger.exception("no page for an error")
        return problem_response(INTERNAL_ERROR)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's ``CSRF_FAILURE_VIEW``: of the forms, since the API checks for itself."""
    return _answer(request, _CSRF_FAILED, "403_csrf.html")


def _answer(request: HttpRequest, problem: Problem, template: str) -> HttpResponse:
    if request.path_info.startswith(API):
        return problem_response(problem)
    response = _page(problem, template) if _prefers_page(request) else problem_response(problem)
    patch_vary_headers(response, ("Accept",))
    return response


def _prefers_page(request: HttpRequest) -> bool:
    # What is first wins where a client takes anything, as curl does.
    return request.get_preferred_type([CONTENT_TYPE, "application/json", "text/html"]) == "text/html"


def _page(problem: Problem, template: str) -> HttpResponse:
    count_refusal(problem.code)
    # Without the request: context processors ask for the user, and that the database, which may be what failed.
    return HttpResponse(
        loader.render_to_string(template),
        status=problem.status,
        headers={"Cache-Control": "no-store", "Content-Security-Policy": CONTENT_SECURITY_POLICY},
    )
