"""``resumable-upload-client.js`` in Chromium: what breaks on the way, and what arrives nevertheless."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Request, Route

from apps.core.tests.noise import noise

from ..flaky_proxy import FlakyProxy
from ..limiting_proxies import PROXIES, proxy_in_front_of
from ..server_process import ServerProcess
from .conftest import ClientPage, Files, sha256_of

pytestmark = pytest.mark.browser

MIB = 2**20
OpenPage = Callable[..., ClientPage]
MakeFile = Callable[..., Path]


@pytest.mark.slow
def test_200_megabytes_arrive_as_they_are(open_page: OpenPage, make_file: MakeFile, files: Files) -> None:
    path = make_file(200_000_000)
    page = open_page()
    page.start(path, chunkSize=None)
    result = page.result()["result"]
    assert result["sha256"] == sha256_of(path) == files.sha256(result["uploadId"])
    assert (result["name"], result["size"]) == ("file.bin", 200_000_000)
    percentages = page.evaluate("() => window.percentages")
    assert percentages == sorted(percentages)
    assert percentages[-1] == 100
    assert page.log == ["starting", "uploading", "verifying", "completed"]
    assert page.evaluate("() => window.fault") is None


def test_an_empty_file_arrives(open_page: OpenPage, make_file: MakeFile, files: Files) -> None:
    path = make_file(0, "empty.bin")
    page = open_page()
    page.choose(path)
    page.evaluate("() => window.begin({onComplete: (result) => { window.completed = result; }})")
    result = page.result()["result"]
    assert (result["size"], result["sha256"]) == (0, sha256_of(path))
    assert files.sha256(result["uploadId"]) == sha256_of(path)
    assert page.evaluate("() => window.completed") == result
    assert page.evaluate("() => window.percentages") == [100]
    assert page.log == ["starting", "uploading", "verifying", "completed"]
    assert page.chunk_requests == []


def mend(proxy: FlakyProxy) -> None:
    """From now on it is a good line."""
    proxy.stall_after = None
    proxy.bytes_per_second = None


def test_goes_on_after_a_reload_in_the_middle(
    open_page: OpenPage, make_file: MakeFile, files: Files, proxy: FlakyProxy
) -> None:
    path = make_file(20 * MIB)
    proxy.bytes_per_second = 10e6
    page = open_page(proxy)
    upload_id = page.begin(path, stored=6)
    page.load()
    page.chunk_requests.clear()
    missing = files.status(upload_id)["progress"]["missing_chunks"]
    mend(proxy)
    page.start(path)
    result = page.result()["result"]
    assert result["uploadId"] == upload_id
    assert files.sha256(upload_id) == sha256_of(path)
    # Chunks whose bodies had arrived when the page went away may have been recorded since.
    assert {int(index) for index in page.chunk_requests} <= set(missing)
    assert len(page.chunk_requests) <= 14


def test_on_4_mbit_something_is_safe_after_4_seconds(
    open_page: OpenPage, make_file: MakeFile, proxy: FlakyProxy
) -> None:
    proxy.bytes_per_second = 500_000
    page = open_page(proxy)
    proxy.stall_after = proxy.bytes_sent + 4 * 500_000
    page.start(make_file(20 * MIB), chunkSize=None)
    page.wait_for("() => window.stored() >= 1")


def test_waits_while_offline_and_goes_on_by_itself(
    open_page: OpenPage, make_file: MakeFile, files: Files, proxy: FlakyProxy, context: BrowserContext
) -> None:
    path = make_file(20 * MIB)
    proxy.bytes_per_second = 10e6
    page = open_page(proxy)
    page.begin(path, stored=3, retryDelays=[1])
    context.set_offline(True)
    proxy.cut()
    mend(proxy)
    page.wait_for("() => window.upload.state === 'waiting'")
    time.sleep(0.5)
    assert page.evaluate("() => window.outcome") is None
    context.set_offline(False)
    assert files.sha256(page.result()["result"]["uploadId"]) == sha256_of(path)
    assert "waiting network_error" in page.log


def test_a_server_that_is_killed_and_restarted_costs_only_time(
    open_page: OpenPage, make_file: MakeFile, files: Files, proxy: FlakyProxy, server: ServerProcess
) -> None:
    path = make_file(20 * MIB)
    proxy.bytes_per_second = 10e6
    page = open_page(proxy)
    page.begin(path, stored=3)
    server.kill()
    page.wait_for("() => window.upload.state === 'waiting'")
    server.start()
    mend(proxy)
    assert files.sha256(page.result()["result"]["uploadId"]) == sha256_of(path)
    assert len(page.chunk_requests) >= 20


def test_a_chunk_corrupted_on_the_way_is_sent_again(
    open_page: OpenPage, make_file: MakeFile, files: Files, proxy: FlakyProxy
) -> None:
    path = make_file(5 * MIB)
    page = open_page(proxy)
    proxy.corrupt_bodies = 1
    page.start(path)
    assert files.sha256(page.result()["result"]["uploadId"]) == sha256_of(path)
    states = page.evaluate("() => window.chunkEvents.map(({state}) => state)")
    assert states.count(3) == 1, "one chunk damaged"
    assert states.count(4) == 1, "and repaired"
    assert len(page.chunk_requests) == 6


def test_chunks_damaged_on_the_servers_disk_are_sent_again_and_only_they(
    open_page: OpenPage, make_file: MakeFile, files: Files, proxy: FlakyProxy, server: ServerProcess
) -> None:
    path = make_file(10 * MIB)
    proxy.bytes_per_second = 8e6
    page = open_page(proxy)
    upload_id = page.begin(path)
    index = page.evaluate("() => window.upload.chunks.indexOf(2)")
    part = server.directory / "media/uploads/staging" / f"{upload_id.replace('-', '')}.part"
    with part.open("r+b") as file:
        file.seek(index * MIB)
        file.write(bytes(9))
    mend(proxy)
    assert page.result()["result"]["uploadId"] == upload_id
    assert files.sha256(upload_id) == sha256_of(path)
    assert sorted(page.chunk_requests) == sorted([*map(str, range(10)), str(index)])
    assert page.evaluate("(index) => window.upload.chunks[index]", index) == 4


def test_a_token_that_expires_is_asked_for_again_once_for_all_requests(
    open_page: OpenPage, make_file: MakeFile, files: Files, proxy: FlakyProxy, server: ServerProcess
) -> None:
    path = make_file(20 * MIB)
    first = server.run("manage.py", "upload_token", "issue", "demo", "--days", "1").split()[0]
    proxy.bytes_per_second = 8e6
    page = open_page(proxy)
    page.choose(path)
    page.stall_after(3)
    page.evaluate(
        """([first, second]) => {
          let asked = 0;
          window.asked = () => asked;
          window.begin({authToken: async () => (asked++ ? second : first)});
        }""",
        [first, server.token],
    )
    page.wait_for("() => window.stored() >= 3")
    server.run(
        "manage.py", "shell", "-c",
        "from knox.models import AuthToken; AuthToken.objects.order_by('-created').first().delete()",
    )  # fmt: skip
    mend(proxy)
    assert files.sha256(page.result()["result"]["uploadId"]) == sha256_of(path)
    assert page.evaluate("() => window.asked()") == 2


def test_two_tabs_with_the_same_file_share_the_work(
    open_page: OpenPage, make_file: MakeFile, files: Files, proxy: FlakyProxy
) -> None:
    path = make_file(60 * MIB)
    proxy.bytes_per_second = 20e6
    tabs = [open_page(proxy), open_page(proxy)]
    for tab in tabs:
        tab.start(path)
    results = [tab.result()["result"] for tab in tabs]
    assert results[0]["uploadId"] == results[1]["uploadId"]
    assert files.sha256(results[0]["uploadId"]) == sha256_of(path)
    # Of 120 if each sent all; how many are sent twice depends on how soon the tabs hear of each other.
    assert sum(len(tab.chunk_requests) for tab in tabs) < 100


def _be_another_device(page: ClientPage) -> None:
    """Know nothing of what other tabs do."""
    page.evaluate(
        """() => {
          Object.defineProperty(navigator, 'locks', {value: undefined});
          Object.defineProperty(window, 'BroadcastChannel', {value: undefined});
          Object.defineProperty(window, 'localStorage', {value: undefined});
        }"""
    )


def _fields_of(request: Request) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(request.post_data or "")
    return fields


def test_two_devices_with_the_same_file_share_one_session(
    open_page: OpenPage, make_file: MakeFile, files: Files, proxy: FlakyProxy
) -> None:
    path = make_file(10 * MIB, "shared.bin")
    proxy.bytes_per_second = 10e6
    devices = [open_page(proxy), open_page(proxy)]
    for device in devices:
        _be_another_device(device)
        device.begin(path, stored=1)
    mend(proxy)
    results = [device.result()["result"] for device in devices]
    assert results[0]["uploadId"] == results[1]["uploadId"]
    assert files.sha256(results[0]["uploadId"]) == sha256_of(path)
    assert len([each for each in files.list() if each["filename"] == "shared.bin"]) == 1


def test_a_page_that_is_closed_while_init_is_under_way_leaves_no_session_behind(
    open_page: OpenPage, make_file: MakeFile, files: Files
) -> None:
    path = make_file(3 * MIB, "unheard.bin")
    page = open_page()
    unheard: list[dict[str, Any]] = []

    def lose_the_answer(route: Route) -> None:
        unheard.append(route.fetch().json())

    page.page.route("**/init", lose_the_answer)
    with page.page.expect_request("**/init"):
        page.start(path)
    while not unheard:
        page.page.wait_for_timeout(20)
    page.page.unroute("**/init")
    page.load()
    page.start(path)
    result = page.result()["result"]
    assert result["uploadId"] == unheard[0]["upload_id"]
    assert files.sha256(result["uploadId"]) == sha256_of(path)
    assert len([each for each in files.list() if each["filename"] == "unheard.bin"]) == 1


def test_an_init_whose_answer_is_lost_is_repeated_and_begins_one_session(
    open_page: OpenPage, make_file: MakeFile, files: Files
) -> None:
    path = make_file(3 * MIB, "repeated.bin")
    page = open_page()
    keys: list[str] = []

    def lose_the_first_answer(route: Route) -> None:
        keys.append(_fields_of(route.request)["client_key"])
        if len(keys) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.page.route("**/init", lose_the_first_answer)
    page.start(path, resume=False)
    assert files.sha256(page.result()["result"]["uploadId"]) == sha256_of(path)
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert len([each for each in files.list() if each["filename"] == "repeated.bin"]) == 1


def test_another_file_under_the_same_key_is_left_alone(
    open_page: OpenPage, make_file: MakeFile, files: Files, proxy: FlakyProxy
) -> None:
    path = make_file(10 * MIB, "named.bin")
    proxy.bytes_per_second = 10e6
    page = open_page(proxy)
    keys: list[str] = []

    def note(request: Request) -> None:
        if request.url.endswith("/init"):
            keys.append(_fields_of(request)["client_key"])

    page.page.on("request", note)
    first = page.begin(path)
    page.load()
    page.evaluate("() => { localStorage.clear(); }")
    mend(proxy)
    page.page.route(
        "**/init",
        lambda route: route.continue_(post_data={**_fields_of(route.request), "filename": "other.bin"}),
    )
    page.start(path)
    result = page.result()["result"]
    assert (result["uploadId"] != first, result["name"]) == (True, "other.bin")
    assert keys[0] == keys[1] != keys[2]
    assert files.status(first)["status"] == "active"


def test_a_file_that_was_changed_since_is_uploaded_anew(
    open_page: OpenPage, make_file: MakeFile, files: Files, proxy: FlakyProxy
) -> None:
    path = make_file(10 * MIB)
    proxy.bytes_per_second = 10e6
    page = open_page(proxy)
    page.begin(path, stored=3)
    page.load()
    path.write_bytes(noise(10 * MIB))
    mend(proxy)
    page.start(path)
    result = page.result()["result"]
    assert files.sha256(result["uploadId"]) == sha256_of(path)


@pytest.mark.parametrize("remembered", [True, False])
def test_a_change_that_left_no_trace_is_found_by_the_receipts(
    open_page: OpenPage, make_file: MakeFile, files: Files, proxy: FlakyProxy, remembered: bool
) -> None:
    path = make_file(10 * MIB)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    proxy.bytes_per_second = 10e6
    page = open_page(proxy)
    first = page.begin(path, stored=3)
    page.load()
    path.write_bytes(noise(10 * MIB))
    os.utime(path, (1_700_000_000, 1_700_000_000))
    if not remembered:
        page.evaluate("() => { localStorage.clear(); }")
    mend(proxy)
    page.start(path)
    result = page.result()["result"]
    assert result["uploadId"] != first
    assert page.evaluate("() => window.restarts") == ["other_version"]
    assert files.sha256(result["uploadId"]) == sha256_of(path)


def test_a_file_that_changes_while_it_is_sent_is_an_error_and_publishes_nothing(
    open_page: OpenPage, make_file: MakeFile, files: Files, proxy: FlakyProxy
) -> None:
    path = make_file(10 * MIB)
    proxy.bytes_per_second = 5e6
    page = open_page(proxy)
    page.begin(path)
    path.write_bytes(noise(10 * MIB))
    mend(proxy)
    error = page.result()["error"]
    assert error["code"] in ("file_unreadable", "file_changed")
    assert error["message"].endswith("Choose it again.")
    assert files.status(page.evaluate("() => window.upload.uploadId"))["status"] == "active"


def test_a_pause_may_be_longer_than_the_stall_limit(
    open_page: OpenPage, make_file: MakeFile, files: Files, proxy: FlakyProxy
) -> None:
    path = make_file(20 * MIB)
    proxy.bytes_per_second = 10e6
    page = open_page(proxy)
    page.page.clock.install()
    page.begin(path, stored=3)
    page.evaluate("() => window.upload.pause()")
    time.sleep(0.1)
    sent = len(page.chunk_requests)
    mend(proxy)
    page.wait_for(f"() => window.stored() >= {sent}")  # What is in flight lands.
    page.page.clock.fast_forward("01:00:00")
    assert page.evaluate("() => window.upload.state") == "paused"
    assert len(page.chunk_requests) == sent
    page.evaluate("() => window.upload.resume()")
    assert files.sha256(page.result()["result"]["uploadId"]) == sha256_of(path)
    assert not [state for state in page.log if "stalled" in state]


def test_a_connection_that_stands_still_is_given_up_and_the_chunk_sent_again(
    open_page: OpenPage, make_file: MakeFile, files: Files, proxy: FlakyProxy
) -> None:
    path = make_file(10 * MIB)
    proxy.bytes_per_second = 10e6
    page = open_page(proxy)
    page.begin(path, stallTimeout=400)
    page.wait_for("() => window.log.includes('waiting stalled')")
    mend(proxy)
    assert files.sha256(page.result()["result"]["uploadId"]) == sha256_of(path)


@pytest.mark.slow
def test_50_files_at_once(open_page: OpenPage, make_file: MakeFile, files: Files) -> None:
    paths = [make_file(100_000 + number, f"many-{number}.bin") for number in range(50)]
    page = open_page()
    page.choose(*paths)
    results = page.evaluate(
        """() => {
          const uploader = new ResumableUploader({apiUrl: '/api/v1/upload', authToken: window.token});
          return Promise.all([...document.querySelector('#file').files].map((file) => uploader.uploadFile(file)));
        }"""
    )
    assert {result["name"]: result["sha256"] for result in results} == {path.name: sha256_of(path) for path in paths}


def test_a_session_that_expired_is_replaced_by_itself(
    open_page: OpenPage, make_file: MakeFile, files: Files, proxy: FlakyProxy, server: ServerProcess
) -> None:
    path = make_file(10 * MIB)
    proxy.bytes_per_second = 5e6
    page = open_page(proxy)
    first = page.begin(path)
    server.run(
        "manage.py", "shell", "-c",
        "from apps.core.models import UploadSession; from django.utils import timezone;"
        f"UploadSession.objects.filter(upload_id='{first}').update(expires_at=timezone.now(), status='expired')",
    )  # fmt: skip
    mend(proxy)
    result = page.result()["result"]
    assert result["uploadId"] != first
    assert files.sha256(result["uploadId"]) == sha256_of(path)


def test_abort_keeps_what_the_server_has_and_cancel_does_not(
    open_page: OpenPage, make_file: MakeFile, files: Files, proxy: FlakyProxy
) -> None:
    path = make_file(10 * MIB)
    proxy.bytes_per_second = 5e6
    page = open_page(proxy)
    page.begin(path)
    page.evaluate("() => window.upload.abort()")
    upload_id = page.evaluate("() => window.upload.uploadId")
    assert page.result()["error"]["code"] == "aborted"
    assert files.status(upload_id)["status"] == "active"
    page.evaluate("() => window.begin()")
    page.wait_for("() => window.upload.uploadId && window.stored() >= 2")
    assert page.evaluate("() => window.upload.uploadId") == upload_id
    page.evaluate("() => window.upload.abort({cancel: true})")
    assert files.status(upload_id)["status"] == "cancelled"
    assert page.evaluate("() => window.log.at(-1)") == "aborted aborted"


DELETE = "(id) => window.uploader.deleteUpload(id).then(() => 'deleted', ({code}) => code)"


def test_an_upload_is_deleted_in_any_state_and_may_be_deleted_twice(
    open_page: OpenPage, make_file: MakeFile, files: Files, proxy: FlakyProxy
) -> None:
    page = open_page(proxy)
    page.start(make_file(3 * MIB, "deleted.bin"))
    completed = page.result()["result"]["uploadId"]
    proxy.bytes_per_second = 5e6
    under_way = page.begin(make_file(10 * MIB, "under-way.bin"))
    assert page.evaluate(DELETE, under_way) == "deleted"
    assert page.result()["error"]["code"] == "aborted"
    for _ in range(2):
        assert page.evaluate(DELETE, completed) == "deleted"
    assert not {completed, under_way} & {each["upload_id"] for each in files.list()}
    assert page.evaluate("() => new ResumableUploader.BrowserStorage().list()") == []


def test_a_deletion_is_tried_again_until_the_server_answers(
    open_page: OpenPage, make_file: MakeFile, files: Files
) -> None:
    page = open_page()
    page.start(make_file(9, "deleted-late.bin"))
    upload_id = page.result()["result"]["uploadId"]
    asked: list[str] = []

    def lose_the_first_answer(route: Route) -> None:
        asked.append(route.request.method)
        if len(asked) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.page.route(f"**/{upload_id}", lose_the_first_answer)
    assert page.evaluate(DELETE, upload_id) == "deleted"
    assert asked == ["DELETE", "DELETE"]
    assert upload_id not in {each["upload_id"] for each in files.list()}


def test_a_deletion_that_is_refused_or_given_up_is_an_error(open_page: OpenPage, make_file: MakeFile) -> None:
    page = open_page()
    page.start(make_file(9, "kept.bin"))
    upload_id = page.result()["result"]["uploadId"]
    page.page.route(f"**/{upload_id}", lambda route: route.abort())
    code = page.evaluate(
        "(id) => window.uploader.deleteUpload(id, {signal: AbortSignal.timeout(300)}).catch(({code}) => code)",
        upload_id,
    )
    assert code == "aborted"
    page.page.unroute(f"**/{upload_id}")
    code = page.evaluate(
        """(id) => new ResumableUploader({apiUrl: '/api/v1/upload', authToken: 'wrong'})
          .deleteUpload(id).catch(({code}) => code)""",
        upload_id,
    )
    assert code == "not_authenticated"


def test_an_applications_signal_aborts(open_page: OpenPage, make_file: MakeFile, proxy: FlakyProxy) -> None:
    page = open_page(proxy)
    page.choose(make_file(10 * MIB))
    page.stall_after(0)
    code = page.evaluate(
        """() => {
          const controller = new AbortController();
          setTimeout(() => controller.abort(), 300);
          const uploader = new ResumableUploader({apiUrl: '/api/v1/upload', authToken: window.token});
          const [file] = document.querySelector('#file').files;
          return uploader.uploadFile(file, {signal: controller.signal}).catch(({code}) => code);
        }"""
    )
    assert code == "aborted"


def test_earlier_uploads_of_a_file_are_found_here_and_from_elsewhere(
    open_page: OpenPage, make_file: MakeFile, files: Files, proxy: FlakyProxy, context: BrowserContext
) -> None:
    path = make_file(9 * MIB + 7, "found.bin")
    proxy.bytes_per_second = 5e6
    page = open_page(proxy)
    page.begin(path, stored=3)
    page.evaluate("() => window.upload.abort()")
    upload_id = page.evaluate("() => window.upload.uploadId")
    find = "() => window.uploader.findPrevious(document.querySelector('#file').files[0])"
    (found,) = page.evaluate(find)
    assert (found["uploadId"], found["filename"], found["here"]) == (upload_id, "found.bin", True)
    assert 0 < found["percentage"] < 100
    page.evaluate("() => { localStorage.clear(); }")
    page.load()
    page.choose(path)
    page.evaluate("() => { window.uploader = new ResumableUploader({apiUrl: '/api/v1/upload', authToken: token}); }")
    (found,) = page.evaluate(find)
    assert (found["uploadId"], found["here"]) == (upload_id, False)
    mend(proxy)
    result = page.evaluate(
        "(uploadId) => window.uploader.uploadFile(document.querySelector('#file').files[0], {uploadId})", upload_id
    )
    assert result["uploadId"] == upload_id
    assert result["sha256"] == sha256_of(path)


def test_what_the_server_refuses_is_one_error_with_a_sentence(
    open_page: OpenPage, make_file: MakeFile, tmp_path: Path
) -> None:
    program = tmp_path / "program.bin"
    program.write_bytes(b"\x7fELF" + bytes(MIB))
    page = open_page()
    page.start(program)
    error = page.result()["error"]
    assert (error["name"], error["code"], error["status"]) == ("UploadError", "executable_refused", 422)
    assert (error["retryable"], error["message"]) == (False, "The file is an executable.")
    page.start(make_file(10, "page.html"))
    assert page.result()["error"]["code"] == "extension_not_allowed"
    page.evaluate("() => { window.uploader = undefined; }")
    page.start(make_file(10), authToken="expired")
    assert (error := page.result()["error"])["code"] == "not_authenticated", error


def test_an_api_on_another_origin_is_used_with_a_token(
    context: BrowserContext, make_file: MakeFile, tmp_path: Path
) -> None:
    path = make_file(3 * MIB)
    elsewhere = ServerProcess(tmp_path / "elsewhere", "asgi")
    page_server = ServerProcess(tmp_path / "page", "asgi")
    elsewhere.environment["CORS_ALLOWED_ORIGINS"] = page_server.base_url
    try:
        elsewhere.start()
        page_server.start()
        page = ClientPage(context, page_server.base_url, elsewhere.token)
        page.start(path, apiUrl=f"{elsewhere.base_url}/api/v1/upload")
        result = page.result()["result"]
        assert result["url"].startswith(elsewhere.base_url)
        assert Files(elsewhere).sha256(result["uploadId"]) == sha256_of(path)
    finally:
        elsewhere.stop()
        page_server.stop()


def test_the_sha256_of_the_whole_is_declared_on_request(open_page: OpenPage, make_file: MakeFile, files: Files) -> None:
    path = make_file(5 * MIB)
    page = open_page()
    loaded: list[str] = []
    page.page.on("request", lambda request: loaded.append(request.url.rpartition("/")[2]))
    page.start(path, fileHash=True)
    upload_id = page.result()["result"]["uploadId"]
    assert files.status(upload_id)["file_hash"] == sha256_of(path)
    assert loaded.count("resumable-upload-file-hash.js") == 1


def test_a_page_without_webcrypto_sends_without_digests_and_says_so_once(
    open_page: OpenPage, make_file: MakeFile, files: Files
) -> None:
    """As browsers have it for http:// outside localhost."""
    path = make_file(3 * MIB)
    page = open_page()
    said: list[str] = []
    page.page.on("console", lambda message: said.append(message.text))
    digests: list[str | None] = []
    page.page.on("request", lambda request: digests.append(request.headers.get("content-digest")))
    page.evaluate("() => Object.defineProperty(crypto, 'subtle', {value: undefined})")
    for _ in range(2):
        page.start(path)
        result = page.result()["result"]
        assert (result["verified"], result["sha256"]) == (False, sha256_of(path))
    assert files.sha256(result["uploadId"]) == sha256_of(path)
    assert [text for text in said if "not verified" in text] == said[:1]
    assert not any(digests)


def test_a_file_of_one_chunk_takes_one_request(open_page: OpenPage, make_file: MakeFile, files: Files) -> None:
    path = make_file(MIB, "small ä.bin")
    page = open_page()
    asked: list[str] = []
    page.page.on("request", lambda request: asked.append(f"{request.method} {urlsplit(request.url).path}"))
    page.start(path, metadata={"trip": "ä"})
    result = page.result()["result"]
    assert [each for each in asked if "/static/" not in each] == ["POST /api/v1/upload/files/"]
    assert (result["name"], result["metadata"], result["verified"]) == ("small ä.bin", {"trip": "ä"}, True)
    assert files.sha256(result["uploadId"]) == result["sha256"] == sha256_of(path)
    assert page.evaluate("() => window.percentages.at(-1)") == 100
    assert page.log == ["starting", "uploading", "verifying", "completed"]


def test_one_request_whose_answer_is_lost_is_repeated_and_there_is_one_upload(
    open_page: OpenPage, make_file: MakeFile, files: Files
) -> None:
    path = make_file(100_000, "lost.bin")
    page = open_page()
    asked: list[str] = []

    def lose_the_first_answer(route: Route) -> None:
        asked.append(route.request.headers["idempotency-key"])
        if len(asked) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.page.route("**/files/", lose_the_first_answer)
    page.start(path)
    assert files.sha256(page.result()["result"]["uploadId"]) == sha256_of(path)
    assert len(asked) == 2
    assert len(set(asked)) == 1
    assert len([each for each in files.list() if each["filename"] == "lost.bin"]) == 1


@pytest.fixture(params=PROXIES)
def behind(request: pytest.FixtureRequest, server: ServerProcess, tmp_path: Path) -> Iterator[str]:
    """The address of a proxy as it is when it was just installed."""
    with proxy_in_front_of(request.param, server.port, tmp_path / "proxy") as address:
        yield address


@pytest.mark.slow
def test_a_file_gets_through_a_proxy_in_chunks_that_fit(
    behind: str, context: BrowserContext, make_file: MakeFile, files: Files, server: ServerProcess
) -> None:
    path = make_file(10 * MIB + 7)
    page = ClientPage(context, behind, server.token)
    page.start(path, chunkSize=4 * MIB)
    upload_id = page.result()["result"]["uploadId"]
    assert files.sha256(upload_id) == sha256_of(path)
    limited = bool(page.evaluate("() => Object.keys(localStorage).some((key) => key.includes(' limit '))"))
    assert (files.status(upload_id)["chunk_size"] < 4 * MIB) == limited
    assert not [each for each in files.list(status="active") if each["total_size"] == path.stat().st_size]
    # Known from then on, also to another page.
    page.load()
    page.chunk_requests.clear()
    page.start(make_file(9 * MIB + 7, "next.bin"), chunkSize=4 * MIB)
    session = files.status(page.result()["result"]["uploadId"])
    assert len(page.chunk_requests) == session["total_chunks"]


@pytest.mark.slow
def test_what_was_begun_elsewhere_is_continued_behind_a_proxy_in_pieces(
    behind: str, context: BrowserContext, open_page: OpenPage, make_file: MakeFile, files: Files, server: ServerProcess,
    proxy: FlakyProxy,
) -> None:  # fmt: skip
    path = make_file(20 * MIB + 7, "pieces.bin")
    proxy.stall_after = 8 * MIB
    page = open_page(proxy)
    page.start(path, chunkSize=4 * MIB)
    page.wait_for("() => window.stored() >= 1")
    upload_id = page.evaluate("() => window.upload.uploadId")
    page.evaluate("() => window.upload.abort()")
    limited = ClientPage(context, behind, server.token)
    limited.start(path, uploadId=upload_id)
    assert limited.result()["result"]["uploadId"] == upload_id
    assert files.sha256(upload_id) == sha256_of(path)


def test_a_small_file_overtakes_a_large_one(
    open_page: OpenPage, make_file: MakeFile, files: Files, proxy: FlakyProxy
) -> None:
    paths = [*(make_file(20 * MIB, f"large-{number}.bin") for number in range(3)), make_file(100_000, "small.bin")]
    proxy.bytes_per_second = 5e6
    page = open_page(proxy)
    page.choose(*paths)
    order = page.evaluate(
        """async () => {
          const uploader = new ResumableUploader({apiUrl: '/api/v1/upload', authToken: window.token});
          const order = [];
          const [...files] = document.querySelector('#file').files;
          const uploads = files.map((file) => uploader.uploadFile(file).then(({name}) => order.push(name)));
          await Promise.any(uploads);
          await uploader.abort({cancel: true});
          await Promise.allSettled(uploads);
          return order;
        }"""
    )
    assert order == ["small.bin"]


def test_callbacks_alone_leave_no_rejection_unhandled(open_page: OpenPage, make_file: MakeFile) -> None:
    page = open_page()
    page.choose(make_file(10, "page.html"))
    code = page.evaluate(
        """() => new Promise((resolve) => {
          const uploader = new ResumableUploader({apiUrl: '/api/v1/upload', authToken: window.token});
          uploader.uploadFile(document.querySelector('#file').files[0], {onError: ({code}) => resolve(code)});
        })"""
    )
    page.page.wait_for_timeout(100)
    assert code == "extension_not_allowed"
    assert page.evaluate("() => window.fault") is None


@pytest.mark.slow
def test_a_large_file_costs_a_few_chunks_of_memory(
    open_page: OpenPage, tmp_path: Path, files: Files, context: BrowserContext
) -> None:
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        file.truncate(1024 * MIB)
    page = open_page()
    page.start(path, chunkSize=8 * MIB)
    largest = 0
    while not page.evaluate("() => window.outcome"):
        largest = max(largest, *map(_resident, _renderers()))
        time.sleep(0.2)
    assert page.result()["result"]["size"] == 1024 * MIB
    assert largest < 500 * MIB, f"{largest / MIB:.0f} MiB"


def _renderers() -> list[Path]:
    return [
        process
        for process in Path("/proc").iterdir()
        if process.name.isdigit() and b"--type=renderer" in _read(process / "cmdline")
    ] or [Path("/proc/self")]


def _resident(process: Path) -> int:
    lines = _read(process / "smaps_rollup").decode().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss_Anon:"))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
