"""The page for people, without a browser: what it is given, and who is told to be logged in."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from ..views.page import CONTENT_SECURITY_POLICY
from ..views.page_texts import PLURAL_SAMPLES, PLURALS, TEXTS, page_texts

pytestmark = pytest.mark.integration

PLACEHOLDER = re.compile(r"%\((\w+)\)s")


@pytest.fixture
def browser(owner: Any) -> Client:
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    return client


def page_data(browser: Client, **headers: str) -> dict[str, Any]:
    body = browser.get("/", headers=headers).content.decode()
    found = re.search(r'<script id="page-data" type="application/json">(.*?)</script>', body)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_the_page_is_given_its_limits_and_its_user(browser: Client, owner: Any, uploads: Any) -> None:
    uploads(MAX_FILE_SIZE=1234, ALLOWED_TYPES={".pdf": ("application/pdf", "text/plain")})
    data = page_data(browser)
    assert data["maxFileSize"] == 1234
    assert data["types"] == {".pdf": "application/pdf"}
    assert data["user"] == {"id": str(owner.pk), "name": "owner"}
    assert (data["apiUrl"], data["whoUrl"], data["loginUrl"]) == ("/api/v1/upload/", "/who/", "/login/?next=%2F")


def test_the_page_is_kept_by_no_cache_and_runs_nothing_inline(browser: Client) -> None:
    answer = browser.get("/")
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY


def test_names_cannot_end_the_script_that_they_are_in(browser: Client, owner: Any) -> None:
    owner.username = "</script><script>alert(1)"
    owner.save()
    assert page_data(browser)["user"]["name"] == owner.username


def test_who_is_logged_in_is_told_with_a_token_that_works(browser: Client, owner: Any) -> None:
    answer = browser.get("/who/")
    assert answer.json()["user"] == {"id": str(owner.pk), "name": "owner"}
    assert "no-store" in answer.headers["Cache-Control"]
    body = {"filename": "a.bin", "total_size": 1}
    refused = browser.post("/api/v1/upload/init", body, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf_failed")
    token = {"X-CSRFToken": answer.json()["csrfToken"]}
    taken = browser.post("/api/v1/upload/init", body, content_type="application/json", headers=token)
    assert taken.status_code == 201


def test_nobody_is_told_so_in_the_one_error_form() -> None:
    answer = Client().get("/who/")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def test_a_token_of_an_earlier_login_is_refused(browser: Client, owner: Any, stranger: Any) -> None:
    token = {"X-CSRFToken": browser.get("/who/").json()["csrfToken"]}
    stranger.set_password("a-long-pass-phrase")
    stranger.save()
    browser.handler.enforce_csrf_checks = False
    assert browser.post("/login/", {"username": "stranger", "password": "a-long-pass-phrase"}).status_code == 302
    browser.handler.enforce_csrf_checks = True
    body = {"filename": "a.bin", "total_size": 1}
    answer = browser.post("/api/v1/upload/init", body, content_type="application/json", headers=token)
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")


def test_the_language_is_that_of_the_browser(browser: Client) -> None:
    data = page_data(browser, accept_language="de-AT,de;q=0.9")
    assert (data["language"], data["texts"]["deleted"]) == ("de", "Gelöscht")
    assert page_data(browser, accept_language="fr")["language"] == "en"


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_text_is_translated_with_all_its_values(language: str) -> None:
    with translation.override("en"):
        sources = page_texts()
    with translation.override(language):
        texts = page_texts()
    assert set(texts) == {*TEXTS, *PLURALS}
    for key, text in texts.items():
        source = sources[key]
        forms = list(text.values()) if isinstance(text, dict) else [text]
        for form, original in zip(forms, source.values() if isinstance(source, dict) else [source], strict=True):
            assert set(PLACEHOLDER.findall(form)) == set(PLACEHOLDER.findall(original)), key
            assert "%" not in PLACEHOLDER.sub("", form), key


def test_counts_have_the_forms_of_the_language() -> None:
    with translation.override("de"):
        forms = page_texts()["overview.uploading"]
    assert isinstance(forms, dict)
    assert set(forms) == set(PLURAL_SAMPLES)
    assert forms[1] == "%(count)s Datei wird hochgeladen"
    assert forms[2] == forms[11] == "%(count)s Dateien werden hochgeladen"
