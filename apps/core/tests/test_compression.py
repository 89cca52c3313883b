"""Lists are compressed for who takes it, under both drivers."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
import requests

from .api import Api

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("small_chunks")]


def listed(api: Api, encoding: str, path: str = "/") -> Any:
    """An answer as it came over the line."""
    headers = {**dict(api.http.headers), "Accept-Encoding": encoding}
    with requests.get(api.url + path, headers=headers, stream=True, timeout=10) as answer:
        answer.raw.decode_content = False
        answer.body = answer.raw.read()  # type: ignore[attr-defined]
        return answer


@pytest.fixture
def many(service: Any) -> None:
    for number in range(20):
        service.create(filename=f"report-{number}.bin", total_size=8)


@pytest.mark.usefixtures("many")
def test_a_long_list_is_compressed(api: Api) -> None:
    plain, packed = listed(api, "identity"), listed(api, "gzip, br")
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) * 4 < len(plain.body)
    assert int(packed.headers["Content-Length"]) == len(packed.body)
    for answer in (plain, packed):
        assert "accept-encoding" in answer.headers["Vary"].lower()
        assert answer.headers["Content-Type"] == "application/json"
        assert not answer.headers.get("ETag", "W/").removeprefix("W/")


@pytest.mark.usefixtures("many")
def test_lengths_of_compressed_lists_betray_nothing(api: Api) -> None:
    assert len({len(listed(api, "gzip").body) for _ in range(10)}) > 1


def test_a_short_list_is_not_compressed_but_varies(api: Api) -> None:
    answer = listed(api, "gzip")
    assert "Content-Encoding" not in answer.headers
    assert "accept-encoding" in answer.headers["Vary"].lower()


@pytest.mark.usefixtures("many")
def test_other_answers_are_not_compressed(api: Api, service: Any) -> None:
    session = service.create(filename="other.bin", total_size=40_000)[0]
    answer = listed(api, "gzip", f"/status/{session.upload_id}")
    assert len(answer.body) > 1000
    assert "Content-Encoding" not in answer.headers


def test_the_page_is_compressed(client: Any, owner: Any) -> None:
    client.force_login(owner)
    answer = client.get("/", headers={"accept-encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert b"<html" in gzip.decompress(answer.content)
