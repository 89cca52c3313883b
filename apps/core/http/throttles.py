"""Throttles: ``init`` per address, and failed checksums per user. (New sessions per user: ``services.init_rate``.)

Counted in Django's default cache, which should be one that all server processes share. Behind proxies set DRF's
``NUM_PROXIES``; without it ``X-Forwarded-For`` is not trusted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from ..conf import upload_settings
from ..errors import Throttled
from ..services.principal import Principal


class _SettingsThrottle(SimpleRateThrottle):
    """A throttle whose rate is a field of the upload settings."""

    setting: str

    def get_rate(self) -> str | None:
        return getattr(upload_settings(), self.setting) or None


class InitPerAddress(_SettingsThrottle):
    scope = "resumable-upload-init-address"
    setting = "init_rate_per_address"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        return self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)}


class FailedChecksums(_SettingsThrottle):
    """Failed attempts of one user. Whole chunks are never refused for the damaged ones before them."""

    scope = "resumable-upload-failed-checksum"
    setting = "failed_checksum_rate"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        return self.cache_format % {"scope": self.scope, "ident": Principal.of(request.user).key}


def require_init_allowed(request: HttpRequest) -> None:
    """Count the beginning of an upload, by a protocol of its own, like an ``init``.

    Raises:
        Throttled: its address began too many, lately.
    """
    throttle = InitPerAddress()
    if not throttle.allow_request(request, None):  # type: ignore[arg-type]
        raise Throttled("Too many uploads were begun from your address; wait.", throttle.wait())


@dataclass(frozen=True)
class _Sender:
    """As much of a request as a throttle per principal needs."""

    user: Principal


def count_failed_checksum(principal: Principal) -> None:
    """Note that a chunk of this principal had a wrong checksum.

    Raises:
        Throttled: too many had, lately.
    """
    throttle = FailedChecksums()
    if not throttle.allow_request(_Sender(principal), None):  # type: ignore[arg-type]
        raise Throttled("Too many of your chunks had a wrong checksum; wait before you send more.", throttle.wait())
