"""The React hook and component in Chromium, in StrictMode, and the component of the quick reference as it stands."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

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

# As a server renders it: what it says must be what the browser begins with.
HYDRATED = """
import {{ StrictMode }} from 'react';
import {{ hydrateRoot }} from 'react-dom/client';
import {{ renderToString }} from 'react-dom/server.browser';
const application = <StrictMode><{component} /></StrictMode>;
const root = document.querySelector('#root');
root.innerHTML = renderToString(application);
hydrateRoot(root, application);
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

    def open_it(
        source: str, component: str, proxy: FlakyProxy | None = None, start: str = IN_STRICT_MODE
    ) -> ModulePage:
        text = source + start.format(component=component)
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


def test_every_event_is_told_to_the_latest_render_and_to_the_files_own(
    open_module: OpenModule, make_file: MakeFile
) -> None:
    source = """
import { useState } from 'react';
import { useResumableUpload } from 'resumable-upload-client/react';
window.told = [];
const NAMES = ['onSession', 'onProgress', 'onSpeed', 'onChunk', 'onStateChange', 'onComplete', 'onError'];
const listeners = (who) => Object.fromEntries(
  NAMES.map((name) => [name, (...details) => window.told.push(`${who} ${name} ${details.at(-1).file.name}`)]),
);
function Listening() {
  const [render, setRender] = useState(1);
  const { upload } = useResumableUpload({
    apiUrl: '/api/v1/upload', authToken: getAuthToken(), ...listeners(`render ${render}`),
  });
  return <>
    <button onClick={() => setRender(2)}>Render {render}</button>
    <input type="file" multiple onChange={(event) => { upload(event.target.files, listeners('file')); }} />
  </>;
}
"""
    module = open_module(source, "Listening")
    module.page.get_by_role("button", name="Render 1").click()
    module.page.get_by_role("button", name="Render 2").wait_for()
    module.page.set_input_files("input", [make_file(3 * MIB, "told.bin"), make_file(9, "refused.html")])
    module.page.wait_for_function(
        "() => window.told.includes('file onComplete told.bin') && window.told.includes('file onError refused.html')"
    )
    told = set(module.page.evaluate("() => window.told"))
    for who in ("render 2", "file"):
        for event in ("onSession", "onProgress", "onSpeed", "onChunk", "onStateChange", "onComplete"):
            # Speeds are told after half a second.
            assert event == "onSpeed" or f"{who} {event} told.bin" in told
        assert f"{who} onError refused.html" in told
        assert f"{who} onError told.bin" not in told
    assert not [each for each in told if each.startswith("render 1")]


APPLICATION = """
import { Profiler, useEffect, useState } from 'react';
import {
  ResumableUpload, ResumableUploadProvider, useResumableUpload, useUploadActions, useUploads,
} from 'resumable-upload-client/react';
window.headers = 0;
window.lists = 0;
function Header() {
  const active = useUploads(({ totals }) => totals.files - totals.completed - totals.failed);
  const names = useUploads(
    ({ uploads }) => uploads.map(({ file }) => file.name),
    (one, other) => one.join() === other.join(),
  );
  return <h1 title={names.join()}>{active} active</h1>;
}
function Form({ onClose }) {
  const { upload } = useUploadActions();
  return <>
    <input type="file" multiple onChange={(event) => upload(event.target.files)} />
    <button onClick={onClose}>Close</button>
  </>;
}
function List() {
  const { uploads, totals, pauseAll, resumeAll, cancelAll, clearCompleted } = useResumableUpload();
  return <>
    {Object.entries({ pauseAll, resumeAll, cancelAll, clearCompleted }).map(([name, act]) => (
      <button key={name} onClick={act}>{name}</button>
    ))}
    <output>{totals.completed} of {totals.files}, {totals.sentBytes} of {totals.totalBytes}</output>
    {uploads.map((item) => <p key={item.id}>{item.file.name} {item.status} {item.error?.code}</p>)}
  </>;
}
function Provided() {
  const [isOpen, setOpen] = useState(true);
  return (
    <ResumableUploadProvider apiUrl="/api/v1/upload" authToken={getAuthToken} chunkSize={2 ** 20}>
      <Profiler id="header" onRender={() => window.headers++}><Header /></Profiler>
      {isOpen && <Form onClose={() => setOpen(false)} />}
      <Profiler id="list" onRender={() => window.lists++}><List /></Profiler>
    </ResumableUploadProvider>
  );
}
function Application() {
  const [isThere, setThere] = useState(true);
  return <>
    <button onClick={() => setThere(!isThere)}>Log {isThere ? 'out' : 'in'}</button>
    {isThere && <Provided />}
  </>;
}
"""


def test_uploads_of_a_provider_outlive_the_component_that_began_them(
    open_module: OpenModule, make_file: MakeFile, files: Files, proxy: FlakyProxy
) -> None:
    proxy.bytes_per_second = 4e6
    module = open_module(APPLICATION, "Application", proxy)
    page = module.page
    path = make_file(8 * MIB, "outliving.bin")
    page.set_input_files("input", path)
    expect(page.locator("p")).to_contain_text("uploading")
    page.get_by_role("button", name="Close").click()
    expect(page.locator("input")).to_have_count(0)
    expect(page.locator("p")).to_contain_text("completed")
    expect(page.locator("output")).to_have_text(f"1 of 1, {8 * MIB} of {8 * MIB}")
    (session,) = (each for each in files.list(status="completed") if each["filename"] == "outliving.bin")
    assert session["file"]["sha256"] == sha256_of(path)
    assert module.faults == []


def test_a_component_renders_only_for_what_it_selects(
    open_module: OpenModule, make_file: MakeFile, proxy: FlakyProxy
) -> None:
    proxy.bytes_per_second = 4e6
    module = open_module(APPLICATION, "Application", proxy)
    page = module.page
    proxy.stall_after = proxy.bytes_sent + 6 * MIB
    page.set_input_files("input", make_file(8 * MIB, "selected.bin"))
    expect(page.locator("h1")).to_have_text("1 active")
    before = page.evaluate("() => ({ headers: window.headers, lists: window.lists, began: performance.now() })")
    expect(page.locator("output")).to_have_text(re.compile(r"^0 of 1, [5-8]\d{6}"))
    during = page.evaluate("() => ({ headers: window.headers, lists: window.lists, ended: performance.now() })")
    proxy.stall_after = proxy.bytes_per_second = None
    assert during["headers"] == before["headers"]
    renders = during["lists"] - before["lists"]
    assert 5 < renders <= 20 * (during["ended"] - before["began"]) / 1000 + 1
    expect(page.locator("h1")).to_have_text("0 active")
    expect(page.locator("h1")).to_have_attribute("title", "selected.bin")
    assert page.evaluate("() => window.headers") == before["headers"] + 1
    assert module.faults == []


def test_without_its_provider_an_upload_stops_and_it_resumes_when_chosen_again(
    open_module: OpenModule, make_file: MakeFile, files: Files, proxy: FlakyProxy
) -> None:
    module = open_module(APPLICATION, "Application", proxy)
    page = module.page
    path = make_file(8 * MIB, "logged-out.bin")
    proxy.stall_after = proxy.bytes_sent + 5 * MIB
    page.set_input_files("input", path)
    expect(page.locator("output")).to_have_text(re.compile(r"^0 of 1, [4-9]\d{6}"))
    page.get_by_role("button", name="Log out").click()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.method))
    page.wait_for_timeout(500)
    assert requests == []
    proxy.cut()  # It still has what was in flight.
    (session,) = (each for each in files.list(status="active") if each["filename"] == "logged-out.bin")
    stored = session["progress"]["received_chunks"]
    assert stored > 0
    proxy.stall_after = None
    page.get_by_role("button", name="Log in").click()
    page.set_input_files("input", path)
    expect(page.locator("p")).to_have_text("logged-out.bin completed ")
    assert requests.count("PUT") == 8 - stored
    assert files.status(session["upload_id"])["status"] == "completed"


def test_all_uploads_of_a_list_are_steered_together(
    open_module: OpenModule, make_file: MakeFile, proxy: FlakyProxy
) -> None:
    proxy.bytes_per_second = 1e6
    module = open_module(APPLICATION, "Application", proxy)
    page = module.page
    page.set_input_files("input", [make_file(4 * MIB, f"{number}.bin") for number in range(2)])
    page.get_by_role("button", name="pauseAll").click()
    expect(page.locator("p", has_text="paused")).to_have_count(2)
    page.get_by_role("button", name="resumeAll").click()
    expect(page.locator("p", has_text="paused")).to_have_count(0)
    page.get_by_role("button", name="cancelAll").click()
    expect(page.locator("p", has_text="aborted")).to_have_count(2)
    proxy.bytes_per_second = None
    page.set_input_files("input", make_file(9, "done.bin"))
    expect(page.locator("p", has_text="completed")).to_have_count(1)
    page.get_by_role("button", name="clearCompleted").click()
    expect(page.locator("p")).to_have_count(2)
    expect(page.locator("p", has_text="aborted")).to_have_count(2)
    assert module.faults == []


def test_what_a_child_begins_as_it_is_mounted_survives_strict_mode(open_module: OpenModule) -> None:
    source = """
import { useEffect, useRef } from 'react';
import { ResumableUploadProvider, useResumableUpload } from 'resumable-upload-client/react';
function Child() {
  const { uploads, upload } = useResumableUpload();
  const begun = useRef(false);
  useEffect(() => {
    if (!begun.current) upload([new File(['at once'], 'at-once.bin')]);
    begun.current = true;
  }, [upload]);
  return <p>{uploads.map(({ status }) => status).join()}</p>;
}
const Mounted = () => (
  <ResumableUploadProvider apiUrl="/api/v1/upload" authToken={getAuthToken}><Child /></ResumableUploadProvider>
);
"""
    module = open_module(source, "Mounted")
    expect(module.page.locator("p")).to_have_text("completed")
    assert module.faults == []


@pytest.mark.parametrize(("source", "component"), [(COMPONENT, "Component"), (APPLICATION, "Application")])
def test_what_a_server_rendered_is_gone_on_with(
    open_module: OpenModule, make_file: MakeFile, source: str, component: str
) -> None:
    module = open_module(source, component, start=HYDRATED)
    module.page.set_input_files("input[type=file]", make_file(9, "hydrated.bin"))
    expect(module.page.get_by_text("hydrated.bin")).to_be_visible()
    expect(module.page.get_by_text(re.compile("Done|completed"))).to_be_visible()
    assert module.faults == []


def test_what_is_hydrated_late_begins_as_the_server_rendered_it(open_module: OpenModule) -> None:
    source = """
import { Suspense, useEffect } from 'react';
import {
  ResumableUploadProvider, useResumableUpload, useUploadActions, useUploads,
} from 'resumable-upload-client/react';
function Begin() {
  const { upload } = useUploadActions();
  useEffect(() => upload([new File(['early'], 'early.bin', { lastModified: 1 })]), [upload]);
}
const List = () => <p>{useResumableUpload().uploads.length > 0 ? 'some' : 'none'}</p>;
const Count = () => <b>{useUploads(({ uploads }) => uploads.length > 0 ? 'some' : 'none')}</b>;
const Late = () => (
  <ResumableUploadProvider apiUrl="/api/v1/upload" authToken={getAuthToken}>
    <Begin />
    <Suspense><List /><Count /></Suspense>
  </ResumableUploadProvider>
);
"""
    module = open_module(source, "Late", start=HYDRATED)
    expect(module.page.locator("p")).to_have_text("some")
    expect(module.page.locator("b")).to_have_text("some")
    assert module.faults == []


DROPZONE = """
import { useRef, useState } from 'react';
import { useDropzone, useResumableUpload } from 'resumable-upload-client/react';
function Zone() {
  const { uploads, upload } = useResumableUpload({ apiUrl: '/api/v1/upload', authToken: getAuthToken() });
  const [rejected, setRejected] = useState([]);
  const [disabled, setDisabled] = useState(false);
  const [showsChild, setChild] = useState(true);
  const { isDragging, getDropzoneProps, getInputProps } = useDropzone({
    onFiles: upload, onReject: setRejected, accept: '.bin', disabled,
  });
  return <>
    <div {...getDropzoneProps({ id: 'zone', onDragEnter: () => setChild(false) })}>
      {showsChild && <b>Drop files here</b>} <i>or here</i>
      <input {...getInputProps({ title: 'Files' })} /> <textarea />
    </div>
    <strong>{isDragging ? 'dragging' : 'idle'}</strong>
    <button onClick={() => setDisabled(!disabled)}>{disabled ? 'Enable' : 'Disable'}</button>
    <em>{rejected.map((file) => file.name).join()}</em>
    {uploads.map(({ id, file, status }) => <p key={id}>{file.webkitRelativePath || file.name} {status}</p>)}
  </>;
}
"""


def drag(page: Page, selector: str, *kinds: str, files: list[Path]) -> None:
    """Drag files over the middle of an element."""
    box = page.locator(selector).bounding_box()
    assert box
    place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    data = {"items": [], "files": [str(path) for path in files], "dragOperationsMask": 1}
    debugger = page.context.new_cdp_session(page)
    for kind in kinds:
        debugger.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})


def test_files_and_folders_are_dropped_where_it_shows(
    open_module: OpenModule, make_file: MakeFile, tmp_path: Path
) -> None:
    folder = tmp_path / "trip"
    (folder / "day 1").mkdir(parents=True)
    (folder / "day 1" / "deep.bin").write_bytes(b"deep")
    (folder / "notes.txt").write_bytes(b"notes")
    dropped = [folder, make_file(9, "single.bin")]
    module = open_module(DROPZONE, "Zone")
    page = module.page
    state = page.locator("strong")
    drag(page, "#zone b", "dragEnter", "dragOver", files=dropped)
    expect(state).to_have_text("dragging")
    expect(page.locator("#zone[data-dragging]")).to_be_visible()
    expect(page.locator("#zone b")).to_have_count(0)
    drag(page, "#zone i", "dragOver", files=dropped)
    drag(page, "#zone textarea", "dragOver", files=dropped)
    expect(state).to_have_text("dragging")
    drag(page, "button", "dragOver", files=dropped)
    expect(state).to_have_text("idle")
    drag(page, "#zone i", "dragOver", "drop", files=dropped)
    expect(state).to_have_text("idle")
    expect(page.locator("p")).to_have_text(["trip/day 1/deep.bin completed", "single.bin completed"])
    expect(page.locator("em")).to_have_text("notes.txt")
    assert module.faults == []


def test_a_disabled_drop_zone_takes_nothing(open_module: OpenModule, make_file: MakeFile) -> None:
    module = open_module(DROPZONE, "Zone")
    page = module.page
    page.get_by_role("button", name="Disable").click()
    expect(page.get_by_title("Files")).to_be_disabled()
    dropped = [make_file(9, "unwanted.bin")]
    drag(page, "#zone i", "dragEnter", "dragOver", "drop", files=dropped)
    page.get_by_role("button", name="Enable").click()
    expect(page.locator("p")).to_have_count(0)
    drag(page, "#zone i", "dragEnter", "dragOver", "drop", files=dropped)
    expect(page.locator("p")).to_have_text("unwanted.bin completed")


def test_files_are_pasted_but_not_the_picture_of_a_text(open_module: OpenModule) -> None:
    module = open_module(DROPZONE, "Zone")
    page = module.page
    paste = """([selector, text]) => {
      const clipboardData = new DataTransfer();
      clipboardData.items.add(new File(['pasted'], 'pasted.bin'));
      if (text) clipboardData.setData('text/plain', text);
      const paste = new ClipboardEvent('paste', {clipboardData, bubbles: true, cancelable: true});
      document.querySelector(selector).dispatchEvent(paste);
      return paste.defaultPrevented;
    }"""
    assert not page.evaluate(paste, ["#zone textarea", "cells of a table"])
    assert page.evaluate(paste, ["#zone input", "the name of a file"])
    expect(page.locator("p")).to_have_text("pasted.bin completed")


def test_the_component_takes_drops_and_names_what_it_does_not_accept(
    open_module: OpenModule, make_file: MakeFile
) -> None:
    source = COMPONENT.replace("chunkSize", 'accept=".bin" multiple={false} chunkSize')
    module = open_module(source, "Component")
    page = module.page
    dropped = [make_file(9, name) for name in ("first.bin", "second.bin", "other.txt")]
    drag(page, "#root > div", "dragEnter", "dragOver", "drop", files=dropped)
    expect(page.locator("li")).to_have_count(1)
    expect(page.get_by_role("alert")).to_have_text("Not accepted: second.bin, other.txt")
    page.set_input_files("input[type=file]", make_file(9, "third.bin"))
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_role("status").filter(has_text="Done")).to_have_count(2)
    assert module.faults == []


def test_retry_is_offered_only_where_it_can_help(open_module: OpenModule, make_file: MakeFile) -> None:
    module = open_module(COMPONENT, "Component")
    page = module.page
    page.route("**/api/v1/upload/init", lambda route: route.fulfill(status=403, json={"code": "forbidden"}))
    page.set_input_files("input[type=file]", [make_file(2 * MIB, "forbidden.bin")])
    expect(page.get_by_label("Retry forbidden.bin")).to_be_visible()
    page.unroute("**/api/v1/upload/init")
    disguised = make_file(9, "disguised.pdf")
    page.set_input_files("input[type=file]", [make_file(9, "page.html"), disguised])
    for name in ("page.html", "disguised.pdf"):
        expect(page.locator("li[data-status=failed]", has_text=name)).to_be_visible()
        expect(page.get_by_label(f"Remove {name}")).to_be_visible()
        expect(page.get_by_label(f"Retry {name}")).to_have_count(0)
    page.get_by_label("Retry forbidden.bin").click()
    expect(page.locator("li", has_text="forbidden.bin").get_by_role("status")).to_have_text("Done")


def test_the_list_is_used_by_keyboard_without_losing_the_focus(
    open_module: OpenModule, make_file: MakeFile, proxy: FlakyProxy
) -> None:
    proxy.bytes_per_second = 1e6
    module = open_module(COMPONENT, "Component", proxy)
    page = module.page
    page.set_input_files("input[type=file]", [make_file(4 * MIB, name) for name in ("one.bin", "two.bin")])
    page.get_by_label("Pause one.bin").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Resume one.bin")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Pause one.bin")).to_be_focused()
    proxy.bytes_per_second = None
    # There is nothing left to pause.
    expect(page.get_by_label("Remove one.bin")).to_be_focused()
    expect(page.get_by_label("Remove two.bin")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Remove two.bin")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("input[type=file]")).to_be_focused()
    assert module.faults == []


def test_nothing_serious_is_found_by_axe(open_module: OpenModule, make_file: MakeFile) -> None:
    module = open_module(COMPONENT, "Component")
    page = module.page
    page.set_input_files("input[type=file]", [make_file(9, "fine.bin"), make_file(9, "refused.html")])
    expect(page.get_by_role("status").filter(has_text="Done")).to_have_count(1)
    expect(page.locator("[data-status=failed]")).to_have_count(1)
    page.evaluate((CLIENT / "node_modules/axe-core/axe.min.js").read_text())
    found = page.evaluate("() => axe.run('#root').then(({violations}) => violations)")
    assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
