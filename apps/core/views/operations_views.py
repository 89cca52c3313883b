"""For those who operate the server: is it alive, is it ready, what does it count."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from hmac import compare_digest
from threading import Lock

from django.conf import settings
from django.db import connection
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from ..conf import upload_settings
from ..errors import StoreMisconfigured, UploadError
from ..http.problems import UNKNOWN_PATH, Problem, unauthenticated
from ..metrics import exposition
from ..models import UploadSession
from ..services import nodes
from ..storage import get_store
from .api_base import bounded_body, problem_response

logger = logging.getLogger(__name__)


_REMEMBERED = 1.0
"""Seconds for which a check that writes to the disk is not made again."""


class _OncePerSecond:
    """A check that anybody may ask for as often as they like, and that the disk must not be asked as often.

    Who comes while it is under way, on a disk that hangs, is told what it said last.
    """

    def __init__(self, check: Callable[[], bool]) -> None:
        self._check = check
        self._lock = Lock()
        self.forget()

    def forget(self) -> None:
        self._said = False
        self._asked_at = -_REMEMBERED

    def __call__(self) -> bool:
        if self._lock.acquire(blocking=self._asked_at < 0):
            try:
                if time.monotonic() - self._asked_at >= _REMEMBERED:
                    self._said = self._check()
                    self._asked_at = time.monotonic()
            finally:
                self._lock.release()
        return self._said


@bounded_body
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@bounded_body
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """The process can take uploads: the database answers, the store is writable and has room, and this machine fits
    the others that serve them, which is not looked at while the rest is amiss."""
    checks = {"database": _database_answers(), "storage": store_writable(), "disk_space": _store_has_room()}
    if checks["database"] and checks["storage"]:
        checks["nodes"] = not nodes.watch.problems()
        nodes.watch.keep_beating()
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


@_OncePerSecond
def store_writable() -> bool:
    try:
        get_store(upload_settings().store).check()
        return True
    except (OSError, UploadError, StoreMisconfigured):
        logger.exception("the store is not writable")
        return False


def _store_has_room() -> bool:
    try:
        get_store(upload_settings().store).require_room(0)
        return True
    except (OSError, UploadError, StoreMisconfigured):
        return False
