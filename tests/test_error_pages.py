"""What is wrong is told to people by a page, and to programs by a problem."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import connection
from django.http import HttpRequest
from django.template import TemplateDoesNotExist
from django.test import Client
from django.urls import path

from apps.core.views.page import CONTENT_SECURITY_POLICY
from intelliwiz_config import error_pages, urls

pytestmark = pytest.mark.integration

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
PROGRAMS = ["application/json", "*/*", "application/json, text/html;q=0.5", "image/png", ""]
CASES = {
    "malformed": (400, "bad_request", "This request makes no sense"),
    "forbidden": (403, "forbidden", "You may not go there"),
    "nowhere": (404, "not_found", "There is nothing here"),
    "broken": (500, "internal_error", "Something went wrong here"),
}


def raising(error: Exception) -> Any:
    def view(request: HttpRequest) -> None:
        raise error

    return view


@pytest.fixture(autouse=True)
def _failing_addresses(settings: Any) -> None:
    module: Any = ModuleType("failing")
    for name in ("handler400", "handler403", "handler404", "handler500"):
        setattr(module, name, getattr(urls, name))
    errors = {"malformed": SuspiciousOperation(), "forbidden": PermissionDenied(), "broken": RuntimeError("secret")}
    module.urlpatterns = [
        path(f"{prefix}{name}", raising(error)) for name, error in errors.items() for prefix in ("", "api/v1/")
    ] + urls.urlpatterns
    settings.ROOT_URLCONF = module


@pytest.fixture
def stranger() -> Client:
    return Client(raise_request_exception=False)


@contextmanager
def no_queries() -> Iterator[None]:
    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        raise AssertionError(sql)

    with connection.execute_wrapper(refuse):
        yield


def is_page(response: Any, heading: str) -> bool:
    text = response.content.decode()
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert response.headers["Cache-Control"] == "no-store"
    assert "secret" not in text
    return f"<h1>{heading}</h1>" in text and '<a class="button primary" href="/">To your uploads</a>' in text


def is_problem(response: Any, code: str) -> bool:
    assert response.headers["Content-Type"] == "application/problem+json"
    return bool(response.json()["code"] == code)


@pytest.mark.django_db
@pytest.mark.parametrize("name", CASES)
def test_a_browser_is_shown_a_page_that_asks_no_database(stranger: Client, name: str) -> None:
    status, _, heading = CASES[name]
    with no_queries():
        response = stranger.get(f"/{name}", headers={"accept": BROWSER})
    assert response.status_code == status
    assert is_page(response, heading)
    assert "Accept" in response.headers["Vary"]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("accept", PROGRAMS)
def test_a_program_is_told_a_problem(stranger: Client, name: str, accept: str) -> None:
    status, code, _ = CASES[name]
    response = stranger.get(f"/{name}", headers={"accept": accept})
    assert response.status_code == status
    assert is_problem(response, code)
    assert "Accept" in response.headers["Vary"]


@pytest.mark.parametrize("name", CASES)
def test_below_the_api_everybody_is_told_a_problem(stranger: Client, name: str) -> None:
    response = stranger.get(f"/api/v1/{name}", headers={"accept": BROWSER})
    assert response.status_code == CASES[name][0]
    assert is_problem(response, CASES[name][1])


def test_a_page_that_cannot_be_made_is_a_problem(stranger: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> str:
        raise TemplateDoesNotExist("500.html")

    monkeypatch.setattr("django.template.loader.render_to_string", fail)
    response = stranger.get("/broken", headers={"accept": BROWSER})
    assert response.status_code == 500
    assert is_problem(response, "internal_error")


@pytest.mark.parametrize("address", ["/login/", "/admin/login/", "/logout/"])
def test_a_form_without_its_token_shows_a_page(address: str) -> None:
    response = Client(enforce_csrf_checks=True).post(address, {"username": "a"}, headers={"accept": BROWSER})
    assert response.status_code == 403
    assert is_page(response, "This form has expired")


def test_a_program_without_a_token_is_told_a_problem() -> None:
    response = Client(enforce_csrf_checks=True).post("/login/", {"username": "a"})
    assert response.status_code == 403
    assert is_problem(response, "csrf_failed")


@pytest.mark.django_db
def test_the_api_answers_a_missing_csrf_token_as_before() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_user("owner"))
    response = client.post("/api/v1/upload/init", {}, content_type="application/json", headers={"accept": BROWSER})
    assert response.status_code == 403
    assert is_problem(response, "csrf_failed")


def test_errors_are_counted(stranger: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[str] = []
    monkeypatch.setattr(error_pages, "count_refusal", counted.append)
    stranger.get("/nowhere", headers={"accept": BROWSER})
    assert counted == ["not_found"]
