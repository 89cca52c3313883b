from __future__ import annotations

from typing import Any

import pytest

from apps.core.models import UploadSession

from .api import Api, assert_problem, sha256
from .noise import noise

pytestmark = pytest.mark.integration

DATA = noise(700_000)


@pytest.fixture
def url(api: Api) -> str:
    return str(api.base_url + api.upload(DATA)["file"]["url"])


def test_the_whole_file(api: Api, url: str) -> None:
    answer = api.http.get(url)
    assert answer.content == DATA
    assert answer.headers["ETag"] == f'"{sha256(DATA)}"'
    assert answer.headers["Content-Length"] == str(len(DATA))
    assert answer.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=300000-", 300_000, 700_000),
        ("bytes=-5", 699_995, 700_000),
        ("bytes=1-9999999", 1, 700_000),
        ("bytes=-9999999", 0, 700_000),
    ],
)
def test_one_range(api: Api, url: str, header: str, start: int, stop: int) -> None:
    answer = api.http.get(url, headers={"Range": header})
    assert answer.content == DATA[start:stop]
    assert answer.status_code == (200 if stop - start == len(DATA) else 206)
    if answer.status_code == 206:
        assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(DATA)}"


@pytest.mark.parametrize("header", ["bytes=5-2", "bytes=", "bytes=a-b", "bytes=0-1,5-6", "items=0-1"])
def test_a_range_that_is_none_means_all(api: Api, url: str, header: str) -> None:
    assert api.http.get(url, headers={"Range": header}).status_code == 200


@pytest.mark.parametrize("header", ["bytes=700000-", "bytes=-0"])
def test_a_range_outside_is_416(api: Api, url: str, header: str) -> None:
    answer = api.http.get(url, headers={"Range": header})
    assert_problem(answer, 416, "bad_range")
    assert answer.headers["Content-Range"] == "bytes */700000"


def test_if_range_guards_against_another_file(api: Api, url: str) -> None:
    headers = {"Range": "bytes=0-0", "If-Range": '"another"'}
    assert api.http.get(url, headers=headers).status_code == 200


def test_if_none_match_saves_the_download(api: Api, url: str) -> None:
    answer = api.http.get(url, headers={"If-None-Match": f'"{sha256(DATA)}"'})
    assert answer.status_code == 304
    assert answer.content == b""


def test_head_tells_without_sending(api: Api, url: str) -> None:
    answer = api.http.head(url)
    assert answer.headers["Content-Length"] == str(len(DATA))


def test_an_unfinished_upload_has_no_file(api: Api) -> None:
    assert_problem(api.get(f"file/{api.init(b'x')}"), 404, "not_found")


def test_a_file_removed_by_the_host_is_404(api: Api, url: str, store_root: Any) -> None:
    next(path for path in (store_root / "files").rglob("*") if path.is_file()).unlink()
    assert_problem(api.http.get(url), 404, "not_found")


def test_a_link_planted_at_the_file_is_404(api: Api, url: str, store_root: Any, tmp_path: Any) -> None:
    (tmp_path / "secret").write_bytes(DATA)
    published = next(path for path in (store_root / "files").rglob("*") if path.is_file())
    published.unlink()
    published.symlink_to(tmp_path / "secret")
    assert_problem(api.http.get(url), 404, "not_found")


def test_a_file_that_was_moved_away_is_not_found_and_its_record_stays(api: Api) -> None:
    session = api.upload(b"0123456789")
    UploadSession.objects.update(file="")
    assert_problem(api.http.get(api.base_url + session["file"]["url"]), 404, "not_found")
    assert api.status(session["upload_id"]).json()["file"]["url"] == session["file"]["url"]
    assert api.get("").json()["results"][0]["file"]["sha256"] == session["file"]["sha256"]


def test_a_head_reads_nothing_and_takes_no_place(api: Api, url: str, owner: Any, client: Any, uploads: Any) -> None:
    uploads(MAX_DOWNLOADS=0)
    client.force_login(owner)
    answer = client.head(url.removeprefix(api.base_url), headers={"host": "localhost"})
    assert (answer.status_code, answer.streaming) == (200, False)
    assert answer.headers["Content-Length"] == str(len(DATA))
