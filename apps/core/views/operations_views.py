"""For those who operate the server: is it alive, is it ready, what does it count."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import wraps
from hmac import compare_digest
from threading import Lock

from django.conf import settings
from django.db import connection
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from ..conf import upload_settings
from ..errors import StorageFull
from ..http.problems import UNKNOWN_PATH, Problem, unauthenticated
from ..metrics import exposition
from ..models import UploadSession
from ..storage import get_store
from .api_base import bounded_body, problem_response

logger = logging.getLogger(__name__)


_REMEMBERED = 1.0
"""Seconds for which a check that writes to the disk is not made again."""


def _once_a_second(check: Callable[[], bool]) -> Callable[[], bool]:
    """Anybody may ask whether the server is ready, as often as they like; the disk must not be asked that often."""
    lock = Lock()
    remembered: tuple[float, bool] | None = None

    @wraps(check)
    def remembering() -> bool:
        nonlocal remembered
        with lock:
            if remembered is None or time.monotonic() - remembered[0] >= _REMEMBERED:
                remembered = time.monotonic(), check()
            return remembered[1]

    return remembering


@bounded_body
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@bounded_body
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """The process can take uploads: the database answers, the store is writable and has room."""
    checks = {"database": _database_answers(), "storage": _store_writable(), "disk_space": _store_has_room()}
    if all(checks.values()):
        return JsonResponse({"status": "ok", "checks": checks})
    return problem_response(Problem(503, "not_ready", "The server cannot take uploads now.", {"checks": checks}))


@bounded_body
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus metrics, for those who bring the ``METRICS_TOKEN``; without one, for all with ``METRICS_OPEN``."""
    token = getattr(settings, "METRICS_TOKEN", "")
    if not token and not getattr(settings, "METRICS_OPEN", False):
        return problem_response(UNKNOWN_PATH)
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token and not compare_digest(given.encode(), token.encode()):
        return problem_response(unauthenticated("Bearer"))
    exposed = exposition(_sessions_by_status())
    if exposed is None:
        return problem_response(UNKNOWN_PATH)
    body, content_type = exposed
    return HttpResponse(body, content_type=content_type)


def _sessions_by_status() -> dict[str, int]:
    counted = dict(UploadSession.objects.order_by().values_list("status").annotate(Count("pk")))
    return {status: counted.get(status, 0) for status in UploadSession.Status.values}


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return True
    except Exception:
        logger.exception("the database does not answer")
        return False


@_once_a_second
def _store_writable() -> bool:
    try:
        get_store(upload_settings().store).check()
        return True
    except OSError:
        logger.exception("the store is not writable")
        return False


def _store_has_room() -> bool:
    try:
        get_store(upload_settings().store).require_room(0)
        return True
    except (OSError, StorageFull):
        return False
