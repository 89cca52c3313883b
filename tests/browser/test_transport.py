"""Where the browser's client sends tokens and other headers, and where it does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ..answering_server import AnsweringServer
from .conftest import ClientPage

pytestmark = pytest.mark.browser

MIB = 2**20
OpenPage = Callable[..., ClientPage]
MakeFile = Callable[..., Path]
MakeServer = Callable[[], AnsweringServer]

ASK = """([operation, apiUrl]) => {
  const uploader = new ResumableUploader({apiUrl, authToken: 'secret', headers: {'X-Configured': 'secret'}});
  const operations = {
    upload: () => uploader.uploadFile(new File(['bytes'], 'a.bin')),
    list: () => uploader.list(),
    cancel: () => uploader.cancel('5edfc178-a9fa-4448-8ffc-9aa7472b71bb'),
    delete: () => uploader.deleteUpload('5edfc178-a9fa-4448-8ffc-9aa7472b71bb'),
  };
  return operations[operation]().then(() => 'done', ({code, retryable}) => `${code} ${retryable}`);
}"""


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("operation", ["upload", "list", "cancel", "delete"])
def test_no_redirect_is_followed(open_page: OpenPage, make_server: MakeServer, operation: str, status: int) -> None:
    server, other = make_server(), make_server()
    server.status, server.location = status, other.base_url
    page = open_page()
    assert page.evaluate(ASK, [operation, f"{server.base_url}/api"]) == "redirected false"
    assert [asked.headers["X-Configured"] for asked in server.asked] == ["secret"]
    assert other.asked == []


def test_a_redirected_chunk_comes_without_the_token_and_ends_the_upload(
    open_page: OpenPage, make_server: MakeServer, make_file: MakeFile
) -> None:
    other = make_server()
    other.document = {"progress": {"received_chunks": 3}}
    page = open_page()
    page.page.route(
        "**/chunk/**", lambda route: route.fulfill(status=307, headers={"Location": f"{other.base_url}/elsewhere"})
    )
    page.start(make_file(3 * MIB, "redirected.bin"))
    error = page.result()["error"]
    assert (error["code"], error["retryable"]) == ("redirected", False)
    assert other.asked
    assert {asked.headers["Authorization"] for asked in other.asked} == {None}


def test_a_policy_keeps_redirected_chunks_from_leaving_with_other_headers_too(
    open_page: OpenPage, make_server: MakeServer, make_file: MakeFile
) -> None:
    other = make_server()
    page = open_page()
    page.page.route(
        "**/chunk/**", lambda route: route.fulfill(status=307, headers={"Location": f"{other.base_url}/elsewhere"})
    )
    page.evaluate(
        """() => {
          const policy = Object.assign(document.createElement('meta'), {content: "connect-src 'self'"});
          policy.httpEquiv = 'Content-Security-Policy';
          document.head.append(policy);
        }"""
    )
    page.start(make_file(3 * MIB, "kept-here.bin"), headers={"X-Configured": "secret"}, retryDelays=[])
    assert page.result()["error"]["code"] == "network_error"
    assert other.asked == []


def test_it_warns_on_the_console_of_a_token_over_plain_http_once(open_page: OpenPage) -> None:
    page = open_page()
    said: list[str] = []
    page.page.on("console", lambda message: said.append(f"{message.type} {message.text}"))
    page.page.route("http://uploads.example/**", lambda route: route.fulfill(json={"results": []}))
    for _ in range(2):
        page.evaluate(ASK, ["list", "http://uploads.example/api"])
    page.evaluate(ASK, ["list", "/api/v1/upload"])
    warned = [text for text in said if "plain HTTP" in text]
    assert len(warned) == 1
    assert warned[0].startswith("warning The token is sent to uploads.example")
