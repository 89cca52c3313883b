"""The page for people in Firefox and in WebKit: what a person does, from the login to the deleted file."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from apps.core.tests.noise import noise

from ..flaky_proxy import FlakyProxy
from ..server_process import ServerProcess
from .conftest import Files, sha256_of
from .other_browsers import EXECUTABLES, OtherBrowser, launch
from .uploads_page import MIB, mend, slow

pytestmark = pytest.mark.browser

MakeFile = Callable[..., Path]

STORED = """(name) => [...document.querySelectorAll('#stored .row')].some((row) =>
  row.querySelector('.name').title === name && row.querySelector('.verified').textContent === '✓ Verified')"""
STATE = """(name, words) => [...document.querySelectorAll('#uploading .row, #waiting .row, #stored .row')].some((row) =>
  row.querySelector('.name').title === name && row.querySelector('.state').textContent.includes(words))"""
GONE = """(name, list) => ![...document.querySelectorAll(`${list} .row .name`)].some(({title}) => title === name)"""
READY = "() => document.querySelector('#stored .skeleton')?.hidden"
LOG_IN = """async (password) => {
  const form = new DOMParser().parseFromString(await (await fetch('/login/')).text(), 'text/html');
  const body = new URLSearchParams({
    username: 'demo', password,
    csrfmiddlewaretoken: form.querySelector('[name=csrfmiddlewaretoken]').value,
  });
  return (await fetch('/login/', {method: 'POST', body})).redirected;
}"""


@pytest.fixture(scope="module", params=list(EXECUTABLES))
def browser(request: pytest.FixtureRequest) -> Iterator[OtherBrowser]:
    browser = launch(request.param)
    yield browser
    browser.close()


@pytest.fixture
def page(browser: OtherBrowser, proxy: FlakyProxy, server: ServerProcess, files: Files) -> OtherBrowser:
    """The page, logged in, of a user who has nothing yet."""
    files.delete_all()
    browser.open(f"{proxy.base_url}/login/")
    browser.forget_cookies()
    # Not by the form: on a busy machine WebKit was told now and then that what was typed is wrong. Why is not known.
    assert browser.ask(LOG_IN, (server.directory / "demo-password").read_text())
    # Of its own each time: WebKit may show again what it showed to who was logged in.
    browser.open(f"{proxy.base_url}/?{uuid.uuid4().hex}")
    browser.wait(READY)
    return browser


@pytest.mark.parametrize("browser", ["firefox"], indirect=True)
def test_the_form_logs_in(browser: OtherBrowser, proxy: FlakyProxy, server: ServerProcess) -> None:
    browser.open(f"{proxy.base_url}/login/")
    browser.forget_cookies()
    browser.open(f"{proxy.base_url}/login/?next=/")
    browser.type("#id_username", "demo")
    browser.type("#id_password", (server.directory / "demo-password").read_text())
    browser.ask("() => document.querySelector('form').submit()")
    browser.wait(READY)


def test_files_are_uploaded_and_verified(page: OtherBrowser, make_file: MakeFile, files: Files) -> None:
    paths = [make_file(9 * MIB, "large.bin"), make_file(9, "small.bin"), make_file(0, "empty.bin")]
    page.give("#files", *paths)
    for path in paths:
        page.wait(STORED, path.name)
    hashes = {each["filename"]: each["file"]["sha256"] for each in files.list(status="completed")}
    assert {path.name: hashes[path.name] for path in paths} == {path.name: sha256_of(path) for path in paths}


def test_an_upload_is_paused_and_resumed(page: OtherBrowser, make_file: MakeFile, proxy: FlakyProxy) -> None:
    slow(proxy)
    page.give("#files", make_file(10 * MIB, "paused.bin"))
    page.wait(STATE, "paused.bin", "%")
    page.press("Pause paused.bin")
    page.wait(STATE, "paused.bin", "Paused")
    mend(proxy)
    page.press("Resume paused.bin")
    page.wait(STORED, "paused.bin")


def test_an_upload_resumes_after_a_reload(page: OtherBrowser, make_file: MakeFile, proxy: FlakyProxy) -> None:
    path = make_file(10 * MIB, "reloaded.bin")
    slow(proxy)
    page.give("#files", path)
    page.wait(STATE, "reloaded.bin", "%")
    page.wait("() => Number(document.querySelector('#uploading .map').getAttribute('aria-valuenow')) > 9")
    page.reload()
    page.wait(STATE, "reloaded.bin", "in this browser")
    mend(proxy)
    page.give("#files", path)
    page.wait(STORED, "reloaded.bin")
    assert page.ask(GONE, "reloaded.bin", "#waiting")


def test_a_broken_connection_is_outlived(page: OtherBrowser, make_file: MakeFile, proxy: FlakyProxy) -> None:
    proxy.bytes_per_second = 8e6
    page.give("#files", make_file(20 * MIB, "cut.bin"))
    for _ in range(3):
        page.wait(STATE, "cut.bin", "%")
        proxy.cut()
    mend(proxy)
    page.wait(STORED, "cut.bin")


def test_a_damaged_piece_is_repaired_and_told(page: OtherBrowser, make_file: MakeFile, proxy: FlakyProxy) -> None:
    proxy.corrupt_bodies = 1
    page.give("#files", make_file(6 * MIB, "damaged.bin"))
    page.wait(STORED, "damaged.bin")
    page.wait(STATE, "damaged.bin", "1 damaged piece repaired")


def test_a_cancelled_upload_can_be_undone(page: OtherBrowser, make_file: MakeFile, proxy: FlakyProxy) -> None:
    slow(proxy)
    page.give("#files", make_file(10 * MIB, "undone.bin"))
    page.wait(STATE, "undone.bin", "%")
    page.press("Cancel undone.bin")
    page.wait(STATE, "undone.bin", "Cancelled")
    page.press("Undo: undone.bin")
    mend(proxy)
    page.wait(STORED, "undone.bin")


def test_twins_are_several_files(page: OtherBrowser, tmp_path: Path, files: Files) -> None:
    content = noise(2 * MIB)
    paths = [tmp_path / folder / "twin.bin" for folder in ("one", "two")]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(content)
        os.utime(path, (1_700_000_000, 1_700_000_000))
    before = len(files.list(status="completed"))
    page.give("#files", *paths)
    page.wait(
        "() => [...document.querySelectorAll('#stored .name')].filter(({title}) => title === 'twin.bin').length > 1"
    )
    assert len(files.list(status="completed")) == before + 2


def test_what_is_refused_says_why(page: OtherBrowser, make_file: MakeFile) -> None:
    page.give("#files", make_file(9, "refused.html"))
    page.wait(STATE, "refused.html", ".html files are not accepted")
    assert page.ask("() => document.querySelector('[aria-label=\"Retry refused.html\"]').hidden")


def test_a_stored_file_is_deleted(page: OtherBrowser, make_file: MakeFile, files: Files) -> None:
    page.give("#files", make_file(9, "deleted.bin"))
    page.wait(STORED, "deleted.bin")
    page.press("Details of deleted.bin")
    page.press("Delete deleted.bin")
    page.wait(STATE, "deleted.bin", "Deleted")
    page.wait(GONE, "deleted.bin", "#stored")
    page.wait("() => document.querySelector('#announcer').textContent === 'deleted.bin is deleted.'")
    assert "deleted.bin" not in {each["filename"] for each in files.list()}


def test_stored_files_are_found_by_name(page: OtherBrowser, make_file: MakeFile) -> None:
    page.give("#files", make_file(9, "needle.bin"), make_file(9, "hay.bin"))
    page.wait(STORED, "needle.bin")
    page.wait(STORED, "hay.bin")
    page.type("#search", "NEEDLE")
    page.wait("() => document.querySelectorAll('#stored .row').length === 1")
    assert page.ask(STORED, "needle.bin")


def test_many_files_are_few_rows(page: OtherBrowser, make_file: MakeFile) -> None:
    page.ask(
        """() => {
          window.most = 0;
          const list = document.querySelector('#uploading .rows');
          new MutationObserver(() => { window.most = Math.max(window.most, list.children.length); })
            .observe(list, {childList: true});
        }"""
    )
    page.give("#files", *(make_file(9 + number, f"many-{number}.bin") for number in range(120)))
    page.wait("() => document.querySelector('#overview').textContent === '120 files are stored'")
    assert 0 < page.ask("() => window.most") <= 100


def test_a_login_that_ended_is_asked_for_and_uploads_go_on(
    page: OtherBrowser, make_file: MakeFile, proxy: FlakyProxy, server: ServerProcess
) -> None:
    page.forget_cookies()
    page.give("#files", make_file(3 * MIB, "session.bin"))
    page.wait(STATE, "session.bin", "Waits until you are logged in.")
    # By a frame of the page's own in place of another tab, of which this window has none.
    assert page.ask(LOG_IN, (server.directory / "demo-password").read_text())
    page.ask("() => new BroadcastChannel('uploads-page login').postMessage('loaded')")
    page.wait(STORED, "session.bin")


def test_nothing_scrolls_sideways(page: OtherBrowser, make_file: MakeFile) -> None:
    page.give("#files", make_file(9, "Quarterly-results-and-appendices-of-the-international-conference (copy 2).bin"))
    page.wait("() => document.querySelector('#stored .name')?.title.startsWith('Quarterly')")
    assert page.ask("() => document.documentElement.scrollWidth <= innerWidth")
