"""For those who operate the server: is it alive, is it ready, what does it count."""

from __future__ import annotations

import logging
from hmac import compare_digest

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
from .api_base import problem_response

logger = logging.getLogger(__name__)


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """The process can take uploads: the database answers, the store is writable and has room."""
    checks = {"database": _database_answers(), "storage": _store_writable(), "disk_space": _store_has_room()}
    if all(checks.values()):
        return JsonResponse({"status": "ok", "checks": checks})
    return problem_response(Problem(503, "not_ready", "The server cannot take uploads now.", {"checks": checks}))


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus metrics; with the ``METRICS_TOKEN`` setting only for those who bring it."""
    token = getattr(settings, "METRICS_TOKEN", "")
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
