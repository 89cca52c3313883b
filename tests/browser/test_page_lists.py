"""The page's lists of what waits and what is stored, in Chromium: each file in one, and nothing gone at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route, expect

from ..flaky_proxy import FlakyProxy
from .conftest import Files
from .uploads_page import (
    MIB,
    begin_slowly,
    delete_everything,
    details,
    finish,
    focused,
    mend,
    press,
    ready,
    row,
    state,
    stored,
    waiting,
)

pytestmark = pytest.mark.browser

MakeFile = Callable[..., Path]
API = re.compile("/api/v1/upload/")


def test_an_unfinished_upload_goes_on_here_after_a_reload(page: Page, make_file: MakeFile, proxy: FlakyProxy) -> None:
    path = make_file(10 * MIB, "reloaded.bin")
    begin_slowly(page, proxy, path)
    page.reload()
    expect(waiting(page, "reloaded.bin").locator(".state")).to_contain_text("in this browser")
    mend(proxy)
    chooser = waiting(page, "reloaded.bin").locator("input")
    chooser.set_input_files(make_file(1000, "another.bin"))
    expect(waiting(page, "reloaded.bin").locator(".state")).to_have_text(
        "This is another file: it has 1.0 kB, not 10.5 MB."
    )
    chooser.set_input_files(path)
    expect(waiting(page, "reloaded.bin")).to_have_count(0)
    finish(page, "reloaded.bin")


def test_an_unfinished_upload_goes_on_on_another_device(
    page: Page, make_file: MakeFile, proxy: FlakyProxy, browser: Browser, open_uploads: Callable[..., Page]
) -> None:
    path = make_file(10 * MIB, "travelling.bin")
    begin_slowly(page, proxy, path)
    page.close()
    mend(proxy)
    other = browser.new_context()
    try:
        elsewhere = open_uploads(other)
        expect(waiting(elsewhere, "travelling.bin").locator(".state")).to_contain_text("on another device")
        elsewhere.set_input_files("#files", path)
        finish(elsewhere, "travelling.bin")
        expect(waiting(elsewhere, "travelling.bin")).to_have_count(0)
    finally:
        other.close()


def test_what_another_tab_is_sending_can_be_neither_discarded_nor_sent_here(
    page: Page, make_file: MakeFile, proxy: FlakyProxy, context: BrowserContext, open_uploads: Callable[..., Page]
) -> None:
    begin_slowly(page, proxy, make_file(10 * MIB, "shared.bin"))
    other = context.new_page()
    other.goto(proxy.base_url)
    expect(waiting(other, "shared.bin").locator(".state")).to_contain_text("in another tab")
    expect(waiting(other, "shared.bin").get_by_role("button")).to_have_count(0)
    expect(waiting(other, "shared.bin").locator("input")).to_be_hidden()
    page.close()
    expect(waiting(other, "shared.bin").locator(".state")).to_contain_text("in this browser")
    expect(waiting(other, "shared.bin").get_by_role("button", name="Discard shared.bin")).to_be_visible()
    mend(proxy)


def test_discarding_can_be_undone_and_is_done_after_some_seconds(
    page: Page, make_file: MakeFile, proxy: FlakyProxy, files: Files
) -> None:
    begin_slowly(page, proxy, make_file(10 * MIB, "discarded.bin"))
    page.reload()
    press(page, "Discard discarded.bin")
    expect(waiting(page, "discarded.bin").locator(".state")).to_have_text("Discarded")
    assert focused(page) == "Undo: discarded.bin"
    press(page, "Undo: discarded.bin")
    expect(waiting(page, "discarded.bin").locator(".state")).to_contain_text("in this browser")
    with page.expect_response("**/cancel"):
        press(page, "Discard discarded.bin")
    expect(waiting(page, "discarded.bin")).to_have_count(0)
    (session,) = (each for each in files.list() if each["filename"] == "discarded.bin")
    assert session["status"] == "cancelled"


def test_a_cancelled_upload_goes_on_if_that_is_undone(page: Page, make_file: MakeFile, proxy: FlakyProxy) -> None:
    begin_slowly(page, proxy, make_file(10 * MIB, "spared.bin"))
    press(page, "Cancel spared.bin")
    expect(state(page, "spared.bin")).to_have_text("Cancelled")
    expect(row(page, "spared.bin").get_by_role("button")).to_have_count(1)
    mend(proxy)
    press(page, "Undo: spared.bin")
    finish(page, "spared.bin")


def _gone(files: Files, name: str) -> bool:
    return not [each for each in files.list() if each["filename"] == name and each["status"] != "cancelled"]


@pytest.mark.parametrize("action", ["cancel", "discard", "delete"])
def test_leaving_the_page_does_at_once_what_could_have_been_undone(
    page: Page, make_file: MakeFile, proxy: FlakyProxy, files: Files, action: str
) -> None:
    name = f"left-{action}.bin"
    if action == "delete":
        page.set_input_files("#files", make_file(9, name))
        finish(page, name)
        details(page, name)
        press(page, f"Delete {name}")
    else:
        begin_slowly(page, proxy, make_file(10 * MIB, name))
        if action == "discard":
            page.reload()
        press(page, f"{action.capitalize()} {name}")
        expect(page.get_by_role("button", name=f"Undo: {name}")).to_be_visible()
        mend(proxy)
    page.goto("about:blank")
    for _ in range(300):
        if _gone(files, name):
            break
        page.wait_for_timeout(100)
    assert _gone(files, name)


def test_a_stored_file_is_deleted_after_some_seconds_unless_that_is_undone(
    page: Page, make_file: MakeFile, files: Files
) -> None:
    page.set_input_files("#files", [make_file(9, "kept.bin"), make_file(8, "deleted.bin")])
    finish(page, "kept.bin")
    finish(page, "deleted.bin")
    for name in ("kept.bin", "deleted.bin"):
        details(page, name)
        press(page, f"Delete {name}")
        expect(stored(page, name).locator(".facts")).to_have_text("Deleted")
        assert focused(page) == f"Undo: {name}"
    with page.expect_response(lambda answer: answer.request.method == "DELETE"):
        press(page, "Undo: kept.bin")
    expect(stored(page, "deleted.bin")).to_have_count(0)
    expect(page.locator("#announcer")).to_have_text("deleted.bin is deleted.")
    names = {each["filename"] for each in files.list()}
    assert "kept.bin" in names
    assert "deleted.bin" not in names


def test_what_cannot_be_deleted_is_told_and_stays(page: Page, make_file: MakeFile) -> None:
    page.set_input_files("#files", make_file(9, "stays.bin"))
    finish(page, "stays.bin")
    problem = {"code": "forbidden", "detail": "It is in use.", "status": 403}
    page.route("**/api/v1/upload/*-*", lambda route: route.fulfill(status=403, json=problem))
    details(page, "stays.bin")
    press(page, "Delete stays.bin")
    expect(page.locator("#stored .failure")).to_contain_text("It is in use.")
    expect(stored(page, "stays.bin").locator(".verified")).to_have_text("✓ Verified")


def test_the_last_that_is_deleted_leaves_an_empty_list_and_the_keyboard_on_its_heading(
    page: Page, make_file: MakeFile
) -> None:
    delete_everything(page)
    expect(page.locator("#stored .empty")).to_have_text("Nothing yet.")
    page.set_input_files("#files", make_file(9, "only.bin"))
    finish(page, "only.bin")
    details(page, "only.bin")
    press(page, "Delete only.bin")
    expect(page.locator("#stored .empty")).to_be_visible()
    expect(page.locator("#stored-title")).to_be_focused()


def test_a_list_that_cannot_be_loaded_is_no_empty_one(page: Page) -> None:
    page.route("**/api/v1/upload/?status=completed*", lambda route: route.fulfill(status=503, body="<html>"))
    page.reload()
    expect(page.locator("#stored .failure")).to_contain_text("Your files cannot be listed: The server has trouble")
    expect(page.locator("#stored .empty")).to_be_hidden()
    page.unroute("**/api/v1/upload/?status=completed*")
    page.locator("#stored").get_by_role("button", name="Try again").click()
    expect(page.locator("#stored .failure")).to_be_hidden()


def test_every_stored_file_can_be_reached_and_found_by_name(page: Page, make_file: MakeFile) -> None:
    delete_everything(page)
    page.set_input_files("#files", [make_file(9 + number, f"page-{number:03}.bin") for number in range(120)])
    expect(page.locator("#overview")).to_have_text("120 files are stored")
    page.reload()
    ready(page)
    expect(page.locator("#stored .row")).to_have_count(50)
    for count in (100, 120):
        page.locator("#stored .more").click()
        expect(page.locator("#stored .row")).to_have_count(count)
    expect(page.locator("#stored .more")).to_be_hidden()
    page.get_by_label("Search stored files").fill("PAGE-007")
    expect(page.locator("#stored .row")).to_have_count(1)
    expect(stored(page, "page-007.bin")).to_be_visible()
    page.get_by_label("Search stored files").fill("no such name")
    expect(page.locator("#stored .empty")).to_have_text("No stored file is called so.")
    page.get_by_label("Search stored files").fill("")
    expect(page.locator("#stored .row")).to_have_count(50)


def test_many_files_are_few_rows_few_requests_and_no_layouts_of_their_own(page: Page, make_file: MakeFile) -> None:
    delete_everything(page)
    lists: list[Request] = []
    page.on("request", lambda request: lists.append(request) if "/api/v1/upload/?" in request.url else None)
    page.evaluate(
        """() => {
          // What makes a browser lay out at once: reading sizes while something was changed.
          window.forced = 0;
          const count = (object, name) => {
            const {get} = Object.getOwnPropertyDescriptor(object, name);
            Object.defineProperty(object, name, {get() { window.forced++; return get.call(this); }});
          };
          const sizes = ['clientWidth', 'clientHeight', 'scrollWidth', 'scrollHeight'];
          for (const name of sizes) count(Element.prototype, name);
          for (const name of ['offsetWidth', 'offsetHeight', 'offsetTop']) count(HTMLElement.prototype, name);
          const rect = Element.prototype.getBoundingClientRect;
          Element.prototype.getBoundingClientRect = function () { window.forced++; return rect.call(this); };
          const style = window.getComputedStyle;
          window.getComputedStyle = (...of) => { window.forced++; return style(...of); };
        }"""
    )
    held: list[Route] = []
    page.route(API, lambda route: route.fallback() if route.request.method == "GET" else held.append(route))
    paths = [make_file(5000, f"many-{number:03}.bin") for number in range(300)]
    page.set_input_files("#files", paths)
    expect(page.locator("#overview")).to_contain_text("Uploading 300 files")
    expect(page.locator("#uploading .row")).to_have_count(100)
    page.locator("#uploading .more").click()
    expect(page.locator("#uploading .row")).to_have_count(200)
    page.unroute(API)  # What is held goes on.
    started = page.evaluate("() => performance.now()")
    expect(page.locator("#overview")).to_have_text("300 files are stored")
    seconds = (page.evaluate("() => performance.now()") - started) / 1000
    assert len(lists) <= 2 + seconds / 5
    # Once for the colours, whatever the number of files.
    assert page.evaluate("() => window.forced") <= 5
