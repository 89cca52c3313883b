"""The React hook and component in Chromium, in StrictMode, and the component of the quick reference as it stands."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Route, expect

from ..flaky_proxy import FlakyProxy
from ..server_process import PROJECT, ServerProcess
from .conftest import Files, sha256_of
from .pages import CLIENT, ModulePage

pytestmark = pytest.mark.browser

MIB = 2**20
OpenModule = Callable[..., ModulePage]
MakeFile = Callable[..., Path]

IN_STRICT_MODE = """
import {{ StrictMode }} from 'react';
import {{ createRoot }} from 'react-dom/client';
const root = createRoot(document.querySelector('#root'));
root.render(<StrictMode><{component} /></StrictMode>);
window.unmount = () => root.unmount();
"""

COMPONENT = """
import { ResumableUpload } from 'resumable-upload-client/react';
window.completed = [];
const Component = () => (
  <ResumableUpload
    apiUrl="/api/v1/upload"
    authToken={getAuthToken()}
    chunkSize={2 ** 20}
    onComplete={(result) => window.completed.push(result)}
  />
);
"""


@pytest.fixture
def open_module(context: BrowserContext, server: ServerProcess, tmp_path: Path) -> OpenModule:
    if not shutil.which("node") or not (CLIENT / "node_modules").exists():
        pytest.skip("needs Node.js 20 or later and npm; then make test installs the rest")

    def open_it(source: str, component: str, proxy: FlakyProxy | None = None) -> ModulePage:
        text = source + IN_STRICT_MODE.format(component=component)
        return ModulePage(context, proxy.base_url if proxy else server.base_url, server.token, text, tmp_path)

    return open_it


def test_the_quick_references_component_works_as_pasted(
    open_module: OpenModule, make_file: MakeFile, files: Files
) -> None:
    snippets = re.findall(r"```jsx\n(.*?)```", (PROJECT / "README.md").read_text(), re.DOTALL)
    (snippet,) = (snippet for snippet in snippets if "function FileUpload" in snippet)
    path = make_file(3 * MIB, "pasted.bin")
    module = open_module(snippet, "FileUpload")
    with module.page.expect_event("dialog") as dialog:
        module.page.on("dialog", lambda shown: shown.accept())
        module.page.set_input_files("input[type=file]", path)
    assert dialog.value.message == "Upload complete!"
    expect(module.page.locator("progress")).to_have_attribute("value", "100")
    (session,) = (session for session in files.list(status="completed") if session["filename"] == "pasted.bin")
    assert session["file"]["sha256"] == sha256_of(path)
    assert module.faults == []


def test_the_component_shows_each_file_and_what_can_be_done_with_it(
    open_module: OpenModule, make_file: MakeFile, files: Files, proxy: FlakyProxy
) -> None:
    paths = [make_file(6 * MIB, "one.bin"), make_file(6 * MIB, "two.bin")]
    proxy.bytes_per_second = 1e6
    module = open_module(COMPONENT, "Component", proxy)
    page = module.page
    page.set_input_files("input[type=file]", paths)
    expect(page.locator("li")).to_have_count(2)
    page.get_by_label("Pause one.bin").click()
    expect(page.locator("li", has_text="one.bin").get_by_role("status")).to_have_text("Paused")
    proxy.bytes_per_second = None
    expect(page.locator("li", has_text="two.bin").get_by_role("status")).to_have_text("Done")
    page.get_by_label("Cancel one.bin").click()
    expect(page.locator("li", has_text="one.bin").get_by_role("status")).to_have_text("Cancelled")
    page.get_by_label("Retry one.bin").click()
    expect(page.locator("li", has_text="one.bin").get_by_role("status")).to_have_text("Done")
    results = page.evaluate("() => window.completed")
    assert {result["name"]: files.sha256(result["uploadId"]) for result in results} == {
        path.name: sha256_of(path) for path in paths
    }
    page.get_by_label("Remove one.bin").click()
    expect(page.locator("li")).to_have_count(1)
    assert module.faults == []


def test_the_hook_deletes_from_the_server_and_the_list(
    open_module: OpenModule, make_file: MakeFile, files: Files
) -> None:
    source = """
import { useResumableUpload } from 'resumable-upload-client/react';
function Deletable() {
  const { uploads, upload } = useResumableUpload({ apiUrl: '/api/v1/upload', authToken: getAuthToken() });
  return <>
    <input type="file" multiple onChange={(event) => upload(event.target.files)} />
    {uploads.map((item) => (
      <p key={item.id}>
        {item.file.name} {item.status} {item.error?.code} <button onClick={item.delete}>Delete {item.file.name}</button>
      </p>
    ))}
  </>;
}
"""
    module = open_module(source, "Deletable")
    page = module.page
    page.set_input_files("input", [make_file(9, "hooked.bin"), make_file(9, "refused.html")])
    expect(page.locator("p", has_text="hooked.bin")).to_contain_text("completed")
    expect(page.locator("p", has_text="refused.html")).to_contain_text("failed extension_not_allowed")
    address = "**/api/v1/upload/*-*"
    page.route(address, lambda route: route.fulfill(status=403, json={"code": "not_allowed", "detail": "No."}))
    page.get_by_role("button", name="Delete hooked.bin").click()
    expect(page.locator("p", has_text="hooked.bin")).to_contain_text("completed not_allowed")
    page.unroute(address)
    module.faults.clear()
    for name in ("hooked.bin", "refused.html"):
        page.get_by_role("button", name=f"Delete {name}").click()
    expect(page.locator("p")).to_have_count(0)
    assert [each for each in files.list() if each["filename"] == "hooked.bin"] == []
    assert module.faults == []


def test_a_finished_file_is_a_link_only_to_an_address_of_the_web(open_module: OpenModule, make_file: MakeFile) -> None:
    def lie(route: Route) -> None:
        session = route.fetch().json()
        if session["file"]["name"] == "lie.bin":
            session["file"]["url"] = "javascript:window.completed.push('run')"
        route.fulfill(json=session)

    module = open_module(COMPONENT, "Component")
    module.page.route("**/files/", lie)
    module.page.set_input_files("input[type=file]", [make_file(9, "lie.bin"), make_file(9, "truth.bin")])
    expect(module.page.get_by_role("status").filter(has_text="Done")).to_have_count(2)
    expect(module.page.get_by_role("link")).to_have_text(["truth.bin"])
    assert module.faults == []


def test_an_empty_file_is_done(open_module: OpenModule, make_file: MakeFile) -> None:
    module = open_module(COMPONENT, "Component")
    module.page.set_input_files("input[type=file]", make_file(0, "empty.bin"))
    expect(module.page.get_by_role("status")).to_have_text("Done")
    expect(module.page.locator("progress")).to_have_attribute("value", "100")
    assert module.page.evaluate("() => window.completed[0].size") == 0
    assert module.faults == []


def test_a_failure_is_told_in_a_sentence(open_module: OpenModule, make_file: MakeFile) -> None:
    module = open_module(COMPONENT, "Component")
    module.page.set_input_files("input[type=file]", make_file(9, "page.html"))
    expect(module.page.get_by_role("status")).to_have_text(re.compile("html"))


def test_unmounting_stops_the_upload_and_leaves_nothing_behind(
    open_module: OpenModule, make_file: MakeFile, files: Files, proxy: FlakyProxy
) -> None:
    proxy.bytes_per_second = 4e6
    module = open_module(COMPONENT, "Component", proxy)
    page = module.page
    page.set_input_files("input[type=file]", make_file(20 * MIB, "unmounted.bin"))
    page.wait_for_function("() => document.querySelector('progress')?.value > 25")
    page.evaluate("() => window.unmount()")
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.wait_for_timeout(800)
    assert requests == []
    (session,) = (session for session in files.list(status="active") if session["filename"] == "unmounted.bin")
    assert session["progress"]["received_chunks"] > 0
    assert module.faults == []


def test_the_token_is_that_of_the_latest_render(open_module: OpenModule, make_file: MakeFile) -> None:
    source = """
import { useState } from 'react';
import { useResumableUpload } from 'resumable-upload-client/react';
function Login() {
  const [token, setToken] = useState('');
  const { uploads, upload } = useResumableUpload({ apiUrl: '/api/v1/upload', authToken: token });
  return <>
    <button onClick={() => setToken(getAuthToken())}>Log in</button>
    <input type="file" onChange={(event) => upload(event.target.files)} />
    {uploads.map((item) => <p key={item.id}>{item.status} {item.error?.code}</p>)}
  </>;
}
"""
    module = open_module(source, "Login")
    module.page.set_input_files("input[type=file]", make_file(9, "a.bin"))
    expect(module.page.locator("p")).to_have_text("failed not_authenticated")
    module.page.get_by_role("button", name="Log in").click()
    module.page.set_input_files("input[type=file]", make_file(10, "b.bin"))
    expect(module.page.locator("p").nth(1)).to_have_text("completed ")
