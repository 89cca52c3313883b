"""The JavaScript, JSX and HTML of the documentation, word for word, in Chromium."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from ..server_process import ServerProcess
from ..test_docs import snippets
from .conftest import LONG, Files, sha256_of
from .pages import CLIENT, SCRIPT, ModulePage
from .test_react import IN_STRICT_MODE

pytestmark = pytest.mark.browser

DOCUMENTS = ("README.md", "docs/JAVASCRIPT_CLIENT.md", "docs/REACT.md")
MakeFile = Callable[..., Path]

# What the snippets take for granted: a token, files that somebody chose, and somebody who says yes.
GIVEN = """
window.file = new File(['of the snippet'], 'snippet.bin', {lastModified: 1});
window.files = [window.file, new File(['another'], 'another.bin')];
window.confirm = () => true;
"""


def numbered(language: str) -> list[tuple[str, str]]:
    return [
        (f"{document} {number}", snippet)
        for document in DOCUMENTS
        for number, snippet in enumerate(snippets(document, language))
    ]


@pytest.fixture
def open_module(context: BrowserContext, server: ServerProcess, tmp_path: Path) -> Callable[[str], ModulePage]:
    if not shutil.which("node") or not (CLIENT / "node_modules").exists():
        pytest.skip("needs Node.js 20 or later and npm; then make test installs the rest")
    context.add_init_script(GIVEN)
    # Pages of snippets have a token, and no session.
    context.route("**/who/", lambda route: route.fulfill(json={"user": {"id": "1", "name": "demo"}, "csrfToken": "t"}))
    return lambda source: ModulePage(context, server.base_url, server.token, source, tmp_path)


@pytest.mark.parametrize(("name", "snippet"), numbered("javascript"))
def test_javascript_runs(open_module: Callable[[str], ModulePage], name: str, snippet: str) -> None:
    module = open_module(f"{snippet}\nwindow.finished = true;")
    module.page.wait_for_function("() => window.finished")
    assert module.faults == []


@pytest.mark.parametrize(("name", "snippet"), numbered("jsx"))
def test_components_upload_what_is_chosen(
    open_module: Callable[[str], ModulePage], make_file: MakeFile, files: Files, name: str, snippet: str
) -> None:
    component = re.findall(r"^function (\w+)", snippet, re.MULTILINE)[0]
    path = make_file(2_000_000, f"{component}.bin")
    module = open_module(snippet + IN_STRICT_MODE.format(component=component))
    module.page.on("dialog", lambda dialog: dialog.accept())
    module.page.set_input_files("input[type=file]", path)
    for _ in range(10 * LONG):
        if found := [each for each in files.list(status="completed") if each["filename"] == path.name]:
            break
        module.page.wait_for_timeout(100)
    assert [each["file"]["sha256"] for each in found] == [sha256_of(path)]
    assert module.faults == []


@pytest.mark.parametrize(("name", "snippet"), numbered("html"))
def test_pages_upload_what_is_chosen(
    context: BrowserContext, server: ServerProcess, make_file: MakeFile, name: str, snippet: str
) -> None:
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(server.base_url + SCRIPT)
    page.set_content(snippet.replace("your_token", server.token))
    page.wait_for_load_state()
    expect(page.locator("input")).to_be_visible()
    with page.expect_console_message(lambda message: message.text.startswith("Done!")):
        page.set_input_files("input", make_file(2_000_000))
    assert "100% done" in said
