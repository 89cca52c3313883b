"""What the project wants of HTTPS counts for requests that bypass its middleware."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import RequestFactory

from ..http.transport import redirect_to_https, transport_headers

pytestmark = pytest.mark.unit

SECURITY = "django.middleware.security.SecurityMiddleware"
PLAIN = RequestFactory().get("/api/v1/upload/", secure=False)
SECURE = RequestFactory().get("/api/v1/upload/", secure=True)


@pytest.fixture(autouse=True)
def _https(settings: Any) -> None:
    settings.MIDDLEWARE = [*_without_security(), SECURITY]
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 60


def _without_security() -> list[str]:
    return [name for name in django_settings.MIDDLEWARE if name != SECURITY]


class TestRedirect:
    def test_a_plain_request_is_sent_to_https(self) -> None:
        answer = redirect_to_https(PLAIN)
        assert answer is not None
        assert (answer.status, answer.headers["Location"]) == (301, "https://testserver/api/v1/upload/")

    def test_a_secure_one_is_not(self) -> None:
        assert redirect_to_https(SECURE) is None

    def test_exceptions_of_the_project_hold(self, settings: Any) -> None:
        settings.SECURE_REDIRECT_EXEMPT = [r"^api/"]
        assert redirect_to_https(PLAIN) is None

    def test_a_project_without_the_middleware_is_left_alone(self, settings: Any) -> None:
        settings.MIDDLEWARE = _without_security()
        assert redirect_to_https(PLAIN) is None


class TestHsts:
    def test_answers_over_https_carry_it(self) -> None:
        assert transport_headers(SECURE) == {"Strict-Transport-Security": "max-age=60"}

    def test_answers_over_plain_http_do_not(self) -> None:
        assert transport_headers(PLAIN) == {}

    def test_a_project_without_the_middleware_sends_none(self, settings: Any) -> None:
        settings.MIDDLEWARE = _without_security()
        assert transport_headers(SECURE) == {}
