"""The page for people as tests see it: its rows by the names of their files, and what they do with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import ConsoleMessage, Locator, Page, expect

from ..flaky_proxy import FlakyProxy

MIB = 2**20


def log_in(page: Page, base_url: str, password: str, name: str = "demo") -> None:
    """By the form. Returns once the page has its list: whoever leaves before the answer is told 401."""
    page.goto(base_url)
    page.locator("#id_username").fill(name)
    page.locator("#id_password").fill(password)
    with page.expect_response(lambda answer: "/api/v1/upload/?" in answer.url):
        page.locator("form button").click()
    ready(page)


def ready(page: Page) -> None:
    """Wait until the page has shown what is stored."""
    expect(page.locator("#stored .skeleton")).to_be_hidden()


def note_faults(page: Page, faults: list[str]) -> None:
    """Note errors on the console, but for answers that refuse something, which is what some tests are about."""

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            faults.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: faults.append(str(error)))


def row(page: Page, name: str, within: str = "#uploading") -> Locator:
    """The row of a file in a list: by the path where it came in a folder."""
    return page.locator(f"{within} .row", has=page.locator(f'.name[title="{name}"]'))


def state(page: Page, name: str) -> Locator:
    """The sentence of a file on its way."""
    return row(page, name).locator(".state")


def stored(page: Page, name: str) -> Locator:
    return row(page, name, "#stored")


def waiting(page: Page, name: str) -> Locator:
    return row(page, name, "#waiting")


def finish(page: Page, name: str) -> None:
    """Wait until a file is stored and verified."""
    expect(stored(page, name).locator(".verified")).to_have_text("✓ Verified")


def begin_slowly(page: Page, proxy: FlakyProxy, *paths: Path) -> None:
    """Begin to upload; some chunks arrive in their time, and then the line stands still until it is mended."""
    slow(proxy)
    page.set_input_files("#files", list(paths))
    expect(state(page, paths[0].name)).to_contain_text("%")


def slow(proxy: FlakyProxy) -> None:
    proxy.bytes_per_second = 2e6
    proxy.stall_after = proxy.bytes_sent + 6 * MIB


def mend(proxy: FlakyProxy) -> None:
    proxy.bytes_per_second = None
    proxy.stall_after = None


def press(page: Page, button: str) -> None:
    """A button by its whole name, as those who hear the page know it."""
    page.get_by_role("button", name=button, exact=True).click()


def details(page: Page, name: str, within: str = "#stored") -> Locator:
    """Open the details of a row."""
    row(page, name, within).locator("[data-action=details]").click()
    return row(page, name, within).locator(".details")


def drop(page: Page, *paths: Path, x: int = 300, y: int = 150) -> None:
    """Drop files and folders on the page, as a person does."""
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    debugger = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        debugger.send("Input.dispatchDragEvent", {"type": kind, "x": x, "y": y, "data": data})


def focused(page: Page) -> Any:
    """What the keyboard is at, as those who hear the page know it."""
    return page.evaluate("() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.id")


def tab_to(page: Page, selector: str) -> None:
    for _ in range(80):
        if page.locator(selector).evaluate("(element) => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{selector} is not reached by Tab")


def delete_everything(page: Page) -> None:
    """All uploads of the user, so that lists are what a test makes them."""
    page.evaluate(
        """async () => {
          const {apiUrl, csrfToken} = JSON.parse(document.getElementById('page-data').textContent);
          for (;;) {
            const {results} = await (await fetch(apiUrl)).json();
            if (results.length === 0) return;
            const request = {method: 'DELETE', headers: {'X-CSRFToken': csrfToken}};
            await Promise.all(results.map(({upload_id}) => fetch(apiUrl + upload_id, request)));
          }
        }"""
    )
    page.reload()
    ready(page)
