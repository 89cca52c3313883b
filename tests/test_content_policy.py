"""Every page of the project says what may run on it, and none of ours has anything inline."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User

from apps.core.views.page import CONTENT_SECURITY_POLICY
from intelliwiz_config.content_policy import POLICY

pytestmark = pytest.mark.integration

INLINE = re.compile(rb"<style|<script(?![^>]*(?: src=|application/json))|<[^>]+ (?:on\w+|style)=", re.IGNORECASE)


@pytest.mark.parametrize(
    "path",
    [
        "/admin/",
        "/admin/core/uploadsession/",
        "/admin/auth/user/",
        "/admin/auth/user/add/",
        "/admin/password_change/",
        "/api/v1/docs/",
        "/login/",
        "/",
    ],
)
def test_every_page_has_a_policy_and_nothing_inline(path: str, client: Any, db: None) -> None:
    client.force_login(User.objects.create_superuser("admin"))
    page = client.get(path)
    assert page.status_code == 200
    assert page.headers["Content-Security-Policy"] in (POLICY, CONTENT_SECURITY_POLICY)
    assert not INLINE.search(page.content), INLINE.findall(page.content)


@pytest.mark.parametrize("path", ["/nowhere", "/api/v1/schema/", "/admin/login/"])
def test_what_a_stranger_gets_has_a_policy(path: str, client: Any, db: None) -> None:
    assert client.get(path).headers["Content-Security-Policy"] in (POLICY, CONTENT_SECURITY_POLICY)


def test_static_files_go_without_a_policy(client: Any, db: None) -> None:
    script = client.get("/static/js/resumable-upload-client.js")
    script.close()
    assert script.status_code == 200
    assert "Content-Security-Policy" not in script.headers


def test_the_policy_allows_nothing_inline() -> None:
    assert "unsafe" not in POLICY
    assert POLICY.startswith("default-src 'none'")
