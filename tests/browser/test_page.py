"""The page for people, in Chromium: by mouse and by keyboard, wide and narrow, light and dark."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Route, expect

from apps.core.views.page import CONTENT_SECURITY_POLICY

from ..flaky_proxy import FlakyProxy
from ..server_process import ServerProcess
from .conftest import Files, sha256_of
from .pages import CLIENT

pytestmark = pytest.mark.browser

MIB = 2**20
MakeFile = Callable[..., Path]


@pytest.fixture
def faults() -> list[str]:
    """What pages said on their consoles as errors: violations of the policy, uncaught errors."""
    return []


def _note(faults: list[str], message: ConsoleMessage) -> None:
    # Chromium reports answers that refuse something, which is what some tests are about.
    if message.type == "error" and "400 (Bad Request)" not in message.text:
        faults.append(message.text)


@pytest.fixture
def log_in(server: ServerProcess, proxy: FlakyProxy, faults: list[str]) -> Callable[..., Page]:
    """A page of the demo user, logged in by the form."""

    def go(context: BrowserContext) -> Page:
        page = context.new_page()
        page.on("console", lambda message: _note(faults, message))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(proxy.base_url)
        page.get_by_label("Name").fill("demo")
        page.get_by_label("Password").fill((server.directory / "demo-password").read_text())
        # What the page asks for once it is there: whoever logs out before the answer is told 401.
        with page.expect_response(lambda answer: "/api/v1/upload/?" in answer.url):
            page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("heading", name="Drop files")).to_be_visible()
        return page

    return go


@pytest.fixture
def page(context: BrowserContext, log_in: Callable[..., Page], faults: list[str]) -> Iterator[Page]:
    yield log_in(context)
    assert faults == []


def card(page: Page, name: str) -> Locator:
    return page.locator(".card", has=page.get_by_role("heading", name=name, exact=True))


def finish(page: Page, name: str) -> None:
    expect(card(page, name).locator(".state")).to_contain_text("stored and verified")


def slow(proxy: FlakyProxy) -> None:
    """Some chunks arrive in their time; then the line stands still until it is mended."""
    proxy.bytes_per_second = 2e6
    proxy.stall_after = proxy.bytes_sent + 6 * MIB


def mend(proxy: FlakyProxy) -> None:
    proxy.bytes_per_second = None
    proxy.stall_after = None


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


def test_files_are_uploaded_listed_and_downloaded(page: Page, make_file: MakeFile) -> None:
    paths = [make_file(3 * MIB, "one.bin"), make_file(1000, "two.bin")]
    page.set_input_files("#files", paths)
    for path in paths:
        finish(page, path.name)
        row = page.locator("#finished li", has_text=path.name)
        expect(row.locator("code")).to_have_text(sha256_of(path))
        with page.expect_download() as download:
            row.get_by_role("link", name=f"Download {path.name}").click()
        assert hashlib.sha256(download.value.path().read_bytes()).hexdigest() == sha256_of(path)
    expect(page.locator("#overall-text")).to_contain_text("2 of 2 files")
    page.get_by_role("button", name="Clear finished").click()
    expect(page.locator(".card")).to_have_count(0)


def test_dropped_files_and_folders_are_uploaded_with_their_paths(
    page: Page, context: BrowserContext, tmp_path: Path
) -> None:
    folder = tmp_path / "trip"
    (folder / "day 1").mkdir(parents=True)
    (folder / "day 1" / "deep.bin").write_bytes(b"deep")
    (folder / "flat.bin").write_bytes(b"flat")
    single = tmp_path / "single.bin"
    single.write_bytes(b"single")
    data = {"items": [], "files": [str(folder), str(single)], "dragOperationsMask": 1}
    debugger = context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        debugger.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 150, "data": data})
    for name in ("trip/day 1/deep.bin", "trip/flat.bin", "single.bin"):
        finish(page, name)


def test_folders_may_have_empty_files_that_differ_by_their_path_alone(
    page: Page, context: BrowserContext, tmp_path: Path, server: ServerProcess
) -> None:
    folder = tmp_path / "package"
    for name in ("one", "two", "three"):
        (folder / name).mkdir(parents=True)
        (folder / name / "empty.bin").touch()
        os.utime(folder / name / "empty.bin", (1_700_000_000, 1_700_000_000))
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    debugger = context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        debugger.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 150, "data": data})
    for name in ("one", "two", "three"):
        finish(page, f"package/{name}/empty.bin")
        expect(card(page, f"package/{name}/empty.bin").locator(".state")).to_have_text("0 B · stored and verified")
    expect(card(page, "package/one/empty.bin").locator("progress")).to_have_attribute("value", "100")
    expect(page.locator("#overall-text")).to_have_text("3 of 3 files · 0 B of 0 B")
    expect(page.locator("#overall")).to_have_attribute("value", "100")
    expect(page.locator("#finished li", has_text="empty.bin")).to_have_count(3)
    paths = {each["metadata"].get("relative_path") for each in Files(server).list(status="completed")}
    assert paths >= {f"package/{name}/empty.bin" for name in ("one", "two", "three")}


def test_the_chunk_map_shows_what_is_stored_and_repaired(page: Page, make_file: MakeFile, proxy: FlakyProxy) -> None:
    proxy.corrupt_bodies = 1
    page.set_input_files("#files", make_file(6 * MIB, "mapped.bin"))
    finish(page, "mapped.bin")
    chunks = card(page, "mapped.bin").get_by_role("img")
    expect(chunks).to_have_attribute("aria-label", "6 of 6 chunks stored, 1 repaired")
    colors = chunks.evaluate(
        """(canvas) => {
          const pen = canvas.getContext('2d');
          const at = (cell) => pen.getImageData((cell + 0.5) * canvas.width / 6, canvas.height / 2, 1, 1).data.join();
          return [0, 1, 2, 3, 4, 5].map(at);
        }"""
    )
    assert sorted(colors.count(color) for color in set(colors)) == [1, 5]


def test_pause_resume_cancel_and_retry(page: Page, make_file: MakeFile, proxy: FlakyProxy) -> None:
    slow(proxy)
    page.set_input_files("#files", make_file(10 * MIB, "steered.bin"))
    state = card(page, "steered.bin").locator(".state")
    page.get_by_role("button", name="Pause steered.bin").click()
    expect(state).to_contain_text("paused")
    page.get_by_role("button", name="Resume steered.bin").click()
    expect(state).to_contain_text("of 10.5 MB")
    page.get_by_role("button", name="Cancel steered.bin").click()
    expect(state).to_contain_text("cancelled")
    mend(proxy)
    page.get_by_role("button", name="Retry steered.bin").click()
    finish(page, "steered.bin")


def test_a_retry_waits_until_the_server_has_forgotten_what_was_cancelled(
    page: Page, make_file: MakeFile, proxy: FlakyProxy
) -> None:
    slow(proxy)
    held: list[Route] = []
    page.route("**/cancel", lambda route: held.append(route))
    page.set_input_files("#files", make_file(10 * MIB, "hasty.bin"))
    expect(card(page, "hasty.bin").locator(".state")).to_contain_text("MB/s")
    with page.expect_request("**/cancel"):
        page.get_by_role("button", name="Cancel hasty.bin").click()
    page.get_by_role("button", name="Retry hasty.bin").click()
    expect(card(page, "hasty.bin").locator(".state")).to_contain_text("starting")
    mend(proxy)
    held[0].continue_()
    finish(page, "hasty.bin")


def test_all_are_paused_and_resumed_together(page: Page, make_file: MakeFile, proxy: FlakyProxy) -> None:
    slow(proxy)
    page.set_input_files("#files", [make_file(4 * MIB, f"together-{number}.bin") for number in range(5)])
    page.get_by_role("button", name="Pause all").click()
    expect(page.locator('.card[data-state="paused"]')).to_have_count(5)
    mend(proxy)
    page.get_by_role("button", name="Resume all").click()
    expect(page.locator('.card[data-state="completed"]')).to_have_count(5)


def test_an_unfinished_upload_goes_on_here_after_a_reload(page: Page, make_file: MakeFile, proxy: FlakyProxy) -> None:
    path = make_file(10 * MIB, "reloaded.bin")
    slow(proxy)
    page.set_input_files("#files", path)
    expect(card(page, "reloaded.bin").locator(".state")).to_contain_text("MB/s")
    page.reload()
    row = page.locator("#unfinished li", has_text="reloaded.bin")
    expect(row).to_contain_text("in this browser")
    mend(proxy)
    row.locator("input").set_input_files(make_file(1000, "another.bin"))
    expect(row).to_contain_text("This is another file")
    row.locator("input").set_input_files(path)
    finish(page, "reloaded.bin")
    expect(page.locator("#unfinished li", has_text="reloaded.bin")).to_have_count(0)


def test_an_unfinished_upload_goes_on_on_another_device(
    page: Page, make_file: MakeFile, proxy: FlakyProxy, browser: Browser, log_in: Callable[..., Page]
) -> None:
    path = make_file(10 * MIB, "travelling.bin")
    slow(proxy)
    page.set_input_files("#files", path)
    expect(card(page, "travelling.bin").locator(".state")).to_contain_text("MB/s")
    page.close()
    mend(proxy)
    other = browser.new_context()
    try:
        elsewhere = log_in(other)
        expect(elsewhere.locator("#unfinished li", has_text="travelling.bin")).to_contain_text("on another device")
        elsewhere.set_input_files("#files", path)
        finish(elsewhere, "travelling.bin")
        expect(elsewhere.locator("#unfinished li", has_text="travelling.bin")).to_have_count(0)
    finally:
        other.close()


def test_discarding_frees_an_unfinished_upload(page: Page, make_file: MakeFile, proxy: FlakyProxy) -> None:
    slow(proxy)
    page.set_input_files("#files", make_file(10 * MIB, "discarded.bin"))
    expect(card(page, "discarded.bin").locator(".state")).to_contain_text("MB/s")
    page.reload()
    page.get_by_role("button", name="Discard discarded.bin").click()
    expect(page.locator("#unfinished li", has_text="discarded.bin")).to_have_count(0)


def test_a_finished_file_is_deleted_after_a_question(page: Page, make_file: MakeFile, server: ServerProcess) -> None:
    page.set_input_files("#files", [make_file(9, "kept.bin"), make_file(8, "deleted.bin")])
    finish(page, "kept.bin")
    finish(page, "deleted.bin")
    rows = page.locator("#finished li")
    page.get_by_role("button", name="Delete deleted.bin").click()
    dialog = page.get_by_role("dialog", name="Delete deleted.bin?")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    expect(rows.filter(has_text="deleted.bin")).to_have_count(1)
    page.get_by_role("button", name="Delete deleted.bin").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(rows.filter(has_text="deleted.bin")).to_have_count(0)
    expect(rows.filter(has_text="kept.bin")).to_have_count(1)
    expect(page.locator(".card")).to_have_count(1)
    expect(page.locator("#announcer")).to_have_text("deleted.bin is deleted.")
    names = {each["filename"] for each in Files(server).list()}
    assert "kept.bin" in names
    assert "deleted.bin" not in names


def test_files_are_deleted_by_keyboard_and_the_last_leaves_an_empty_list(page: Page, make_file: MakeFile) -> None:
    _delete_all(page)
    expect(page.locator("#finished .empty")).to_be_visible()
    page.set_input_files("#files", [make_file(9, "first.bin"), make_file(8, "second.bin")])
    finish(page, "first.bin")
    finish(page, "second.bin")
    expect(page.locator("#finished [data-action=delete]")).to_have_count(2)
    expect(page.locator("#finished .empty")).to_be_hidden()
    page.locator("#finished [data-action=delete]").first.focus()
    asked = _focused(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    # The safe answer is at hand; Escape is it too, and the keyboard is back where it was.
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")
    assert _focused(page) == asked
    for left in (1, 0):
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("#finished [data-action=delete]")).to_have_count(left)
        focused = page.locator("#finished [data-action=delete]") if left else page.locator("#finished-title")
        expect(focused).to_be_focused()
    expect(page.locator("#finished .empty")).to_be_visible()


def test_a_question_outlives_the_end_of_the_one_before(page: Page, make_file: MakeFile) -> None:
    _delete_all(page)
    page.set_input_files("#files", [make_file(9, "first.bin"), make_file(8, "second.bin")])
    finish(page, "first.bin")
    finish(page, "second.bin")
    expect(page.locator("#finished [data-action=delete]")).to_have_count(2)
    # The first "close" is told after the second question was asked.
    page.evaluate(
        """() => {
          const ask = (name) => document.querySelector(`#finished [aria-label="Delete ${name}"]`).click();
          ask("first.bin");
          document.querySelector("#delete-dialog").close();
          ask("second.bin");
        }"""
    )
    page.evaluate("() => new Promise((resolve) => setTimeout(resolve))")
    page.locator("#delete-dialog [data-action=delete]").click()
    expect(page.locator('#finished [aria-label="Delete second.bin"]')).to_have_count(0)
    expect(page.locator('#finished [aria-label="Delete first.bin"]')).to_have_count(1)


def _delete_all(page: Page) -> None:
    page.evaluate(
        """async () => {
          const headers = {'X-CSRFToken': document.querySelector('meta[name=csrf-token]').content};
          const api = document.querySelector('meta[name=api-url]').content;
          const {results} = await (await fetch(api)).json();
          for (const {upload_id} of results) await fetch(api + upload_id, {method: 'DELETE', headers});
        }"""
    )
    page.reload()
    page.wait_for_load_state("networkidle")


def test_what_cannot_be_deleted_is_told_in_the_dialog_and_stays(page: Page, make_file: MakeFile) -> None:
    page.set_input_files("#files", make_file(9, "stays.bin"))
    finish(page, "stays.bin")
    problem = {"code": "not_authenticated", "detail": "No.", "status": 400}
    page.route("**/api/v1/upload/*-*", lambda route: route.fulfill(status=400, json=problem))
    page.get_by_role("button", name="Delete stays.bin").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Delete").click()
    expect(dialog.get_by_role("alert")).to_have_text("You are not logged in, or no longer.")
    dialog.get_by_role("button", name="Cancel").click()
    page.unroute("**/api/v1/upload/*-*")
    expect(page.locator("#finished li", has_text="stays.bin")).to_have_count(1)
    page.get_by_role("button", name="Delete stays.bin").click()
    expect(dialog.get_by_role("alert")).to_have_text("")
    dialog.get_by_role("button", name="Delete").click()
    expect(page.locator("#finished li", has_text="stays.bin")).to_have_count(0)


def test_everything_can_be_done_by_keyboard(page: Page, make_file: MakeFile, proxy: FlakyProxy) -> None:
    slow(proxy)
    # Playwright turns its interception on without waiting for it: long before the key is pressed, it is on.
    page.on("filechooser", lambda chooser: None)
    _tab_to(page, "#files")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(make_file(8 * MIB, "keys.bin"))
    _tab_to(page, "[aria-label='Pause keys.bin']")
    page.keyboard.press("Space")
    expect(card(page, "keys.bin").locator(".state")).to_contain_text("paused")
    # The button that was pressed is gone; the keyboard is at the one in its place.
    assert _focused(page) == "Resume keys.bin"
    page.keyboard.press("Enter")
    mend(proxy)
    finish(page, "keys.bin")
    expect(page.locator("#announcer")).to_have_text("keys.bin is stored and verified.")
    _tab_to(page, "[aria-label='Download keys.bin']")


def _focused(page: Page) -> Any:
    return page.evaluate("() => document.activeElement.getAttribute('aria-label')")


def _tab_to(page: Page, selector: str) -> None:
    for _ in range(60):
        if page.locator(selector).evaluate("(element) => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{selector} is not reached by Tab")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1100, 360])
def test_nothing_serious_is_found_by_axe_at_any_state(
    page: Page, make_file: MakeFile, proxy: FlakyProxy, scheme: Any, width: int
) -> None:
    axe = CLIENT / "node_modules/axe-core/axe.min.js"
    if not axe.exists():
        pytest.skip("needs Node.js 20 or later and npm; then make test installs the rest")
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    _check(page, axe)
    slow(proxy)
    page.set_input_files("#files", [make_file(8 * MIB, "looked-at.bin"), make_file(9, "refused.html")])
    expect(card(page, "looked-at.bin").locator(".state")).to_contain_text("MB/s")
    _check(page, axe)
    mend(proxy)
    finish(page, "looked-at.bin")
    _check(page, axe)
    page.get_by_role("button", name="Delete looked-at.bin").first.click()
    _check(page, axe)


def _check(page: Page, axe: Path) -> None:
    page.evaluate(axe.read_text())
    violations = page.evaluate("() => axe.run().then(({violations}) => violations)")
    serious = [
        (found["id"], [node["html"] for node in found["nodes"]])
        for found in violations
        if found["impact"] in ("serious", "critical")
    ]
    assert serious == []
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), "scrolls sideways"


def test_nothing_jumps_and_nothing_comes_from_elsewhere(page: Page, make_file: MakeFile, proxy: FlakyProxy) -> None:
    origins: set[str] = set()
    page.on("request", lambda request: origins.add("/".join(request.url.split("/")[:3])))
    page.reload()
    slow(proxy)
    page.evaluate(
        """() => {
          window.shift = 0;
          new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
          }).observe({type: 'layout-shift'});
        }"""
    )
    page.set_input_files("#files", make_file(8 * MIB, "still.bin"))
    expect(card(page, "still.bin").locator(".state")).to_contain_text("MB/s")
    page.evaluate("() => { window.shift = 0; }")
    mend(proxy)
    finish(page, "still.bin")
    page.wait_for_timeout(500)
    assert page.evaluate("() => window.shift") < 0.02
    assert origins == {proxy.base_url}


def test_logging_out_ends_it(page: Page, proxy: FlakyProxy) -> None:
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    page.goto(proxy.base_url)
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
