"""Uppy as it comes from npm, in Chromium, against server processes: whole, and cut and resumed, by both its plugins."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, expect

from apps.core.tests.noise import noise

from ..browser.chromium import launched
from ..browser.pages import ModulePage, run_node
from ..flaky_proxy import FlakyProxy
from ..server_process import ServerProcess
from ..test_docs import snippets
from .installed import HERE, require_installed

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MIB = 2**20
SIZE = 24_000_000
LONG = 120
"""Seconds in which everything happens, however busy the machine is."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture
def context(browser: Browser, server: ServerProcess, proxy: FlakyProxy) -> Iterator[BrowserContext]:
    """The demo user's, logged in behind the bad network."""
    context = browser.new_context()
    context.set_default_timeout(LONG * 1000)
    page = context.new_page()
    page.goto(proxy.base_url)
    page.get_by_label("Name").fill("demo")
    page.get_by_label("Password").fill((server.directory / "demo-password").read_text())
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Drop files")).to_be_visible()
    page.close()
    yield context
    context.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "film.bin"
    path.write_bytes(noise(SIZE))
    return path


class UppyPage:
    """A page with a file input and a script that imports one of Uppy's versions."""

    def __init__(self, context: BrowserContext, base_url: str, token: str, version: str, source: str, root: Path):
        directory = root / version
        directory.mkdir(exist_ok=True)
        self._open: Callable[[], ModulePage] = lambda: ModulePage(
            context, base_url, token, source, directory, bundle_with=lambda path, out: bundle(path, out, version)
        )
        self.sent: list[tuple[str, str, int]] = []
        """Requests that bring bytes and were answered: method, address, status."""
        self.load()

    def load(self) -> None:
        self.module = self._open()
        self.page = self.module.page
        self.page.on("response", self._note)
        self.page.wait_for_function("() => window.uppy", timeout=LONG * 1000)

    def _note(self, response: Any) -> None:
        if response.request.method in ("PUT", "PATCH"):
            self.sent.append((response.request.method, response.url.partition("?")[0], response.status))

    def choose(self, file: Path) -> None:
        self.page.set_input_files("input[type=file]", file)

    def uploaded(self) -> str:
        """The address that Uppy gives its application, once the file is stored."""
        self.page.wait_for_function("() => window.outcome", timeout=LONG * 1000)
        outcome: dict[str, Any] = self.page.evaluate("() => window.outcome")
        assert "url" in outcome, (outcome, self.module.faults)
        return str(outcome["url"])


def bundle(source: Path, directory: Path, version: str) -> None:
    run_node("bundle.mjs", str(source), str(directory), f"./{version}/", cwd=HERE)


# What an application does; the file input is the test's.
APPLICATION = """
import Uppy from "@uppy/core";
import Plugin from "%(plugin)s";

const uppy = new Uppy({ autoProceed: true }).use(Plugin, %(options)s);
document.body.innerHTML = '<input type="file">';
document.querySelector("input[type=file]").addEventListener("change", (event) => {
  for (const file of event.target.files) uppy.addFile(file);
});
uppy.on("upload-success", (file, response) => { window.outcome = { url: response.uploadURL }; });
uppy.on("upload-error", (file, error) => { window.outcome = { error: String(error) }; });
window.uppy = uppy;
"""


@pytest.fixture
def open_page(
    context: BrowserContext, server: ServerProcess, proxy: FlakyProxy, tmp_path: Path
) -> Callable[..., UppyPage]:
    require_installed("uppy6/node_modules/@uppy/core")

    def open_it(version: str, plugin: str, options: dict[str, Any]) -> UppyPage:
        source = APPLICATION % {"plugin": plugin, "options": json.dumps(options)}
        return UppyPage(context, proxy.base_url, server.token, version, source, tmp_path)

    return open_it


def stored(server: ServerProcess, url: str) -> bytes:
    address = f"{server.base_url}/api/v1/upload/file/{url.rpartition('/')[2]}"
    answer = requests.get(address, headers={"Authorization": f"Bearer {server.token}"}, timeout=LONG)
    assert answer.status_code == 200, answer.text
    return answer.content


def same(found: bytes, file: Path) -> bool:
    return hashlib.sha256(found).digest() == hashlib.sha256(file.read_bytes()).digest()


def s3_options(server: ServerProcess, version: str, **options: Any) -> dict[str, Any]:
    if version == "uppy5":
        return {"endpoint": "/api/v1/upload", "headers": {"Authorization": f"Bearer {server.token}"}, **options}
    return {"companionEndpoint": "/api/v1/upload", **options}


def tus_options(server: ServerProcess, **options: Any) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {server.token}"}
    return {"endpoint": "/api/v1/upload/files/", "headers": headers, "retryDelays": [100, 300, 1000], **options}


@pytest.mark.parametrize("version", ["uppy5", "uppy6"])
class TestS3:
    def test_a_file_arrives_in_one_request(
        self, open_page: Callable[..., UppyPage], server: ServerProcess, version: str, file: Path
    ) -> None:
        page = open_page(version, "@uppy/aws-s3", s3_options(server, version))
        page.choose(file)
        url = page.uploaded()
        assert url.rpartition("/")[0].endswith("/api/v1/upload/file")
        assert same(stored(server, url), file)

    def test_a_file_arrives_in_parts(
        self, open_page: Callable[..., UppyPage], server: ServerProcess, version: str, file: Path
    ) -> None:
        page = open_page(version, "@uppy/aws-s3", s3_options(server, version, shouldUseMultipart=True))
        page.choose(file)
        assert same(stored(server, page.uploaded()), file)
        assert len(page.sent) == -(-SIZE // (5 * MIB))

    def test_what_was_stored_before_a_cut_is_not_sent_again(
        self,
        open_page: Callable[..., UppyPage],
        server: ServerProcess,
        proxy: FlakyProxy,
        version: str,
        file: Path,
    ) -> None:
        page = open_page(version, "@uppy/aws-s3", s3_options(server, version, shouldUseMultipart=True, limit=1))
        proxy.stall_after = proxy.bytes_sent + 12 * MIB
        page.choose(file)
        while len(page.sent) < 2:
            page.page.wait_for_timeout(50)
        if version == "uppy6":
            server.kill()
        proxy.cut()
        proxy.stall_after = None
        if version == "uppy6":  # The older one gives its upload up when its own repetitions have failed.
            page.page.wait_for_function("() => window.outcome", timeout=LONG * 1000)
            server.start()
            page.page.evaluate("() => { window.outcome = undefined; window.uppy.retryAll(); }")
        assert same(stored(server, page.uploaded()), file)
        arrived = [url for _, url, status in page.sent if status == 200]
        assert len(arrived) == len(set(arrived)) == -(-SIZE // (5 * MIB))


@pytest.mark.parametrize("version", ["uppy5", "uppy6"])
@pytest.mark.parametrize("streams", [1, 4])
class TestTus:
    def test_a_file_arrives(
        self, open_page: Callable[..., UppyPage], server: ServerProcess, version: str, streams: int, file: Path
    ) -> None:
        page = open_page(version, "@uppy/tus", tus_options(server, parallelUploads=streams))
        page.choose(file)
        assert same(stored(server, page.uploaded()), file)

    def test_a_file_that_is_chosen_again_goes_on_where_it_was(
        self,
        open_page: Callable[..., UppyPage],
        server: ServerProcess,
        proxy: FlakyProxy,
        version: str,
        streams: int,
        file: Path,
    ) -> None:
        page = open_page(version, "@uppy/tus", tus_options(server, parallelUploads=streams))
        before = proxy.bytes_sent
        proxy.stall_after = before + SIZE // 2
        page.choose(file)
        while proxy.bytes_sent < before + SIZE // 2:
            page.page.wait_for_timeout(50)
        # It can go on once it has the addresses of all its streams, which are created while others send.
        page.page.wait_for_function(
            "() => Object.keys(localStorage).some((key) => key.startsWith('tus::'))", timeout=LONG * 1000
        )
        page.page.close()
        proxy.cut()
        proxy.stall_after = None
        page.load()
        page.choose(file)
        assert same(stored(server, page.uploaded()), file)
        assert proxy.bytes_sent - before < 1.5 * SIZE
        assert {method for method, _, _ in page.sent} == {"PATCH"}


def javascript(document: str) -> list[tuple[str, str, str]]:
    """Each snippet, with the version of Uppy that its heading names."""
    version = {"getAuthToken": "uppy5"} if "s3" in document else {}
    found = []
    for number, snippet in enumerate(snippets(f"docs/clients/{document}", "javascript")):
        chosen = next((name for word, name in version.items() if word in snippet), "uppy6")
        found.append((f"{document} {number}", chosen, snippet))
    return found


@pytest.mark.parametrize("server", ["asgi"], indirect=True)
@pytest.mark.parametrize(
    ("version", "snippet"),
    [
        pytest.param(version, snippet, id=name)
        for document in ("uppy-s3.md", "uppy-tus.md", "tus-js-client.md")
        for name, version, snippet in javascript(document)
    ],
)
def test_the_snippets_of_the_docs_upload(
    context: BrowserContext,
    server: ServerProcess,
    proxy: FlakyProxy,
    tmp_path: Path,
    file: Path,
    version: str,
    snippet: str,
) -> None:
    require_installed("uppy6/node_modules/@uppy/core")
    signed = server.run("manage.py", "shell", "-c", SIGNED).strip().splitlines()[-1]
    context.add_init_script(f"window.signed = {json.dumps(signed)}")
    page = ModulePage(
        context,
        proxy.base_url,
        server.token,
        GIVEN + snippet + "\nwindow.isReady = true;",
        tmp_path,
        bundle_with=lambda path, out: bundle(path, out, version),
    )
    said: list[str] = []
    page.page.on("console", lambda message: said.append(message.text))
    page.page.wait_for_function("() => window.isReady", timeout=LONG * 1000)
    page.page.set_input_files("input[type=file]", file)
    for _ in range(20 * LONG):
        if any(text.startswith("Stored:") for text in said):
            break
        page.page.wait_for_timeout(50)
    (address,) = [text.removeprefix("Stored: ") for text in said if text.startswith("Stored:")]
    assert same(stored(server, address), file)
    assert page.faults == []


SIGNED = """
from django.contrib.auth.models import User
from apps.core.protocols.s3 import signed_endpoint
print(signed_endpoint(User.objects.get(username="demo")))
"""
# What the pages take for granted: an input for files, and what the view has signed.
GIVEN = """
document.body.innerHTML = '<input type="file" multiple>';
document.body.dataset.uploadEndpoint = window.signed;
"""
