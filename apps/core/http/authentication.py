"""Authentication for the drivers: the host project's DRF authenticators, on the head of a request alone.

The body belongs to the protocol, so authenticators see a request without one. A session cookie works as it does in any
DRF view, CSRF check included; the token for it must then come in the header.

Hundreds of chunks a second come with the same token, so who it belongs to is remembered for ``auth_cache_seconds``.
That is sound only for what the ``Authorization`` header alone proves: an authenticator that looked at anything else (a
cookie, an address, another header) may decide otherwise for the next request with the same header. So authenticators
get a request that notes what is read of it, and nothing is remembered unless that was this one header.
"""

from __future__ import annotations

import copy
import hashlib
import time
from importlib import import_module
from io import BytesIO
from threading import Lock
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated, PermissionDenied
from rest_framework.request import Request
from rest_framework.settings import api_settings

from ..conf import upload_settings
from ..services.principal import Principal
from .noting import AUTHORIZATION_ALONE, noting
from .problems import Problem, unauthenticated


class Refused(Exception):
    """Not authenticated, or refused by the CSRF check."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def authenticate(request: HttpRequest) -> Principal:
    """The principal that a request comes from.

    Raises:
        Refused: there is none.
    """
    credentials = request.headers.get("Authorization")
    if credentials is None:
        return Principal.of(_ask_authenticators(_without_body(request)))
    principal = _accepted.get(credentials)
    if principal is not None:
        return principal
    head = noting(_without_body(request))
    principal = Principal.of(_ask_authenticators(head))
    if head.noted <= AUTHORIZATION_ALONE:
        _accepted.put(credentials, principal)
    return principal


class _AcceptedCredentials:
    """Who brought which credentials a moment ago. Keeps hashes, never credentials."""

    MAX_ENTRIES = 1024

    def __init__(self) -> None:
        self._lock = Lock()
        self._principals: dict[bytes, tuple[float, Principal | None]] = {}

    def get(self, credentials: str) -> Principal | None:
        until, principal = self._principals.get(self._key(credentials), (0.0, None))
        return principal if time.monotonic() < until else None

    def put(self, credentials: str, principal: Principal) -> None:
        until = time.monotonic() + upload_settings().auth_cache_seconds
        with self._lock:
            if len(self._principals) >= self.MAX_ENTRIES:
                self._principals.clear()
            self._principals[self._key(credentials)] = (until, principal)

    @staticmethod
    def _key(credentials: str) -> bytes:
        return hashlib.sha256(credentials.encode(errors="surrogateescape")).digest()


_accepted = _AcceptedCredentials()


def _ask_authenticators(request: HttpRequest) -> Any:
    classes: Any = api_settings.DEFAULT_AUTHENTICATION_CLASSES
    authenticators = [authenticator() for authenticator in classes]
    challenge_request = Request(request, authenticators=authenticators)
    try:
        user = challenge_request.user
    except PermissionDenied as error:
        raise Refused(Problem(403, "csrf_failed", str(error.detail))) from None
    except (AuthenticationFailed, NotAuthenticated) as error:
        raise Refused(unauthenticated(_challenge(challenge_request), str(error.detail))) from None
    except UnicodeError:  # Authenticators decode what no token is made of.
        raise Refused(unauthenticated(_challenge(challenge_request))) from None
    if not user.is_authenticated:
        raise Refused(unauthenticated(_challenge(challenge_request)))
    return user


def _challenge(request: Request) -> str | None:
    authenticators: Any = request.authenticators
    return authenticators[0].authenticate_header(request) if authenticators else None


def _without_body(request: HttpRequest) -> HttpRequest:
    head = copy.copy(request)
    head.META = {**request.META, "CONTENT_TYPE": "", "CONTENT_LENGTH": "0"}
    head.content_type = ""
    head._stream = BytesIO()
    if not hasattr(head, "session"):
        _attach_session(head)
    return head


def _attach_session(request: HttpRequest) -> None:
    """What Django's session and authentication middleware do, for requests that bypass them."""
    session_key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if session_key is None:
        request.user = AnonymousUser()
        return
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    request.user = SimpleLazyObject(lambda: get_user(request))  # type: ignore[assignment]
