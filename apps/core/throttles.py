"""Throttles: new sessions per user and per address, and failed checksums per user.

Counted in Django's default cache, which should be one that all server processes share. Behind proxies set DRF's
``NUM_PROXIES``; without it ``X-Forwarded-For`` is not trusted.
"""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from .conf import upload_settings
from .errors import Throttled


class _SettingsThrottle(SimpleRateThrottle):
    """A throttle whose rate is a field of the upload settings."""

    setting: str

    def get_rate(self) -> str | None:
        return getattr(upload_settings(), self.setting) or None


class InitPerUser(_SettingsThrottle):
    scope = "resumable-upload-init-user"
    setting = "init_rate"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        return self.cache_format % {"scope": self.scope, "ident": request.user.pk}


class InitPerAddress(_SettingsThrottle):
    scope = "resumable-upload-init-address"
    setting = "init_rate_per_address"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        return self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)}


class _FailedChecksums(_SettingsThrottle):
    """Counts failures only: ``allowed`` looks, ``count`` adds."""

    scope = "resumable-upload-failed-checksum"
    setting = "failed_checksum_rate"

    def __init__(self, user_id: Any) -> None:
        super().__init__()
        self.key = f"throttle_{self.scope}_{user_id}"
        if self.rate is None:
            return
        self.now = self.timer()
        recent = self.cache.get(self.key, [])
        self.history = [moment for moment in recent if moment > self.now - (self.duration or 0)]

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        return self.key

    @property
    def allowed(self) -> bool:
        return self.rate is None or len(self.history) < (self.num_requests or 0)

    def count(self) -> None:
        if self.rate is not None:
            self.throttle_success()


def require_few_failed_checksums(user_id: Any) -> None:
    """Refuse a sender whose chunks keep arriving damaged.

    Raises:
        Throttled: too many checksums of this user failed lately.
    """
    failed = _FailedChecksums(user_id)
    if not failed.allowed:
        raise Throttled("Too many of your chunks had a wrong checksum; wait before you send more.", failed.wait())


def count_failed_checksum(user_id: Any) -> None:
    """Note that a chunk of this user had a wrong checksum."""
    _FailedChecksums(user_id).count()
