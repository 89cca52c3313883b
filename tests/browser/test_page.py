"""The page for people, in Chromium: files go up, and can be steered by mouse and by keyboard."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from playwright.sync_api import BrowserContext, Page, Route, expect

from apps.core.views.page import CONTENT_SECURITY_POLICY

from ..flaky_proxy import FlakyProxy
from ..server_process import ServerProcess
from .conftest import Files, sha256_of
from .uploads_page import (
    MIB,
    begin_slowly,
    details,
    finish,
    focused,
    mend,
    press,
    row,
    slow,
    state,
    stored,
    tab_to,
)

pytestmark = pytest.mark.browser

MakeFile = Callable[..., Path]


def test_strangers_are_asked_to_log_in(server: ServerProcess) -> None:
    answer = requests.get(server.base_url, timeout=60, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/login/?next=/")
    wrong = requests.get(f"{server.base_url}/login/", timeout=60)
    assert wrong.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY


def test_a_wrong_password_is_told(context: BrowserContext, server: ServerProcess) -> None:
    page = context.new_page()
    page.goto(server.base_url)
    page.get_by_label("Name").fill("demo")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_have_text("The name or the password is wrong.")


def test_files_are_uploaded_moved_to_what_is_stored_and_downloaded(page: Page, make_file: MakeFile) -> None:
    paths = [make_file(3 * MIB, "one.bin"), make_file(1000, "two.bin")]
    page.set_input_files("#files", paths)
    for path in paths:
        finish(page, path.name)
        expect(row(page, path.name)).to_have_count(0)
        with page.expect_download() as download:
            stored(page, path.name).get_by_role("link", name=f"Download {path.name}").click()
        assert hashlib.sha256(download.value.path().read_bytes()).hexdigest() == sha256_of(path)
        expect(details(page, path.name).locator("code").first).to_have_text(sha256_of(path))
    expect(page.locator("#overview")).to_have_text("2 files are stored")
    press(page, "Close")
    expect(page.locator("#uploading")).to_be_hidden()


def test_one_sentence_and_the_title_tell_of_all_files(page: Page, make_file: MakeFile, proxy: FlakyProxy) -> None:
    begin_slowly(page, proxy, make_file(10 * MIB, "told.bin"), make_file(10 * MIB, "too.bin"))
    expect(page.locator("#overview")).to_contain_text("Uploading 2 files")
    page.wait_for_function("() => /^[1-9]\\d*% · Uploads$/.test(document.title)")
    mend(proxy)
    finish(page, "told.bin")
    finish(page, "too.bin")
    page.wait_for_function("() => document.title === 'Uploads'")


def test_the_map_is_the_progress_bar_and_shows_what_was_repaired(
    page: Page, make_file: MakeFile, proxy: FlakyProxy
) -> None:
    begin_slowly(page, proxy, make_file(10 * MIB, "mapped.bin"))
    bar = row(page, "mapped.bin").get_by_role("progressbar", name="Progress of mapped.bin")
    assert row(page, "mapped.bin").get_by_role("progressbar").count() == 1
    page.wait_for_function("() => Number(document.querySelector('#uploading .map').getAttribute('aria-valuenow')) > 9")
    proxy.corrupt_bodies = 1
    mend(proxy)
    proxy.stall_after = proxy.bytes_sent + 7 * MIB
    page.wait_for_function(
        "() => /repaired/.test(document.querySelector('#uploading .map')?.getAttribute('aria-valuetext'))"
        " || document.querySelector('#stored .facts')?.textContent.includes('repaired')"
    )
    mend(proxy)
    finish(page, "mapped.bin")
    expect(bar).to_have_count(0)
    expect(stored(page, "mapped.bin").locator(".facts")).to_contain_text("1 damaged piece repaired")
    page.reload()
    expect(stored(page, "mapped.bin").locator(".facts")).to_contain_text("1 damaged piece repaired")


def _colors(page: Page, name: str) -> list[str]:
    """Of the middle of the map's segments, ten of them."""
    colors: list[str] = (
        row(page, name)
        .locator("canvas.map")
        .first.evaluate(
            """async (canvas) => {
          await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
          const pen = canvas.getContext('2d');
          const middle = (cell) => pen.getImageData((cell + 0.4) * canvas.width / 10, canvas.height * 0.85, 1, 1);
          return [...Array(10).keys()].map((cell) => middle(cell).data.join());
        }"""
        )
    )
    return colors


def test_a_paused_upload_is_sending_nothing_on_its_map_either(
    page: Page, make_file: MakeFile, proxy: FlakyProxy
) -> None:
    begin_slowly(page, proxy, make_file(10 * MIB, "halted.bin"))
    page.wait_for_function("() => Number(document.querySelector('#uploading .map').getAttribute('aria-valuenow')) > 30")
    expect(state(page, "halted.bin")).not_to_contain_text("Paused")
    assert len(set(_colors(page, "halted.bin"))) == 3  # Stored, being sent, to be sent.
    press(page, "Pause halted.bin")
    expect(state(page, "halted.bin")).to_contain_text("Paused")
    assert len(set(_colors(page, "halted.bin"))) == 2
    mend(proxy)
    press(page, "Resume halted.bin")
    finish(page, "halted.bin")


def test_pause_resume_and_cancel(page: Page, make_file: MakeFile, proxy: FlakyProxy, files: Files) -> None:
    begin_slowly(page, proxy, make_file(10 * MIB, "steered.bin"))
    press(page, "Pause steered.bin")
    expect(state(page, "steered.bin")).to_contain_text("Paused")
    expect(page.locator("#overview")).to_have_text("Paused")
    press(page, "Resume steered.bin")
    expect(state(page, "steered.bin")).to_contain_text("%")
    with page.expect_response("**/cancel"):
        press(page, "Cancel steered.bin")
    expect(row(page, "steered.bin")).to_have_count(0)
    (session,) = (each for each in files.list() if each["filename"] == "steered.bin")
    assert session["status"] == "cancelled"


def test_a_file_that_is_chosen_again_waits_until_the_server_has_forgotten_what_was_cancelled(
    page: Page, make_file: MakeFile, proxy: FlakyProxy
) -> None:
    held: list[Route] = []
    page.route("**/cancel", lambda route: held.append(route))
    path = make_file(10 * MIB, "hasty.bin")
    begin_slowly(page, proxy, path)
    with page.expect_request("**/cancel"):
        press(page, "Cancel hasty.bin")
    page.set_input_files("#files", path)
    expect(state(page, "hasty.bin")).to_contain_text("Starting")
    mend(proxy)
    held[0].continue_()
    finish(page, "hasty.bin")


def test_all_are_paused_and_resumed_together(page: Page, make_file: MakeFile, proxy: FlakyProxy) -> None:
    slow(proxy)
    page.set_input_files("#files", [make_file(4 * MIB, f"together-{number}.bin") for number in range(5)])
    press(page, "Pause all")
    expect(page.locator('#uploading .row[data-state="paused"]')).to_have_count(5)
    expect(page.get_by_role("button", name="Pause all")).to_be_hidden()
    mend(proxy)
    press(page, "Resume all")
    for number in range(5):
        finish(page, f"together-{number}.bin")


def test_details_tell_the_pieces_and_the_speed(page: Page, make_file: MakeFile, proxy: FlakyProxy) -> None:
    begin_slowly(page, proxy, make_file(10 * MIB, "detailed.bin"))
    panel = details(page, "detailed.bin", "#uploading")
    expect(panel).to_contain_text("of 10 pieces stored")
    expect(panel.get_by_role("img", name="Pieces of detailed.bin")).to_be_visible()
    expect(panel).to_contain_text("/s")
    row(page, "detailed.bin").locator("[data-action=details]").click()
    expect(panel).to_have_count(0)
    mend(proxy)
    finish(page, "detailed.bin")


def test_a_failure_names_what_is_accepted_and_offers_no_vain_retry(page: Page, make_file: MakeFile) -> None:
    page.set_input_files("#files", [make_file(9, "refused.html"), make_file(9, "nameless")])
    expect(state(page, "refused.html")).to_contain_text(".html files are not accepted. Accepted are: photos, video")
    expect(state(page, "nameless")).to_contain_text("no ending")
    expect(row(page, "refused.html").get_by_role("button")).to_have_count(1)
    expect(page.locator("#overview")).to_have_text("2 files could not be uploaded")
    press(page, "Dismiss refused.html")
    expect(row(page, "refused.html")).to_have_count(0)


def test_a_file_that_is_too_large_is_told_the_limit(page: Page) -> None:
    page.evaluate(
        """() => {
          const file = new File([], 'huge.bin');
          Object.defineProperty(file, 'size', {value: 2e11});
          const input = document.querySelector('#files');
          Object.defineProperty(input, 'files', {value: [file], configurable: true});
          Object.defineProperty(input, 'value', {value: '', writable: true});
          input.dispatchEvent(new Event('change'));
        }"""
    )
    expect(state(page, "huge.bin")).to_have_text("The file has 200 GB. Files may have at most 107 GB.")


def test_what_may_pass_can_be_retried(page: Page, make_file: MakeFile) -> None:
    problem = {"code": "quota_exceeded", "detail": "No.", "status": 413}
    page.route("**/files/", lambda route: route.fulfill(status=413, json=problem))
    page.set_input_files("#files", make_file(9, "again.bin"))
    expect(state(page, "again.bin")).to_contain_text("no room left for you")
    page.unroute("**/files/")
    press(page, "Retry again.bin")
    finish(page, "again.bin")


def test_offline_is_told_and_gone_on_after(
    page: Page, context: BrowserContext, make_file: MakeFile, proxy: FlakyProxy
) -> None:
    begin_slowly(page, proxy, make_file(10 * MIB, "tunnel.bin"))
    context.set_offline(True)
    proxy.cut()
    expect(state(page, "tunnel.bin")).to_have_text("Offline. Goes on by itself when you are back.")
    expect(page.locator("#overview")).to_contain_text("Offline")
    mend(proxy)
    context.set_offline(False)
    finish(page, "tunnel.bin")


def test_everything_can_be_done_by_keyboard(
    context: BrowserContext, open_uploads: Callable[..., Page], make_file: MakeFile, proxy: FlakyProxy
) -> None:
    # As browsers are that have no picker of their own.
    context.add_init_script("delete globalThis.showOpenFilePicker")
    page = open_uploads(context)
    slow(proxy)
    # Playwright turns its interception on without waiting for it: long before the key is pressed, it is on.
    page.on("filechooser", lambda chooser: None)
    tab_to(page, "#files")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(make_file(8 * MIB, "keys.bin"))
    tab_to(page, "[aria-label='Pause keys.bin']")
    page.keyboard.press("Space")
    expect(state(page, "keys.bin")).to_contain_text("Paused")
    # The button that was pressed is gone; the keyboard is at the one in its place.
    assert focused(page) == "Resume keys.bin"
    page.keyboard.press("Enter")
    mend(proxy)
    finish(page, "keys.bin")
    expect(page.locator("#announcer")).to_have_text("keys.bin is stored and verified.")
    tab_to(page, "[aria-label='Download keys.bin']")


def test_many_that_are_stored_at_once_are_announced_in_one_sentence(page: Page, make_file: MakeFile) -> None:
    page.set_input_files("#files", [make_file(9 + number, f"batch-{number}.bin") for number in range(5)])
    for number in range(5):
        finish(page, f"batch-{number}.bin")
    page.wait_for_function(
        "() => /files are stored and verified/.test(document.querySelector('#announcer').textContent)"
    )


def test_logging_out_ends_it(page: Page, proxy: FlakyProxy) -> None:
    page.locator(".menu summary").click()
    press(page, "Log out")
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    page.goto(proxy.base_url)
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
