"""The page outlives logins, in Chromium: it asks to log in again and goes on, and sends nothing for somebody else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from ..flaky_proxy import FlakyProxy
from ..server_process import ServerProcess
from .conftest import Files
from .uploads_page import MIB, begin_slowly, delete_everything, finish, mend, press, ready, state, stored

pytestmark = pytest.mark.browser

MakeFile = Callable[..., Path]
OTHER = "anna"
PASSWORD = "a-long-pass-phrase"


@pytest.fixture
def demo_password(server: ServerProcess) -> str:
    return (server.directory / "demo-password").read_text()


@pytest.fixture
def anna(server: ServerProcess) -> str:
    """Somebody else's name."""
    make = (
        "from django.contrib.auth.models import User; "
        f"User.objects.filter(username='{OTHER}').exists() or "
        f"User.objects.create_user('{OTHER}', password='{PASSWORD}')"
    )
    server.run("manage.py", "shell", "--no-imports", "-c", make)
    return OTHER


def log_in_elsewhere(page: Page, base_url: str, name: str, password: str) -> Page:
    """In another tab, by the form."""
    other = page.context.new_page()
    other.goto(f"{base_url}/login/")
    other.locator("#id_username").fill(name)
    other.locator("#id_password").fill(password)
    other.locator("form button").click()
    ready(other)
    return other


def test_logging_in_again_elsewhere_gives_fresh_tokens_to_the_page(
    page: Page, make_file: MakeFile, proxy: FlakyProxy, demo_password: str
) -> None:
    log_in_elsewhere(page, proxy.base_url, "demo", demo_password).close()
    page.set_input_files("#files", [make_file(3 * MIB, "fresh.bin"), make_file(9, "small.bin")])
    finish(page, "fresh.bin")
    finish(page, "small.bin")


def test_who_is_logged_out_is_asked_to_log_in_and_uploads_go_on_by_themselves(
    page: Page, context: BrowserContext, make_file: MakeFile, proxy: FlakyProxy, demo_password: str
) -> None:
    begin_slowly(page, proxy, make_file(10 * MIB, "session.bin"))
    context.clear_cookies()
    mend(proxy)
    expect(state(page, "session.bin")).to_have_text("Waits until you are logged in.")
    banner = page.get_by_role("alert").filter(has_text="You are logged out.")
    expect(banner).to_be_visible()
    expect(page.locator("#overview")).to_have_text("Waits until you are logged in")
    with context.expect_page() as opened:
        banner.get_by_role("link", name="Log in").click()
    opened.value.locator("#id_username").fill("demo")
    opened.value.locator("#id_password").fill(demo_password)
    opened.value.locator("form button").click()
    finish(page, "session.bin")
    expect(banner).to_be_hidden()


def test_nothing_is_sent_for_somebody_else_and_it_goes_on_when_its_owner_is_back(
    page: Page, make_file: MakeFile, proxy: FlakyProxy, demo_password: str, anna: str, files: Files
) -> None:
    delete_everything(page)
    page.set_input_files("#files", make_file(9, "own.bin"))
    finish(page, "own.bin")
    begin_slowly(page, proxy, make_file(10 * MIB, "private.bin"))
    other = log_in_elsewhere(page, proxy.base_url, anna, PASSWORD)
    mend(proxy)
    expect(state(page, "private.bin")).to_have_text("Belongs to demo. anna is logged in now.")
    expect(page.get_by_role("alert").filter(has_text="anna is logged in now.")).to_be_visible()
    page.set_input_files("#files", make_file(9, "later.bin"))
    expect(state(page, "later.bin")).to_have_text("Belongs to demo. anna is logged in now.")
    listed = other.evaluate(
        "async () => (await (await fetch(JSON.parse(document.getElementById('page-data').textContent).apiUrl)).json())"
    )
    assert listed["results"] == []
    # Nor is what is theirs shown here.
    other.set_input_files("#files", make_file(9, "secret.bin"))
    finish(other, "secret.bin")
    page.get_by_label("Search stored files").fill("secret")
    expect(page.locator("#stored .failure")).to_contain_text("Belongs to demo.")
    expect(stored(page, "secret.bin")).to_have_count(0)
    page.get_by_label("Search stored files").fill("")
    other.close()
    log_in_elsewhere(page, proxy.base_url, "demo", demo_password).close()
    finish(page, "private.bin")
    finish(page, "later.bin")
    assert [each["status"] for each in files.list()] == ["completed"] * 3


@pytest.mark.parametrize("setting", ["CSRF_USE_SESSIONS", "CSRF_COOKIE_HTTPONLY"])
def test_tokens_that_no_script_can_read_are_asked_for(
    setting: str,
    tmp_path_factory: pytest.TempPathFactory,
    context: BrowserContext,
    make_file: MakeFile,
) -> None:
    directory = tmp_path_factory.mktemp("server")
    settings = directory / "csrf_settings.py"
    settings.write_text(f"from intelliwiz_config.settings import *\n{setting} = True\n")
    server = ServerProcess(
        directory / "data", "asgi", DJANGO_SETTINGS_MODULE="csrf_settings", PYTHONPATH=str(directory)
    )
    server.start()
    try:
        password = (server.directory / "demo-password").read_text()
        page = context.new_page()
        page.goto(server.base_url)
        page.locator("#id_username").fill("demo")
        page.locator("#id_password").fill(password)
        page.locator("form button").click()
        ready(page)
        log_in_elsewhere(page, server.base_url, "demo", password).close()
        page.set_input_files("#files", make_file(9, "unread.bin"))
        finish(page, "unread.bin")
        expect(stored(page, "unread.bin")).to_have_count(1)
    finally:
        server.stop()


def test_a_cancel_after_another_login_reaches_the_server(
    page: Page, make_file: MakeFile, proxy: FlakyProxy, demo_password: str, files: Files
) -> None:
    begin_slowly(page, proxy, make_file(10 * MIB, "late-cancel.bin"))
    log_in_elsewhere(page, proxy.base_url, "demo", demo_password).close()
    with page.expect_response(lambda answer: answer.url.endswith("/cancel") and answer.ok):
        press(page, "Cancel late-cancel.bin")
    mend(proxy)
    (session,) = (each for each in files.list() if each["filename"] == "late-cancel.bin")
    assert session["status"] == "cancelled"
