"""What Django's SecurityMiddleware does to a request and its answer, for requests that bypass the middleware.

It is asked itself, so that all its settings count: HTTPS alone, HSTS, its exceptions.
"""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.security import SecurityMiddleware

from .protocol import Answer

_MIDDLEWARE = "django.middleware.security.SecurityMiddleware"


def redirect_to_https(request: HttpRequest) -> Answer | None:
    """The redirect to HTTPS, if the project wants one for this request."""
    if not (_MIDDLEWARE in settings.MIDDLEWARE and settings.SECURE_SSL_REDIRECT):
        return None
    redirect = SecurityMiddleware(lambda _: HttpResponse()).process_request(request)
    return Answer(redirect.status_code, headers={"Location": redirect["Location"]}) if redirect else None


def transport_headers(request: HttpRequest) -> dict[str, str]:
    """HSTS, on answers over HTTPS, if the project sends it."""
    if not (_MIDDLEWARE in settings.MIDDLEWARE and settings.SECURE_HSTS_SECONDS):
        return {}
    response = HttpResponse()
    SecurityMiddleware(lambda _: response).process_response(request, response)
    sent = response.headers.get("Strict-Transport-Security")
    return {"Strict-Transport-Security": sent} if sent else {}
