"""Behind proxies with limits on bodies, as they are when they were just installed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from resumable_uploads_client import Uploader
from resumable_uploads_client.errors import ConnectionFailed, ProxyLimit
from resumable_uploads_client.line import SMALLEST_REQUEST, Line
from resumable_uploads_client.state import StateDirectory

from ..limiting_proxies import PROXIES, proxy_in_front_of
from ..server_process import ServerProcess
from .conftest import MIB, sha256_of

MakeFile = Callable[..., Path]
MakeUploader = Callable[[], Uploader]


@pytest.fixture(params=PROXIES)
def behind(request: pytest.FixtureRequest, server: ServerProcess, tmp_path: Path) -> Iterator[MakeUploader]:
    """Makes uploaders behind a proxy, each as in a process of its own."""
    with proxy_in_front_of(request.param, server.port, tmp_path / "proxy") as address:
        yield lambda: Uploader(f"{address}/api/v1/upload", server.token, state_directory=tmp_path / "state")


@pytest.mark.integration
@pytest.mark.slow
class TestBehindAProxy:
    def test_a_file_gets_through_in_chunks_that_fit_and_the_next_one_at_once(
        self, behind: MakeUploader, make_file: MakeFile, server: ServerProcess
    ) -> None:
        path = make_file(10 * MIB + 7)
        with behind() as uploader:
            result = uploader.upload(path, chunk_size=4 * MIB)
            limit = uploader._line.request_limit
            assert result.sha256 == sha256_of(path)
            fits = uploader.status(result.upload_id)["chunk_size"]
            assert fits == (limit or 4 * MIB)
            assert not list(uploader.list(status="active"))
        with behind() as again:
            assert again._line.request_limit == limit
            chunk_size = again.status(again.upload(make_file(9 * MIB)).upload_id)["chunk_size"]
            assert chunk_size <= (limit or chunk_size)

    def test_an_upload_that_was_begun_elsewhere_is_continued_in_pieces(
        self, behind: MakeUploader, make_file: MakeFile, server: ServerProcess, tmp_path: Path
    ) -> None:
        """Its chunks are larger than what the proxy takes, and some of them are stored."""
        path = make_file(20 * MIB + 7)
        with Uploader(f"{server.base_url}/api/v1/upload", server.token, state_directory=None) as direct:
            begun = direct._api.init(filename="file.bin", total_size=20 * MIB + 7, chunk_size=4 * MIB)
            data = memoryview(path.read_bytes())
            for index in (1, 3):
                chunk = data[index * 4 * MIB : (index + 1) * 4 * MIB]
                direct._api.put_chunk(
                    begun["upload_id"], index, chunk, hashlib.sha256(chunk).digest(), lambda count: None
                )
        with behind() as uploader:
            result = uploader.resume(begun["upload_id"], path)
        assert result.upload_id == begun["upload_id"]
        assert result.sha256 == sha256_of(path)

    def test_a_file_of_one_chunk_gets_through(self, behind: MakeUploader, make_file: MakeFile) -> None:
        path = make_file(MIB)
        with behind() as uploader:
            assert uploader.upload(path).sha256 == sha256_of(path)


@pytest.mark.integration
def test_a_chunk_that_never_gets_through_while_the_server_answers_is_too_large(
    uploader: Uploader, make_file: MakeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = uploader._api.put_chunk

    def cut_large_ones(upload_id: str, index: int, data: memoryview, *rest: object) -> object:
        if len(data) > MIB:
            raise ConnectionFailed("Cut.")
        return put(upload_id, index, data, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(uploader._api, "put_chunk", cut_large_ones)
    path = make_file(8 * MIB)
    result = uploader.upload(path, chunk_size=4 * MIB)
    assert result.sha256 == sha256_of(path)
    assert uploader.status(result.upload_id)["chunk_size"] == MIB


@pytest.mark.unit
def test_a_limit_is_remembered_and_halved_until_hardly_anything_gets_through(tmp_path: Path) -> None:
    line = Line("http://a/", StateDirectory(tmp_path))
    line.note_limit(4 * MIB)
    assert Line("http://a/other", StateDirectory(tmp_path)).chunk_size_for(None) == MIB
    assert line.request_limit == 2 * MIB
    line.note_limit(SMALLEST_REQUEST + 1)
    assert line.request_limit == SMALLEST_REQUEST
    assert line.chunk_size_for(None) == SMALLEST_REQUEST
    with pytest.raises(ProxyLimit, match="Nothing gets through"):
        line.note_limit(SMALLEST_REQUEST)
