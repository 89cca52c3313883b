"""Who a request is from, and what of that may be remembered (checklist, line 42)."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django.test import Client, RequestFactory
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request
from rest_framework.settings import api_settings

from apps.core.http import authentication
from apps.core.http.authentication import Refused, authenticate
from apps.core.services.principal import Principal

from .conftest import token_for

pytestmark = pytest.mark.integration


class _Counting(BaseAuthentication):
    """Accepts any ``Authorization``, and counts how often it was asked."""

    asked = 0

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        type(self).asked += 1
        return (self.user(request), None) if get_authorization_header(request) else None

    def user(self, request: Request) -> Any:
        return get_user_model()._default_manager.get(username="owner")


class ByHeader(_Counting):
    """Looks at nothing but ``Authorization``."""


class ByMeta(_Counting):
    """Looks at it by its other name."""

    def user(self, request: Request) -> Any:
        return super().user(request) if request.META.get("HTTP_AUTHORIZATION") else None


class ByHeaders(_Counting):
    """Looks at all headers."""

    def user(self, request: Request) -> Any:
        return super().user(request) if dict(request.headers) else None


class ByTenant(_Counting):
    """Who it is depends on another header too."""

    def user(self, request: Request) -> Any:
        return get_user_model()._default_manager.get(username=request.META.get("HTTP_X_USER", "owner"))


class ByAddress(_Counting):
    def user(self, request: Request) -> Any:
        assert request.META["REMOTE_ADDR"]
        return super().user(request)


class ByMethod(_Counting):
    def user(self, request: Request) -> Any:
        assert request.method
        return super().user(request)


class ByCookie(_Counting):
    def user(self, request: Request) -> Any:
        assert request.COOKIES is not None
        return super().user(request)


class ByText(_Counting):
    def user(self, request: Request) -> Any:
        assert "AUTHORIZATION" in str(request.META)
        return super().user(request)


class ByMerge(_Counting):
    def user(self, request: Request) -> Any:
        assert ({} | request.META) == (request.META | {})
        return super().user(request)


@pytest.fixture(autouse=True)
def _fresh_cache(monkeypatch: pytest.MonkeyPatch, uploads: Any) -> None:
    monkeypatch.setattr(authentication, "_accepted", authentication._AcceptedCredentials())
    uploads(AUTH_CACHE_SECONDS=3600)


def authenticators(monkeypatch: pytest.MonkeyPatch, *classes: Any) -> None:
    for kind in classes:
        kind.asked = 0
    monkeypatch.setattr(api_settings, "DEFAULT_AUTHENTICATION_CLASSES", list(classes))


def request(**headers: str) -> HttpRequest:
    return RequestFactory().put("/", headers=headers)


@pytest.mark.parametrize("kind", [ByHeader, ByMeta])
def test_what_the_header_alone_proves_is_asked_once(monkeypatch: pytest.MonkeyPatch, owner: Any, kind: Any) -> None:
    authenticators(monkeypatch, kind)
    for _ in range(2):
        assert authenticate(request(Authorization="Bearer a")).user == owner
    assert kind.asked == 1
    authenticate(request(Authorization="Bearer b"))
    assert kind.asked == 2


def test_a_token_of_knox_is_looked_up_once(owner: Any, django_assert_num_queries: Any) -> None:
    token = f"Bearer {token_for(owner)}"
    assert authenticate(request(Authorization=token)).user == owner
    with django_assert_num_queries(0):
        assert authenticate(request(Authorization=token)).user == owner


@pytest.mark.parametrize("kind", [ByHeaders, ByTenant, ByAddress, ByMethod, ByCookie, ByText, ByMerge])
def test_what_depends_on_anything_else_is_asked_each_time(
    monkeypatch: pytest.MonkeyPatch, owner: Any, kind: Any
) -> None:
    authenticators(monkeypatch, kind)
    for _ in range(2):
        assert authenticate(request(Authorization="Bearer a")).user == owner
    assert kind.asked == 2


def test_another_header_may_name_another_user(monkeypatch: pytest.MonkeyPatch, owner: Any, stranger: Any) -> None:
    authenticators(monkeypatch, ByTenant)
    assert authenticate(request(Authorization="Bearer a")).user == owner
    assert authenticate(request(Authorization="Bearer a", **{"X-User": "stranger"})).user == stranger


def test_the_cache_of_credentials_stays_small(monkeypatch: pytest.MonkeyPatch, owner: Any) -> None:
    authenticators(monkeypatch, ByHeader)
    for number in range(authentication._AcceptedCredentials.MAX_ENTRIES + 10):
        authentication._accepted.put(f"Bearer {number}", Principal.of(owner))
    assert len(authentication._accepted._principals) <= authentication._AcceptedCredentials.MAX_ENTRIES


def test_a_cookie_is_not_remembered_under_a_header_that_nobody_used(owner: Any) -> None:
    """An unknown scheme beside a session cookie, then the same scheme alone."""
    client = Client()
    client.force_login(owner)
    client.get("/login/")
    cookies = {name: morsel.value for name, morsel in client.cookies.items()}
    with_cookie = RequestFactory().get("/", headers={"Authorization": "Basic eDp5"})
    with_cookie.COOKIES.update(cookies)
    assert authenticate(with_cookie).user == owner
    with pytest.raises(Refused):
        authenticate(request(Authorization="Basic eDp5"))


def test_csrf_is_checked_each_time(owner: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    for _ in range(2):
        forged = RequestFactory(enforce_csrf_checks=True).put("/", headers={"Authorization": "Basic eDp5"})
        forged.COOKIES.update({name: morsel.value for name, morsel in client.cookies.items()})
        with pytest.raises(Refused, match="CSRF"):
            authenticate(forged)
