"""Real Chromium against the real server."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect

from apps.core.tests.noise import noise

from ..flaky_proxy import FlakyProxy
from ..server_process import ServerProcess
from .chromium import launched
from .pages import SCRIPT
from .uploads_page import log_in, note_faults

MIB = 2**20
PARALLEL = 4
LONG = int(os.environ.get("LONG", "120"))
"""Seconds in which everything happens, however busy the machine is."""

expect.set_options(timeout=LONG * 1000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    context.set_default_timeout(LONG * 1000)
    yield context
    context.close()


@pytest.fixture
def make_file(tmp_path: Path) -> Callable[..., Path]:
    """A file of random bytes: ``make_file(size, name)``."""

    def make(size: int, name: str = "file.bin") -> Path:
        path = tmp_path / name
        with path.open("wb") as file:
            while (left := size - file.tell()) > 0:
                file.write(noise(min(left, 2**24)))
        return path

    return make


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class ClientPage:
    """A page with the client in it, and an API of the test's own around an upload."""

    def __init__(self, context: BrowserContext, base_url: str, token: str, proxy: FlakyProxy | None = None) -> None:
        self.page = context.new_page()
        self.base_url = base_url
        self.token = token
        self._proxy = proxy
        self.chunk_requests: list[str] = []
        """Indices of the chunks that were sent by this page, as often as they were."""
        self.page.on("request", self._note)
        self.load()

    def _note(self, request: Any) -> None:
        if request.method == "PUT":
            self.chunk_requests.append(request.url.rpartition("/")[2])

    def load(self) -> None:
        """Load the page, anew if it was loaded before."""
        self.page.goto(self.base_url + SCRIPT)
        self.page.set_content('<input type="file" id="file" multiple>')
        self.page.add_script_tag(url=SCRIPT)
        self.page.evaluate(HELPERS, self.token)

    def choose(self, *paths: Path) -> None:
        self.page.set_input_files("#file", list(paths))

    def start(self, path: Path, **options: Any) -> None:
        """Begin to upload a file with these options besides the test's."""
        self.choose(path)
        self.page.evaluate("(options) => window.begin(options)", options)

    def begin(self, path: Path, *, stored: int = 2, **options: Any) -> str:
        """Start, and return the upload's id when some chunks are stored; a proxy stands still from then on."""
        self.stall_after(stored)
        self.start(path, **options)
        self.wait_for(f"() => window.stored() >= {stored}")
        upload_id: str = self.evaluate("() => window.upload.uploadId")
        return upload_id

    def stall_after(self, stored: int) -> None:
        """Let the proxy stand still when so many chunks must have arrived, whichever they are."""
        if self._proxy is not None:
            self._proxy.stall_after = self._proxy.bytes_sent + (stored + PARALLEL) * MIB

    def evaluate(self, expression: str, argument: Any = None) -> Any:
        return self.page.evaluate(expression, argument)

    def wait_for(self, expression: str, timeout: float = LONG) -> None:
        """Wait until an expression in the page is true."""
        try:
            self.page.wait_for_function(expression, timeout=timeout * 1000, polling=20)
        except Error as error:
            raise AssertionError(f"{expression}\n{self.log}\n{error}") from error

    @property
    def log(self) -> list[Any]:
        """The states in their order, each with the code of its error."""
        found: list[Any] = self.evaluate("() => window.log")
        return found

    def result(self, timeout: float = LONG) -> dict[str, Any]:
        """What the upload came to: ``{"result": ...}`` or ``{"error": ...}``."""
        self.wait_for("() => window.outcome", timeout)
        outcome: dict[str, Any] = self.evaluate("() => window.outcome")
        return outcome


HELPERS = """(token) => {
  window.fault = null;
  window.addEventListener('unhandledrejection', (event) => { window.fault = String(event.reason); });
  window.token = token;
  window.log = [];
  window.begin = (options = {}) => {
    Object.assign(window, {outcome: undefined, log: [], percentages: [], speeds: [], chunkEvents: [], restarts: []});
    window.uploader ??= new ResumableUploader({
      apiUrl: '/api/v1/upload', authToken: () => window.token, retryDelays: Array(3000).fill(100), chunkSize: 2 ** 20,
      ...options,
    });
    window.upload = window.uploader.uploadFile(document.querySelector('#file').files[0], {
      onProgress: (percentage) => window.percentages.push(percentage),
      onSpeed: (speed) => window.speeds.push(speed),
      onRestart: ({code}) => window.restarts.push(code),
      onChunk: (event) => window.chunkEvents.push(event),
      onStateChange: (state, {error}) => window.log.push(error ? `${state} ${error.code}` : state),
    });
    window.upload.then(
      (result) => { window.outcome = {result}; },
      ({name, code, status, retryable, message, detail}) => {
        window.outcome = {error: {name, code, status, retryable, message, detail}};
      },
    );
  };
  window.stored = () => window.upload.chunks?.filter((state) => state === 2 || state === 4).length ?? 0;
}"""


@pytest.fixture
def open_page(context: BrowserContext, server: ServerProcess) -> Callable[..., ClientPage]:
    """Open a tab: ``open_page()`` straight to the server, ``open_page(proxy)`` through a proxy."""

    def open_it(proxy: FlakyProxy | None = None) -> ClientPage:
        return ClientPage(context, proxy.base_url if proxy else server.base_url, server.token, proxy)

    return open_it


class Files:
    """What the server has, asked without the browser."""

    def __init__(self, server: ServerProcess) -> None:
        self._api = f"{server.base_url}/api/v1/upload"
        self._headers = {"Authorization": f"Bearer {server.token}"}

    def status(self, upload_id: str) -> dict[str, Any]:
        document: dict[str, Any] = self._get(f"/status/{upload_id}").json()
        return document

    def sha256(self, upload_id: str) -> str:
        """Of the published bytes, downloaded."""
        digest = hashlib.sha256()
        with self._get(f"/file/{upload_id}", stream=True) as answer:
            for block in answer.iter_content(2**20):
                digest.update(block)
        return digest.hexdigest()

    def list(self, **filters: str) -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = self._get("/", params={"page_size": "200", **filters}).json()["results"]
        return results

    def delete_all(self) -> None:
        for each in self.list():
            requests.delete(f"{self._api}/{each['upload_id']}", headers=self._headers, timeout=LONG).raise_for_status()

    def _get(self, path: str, **options: Any) -> requests.Response:
        answer = requests.get(self._api + path, headers=self._headers, timeout=LONG, **options)
        answer.raise_for_status()
        return answer


@pytest.fixture
def files(server: ServerProcess) -> Files:
    return Files(server)


@pytest.fixture
def faults() -> list[str]:
    """What pages said on their consoles as errors: violations of the policy, uncaught errors."""
    return []


@pytest.fixture
def open_uploads(server: ServerProcess, proxy: FlakyProxy, faults: list[str]) -> Callable[..., Page]:
    """The page for people, as the demo user who logs in by the form: ``open_uploads(context)``."""

    def go(context: BrowserContext) -> Page:
        page = context.new_page()
        note_faults(page, faults)
        log_in(page, proxy.base_url, (server.directory / "demo-password").read_text())
        return page

    return go


@pytest.fixture
def page(context: BrowserContext, open_uploads: Callable[..., Page], faults: list[str]) -> Iterator[Page]:
    """The page for people; the test fails if it said anything on its console as an error."""
    yield open_uploads(context)
    assert faults == []
