"""The example project in Chromium: a model field, its form, the admin and an inline, over good lines and bad ones."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from apps.core.tests.noise import noise

from ..flaky_proxy import FlakyProxy
from ..server_process import PROJECT, free_port
from .conftest import LONG, MIB
from .uploads_page import note_faults

pytestmark = pytest.mark.browser

FILM = b"\0\0\0\x18ftypisom\0\0\0\0isommp42"
MakeFilm = Callable[..., Path]


class Library:
    """The example, as its README starts it."""

    def __init__(self, directory: Path, kind: str) -> None:
        self.directory = directory
        self.port = free_port()
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("DJANGO", "PYTEST"))},
            "DATA_DIR": str(directory),
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "SERVER": kind,
        }

    def start(self) -> None:
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, PROJECT / "examples/video_library/run.py"],
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + LONG
        while time.monotonic() < deadline:
            assert self._process.poll() is None, (self.directory / "log").read_text()
            try:
                requests.get(f"http://127.0.0.1:{self.port}/accounts/login/", timeout=5)
                return
            except requests.ConnectionError:
                time.sleep(0.1)
        raise AssertionError((self.directory / "log").read_text())

    def kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(20)

    @property
    def password(self) -> str:
        return (self.directory / "password").read_text()

    def digests(self, directory: str = "videos") -> list[str]:
        """Of all files in the field's storage."""
        files = [path for path in (self.directory / "media" / directory).rglob("*") if path.is_file()]
        return [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]


@pytest.fixture(scope="module", params=["asgi", "wsgi"])
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    library = Library(tmp_path_factory.mktemp("library"), request.param)
    library.start()
    yield library
    library.kill()


@pytest.fixture
def proxy(library: Library) -> Iterator[FlakyProxy]:
    proxy = FlakyProxy(library.port)
    yield proxy
    proxy.close()


@pytest.fixture
def make_film(tmp_path: Path) -> MakeFilm:
    def make(size: int, name: str = "film.mp4") -> Path:
        path = tmp_path / name
        with path.open("wb") as file:
            file.write(FILM)
            while (left := size - file.tell()) > 0:
                file.write(noise(min(left, 2**24)))
        return path

    return make


@pytest.fixture
def page(context: BrowserContext, proxy: FlakyProxy, library: Library, faults: list[str]) -> Iterator[Page]:
    """Logged in, at the form; the test fails if the console had an error, violations of the policy among them."""
    page = context.new_page()
    note_faults(page, faults)
    log_in(page, proxy, library)
    yield page
    assert faults == []


def log_in(page: Page, proxy: FlakyProxy, library: Library) -> None:
    page.goto(f"{proxy.base_url}/accounts/login/?next=/add/")
    page.locator("#id_username").fill("demo")
    page.locator("#id_password").fill(library.password)
    page.locator("main button").click()
    expect(page.locator("h1")).to_have_text("Add a video")


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def choose(page: Page, path: Path, within: str = "resumable-upload") -> None:
    page.locator(f"{within} input[type=file]").first.set_input_files(path)


def verified(page: Page, name: str, within: str = "resumable-upload") -> Locator:
    """The row of a file, once it is verified."""
    row = page.locator(f"{within} li", has_text=name)
    expect(row).to_contain_text("✓ Verified")
    return row


def save(page: Page, title: str) -> None:
    page.locator("#id_title").fill(title)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("h1")).to_have_text("Videos")
    expect(page.locator("main")).to_contain_text(title)


def sent_chunks(page: Page) -> list[str]:
    """The chunks that the page sends from now on."""
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "PUT" else None)
    return sent


def begun(page: Page) -> None:
    """Some of it arrived."""
    page.wait_for_function("() => document.querySelector('resumable-upload progress')?.value >= 10")


def test_a_large_film_is_cut_resumes_and_is_saved(
    page: Page, proxy: FlakyProxy, library: Library, make_film: MakeFilm
) -> None:
    path = make_film(300 * MIB)
    proxy.bytes_per_second = 50e6
    choose(page, path)
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_disabled()
    begun(page)
    proxy.cut()
    proxy.bytes_per_second = None
    verified(page, "film.mp4")
    save(page, "Cut in the middle")
    assert sha256_of(path) in library.digests()


def test_after_a_reload_the_same_file_resumes(
    page: Page, proxy: FlakyProxy, library: Library, make_film: MakeFilm
) -> None:
    path = make_film(20 * MIB)
    proxy.bytes_per_second = 8e6
    choose(page, path)
    begun(page)
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    expect(page.locator("resumable-upload")).to_contain_text("film.mp4")
    expect(page.locator("resumable-upload")).to_contain_text("Choose the same file again")
    proxy.bytes_per_second = None
    sent = sent_chunks(page)
    choose(page, path)
    verified(page, "film.mp4")
    assert sum(1 for _ in sent) < 20
    save(page, "Reloaded")
    assert sha256_of(path) in library.digests()


def test_a_killed_server_loses_nothing(page: Page, proxy: FlakyProxy, library: Library, make_film: MakeFilm) -> None:
    path = make_film(20 * MIB)
    proxy.bytes_per_second = 8e6
    choose(page, path)
    begun(page)
    library.kill()
    library.start()
    proxy.bytes_per_second = None
    verified(page, "film.mp4")
    save(page, "Killed")
    assert sha256_of(path) in library.digests()


def test_an_error_elsewhere_keeps_the_file(page: Page, library: Library, make_film: MakeFilm) -> None:
    path = make_film(3 * MIB)
    choose(page, path)
    verified(page, "film.mp4")
    page.locator("#id_title").evaluate("(input) => { input.required = false; }")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".errorlist")).to_contain_text("required")
    sent = sent_chunks(page)
    verified(page, "film.mp4")
    save(page, "Second try")
    assert sent == []
    assert sha256_of(path) in library.digests()


def test_a_form_that_is_sent_again_after_going_back_says_that_it_is_saved(page: Page, make_film: MakeFilm) -> None:
    choose(page, make_film(3 * MIB))
    verified(page, "film.mp4")
    reference = page.locator("resumable-upload .ru-posted").input_value()
    save(page, "Once")
    page.go_back()
    expect(page.locator("h1")).to_have_text("Add a video")
    page.locator("form.card").evaluate(
        """(form, reference) => {
          for (const input of form.querySelectorAll('resumable-upload input')) input.remove();
          const again = document.createElement('input');
          Object.assign(again, {type: 'hidden', name: 'file', value: reference});
          form.append(again);
          form.querySelector('#id_title').value = 'Twice';
          form.submit();
        }""",
        reference,
    )
    expect(page.locator(".errorlist")).to_have_text("This file is already saved.")


def test_two_tabs_with_one_file_upload_and_save_it_once(
    page: Page, context: BrowserContext, proxy: FlakyProxy, library: Library, make_film: MakeFilm
) -> None:
    other = context.new_page()
    other.goto(f"{proxy.base_url}/add/")
    path = make_film(5 * MIB, "both.mp4")
    choose(page, path)
    choose(other, path)
    verified(page, "both.mp4")
    verified(other, "both.mp4")
    save(page, "First tab")
    other.locator("#id_title").fill("Second tab")
    other.get_by_role("button", name="Save", exact=True).click()
    expect(other.locator(".errorlist")).to_have_text("This file is already saved.")
    assert library.digests().count(sha256_of(path)) == 1


def test_what_is_not_accepted_is_told_at_once(page: Page, make_film: MakeFilm) -> None:
    choose(page, make_film(100, "paper.pdf"))
    expect(page.locator("resumable-upload")).to_contain_text("paper.pdf is not accepted here")
    expect(page.locator("resumable-upload .ru-posted")).to_have_count(0)


def test_a_form_that_is_swapped_in_works(page: Page, library: Library, make_film: MakeFilm) -> None:
    page.goto(page.url.replace("/add/", "/"))
    page.evaluate(
        """async () => {
          const html = await (await fetch('/add/')).text();
          const parsed = new DOMParser().parseFromString(html, 'text/html');
          const script = document.createElement('script');
          script.src = parsed.querySelector('script[src]').getAttribute('src');
          document.head.append(script);
          parsed.querySelector('form.card').setAttribute('action', '/add/');
          document.querySelector('main').innerHTML = parsed.querySelector('main').innerHTML;
        }"""
    )
    path = make_film(3 * MIB, "swapped.mp4")
    page.wait_for_function("() => customElements.get('resumable-upload')")
    choose(page, path)
    verified(page, "swapped.mp4")
    save(page, "Swapped")
    assert sha256_of(path) in library.digests()


def test_the_admin_adds_with_an_inline_and_changes(
    page: Page, proxy: FlakyProxy, library: Library, make_film: MakeFilm, tmp_path: Path
) -> None:
    page.goto(f"{proxy.base_url}/admin/library/video/add/")
    subtitle = tmp_path / "english.srt"
    subtitle.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    path = make_film(5 * MIB)
    page.locator("#id_title").fill("From the admin")
    choose(page, path, ".field-file:not(td) resumable-upload")
    page.locator("#id_subtitles-0-language").fill("English")
    choose(page, subtitle, "#subtitles-0 resumable-upload")
    verified(page, "film.mp4")
    verified(page, "english.srt")
    page.get_by_text("Add another Subtitle").click()
    page.locator("#id_subtitles-1-language").fill("German")
    german = tmp_path / "german.srt"
    german.write_text("1\n00:00:00,000 --> 00:00:01,000\nHallo\n")
    choose(page, german, "#subtitles-1 resumable-upload")
    verified(page, "german.srt")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.locator(".messagelist")).to_contain_text("was added successfully")
    assert sha256_of(path) in library.digests()
    assert {sha256_of(subtitle), sha256_of(german)} <= set(library.digests("subtitles"))
    current = page.locator(".field-file:not(td) .ru-current")
    expect(current).to_contain_text("film")
    expect(current).to_contain_text(sha256_of(path))
    other = make_film(3 * MIB, "other.mp4")
    choose(page, other, ".field-file:not(td) resumable-upload")
    verified(page, "other.mp4")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".messagelist")).to_contain_text("was changed successfully")
    assert sha256_of(other) in library.digests()


def test_without_javascript_it_is_an_ordinary_form(
    browser: Browser, proxy: FlakyProxy, library: Library, make_film: MakeFilm
) -> None:
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(LONG * 1000)
    page = context.new_page()
    log_in(page, proxy, library)
    path = make_film(3 * MIB, "plain.mp4")
    choose(page, path)
    save(page, "Plain")
    assert sha256_of(path) in library.digests()
    page.goto(f"{proxy.base_url}/add/")
    page.locator("#id_title").fill("A paper")
    choose(page, make_film(100, "paper.pdf"))
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".errorlist")).to_contain_text("not accepted")
    context.close()


def test_a_file_is_downloaded_by_who_is_logged_in_and_goes_with_its_row(
    page: Page, proxy: FlakyProxy, library: Library, make_film: MakeFilm
) -> None:
    path = make_film(3 * MIB)
    choose(page, path)
    verified(page, "film.mp4")
    save(page, "To be deleted")
    page.get_by_role("link", name="To be deleted", exact=True).click()
    link = page.locator(".ru-current a")
    with page.expect_download() as download:
        link.click()
    assert sha256_of(download.value.path()) == sha256_of(path)
    address = f"{proxy.base_url}{link.get_attribute('href')}"
    assert requests.get(address, allow_redirects=False, timeout=LONG).status_code == 302
    page.goto(f"{proxy.base_url}/")
    page.get_by_role("link", name="Delete To be deleted").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator("h1")).to_have_text("Videos")
    assert sha256_of(path) not in library.digests()
    assert page.request.get(address).status == 404


@pytest.mark.parametrize("library", ["asgi"], indirect=True)
@pytest.mark.parametrize("width", [390, 1280])
def test_the_admin_has_room_for_it_on_every_screen(page: Page, proxy: FlakyProxy, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{proxy.base_url}/admin/library/video/add/")
    for within in (".field-file:not(td)", "#subtitles-0"):
        box = page.locator(f"{within} resumable-upload").bounding_box()
        assert box
        assert box["width"] >= 280
        assert box["height"] <= 160


def test_the_api_takes_what_a_browser_uploaded(page: Page, proxy: FlakyProxy, make_film: MakeFilm) -> None:
    choose(page, make_film(3 * MIB))
    verified(page, "film.mp4")
    reference = page.locator("resumable-upload .ru-posted").input_value()
    created: Any = page.evaluate(
        """async (file) => {
          const csrf = document.querySelector('[name=csrfmiddlewaretoken]').value;
          const headers = {'Content-Type': 'application/json', 'X-CSRFToken': csrf};
          const body = JSON.stringify({title: 'By the API', file});
          const answer = await fetch('/api/videos/', {method: 'POST', headers, body});
          return {status: answer.status, ...(await answer.json())};
        }""",
        reference,
    )
    assert created["status"] == 201
    assert created["file"]["size"] == 3 * MIB
