"""``<resumable-upload>`` in Chromium: in real forms of a real project, which save what was uploaded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from ..flaky_proxy import FlakyProxy
from ..server_process import ServerProcess
from .conftest import LONG, Files, sha256_of
from .test_page_looks import axe, check
from .uploads_page import MIB, drop, log_in, mend, note_faults, slow, tab_to

pytestmark = pytest.mark.browser

MakeFile = Callable[..., Path]
OpenForm = Callable[..., Page]
__all__ = ["axe"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """The project with an app that has forms."""
    settings = "tests.browser.form_site.settings"
    process = ServerProcess(tmp_path_factory.mktemp("server") / "data", "asgi", DJANGO_SETTINGS_MODULE=settings)
    process.start()
    yield process
    process.stop()


@pytest.fixture
def open_form(
    context: BrowserContext, server: ServerProcess, proxy: FlakyProxy, faults: list[str]
) -> Iterator[OpenForm]:
    """``open_form("?required")`` as the demo user; the test fails if the page says an error, as of its policy."""
    # The picker that gives handles is one that tests cannot answer.
    context.add_init_script("delete globalThis.showOpenFilePicker")
    first = context.new_page()
    log_in(first, proxy.base_url, (server.directory / "demo-password").read_text())
    first.close()

    def go(query: str = "", path: str = "/clip/") -> Page:
        page = context.new_page()
        note_faults(page, faults)
        page.goto(f"{proxy.base_url}{path}{query}")
        return page

    yield go
    mend(proxy)
    assert faults == []


def row(page: Page, name: str) -> Locator:
    return page.locator(".ru-row", has=page.locator(f'.ru-name[title="{name}"]'))


def state(page: Page, name: str) -> Locator:
    return row(page, name).locator(".ru-state")


def choose(page: Page, *paths: Path, field: str = "#id_file") -> None:
    page.set_input_files(field, list(paths))


def begin(page: Page, proxy: FlakyProxy, *paths: Path) -> None:
    """Begin to upload; some chunks arrive, and then the line stands still until it is mended."""
    slow(proxy)
    choose(page, *paths)
    expect(state(page, paths[0].name)).to_contain_text("%")
    wait_for_some(page)


def wait_for_some(page: Page) -> None:
    page.wait_for_function("() => [...document.querySelectorAll('.ru-bar')].some(({value}) => value > 20)")


def finish(page: Page, name: str) -> None:
    expect(state(page, name)).to_contain_text("✓ Verified")


def posted(page: Page, name: str = "file") -> list[str]:
    """What the form would send for a field, and that it is no bytes."""
    values: list[Any] = page.evaluate("(name) => new FormData(document.querySelector('form')).getAll(name)", name)
    assert all(isinstance(value, str) for value in values)
    return values


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def test_a_file_is_uploaded_while_the_form_is_filled_in_and_saved_with_it(
    open_form: OpenForm, make_file: MakeFile
) -> None:
    page = open_form()
    path = make_file(3 * MIB, "holiday.bin")
    page.evaluate(
        """() => {
          window.told = [];
          for (const name of ['progress', 'complete', 'error', 'remove'])
            document.addEventListener(`resumable-upload:${name}`, ({detail}) => window.told.push([name, detail]));
        }"""
    )
    choose(page, path)
    finish(page, "holiday.bin")
    expect(page.locator("#id_file")).not_to_have_attribute("name", "file")
    expect(page.locator(".ru-live")).to_have_text("holiday.bin is uploaded and verified.")
    (reference,) = posted(page)
    told = page.evaluate("() => window.told")
    assert {name for name, _ in told} == {"progress", "complete"}
    assert told[-1][1]["reference"] == reference
    assert told[-1][1]["sha256"] == sha256_of(path)
    assert page.evaluate("() => document.querySelector('resumable-upload').references") == [reference]
    assert page.evaluate("() => document.querySelector('resumable-upload').uploading") is False
    press(page, "Save")
    expect(page).to_have_url(re.compile("/saved/$"))
    expect(page.locator("li", has_text=sha256_of(path))).to_have_count(1)
    page.go_back()
    expect(page.locator(".ru-zone")).to_be_visible()
    page.wait_for_timeout(2000)
    expect(page.locator(".ru-row")).to_have_count(0)
    assert posted(page) == []
