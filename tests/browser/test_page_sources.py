"""Where the page's files come from, in Chromium: drops, folders, pastes, pickers, and handles that outlive a reload."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from apps.core.tests.noise import noise

from ..flaky_proxy import FlakyProxy
from .conftest import Files
from .uploads_page import (
    MIB,
    begin_slowly,
    delete_everything,
    drop,
    finish,
    mend,
    press,
    ready,
    slow,
    state,
    stored,
    waiting,
)

pytestmark = pytest.mark.browser

MakeFile = Callable[..., Path]
TWINS = ("one", "two", "three")


def test_dropped_files_and_folders_are_uploaded_with_their_paths(page: Page, tmp_path: Path, files: Files) -> None:
    folder = tmp_path / "trip"
    (folder / "day 1").mkdir(parents=True)
    (folder / "day 1" / "deep.bin").write_bytes(b"deep")
    (folder / "flat.bin").write_bytes(b"flat")
    (folder / ".DS_Store").write_bytes(b"litter")
    single = tmp_path / "single.bin"
    single.write_bytes(b"single")
    drop(page, folder, single)
    for name in ("trip/day 1/deep.bin", "trip/flat.bin", "single.bin"):
        finish(page, name)
    expect(stored(page, "trip/day 1/deep.bin").locator(".facts")).to_contain_text("trip/day 1")
    expect(page.locator("#notice")).to_have_text("1 hidden file of the system was left out.")
    paths = {each["metadata"].get("relative_path") for each in files.list(status="completed")}
    assert paths >= {"trip/day 1/deep.bin", "trip/flat.bin", None}


def _make_twins(directory: Path, content: bytes) -> list[Path]:
    for name in TWINS:
        (directory / name).mkdir()
        (directory / name / "twin.bin").write_bytes(content)
        os.utime(directory / name / "twin.bin", (1_700_000_000, 1_700_000_000))
    return [directory / name for name in TWINS]


@pytest.mark.parametrize("size", [0, 2 * MIB])
def test_twins_in_several_folders_are_several_files(page: Page, tmp_path: Path, files: Files, size: int) -> None:
    delete_everything(page)
    drop(page, *_make_twins(tmp_path, noise(size)))
    for name in TWINS:
        finish(page, f"{name}/twin.bin")
    sessions = files.list(status="completed")
    assert {each["metadata"]["relative_path"] for each in sessions} == {f"{name}/twin.bin" for name in TWINS}


def test_twins_of_which_the_browser_tells_no_path_are_several_files_too(
    page: Page, tmp_path: Path, files: Files
) -> None:
    delete_everything(page)
    page.set_input_files("#files", [folder / "twin.bin" for folder in _make_twins(tmp_path, noise(2 * MIB))])
    expect(stored(page, "twin.bin")).to_have_count(3)
    assert len(files.list(status="completed")) == 3


def test_twins_resume_each_its_own_session_after_a_reload(
    page: Page, tmp_path: Path, files: Files, proxy: FlakyProxy
) -> None:
    delete_everything(page)
    twins = _make_twins(tmp_path, noise(4 * MIB))
    slow(proxy)
    drop(page, *twins)
    page.wait_for_function(
        "() => [...document.querySelectorAll('#uploading .state')].filter((e) => /%/.test(e.textContent)).length === 3"
    )
    page.reload()
    expect(page.locator("#waiting .row")).to_have_count(3)
    mend(proxy)
    drop(page, *twins)
    for name in TWINS:
        finish(page, f"{name}/twin.bin")
    assert len(files.list()) == 3


def test_an_empty_folder_is_told(page: Page, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    drop(page, tmp_path / "nothing")
    expect(page.locator("#notice")).to_have_text("The folder nothing is empty.")


def test_the_whole_window_takes_drops_and_shows_it(page: Page, make_file: MakeFile) -> None:
    path = make_file(9, "anywhere.bin")
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    debugger = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver"):
        debugger.send("Input.dispatchDragEvent", {"type": kind, "x": 5, "y": 700, "data": data})
    expect(page.get_by_text("Drop to upload")).to_be_visible()
    debugger.send("Input.dispatchDragEvent", {"type": "drop", "x": 5, "y": 700, "data": data})
    finish(page, "anywhere.bin")
    expect(page.get_by_text("Drop to upload")).to_be_hidden()


def test_pasted_pictures_are_named_after_their_time(page: Page) -> None:
    page.evaluate(
        """async () => {
          const canvas = Object.assign(document.createElement('canvas'), {width: 8, height: 8});
          const blob = await new Promise((made) => canvas.toBlob(made));
          const clipboardData = new DataTransfer();
          clipboardData.items.add(new File([blob], 'image.png', {type: 'image/png'}));
          document.dispatchEvent(new ClipboardEvent('paste', {clipboardData, bubbles: true}));
        }"""
    )
    expect(page.locator("#stored .name[title^=pasted]")).to_have_count(1)


PICKER = """
// A picker whose files lie in the browser's own file system: their handles are real, and kept as others are.
globalThis.showOpenFilePicker = async () => {
  const directory = await navigator.storage.getDirectory();
  return [await directory.getFileHandle('picked.bin')];
};
"""
MAKE_PICKED = """async (size) => {
  const directory = await navigator.storage.getDirectory();
  const handle = await directory.getFileHandle('picked.bin', {create: true});
  const writable = await handle.createWritable();
  await writable.write(crypto.getRandomValues(new Uint8Array(65536)));
  await writable.truncate(size);
  await writable.close();
}"""


@pytest.fixture
def picked(context: BrowserContext, open_uploads: Callable[..., Page], proxy: FlakyProxy) -> Page:
    """A page on which a file was picked with its handle, was sent in part, and was left by a reload."""
    context.add_init_script(PICKER)
    page = open_uploads(context)
    delete_everything(page)
    page.evaluate(MAKE_PICKED, 10 * MIB)
    slow(proxy)
    page.locator("#files").dispatch_event("click")
    expect(state(page, "picked.bin")).to_contain_text("%")
    page.wait_for_function("() => Number(document.querySelector('#uploading .map').getAttribute('aria-valuenow')) > 9")
    page.reload()
    ready(page)
    return page


def test_after_a_reload_one_click_goes_on_without_choosing_again(picked: Page, proxy: FlakyProxy) -> None:
    mend(proxy)
    press(picked, "Continue picked.bin")
    expect(waiting(picked, "picked.bin")).to_have_count(0)
    finish(picked, "picked.bin")
    kept: Any = picked.evaluate(
        """() => new Promise((got) => {
          const opening = indexedDB.open('resumable-uploads');
          opening.onsuccess = () => {
            const asking = opening.result.transaction('handles').objectStore('handles').count();
            asking.onsuccess = () => got(asking.result);
          };
        })"""
    )
    assert kept == 0


@pytest.mark.parametrize("answer", ["denied", "never"])
def test_a_permission_that_is_not_given_asks_for_the_file_and_holds_up_no_other(
    picked: Page, proxy: FlakyProxy, make_file: MakeFile, answer: str
) -> None:
    mend(proxy)
    picked.evaluate(
        """(answer) => {
          FileSystemHandle.prototype.queryPermission = async () => 'prompt';
          const answered = answer === 'never' ? new Promise(() => {}) : Promise.resolve(answer);
          FileSystemHandle.prototype.requestPermission = () => answered;
        }""",
        answer,
    )
    press(picked, "Continue picked.bin")
    if answer == "never":
        expect(waiting(picked, "picked.bin").locator(".state")).to_contain_text("The browser asks")
    picked.set_input_files("#files", make_file(9, "beside.bin"))
    finish(picked, "beside.bin")
    expect(waiting(picked, "picked.bin").locator(".state")).to_have_text(
        "Choose the same file again and it resumes where it stopped."
    )
    expect(waiting(picked, "picked.bin").get_by_label("Continue picked.bin: choose the file")).to_be_focused()


def test_leaving_is_warned_of_only_if_something_would_be_lost(
    page: Page, make_file: MakeFile, proxy: FlakyProxy, context: BrowserContext
) -> None:
    asks = """() => {
      const event = new Event('beforeunload', {cancelable: true});
      window.dispatchEvent(event);
      return event.defaultPrevented;
    }"""
    assert page.evaluate(asks) is False
    page.route("**/init", lambda route: None)
    page.set_input_files("#files", make_file(3 * MIB, "unheard.bin"))
    expect(state(page, "unheard.bin")).to_contain_text("Starting")
    assert page.evaluate(asks) is True
    page.unroute("**/init")
    page.reload()
    ready(page)
    begin_slowly(page, proxy, make_file(10 * MIB, "heard.bin"))
    assert page.evaluate(asks) is False
    mend(proxy)
    finish(page, "heard.bin")


def test_the_screen_stays_on_while_something_is_sent(
    context: BrowserContext, open_uploads: Callable[..., Page], make_file: MakeFile, proxy: FlakyProxy
) -> None:
    context.add_init_script(
        """
        window.locks = [];
        navigator.wakeLock.request = async () => {
          const lock = {released: false, release: async () => { lock.released = true; }};
          window.locks.push(lock);
          return lock;
        };
        """
    )
    page = open_uploads(context)
    begin_slowly(page, proxy, make_file(10 * MIB, "awake.bin"))
    page.wait_for_function("() => window.locks.filter(({released}) => !released).length === 1")
    mend(proxy)
    finish(page, "awake.bin")
    page.wait_for_function("() => window.locks.every(({released}) => released)")
