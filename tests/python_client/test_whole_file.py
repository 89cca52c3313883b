"""Files of one chunk take one request."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from resumable_uploads_client import Uploader
from resumable_uploads_client.errors import ConnectionFailed
from resumable_uploads_client.sources import open_source
from resumable_uploads_client.whole_file import ONE_CHUNK, goes_in_one_request

from .conftest import MIB, sha256_of

MakeFile = Callable[..., Path]


@pytest.mark.unit
@pytest.mark.parametrize(
    ("size", "metadata", "chunk_size", "goes"),
    [
        (1, None, None, True),
        (ONE_CHUNK, {"path": "ä", "mark": ""}, None, True),
        (100, None, 100, True),
        (0, None, None, False),
        (ONE_CHUNK + 1, None, None, False),
        (ONE_CHUNK + 1, None, 8 * MIB, False),
        (100, None, 99, False),
        (1, {"trip": 7}, None, False),
        (1, {"a b": ""}, None, False),
        (1, {"a,b": ""}, None, False),
        (1, {"ä": ""}, None, False),
        (1, {"path": "\udcff"}, None, False),
    ],
)
def test_what_goes_in_one_request(size: int, metadata: Any, chunk_size: int | None, goes: bool) -> None:
    with open_source(io.BytesIO(bytes(size)), "a.bin") as source:
        assert goes_in_one_request(source, metadata=metadata, chunk_size=chunk_size) is goes


@pytest.mark.unit
def test_a_name_that_is_no_text_does_not() -> None:
    with open_source(io.BytesIO(b"1"), "\udcff.bin") as source:
        assert not goes_in_one_request(source, metadata=None, chunk_size=None)


@pytest.fixture
def asked(uploader: Uploader, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Methods and paths of the requests."""
    noted: list[str] = []
    request = uploader._api._request

    def noting(method: str, path: str, **options: Any) -> Any:
        noted.append(f"{method} {path}")
        return request(method, path, **options)

    monkeypatch.setattr(uploader._api, "_request", noting)
    return noted


@pytest.mark.integration
@pytest.mark.parametrize("sha256", [False, True])
def test_it_is_one_request(uploader: Uploader, asked: list[str], make_file: MakeFile, sha256: bool) -> None:
    path = make_file(MIB, "small ä.bin")
    result = uploader.upload(path, metadata={"trip": "ä"}, sha256=sha256)
    assert asked == ["POST files/"]
    assert (result.name, result.metadata, result.sha256) == ("small ä.bin", {"trip": "ä"}, sha256_of(path))


@pytest.mark.integration
def test_repeated_because_its_answer_was_lost_there_is_one_upload(
    uploader: Uploader, make_file: MakeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_file(100_000, f"lost-{os.urandom(4).hex()}.bin")
    send, sent = uploader._api._send, []

    def lose_the_first_answer(*arguments: Any) -> Any:
        answer = send(*arguments)
        sent.append(answer)
        if len(sent) == 1:
            raise ConnectionFailed("Lost.")
        return answer

    monkeypatch.setattr(uploader._api, "_send", lose_the_first_answer)
    upload_id = uploader.upload(path).upload_id
    assert len(sent) == 2
    assert [each["upload_id"] for each in uploader.list() if each["filename"] == path.name] == [upload_id]


@pytest.mark.integration
def test_the_same_file_again_is_another_upload(uploader: Uploader, make_file: MakeFile) -> None:
    path = make_file(9)
    assert uploader.upload(path).upload_id != uploader.upload(path).upload_id
