"""What can be undone on the page loses no file, whatever happens meanwhile; and lists are as new as what happened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from apps.core.tests.noise import noise

from ..flaky_proxy import FlakyProxy
from .conftest import Files, sha256_of
from .uploads_page import (
    MIB,
    begin_slowly,
    delete_everything,
    details,
    drop,
    finish,
    mend,
    press,
    row,
    state,
    stored,
    waiting,
)

pytestmark = pytest.mark.browser

MakeFile = Callable[..., Path]
CLICK_TWICE = """(label) => {
  const button = document.querySelector(`[aria-label="${label}"]`);
  button.click();
  button.click();
}"""


def _first(page: Page, held: list[Route]) -> Route:
    """The first request that was held; a request is announced a moment before it is held."""
    while not held:
        page.wait_for_timeout(20)
    return held[0]


@pytest.mark.parametrize("leaving", [True, False])
def test_a_discarded_upload_that_goes_on_is_not_discarded(
    page: Page, make_file: MakeFile, proxy: FlakyProxy, files: Files, leaving: bool
) -> None:
    path = make_file(10 * MIB, f"spared-{leaving}.bin")
    begin_slowly(page, proxy, path)
    page.wait_for_function("() => Number(document.querySelector('#uploading .map').getAttribute('aria-valuenow')) > 9")
    page.reload()
    press(page, f"Discard {path.name}")
    mend(proxy)
    page.set_input_files("#files", path)
    finish(page, path.name)
    if leaving:
        page.goto("about:blank")
    page.wait_for_timeout(7000)  # Longer than it could have been undone.
    (session,) = (each for each in files.list() if each["filename"] == path.name)
    assert session["file"]["sha256"] == sha256_of(path)


def test_a_second_click_takes_no_undo_away(page: Page, make_file: MakeFile, proxy: FlakyProxy, files: Files) -> None:
    begin_slowly(page, proxy, make_file(10 * MIB, "twice.bin"))
    page.evaluate(CLICK_TWICE, "Cancel twice.bin")
    expect(state(page, "twice.bin")).to_have_text("Cancelled")
    mend(proxy)
    press(page, "Undo: twice.bin")
    finish(page, "twice.bin")
    details(page, "twice.bin")
    page.evaluate(CLICK_TWICE, "Delete twice.bin")
    press(page, "Undo: twice.bin")
    page.wait_for_timeout(7000)
    assert [each["status"] for each in files.list() if each["filename"] == "twice.bin"] == ["completed"]


def test_another_file_of_the_same_size_is_not_stored_under_the_name_of_the_one_that_waits(
    page: Page, make_file: MakeFile, proxy: FlakyProxy, files: Files
) -> None:
    begin_slowly(page, proxy, make_file(10 * MIB, "contract.bin"))
    page.wait_for_function("() => Number(document.querySelector('#uploading .map').getAttribute('aria-valuenow')) > 9")
    page.reload()
    mend(proxy)
    other = make_file(10 * MIB, "holiday.bin")
    waiting(page, "contract.bin").locator("input").set_input_files(other)
    finish(page, "holiday.bin")
    sessions = {each["filename"]: each for each in files.list()}
    assert sessions["holiday.bin"]["file"]["sha256"] == sha256_of(other)
    assert sessions["contract.bin"]["status"] == "active"
    expect(waiting(page, "contract.bin")).to_be_visible()


def test_a_pending_delete_keeps_its_undo_while_lists_come_and_go(page: Page, make_file: MakeFile) -> None:
    page.set_input_files("#files", make_file(9, "pending.bin"))
    finish(page, "pending.bin")
    details(page, "pending.bin")
    press(page, "Delete pending.bin")
    for words in ("no such name", ""):
        with page.expect_response(lambda answer: "/api/v1/upload/?" in answer.url):
            page.get_by_label("Search stored files").fill(words)
    expect(stored(page, "pending.bin").locator(".facts")).to_have_text("Deleted")
    press(page, "Undo: pending.bin")
    expect(stored(page, "pending.bin").locator(".verified")).to_have_text("✓ Verified")


def test_a_list_that_is_older_than_what_was_stored_hides_nothing(page: Page, make_file: MakeFile) -> None:
    delete_everything(page)
    held: list[Route] = []
    page.route("**/api/v1/upload/?status=completed*", lambda route: held.append(route))
    with page.expect_request("**/api/v1/upload/?status=completed*"):
        page.reload()
    page.wait_for_function("() => document.querySelector('#accepted').textContent")
    answer = _first(page, held).fetch()
    page.set_input_files("#files", make_file(9, "newer.bin"))
    finish(page, "newer.bin")
    held[0].fulfill(response=answer)
    page.unroute("**/api/v1/upload/?status=completed*")
    page.wait_for_timeout(500)
    finish(page, "newer.bin")


def test_a_cancel_while_the_server_completes_leaves_no_file(page: Page, make_file: MakeFile, files: Files) -> None:
    held: list[Route] = []
    page.route("**/complete", lambda route: held.append(route))
    page.set_input_files("#files", make_file(3 * MIB, "ending.bin"))
    expect(state(page, "ending.bin")).to_contain_text("Verifying")
    press(page, "Cancel ending.bin")
    _first(page, held).continue_()
    expect(row(page, "ending.bin")).to_have_count(0)
    for _ in range(300):
        if not [each for each in files.list(status="completed") if each["filename"] == "ending.bin"]:
            break
        page.wait_for_timeout(100)
    assert [each["status"] for each in files.list() if each["filename"] == "ending.bin"] in ([], ["cancelled"])


def test_an_upload_that_is_resumed_does_not_say_that_it_is_paused(
    page: Page, make_file: MakeFile, proxy: FlakyProxy
) -> None:
    begin_slowly(page, proxy, make_file(10 * MIB, "slow.bin"))
    press(page, "Pause slow.bin")
    expect(state(page, "slow.bin")).to_contain_text("Paused")
    proxy.stalled = True
    press(page, "Resume slow.bin")
    expect(state(page, "slow.bin")).not_to_contain_text("Paused")
    expect(row(page, "slow.bin").get_by_role("button", name="Pause slow.bin")).to_be_visible()
    proxy.stalled = False
    mend(proxy)
    finish(page, "slow.bin")


def test_what_is_deleted_is_not_counted_as_stored(page: Page, make_file: MakeFile) -> None:
    page.set_input_files("#files", [make_file(9, "counted.bin"), make_file(8, "uncounted.bin")])
    expect(page.locator("#overview")).to_have_text("2 files are stored")
    details(page, "uncounted.bin")
    press(page, "Delete uncounted.bin")
    expect(page.locator("#overview")).to_have_text("1 file is stored")


def test_one_file_that_cannot_be_read_takes_no_other_with_it(page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    for name in ("good.bin", "bad.bin"):
        (folder / name).write_bytes(noise(9))
    page.evaluate(
        """() => {
          const {getFile} = FileSystemFileHandle.prototype;
          FileSystemFileHandle.prototype.getFile = async function () {
            if (this.name === 'bad.bin') throw new DOMException('gone', 'NotFoundError');
            return getFile.call(this);
          };
        }"""
    )
    drop(page, folder)
    finish(page, "mixed/good.bin")
    expect(page.locator("#notice")).to_have_text("mixed/bad.bin cannot be read.")
