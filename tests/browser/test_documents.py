"""The API docs and the admin in Chromium, under the policy that they are served with."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect

from ..server_process import ServerProcess

pytestmark = pytest.mark.browser


def noted_faults(page: Page) -> list[str]:
    """What the page will say on its console as errors; an answer that refuses something is none of the page's."""
    faults: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            faults.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: faults.append(str(error)))
    return faults


def test_the_api_docs_work_under_their_policy(context: BrowserContext, server: ServerProcess) -> None:
    page = context.new_page()
    faults = noted_faults(page)
    page.goto(f"{server.base_url}/api/v1/docs/")
    page.locator("#operations-upload-init .opblock-summary-control").click()
    page.get_by_role("button", name="Try it out").click()
    with page.expect_response("**/api/v1/upload/init") as answered:
        page.get_by_role("button", name="Execute").click()
    assert answered.value.status in (401, 403)
    expect(page.locator(".live-responses-table td.response-col_status").last).to_contain_text("40")
    assert faults == []


def test_the_admin_works_under_its_policy(context: BrowserContext, server: ServerProcess) -> None:
    page = context.new_page()
    faults = noted_faults(page)
    make = "from django.contrib.auth.models import User; User.objects.create_superuser('root', password='pass-word')"
    server.run("manage.py", "shell", "--no-imports", "-c", make)
    page.goto(f"{server.base_url}/admin/auth/user/1/change/")
    page.locator("[name=username]").fill("root")
    page.locator("[name=password]").fill("pass-word")
    page.locator("[type=submit], button.primary").click()
    expect(page.locator(".selector-chosen").first).to_be_visible()  # Made by a script.
    page.locator(".datetimeshortcuts a").first.click()
    assert faults == []
