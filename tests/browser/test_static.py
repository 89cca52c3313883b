"""What a browser loads for the page: hashed names, compressed, and from its cache the next time."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from ..server_process import ServerProcess

pytestmark = pytest.mark.browser

HASHED = re.compile(r"\.[0-9a-f]{12}\.\w+$")
ON_DEMAND = re.compile(r"^/static/js/resumable-upload-[\w-]+\.js$")
"""What the client loads beside itself, by its plain name."""


def log_in(page: Page, server: ServerProcess) -> None:
    page.goto(f"{server.base_url}/login/")
    page.locator("[name=username]").fill("demo")
    page.locator("[name=password]").fill((server.directory / "demo-password").read_text())
    page.locator("main form button").click()
    expect(page.locator("#files")).to_be_attached()


def loaded(context: BrowserContext, server: ServerProcess) -> tuple[list[str], float, list[int]]:
    """The paths of static files and the statuses of a load with an empty cache, and which share of all bytes went over
    the line, heads included."""
    page = context.new_page()
    protocol = context.new_cdp_session(page)
    protocol.send("Network.enable")
    protocol.send("Network.clearBrowserCache")
    sent, unpacked = [0.0], [0.0]
    paths: list[str] = []
    statuses: list[int] = []

    def note_sent(event: dict[str, float]) -> None:
        sent[0] += event["encodedDataLength"]

    def note_unpacked(event: dict[str, float]) -> None:
        unpacked[0] += event["dataLength"]

    protocol.on("Network.loadingFinished", note_sent)
    protocol.on("Network.dataReceived", note_unpacked)
    page.on("response", lambda response: paths.append(urlsplit(response.url).path))
    page.on("response", lambda response: statuses.append(response.status))
    page.goto(server.base_url)
    page.wait_for_load_state("networkidle")
    return [path for path in paths if path.startswith("/static/")], sent[0] / unpacked[0], statuses


def test_the_page_loads_hashed_files_and_few_bytes(context: BrowserContext, server: ServerProcess) -> None:
    log_in(context.new_page(), server)
    paths, share, statuses = loaded(context, server)
    assert [path for path in paths if not HASHED.search(path) and not ON_DEMAND.match(path)] == []
    assert any("/resumable_uploads/" in path and path.endswith(".js") for path in paths)
    assert set(statuses) == {200}
    assert 0 < share < 0.6


def test_the_client_under_a_hashed_name_finds_its_neighbours(context: BrowserContext, server: ServerProcess) -> None:
    page = context.new_page()
    log_in(page, server)
    (source,) = page.evaluate("[...document.scripts].map((each) => each.src).filter((src) => src.includes('client'))")
    assert HASHED.search(source)
    answer = page.request.get(re.sub(r"client\.[0-9a-f]+", "on-demand", source))
    assert answer.status == 200
