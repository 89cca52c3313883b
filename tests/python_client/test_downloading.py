"""Downloads from a server that is not to be trusted, into directories that others write to."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import urllib3
from resumable_uploads_client import NotFound, UploadError
from resumable_uploads_client.api import UploadApi
from resumable_uploads_client.downloading import download_file
from resumable_uploads_client.names import part_name
from resumable_uploads_client.progress import ProgressMeter
from resumable_uploads_client.retrying import Retrying

pytestmark = pytest.mark.unit

UPLOAD_ID = "5edfc178-a9fa-4448-8ffc-9aa7472b71bb"
CONTENT = b"published"


class Api(UploadApi):
    """A server with one file, that sends what it likes."""

    def __init__(self, content: bytes = CONTENT, *, name: str = "file.bin", sends: bytes | None = None) -> None:
        super().__init__("http://127.0.0.1:9", "token")
        self.file = {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        self.body = content if sends is None else sends
        self.headers: dict[str, str] = {}
        self.before_sending: Callable[[], None] = lambda: None

    def status(self, upload_id: str) -> dict[str, Any]:
        return {"upload_id": UPLOAD_ID, "status": "completed", "file": self.file}

    def open_file(self, upload_id: str, *, start: int, etag: str) -> urllib3.BaseHTTPResponse:
        self.before_sending()
        return urllib3.HTTPResponse(
            io.BytesIO(self.body[start:]), headers=self.headers, status=206 if start else 200, preload_content=False
        )


def download(api: Api, path: Path, *, overwrite: bool = False) -> Path:
    stop = Event()
    return download_file(api, UPLOAD_ID, path, Retrying((), stop), stop, ProgressMeter(None, None), overwrite=overwrite)


def part_of(path: Path) -> Path:
    return path.with_name(part_name(path.name, UPLOAD_ID))


def test_what_is_there_is_replaced_only_when_one_is_told_to(tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(b"mine")
    for path in (tmp_path, tmp_path / "file.bin"):
        with pytest.raises(FileExistsError):
            download(Api(), path)
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"mine"]
    assert download(Api(), tmp_path, overwrite=True).read_bytes() == CONTENT


def test_what_came_there_during_the_download_stays(tmp_path: Path) -> None:
    def put_mine_there() -> None:
        (tmp_path / "file.bin").write_bytes(b"mine")

    api = Api()
    api.before_sending = put_mine_there
    with pytest.raises(FileExistsError):
        download(api, tmp_path)
    assert (tmp_path / "file.bin").read_bytes() == b"mine"


@pytest.mark.parametrize("target", ["somewhere", "nowhere"])
def test_a_link_in_its_place_is_not_followed(tmp_path: Path, target: str) -> None:
    (tmp_path / "somewhere").write_bytes(b"theirs")
    path = tmp_path / "file.bin"
    path.symlink_to(tmp_path / target)
    with pytest.raises(FileExistsError):
        download(Api(), path)
    assert path.is_symlink()
    download(Api(), path, overwrite=True)
    assert not path.is_symlink()
    assert (tmp_path / "somewhere").read_bytes() == b"theirs"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("kind", ["link", "hard link", "pipe"])
def test_nothing_is_written_into_what_somebody_else_put_where_parts_go(tmp_path: Path, kind: str) -> None:
    (victim := tmp_path / "victim").touch()
    victim.chmod(0o644)
    part = part_of(tmp_path / "file.bin")
    if kind == "link":
        part.symlink_to(victim)
    elif kind == "hard link":
        part.hardlink_to(victim)
    else:
        os.mkfifo(part)
    with pytest.raises(OSError, match=r"file\.bin"):
        download(Api(), tmp_path)
    assert victim.read_bytes() == b""
    assert victim.stat().st_mode & 0o777 == 0o644
    assert not (tmp_path / "file.bin").exists()


def test_a_part_that_belongs_to_somebody_else_is_not_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (part := part_of(tmp_path / "file.bin")).touch()
    monkeypatch.setattr(os, "geteuid", lambda: part.stat().st_uid + 1)
    with pytest.raises(PermissionError):
        download(Api(), tmp_path)
    assert part.read_bytes() == b""


@pytest.mark.parametrize("overwrite", [True, False])
def test_only_the_user_can_read_what_was_downloaded_and_while_it_is(tmp_path: Path, overwrite: bool) -> None:
    path = tmp_path / "file.bin"
    (part := part_of(path)).write_bytes(CONTENT[:4])
    part.chmod(0o666)
    modes: list[int] = []
    if overwrite:
        path.touch(0o666)
    api = Api()
    api.before_sending = lambda: modes.append(part.stat().st_mode & 0o777)
    assert download(api, path, overwrite=overwrite).read_bytes() == CONTENT
    assert [*modes, path.stat().st_mode & 0o777] == [0o600, 0o600]


def test_a_stricter_umask_is_kept(tmp_path: Path) -> None:
    before = os.umask(0o277)
    try:
        path = download(Api(), tmp_path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o400


def test_a_download_that_was_interrupted_resumes(tmp_path: Path) -> None:
    starts: list[int] = []

    class Breaking(Api):
        def open_file(self, upload_id: str, *, start: int, etag: str) -> urllib3.BaseHTTPResponse:
            starts.append(start)
            return super().open_file(upload_id, start=start, etag=etag)

    with pytest.raises(UploadError, match="ended early"):
        download(Breaking(sends=CONTENT[:4]), tmp_path)
    assert download(Breaking(), tmp_path).read_bytes() == CONTENT
    assert starts == [0, 4]
    assert [each.name for each in tmp_path.iterdir()] == ["file.bin"]


def test_no_more_is_written_than_was_announced(tmp_path: Path) -> None:
    with pytest.raises(UploadError) as error:
        download(Api(sends=CONTENT + bytes(10_000_000)), tmp_path)
    assert error.value.code == "too_much"
    assert sum(each.stat().st_size for each in tmp_path.iterdir()) <= len(CONTENT)


def test_nothing_is_unpacked(tmp_path: Path) -> None:
    api = Api(bytes(10_000_000), sends=gzip.compress(bytes(10_000_000)))
    api.headers["Content-Encoding"] = "gzip"
    with pytest.raises(UploadError, match="ended early"):
        download(api, tmp_path)
    assert sum(each.stat().st_size for each in tmp_path.iterdir()) == len(api.body)


@pytest.mark.parametrize("name", ["../outside.bin", "..", "", "a\0b", "CON", "/etc/outside", "é" * 127])
def test_a_file_stays_in_the_directory_whatever_the_server_calls_it(tmp_path: Path, name: str) -> None:
    (directory := tmp_path / "directory").mkdir()
    found = download(Api(name=name), directory)
    assert found.read_bytes() == CONTENT
    assert list(directory.iterdir()) == [found]
    assert list(tmp_path.iterdir()) == [directory]


def test_what_is_no_upload_id_names_no_file(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="not an upload id"):
        download_file(
            Api(), "../x", tmp_path, Retrying((), Event()), Event(), ProgressMeter(None, None), overwrite=False
        )
