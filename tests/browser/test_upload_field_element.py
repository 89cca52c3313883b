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
from .uploads_page import MIB, details, drop, log_in, mend, note_faults, slow, stored, tab_to

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
    uploads = page.context.new_page()
    uploads.goto(page.url.replace("/saved/", "/"))
    file = stored(uploads, "holiday.bin")
    expect(file.locator(".facts")).to_contain_text("In use")
    details(uploads, "holiday.bin")
    expect(file).to_contain_text("form_site.clip.file")
    expect(file.get_by_role("button", name="Delete")).to_have_count(0)
    uploads.close()
    page.go_back()
    expect(page.locator(".ru-zone")).to_be_visible()
    page.wait_for_timeout(2000)
    expect(page.locator(".ru-row")).to_have_count(0)
    assert posted(page) == []


def test_pausing_resuming_and_removing(
    open_form: OpenForm, make_file: MakeFile, proxy: FlakyProxy, files: Files
) -> None:
    page = open_form()
    begin(page, proxy, make_file(10 * MIB, "paused.bin"))
    bar = row(page, "paused.bin").get_by_role("progressbar", name="Progress of paused.bin")
    assert 20 <= float(bar.get_attribute("value") or 0) < 100
    press(page, "Pause paused.bin")
    expect(state(page, "paused.bin")).to_contain_text("Paused")
    assert page.evaluate("() => document.querySelector('resumable-upload').uploading") is True
    page.evaluate("() => document.querySelector('resumable-upload').resume()")
    expect(row(page, "paused.bin")).to_have_attribute("data-state", "uploading")
    page.evaluate("() => document.querySelector('resumable-upload').pause()")
    press(page, "Resume paused.bin")
    mend(proxy)
    finish(page, "paused.bin")
    (session,) = (each for each in files.list() if each["filename"] == "paused.bin")
    with page.expect_response(lambda answer: answer.request.method == "DELETE"):
        press(page, "Remove paused.bin")
    expect(page.locator(".ru-row")).to_have_count(0)
    expect(page.locator("#id_file")).to_be_focused()
    assert posted(page) == []
    assert session["upload_id"] not in [each["upload_id"] for each in files.list()]


def test_another_file_replaces_the_first_whose_upload_is_cancelled(
    open_form: OpenForm, make_file: MakeFile, proxy: FlakyProxy, files: Files
) -> None:
    page = open_form()
    begin(page, proxy, make_file(10 * MIB, "first.bin"))
    mend(proxy)
    with page.expect_response("**/cancel"):
        choose(page, make_file(3 * MIB, "second.bin"))
    finish(page, "second.bin")
    expect(page.locator(".ru-row")).to_have_count(1)
    assert len(posted(page)) == 1
    assert "first.bin" not in [each["filename"] for each in files.list(status="active")]


def test_several_files_are_a_list(open_form: OpenForm, make_file: MakeFile) -> None:
    page = open_form("?multiple")
    one, two, three = (make_file(2 * MIB, f"{name}.bin") for name in ("one", "two", "three"))
    choose(page, one, two)
    finish(page, "one.bin")
    finish(page, "two.bin")
    choose(page, three)
    finish(page, "three.bin")
    assert page.evaluate("() => document.querySelector('#id_file').files.length") == 3
    press(page, "Remove two.bin")
    expect(page.get_by_role("button", name="Remove three.bin")).to_be_focused()
    assert len(set(posted(page))) == 2
    press(page, "Save")
    expect(page).to_have_url(re.compile("/saved/$"))
    for path in (one, three):
        expect(page.locator("li", has_text=sha256_of(path))).to_have_count(1)


def test_what_the_field_does_not_take_is_said_at_once(open_form: OpenForm, make_file: MakeFile) -> None:
    page = open_form()
    choose(page, make_file(9, "image.png"))
    problem = page.locator(".ru-problem")
    expect(problem).to_have_text("image.png is not accepted here. Accepted are: .bin, text.")
    assert (problem.get_attribute("id") or "?") in (page.locator("#id_file").get_attribute("aria-describedby") or "")
    choose(page, make_file(0, "nothing.bin"))
    expect(problem).to_have_text("nothing.bin is empty.")
    large = make_file(0, "large.bin")
    with large.open("r+b") as file:
        file.truncate(64_000_001)
    choose(page, large)
    expect(problem).to_have_text("large.bin has 64 MB. Files may have at most 64 MB.")
    drop_on(page, make_file(1, "one.bin"), make_file(1, "two.bin"))
    expect(problem).to_have_text("Only one file can be chosen here.")
    expect(page.locator(".ru-row")).to_have_count(0)
    folder = make_file(1, "one.bin").with_name("folder")
    folder.mkdir()
    drop_on(page, folder)
    expect(problem).to_have_text("There was no file in that.")
    choose(page, make_file(9, "taken.bin"))
    expect(problem).to_be_hidden()
    finish(page, "taken.bin")


def drop_on(page: Page, *paths: Path) -> None:
    box = page.locator(".ru-zone").first.bounding_box()
    assert box
    drop(page, *paths, x=int(box["x"] + 20), y=int(box["y"] + 20))


def test_files_are_dropped(open_form: OpenForm, make_file: MakeFile) -> None:
    page = open_form()
    drop_on(page, make_file(3 * MIB, "dropped.bin"))
    finish(page, "dropped.bin")
    assert len(posted(page)) == 1


def test_a_form_waits_for_its_files(open_form: OpenForm, make_file: MakeFile, proxy: FlakyProxy) -> None:
    page = open_form("?two")
    page.locator("button[name=how]").evaluate(
        """(button) => {
          button.title = 'mine';
          const other = document.createElement('button');
          Object.assign(other, {disabled: true, className: 'own', textContent: 'Other'});
          other.setAttribute('form', 'clip_form');
          document.body.append(other);
        }"""
    )
    begin(page, proxy, make_file(10 * MIB, "waited.bin"))
    save = page.locator("button[name=how]")
    expect(save).to_be_disabled()
    assert save.get_attribute("title") == "Can be saved when the upload is done."
    line = page.locator(f"#{save.get_attribute('aria-describedby')}")
    expect(line).to_be_visible()
    expect(line).to_have_text("Can be saved when the upload is done.")
    page.locator("#id_title").press("Enter")
    page.evaluate("() => document.querySelector('form').requestSubmit()")
    choose(page, make_file(3 * MIB, "beside.bin"), field="#id_sheet")
    mend(proxy)
    finish(page, "waited.bin")
    finish(page, "beside.bin")
    expect(save).to_be_enabled()
    assert (save.get_attribute("title"), save.get_attribute("aria-describedby")) == ("mine", None)
    expect(page.locator(".own")).to_be_disabled()
    expect(line).to_be_hidden()
    assert page.url.endswith("/clip/?two")


def test_a_form_is_saved_when_its_file_is_there(open_form: OpenForm, make_file: MakeFile, proxy: FlakyProxy) -> None:
    page = open_form("?save&required")
    path = make_file(10 * MIB, "followed.bin")
    begin(page, proxy, path)
    press(page, "Save")
    line = page.locator(".ru-line")
    expect(line).to_contain_text("Will be saved when the upload is done.")
    press(page, "Do not save yet")
    expect(line).to_be_hidden()
    page.locator("#id_title").press("Enter")
    expect(line).to_be_visible()
    with page.expect_request(lambda request: request.method == "POST" and "/clip/" in request.url) as request:
        mend(proxy)
    assert "saved" in (request.value.post_data or "")
    expect(page).to_have_url(re.compile("/saved/$"))
    expect(page.locator("li", has_text=sha256_of(path))).to_have_count(1)


def test_a_form_is_not_saved_when_its_upload_fails(open_form: OpenForm, make_file: MakeFile, proxy: FlakyProxy) -> None:
    page = open_form("?save")
    begin(page, proxy, make_file(10 * MIB, "failing.bin"))
    press(page, "Save")
    refused = {"code": "quota_exceeded", "detail": "Full.", "status": 409}
    page.route("**/chunk/**", lambda route: route.fulfill(status=409, json=refused))
    mend(proxy)
    proxy.cut()
    expect(state(page, "failing.bin")).to_have_text("There is no room left for you. Delete something first.")
    expect(page.locator(".ru-line")).to_contain_text("Not saved: the upload failed.")
    expect(page.locator(".ru-live")).to_contain_text("failing.bin could not be uploaded")
    assert page.url.endswith("/clip/?save")
    assert page.evaluate("() => document.querySelector('form').checkValidity()") is False
    page.evaluate("() => { document.querySelector('form').noValidate = true; }")
    press(page, "Save")
    expect(page.locator("#id_file")).to_be_focused()
    assert page.url.endswith("/clip/?save")
    page.unroute("**/chunk/**")
    press(page, "Retry failing.bin")
    finish(page, "failing.bin")
    assert page.evaluate("() => document.querySelector('form').checkValidity()") is True


def test_a_required_field_is_satisfied_by_what_is_uploaded(open_form: OpenForm, make_file: MakeFile) -> None:
    page = open_form("?required")
    valid = "() => document.querySelector('form').checkValidity()"
    assert page.evaluate(valid) is False
    choose(page, make_file(3 * MIB, "needed.bin"))
    finish(page, "needed.bin")
    assert page.evaluate(valid) is True
    page.locator("#id_title").fill("bad")
    press(page, "Save")
    expect(page.locator("text=That is bad.")).to_be_visible()
    finish(page, "needed.bin")
    assert page.evaluate(valid) is True
    press(page, "Remove needed.bin")
    assert page.evaluate(valid) is False


def test_after_a_reload_the_same_file_resumes(
    open_form: OpenForm, make_file: MakeFile, proxy: FlakyProxy, files: Files
) -> None:
    page = open_form()
    path = make_file(10 * MIB, "reloaded.bin")
    begin(page, proxy, path)
    (session,) = (each for each in files.list(status="active") if each["filename"] == "reloaded.bin")
    page.once("dialog", lambda dialog: dialog.accept())
    page.reload()
    expect(state(page, "reloaded.bin")).to_contain_text(
        re.compile(r"^\d+% of 10.5 MB there\. Choose the same file again and it resumes where it stopped\.$")
    )
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_enabled()
    mend(proxy)
    choose(page, path)
    finish(page, "reloaded.bin")
    assert files.status(session["upload_id"])["status"] == "completed"
    # Finished, and not saved: it is offered as what it is.
    page.reload()
    finish(page, "reloaded.bin")
    press(page, "Save")
    expect(page.locator("li", has_text=sha256_of(path))).to_have_count(1)
    page.goto(page.url.replace("/saved/", "/clip/"))
    page.wait_for_timeout(1000)
    expect(page.locator(".ru-row")).to_have_count(0)


def test_one_click_resumes_what_was_dropped(open_form: OpenForm, make_file: MakeFile, proxy: FlakyProxy) -> None:
    page = open_form()
    slow(proxy)
    drop_on(page, make_file(10 * MIB, "kept.bin"))
    wait_for_some(page)
    page.once("dialog", lambda dialog: dialog.accept())
    page.add_init_script("FileSystemHandle.prototype.queryPermission = async () => 'granted'")
    page.reload()
    expect(state(page, "kept.bin")).to_contain_text("there. It resumes where it stopped.")
    mend(proxy)
    press(page, "Resume kept.bin")
    finish(page, "kept.bin")


def test_what_one_tab_sends_is_not_offered_by_another(
    open_form: OpenForm, make_file: MakeFile, proxy: FlakyProxy
) -> None:
    page = open_form()
    begin(page, proxy, make_file(10 * MIB, "elsewhere.bin"))
    other = open_form()
    other.wait_for_timeout(2500)
    expect(other.locator(".ru-row")).to_have_count(0)
    mend(proxy)
    finish(page, "elsewhere.bin")
    press(page, "Remove elsewhere.bin")


def test_a_form_that_comes_back_with_an_error_keeps_its_file(open_form: OpenForm, make_file: MakeFile) -> None:
    page = open_form()
    path = make_file(3 * MIB, "kept.bin")
    choose(page, path)
    finish(page, "kept.bin")
    page.locator("#id_title").fill("bad")
    press(page, "Save")
    expect(page.locator("text=That is bad.")).to_be_visible()
    finish(page, "kept.bin")
    page.wait_for_timeout(1000)
    assert len(posted(page)) == 1
    page.locator("#id_title").fill("good")
    press(page, "Save")
    expect(page.locator("li", has_text=sha256_of(path))).to_have_count(1)


def test_what_was_offered_again_is_there_once_when_the_form_comes_back(
    open_form: OpenForm, make_file: MakeFile
) -> None:
    page = open_form("?multiple")
    choose(page, make_file(3 * MIB, "once.bin"))
    finish(page, "once.bin")
    before = posted(page)
    page.wait_for_timeout(1100)  # References of another second are others.
    page.reload()
    finish(page, "once.bin")
    assert posted(page) != before
    page.locator("#id_title").fill("bad")
    press(page, "Save")
    expect(page.locator("text=That is bad.")).to_be_visible()
    page.wait_for_timeout(2500)
    expect(page.locator(".ru-row")).to_have_count(1)
    with page.expect_response(lambda answer: answer.request.method == "DELETE"):
        press(page, "Remove once.bin")


CLONE = """() => {
  const row = document.querySelector('.row');
  const copy = row.cloneNode(true);
  for (const each of copy.querySelectorAll('[name],[id],[for]'))
    for (const attribute of ['name', 'id', 'for'])
      if (each.hasAttribute(attribute))
        each.setAttribute(attribute, each.getAttribute(attribute).replace('clips-0-', 'clips-1-'));
  row.after(copy);
  document.querySelector('[name=clips-TOTAL_FORMS]').value = '2';
}"""


def test_a_copy_of_a_field_at_work_begins_with_nothing(
    open_form: OpenForm, make_file: MakeFile, proxy: FlakyProxy
) -> None:
    page = open_form(path="/clips/")
    first, second = make_file(10 * MIB, "first.bin"), make_file(3 * MIB, "second.bin")
    slow(proxy)
    choose(page, first, field="#id_clips-0-file")
    wait_for_some(page)
    page.evaluate(CLONE)
    expect(page.locator(".row")).to_have_count(2)
    copy = page.locator(".row").nth(1)
    expect(copy.locator(".ru-row")).to_have_count(0)
    mend(proxy)
    choose(page, second, field="#id_clips-1-file")
    finish(page, "first.bin")
    finish(page, "second.bin")
    assert len(posted(page, "clips-0-file")) == len(posted(page, "clips-1-file")) == 1
    expect(page.locator(".empty-form .ru-box")).to_have_count(0)
    press(page, "Save")
    for path in (first, second):
        expect(page.locator("li", has_text=sha256_of(path))).to_have_count(1)


def test_the_form_that_others_are_made_of_becomes_a_field_when_it_has_a_number(
    open_form: OpenForm, make_file: MakeFile
) -> None:
    page = open_form(path="/clips/")
    page.evaluate(
        """() => {
          const template = document.querySelector('.empty-form');
          const row = template.cloneNode(true);
          Object.assign(row, {hidden: false, className: 'row'});
          template.before(row);
          for (const each of row.querySelectorAll('*'))
            for (const attribute of ['name', 'id', 'for'])
              if (each.hasAttribute(attribute))
                each.setAttribute(attribute, each.getAttribute(attribute).replace('__prefix__', '1'));
        }"""
    )
    choose(page, make_file(3 * MIB, "added.bin"), field="#id_clips-1-file")
    finish(page, "added.bin")
    assert len(posted(page, "clips-1-file")) == 1
    # Formsets count anew when a row is removed.
    page.evaluate(
        "() => document.querySelectorAll('.row [name=clips-1-file]').forEach((each) => { each.name = 'clips-0-file'; })"
    )
    page.wait_for_function("() => !new FormData(document.querySelector('form')).has('clips-1-file')")
    assert len(posted(page, "clips-0-file")) == 1


def test_an_element_that_is_taken_out_stops_and_one_that_is_moved_goes_on(
    open_form: OpenForm, make_file: MakeFile, proxy: FlakyProxy
) -> None:
    page = open_form()
    path = make_file(10 * MIB, "moved.bin")
    begin(page, proxy, path)
    page.evaluate(
        "() => { const field = document.querySelector('resumable-upload'); field.parentElement.append(field); }"
    )
    expect(row(page, "moved.bin")).to_have_attribute("data-state", "uploading")
    page.evaluate(
        """() => {
          window.taken = document.querySelector('resumable-upload');
          window.place = window.taken.parentElement;
          window.taken.remove();
        }"""
    )
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_enabled()
    assert page.evaluate("() => window.taken.innerHTML.includes('ru-box')") is False
    assert page.evaluate("() => window.taken.querySelector('input[type=file]').name") == "file"
    page.evaluate("() => window.place.append(window.taken)")
    expect(state(page, "moved.bin")).to_contain_text("Choose the same file again")
    mend(proxy)
    choose(page, path)
    finish(page, "moved.bin")
    page.evaluate("() => { window.taken.remove(); }")
    page.wait_for_timeout(100)
    page.evaluate("() => window.place.append(window.taken)")
    finish(page, "moved.bin")
    assert len(posted(page)) == 1
    press(page, "Remove moved.bin")


def test_with_the_keyboard_alone(open_form: OpenForm, make_file: MakeFile, proxy: FlakyProxy) -> None:
    page = open_form()
    path = make_file(10 * MIB, "typed.bin")
    page.get_by_label("Title").focus()
    tab_to(page, "#id_file")
    assert page.get_by_label("Film").evaluate("(element) => element === document.activeElement")
    assert "id_file_helptext" in (page.locator("#id_file").get_attribute("aria-describedby") or "")
    slow(proxy)
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files(path)
    wait_for_some(page)
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("button", name="Remove typed.bin")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(state(page, "typed.bin")).to_contain_text("Paused")
    expect(page.get_by_role("button", name="Resume typed.bin")).to_be_focused()
    page.keyboard.press("Enter")
    mend(proxy)
    finish(page, "typed.bin")


def test_whoever_leaves_while_something_is_sent_is_asked(
    open_form: OpenForm, make_file: MakeFile, proxy: FlakyProxy
) -> None:
    page = open_form()
    asks = """() => {
      const event = new Event('beforeunload', {cancelable: true});
      window.dispatchEvent(event);
      return event.defaultPrevented;
    }"""
    assert page.evaluate(asks) is False
    begin(page, proxy, make_file(10 * MIB, "left.bin"))
    assert page.evaluate(asks) is True
    mend(proxy)
    finish(page, "left.bin")
    assert page.evaluate(asks) is False


def test_after_a_login_in_another_tab_it_resumes_and_the_form_can_be_saved(
    open_form: OpenForm,
    make_file: MakeFile,
    proxy: FlakyProxy,
    context: BrowserContext,
    server: ServerProcess,
) -> None:
    page = open_form()
    path = make_file(10 * MIB, "logged-out.bin")
    begin(page, proxy, path)
    context.clear_cookies()
    mend(proxy)
    expect(state(page, "logged-out.bin")).to_contain_text("Log in again in another tab")
    other = context.new_page()
    log_in(other, proxy.base_url, (server.directory / "demo-password").read_text())
    other.close()
    page.bring_to_front()
    press(page, "Retry logged-out.bin")
    finish(page, "logged-out.bin")
    press(page, "Save")
    expect(page.locator("li", has_text=sha256_of(path))).to_have_count(1)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("purpose_expired", "This page is too old. Reload it, and choose the file again."),
        ("purpose_invalid", "The server does not know this field. Reload the page."),
    ],
)
def test_a_page_that_is_too_old_says_so(open_form: OpenForm, make_file: MakeFile, code: str, words: str) -> None:
    page = open_form()
    refused = {"code": code, "detail": "No.", "status": 400}
    page.route("**/init", lambda route: route.fulfill(status=400, json=refused))
    choose(page, make_file(3 * MIB, "old.bin"))
    expect(state(page, "old.bin")).to_have_text(words)
    expect(row(page, "old.bin").get_by_role("button")).to_have_count(1)
    page.evaluate("() => document.querySelector('form').reset()")
    expect(page.locator(".ru-row")).to_have_count(0)


def test_a_script_that_is_there_twice_does_no_harm(open_form: OpenForm, make_file: MakeFile) -> None:
    page = open_form()
    page.evaluate(
        """async () => {
          const script = document.createElement('script');
          script.src = document.querySelector('script[src*=resumable-upload-field]').src + '?again';
          const loaded = new Promise((resolve, reject) => Object.assign(script, {onload: resolve, onerror: reject}));
          document.head.append(script);
          await loaded;
        }"""
    )
    choose(page, make_file(3 * MIB, "twice.bin"))
    finish(page, "twice.bin")
    assert len(posted(page)) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("admin", ["", "&admin"])
@pytest.mark.parametrize("width", [320, 1280])
def test_axe_finds_nothing_in_any_state(
    open_form: OpenForm,
    make_file: MakeFile,
    proxy: FlakyProxy,
    axe: Path,
    scheme: Any,
    admin: str,
    width: int,
    faults: list[str],
) -> None:
    page = open_form(f"?multiple{admin}")
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 800})
    check(page, axe, "empty")
    long = "Quarterly-results-and-appendices-of-the-international-conference (copy 2).bin"
    choose(page, make_file(2 * MIB, long))
    finish(page, long)
    choose(page, make_file(9, "refused.png"))
    check(page, axe, "verified, and one refused")
    begin(page, proxy, make_file(10 * MIB, "looked-at.bin"))
    check(page, axe, "uploading")
    press(page, "Pause looked-at.bin")
    check(page, axe, "paused")
    page.reload()
    expect(state(page, "looked-at.bin")).to_contain_text("Choose the same file again")
    check(page, axe, "offered")
    refused = {"code": "quota_exceeded", "detail": "Full.", "status": 409}
    page.route("**/init", lambda route: route.fulfill(status=409, json=refused))
    choose(page, make_file(2 * MIB, "failing.bin"))
    expect(state(page, "failing.bin")).to_contain_text("no room")
    check(page, axe, "failed")
    mend(proxy)
    for name in (long, "looked-at.bin", "failing.bin"):
        press(page, f"Remove {name}")
    expect(page.locator(".ru-row")).to_have_count(0)
    # Axe sets styles that the policy forbids.
    faults[:] = [fault for fault in faults if "Applying inline style" not in fault]


def test_without_javascript_it_is_an_ordinary_file_input(
    open_form: OpenForm, context: BrowserContext, make_file: MakeFile, proxy: FlakyProxy
) -> None:
    open_form().close()
    browser = context.browser
    assert browser
    plain = browser.new_context(java_script_enabled=False, storage_state=context.storage_state())
    plain.set_default_timeout(LONG * 1000)
    page = plain.new_page()
    page.goto(f"{proxy.base_url}/clip/")
    path = make_file(20_000, "plain.bin")
    choose(page, path)
    press(page, "Save")
    expect(page.locator("li", has_text=sha256_of(path))).to_have_count(1)
    plain.close()
