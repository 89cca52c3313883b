"""The client's pure parts, each alone."""

from __future__ import annotations

import hashlib
import io
import os
import threading
import time
from email.utils import formatdate
from pathlib import Path

import pytest
from resumable_uploads_client import FileChanged, Interrupted, Progress, UploadError
from resumable_uploads_client.errors import (
    Conflict,
    ConnectionFailed,
    NotAuthenticated,
    NotFound,
    QuotaExceeded,
    Refused,
    ServerFailed,
    SessionEnded,
    Throttled,
    error_of,
    parse_retry_after,
)
from resumable_uploads_client.progress import ProgressMeter
from resumable_uploads_client.reading import Chunk, Reading, composite_of_source, sha256_of
from resumable_uploads_client.retrying import Retrying
from resumable_uploads_client.sources import open_source
from resumable_uploads_client.state import StateDirectory

from apps.core.tests.noise import noise

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("status", "code", "kind", "retryable"),
    [
        (400, "bad_field", Refused, False),
        (400, "checksum_mismatch", Refused, True),
        (401, "not_authenticated", NotAuthenticated, False),
        (403, "csrf_failed", NotAuthenticated, False),
        (404, "not_found", NotFound, False),
        (408, "receive_timeout", Refused, True),
        (409, "chunk_conflict", Conflict, False),
        (409, "chunk_beyond_end", Conflict, False),
        (409, "client_key_conflict", Conflict, False),
        (409, "composite_mismatch", Conflict, False),
        (409, "chunk_superseded", Conflict, True),
        (410, "session_expired", SessionEnded, False),
        (422, "hash_mismatch", Refused, False),
        (429, "throttled", Throttled, True),
        (429, "quota_exceeded", QuotaExceeded, False),
        (500, "internal_error", ServerFailed, True),
        (507, "storage_full", ServerFailed, True),
    ],
)
def test_an_answer_becomes_the_error_of_its_kind(
    status: int, code: str, kind: type[UploadError], retryable: bool
) -> None:
    error = error_of(status, f'{{"code": "{code}", "detail": "Why."}}'.encode(), "3")
    assert isinstance(error, kind)
    assert (error.code, error.status, error.detail, error.retryable) == (code, status, "Why.", retryable)
    assert error.retry_after == 3


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'"text"', b'{"code": 5}', b""])
def test_a_proxys_page_is_told_by_its_status(body: bytes) -> None:
    assert isinstance(error_of(502, body), ServerFailed)
    assert error_of(413, body).code == "proxy_limit"
    assert str(error_of(404, body)) == "There is no upload service at this address."


def test_a_detail_that_is_no_text_is_made_one() -> None:
    assert error_of(400, b'{"code": "bad_field", "detail": {"size": 1}}').detail == "{'size': 1}"


def test_retry_after_is_seconds_or_a_date() -> None:
    assert parse_retry_after("7") == 7
    assert 50 < (parse_retry_after(formatdate(time.time() + 60, usegmt=True)) or 0) <= 60
    assert parse_retry_after("soon") is None
    assert parse_retry_after(None) is None


def test_requests_are_tried_again_until_the_delays_are_used_up() -> None:
    waits: list[float] = []
    tries: list[None] = []

    def fail() -> None:
        tries.append(None)
        raise ConnectionFailed("Down.", retry_after=0.03)

    retrying = Retrying([0.01, 0.05], threading.Event(), lambda error, seconds: waits.append(seconds))
    with pytest.raises(ConnectionFailed):
        retrying.run(fail)
    assert len(tries) == 3
    assert waits[0] == 0.03, "the server asked for more than the delay"
    assert 0.025 <= waits[1] <= 0.05


def test_what_is_final_is_not_tried_again_and_a_stop_ends_a_wait() -> None:
    stop = threading.Event()
    retrying = Retrying([60], stop)

    def refuse() -> None:
        raise Refused("No.")

    def fail() -> None:
        threading.Timer(0.05, stop.set).start()
        raise ConnectionFailed("Down.")

    with pytest.raises(Refused):
        retrying.run(refuse)
    with pytest.raises(Interrupted):
        retrying.run(fail)
    with pytest.raises(Interrupted):
        retrying.run(lambda: None)


def composite(content: bytes, size: int) -> str:
    digests = [hashlib.sha256(content[at : at + size]).digest() for at in range(0, len(content), size)]
    return f"{hashlib.sha256(b''.join(digests)).hexdigest()}-{len(digests)}"


def test_the_wanted_chunks_are_read_and_the_others_for_the_composite(tmp_path: Path) -> None:
    content = noise(2500)
    path = tmp_path / "file.bin"
    path.write_bytes(content)
    chunks: list[Chunk] = []
    with open_source(path) as source:
        reading = Reading(source, 1000)
        reading.run(lambda index: index != 1, chunks.append)
        assert sorted(reading.digests) == [0, 2]
        assert reading.composite() == composite_of_source(source, 1000) == composite(content, 1000)
        assert reading.sha256() == sha256_of(source) == hashlib.sha256(content).hexdigest()
    assert [(chunk.index, bytes(chunk.data)) for chunk in chunks] == [(0, content[:1000]), (2, content[2000:])]
    assert chunks[0].digest == hashlib.sha256(content[:1000]).digest()


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 2000, 2500])
def test_a_pipe_is_read_once_for_all_of_it(size: int) -> None:
    content = noise(size)
    read_end, write_end = os.pipe()
    os.write(write_end, content)
    os.close(write_end)
    chunks: list[Chunk] = []
    with open(read_end, "rb") as pipe, open_source(pipe) as source:
        reading = Reading(source, 1000, with_sha256=True)
        reading.run(lambda index: True, chunks.append)
        assert (reading.size, reading.composite()) == (size, composite(content, 1000))
        assert reading.sha256() == hashlib.sha256(content).hexdigest()
    assert b"".join(bytes(chunk.data) for chunk in chunks) == content


def test_a_chunk_that_is_read_again_must_be_what_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(b"a" * 10)
    with open_source(path) as source:
        times = os.stat(path)
        reading = Reading(source, 4)
        reading.chunk(1)
        path.write_bytes(b"b" * 10)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        with pytest.raises(FileChanged):
            reading.chunk(1)


@pytest.mark.parametrize("change", [b"grown" * 1000, b"x"])
def test_a_file_that_grows_or_shrinks_is_noticed(tmp_path: Path, change: bytes) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(bytes(2500))
    with open_source(path) as source:
        path.write_bytes(change)
        with pytest.raises(FileChanged):
            Reading(source, 1000).run(lambda index: False, lambda chunk: None)


def test_sources_tell_name_size_and_whether_they_can_be_rewound(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(b"12345")
    read_end, write_end = os.pipe()
    os.close(write_end)
    with path.open("rb") as opened, open_source(opened) as same, open_source(path) as file:
        assert (same.name, same.fingerprint) == ("file.bin", file.fingerprint)
    with open_source(path) as file, open_source(io.BytesIO(b"123"), "memory.bin") as memory:
        assert (file.name, file.size, file.rewindable) == ("file.bin", 5, True)
        assert (memory.name, memory.size, memory.rewindable) == ("memory.bin", 3, True)
        assert memory.read(1, 5) == b"23"
    with open(read_end, "rb") as pipe, open_source(pipe) as stream:
        assert (stream.name, stream.size, stream.rewindable) == ("upload.bin", None, False)


def test_what_has_no_place_is_known_by_its_edges() -> None:
    def fingerprint(content: bytes) -> str:
        with open_source(io.BytesIO(content), "memory.bin") as source:
            return source.fingerprint

    large = noise(300_000)
    assert fingerprint(large) == fingerprint(large)
    assert len({fingerprint(content) for content in (large, b"x" + large[1:], large[:-1] + b"x", large + b"x")}) == 4


def test_what_is_known_of_a_line_is_remembered_beside_the_uploads(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / "state")
    assert state.line("http://a", "bytes_per_second") is None
    state.keep_line("http://a", bytes_per_second=1234.5, request_limit=None)
    assert state.line("http://a", "bytes_per_second") == 1234.5
    assert state.line("http://a", "request_limit") is None
    assert state.line("http://b", "bytes_per_second") is None
    (file,) = (tmp_path / "state").iterdir()
    for broken in ("{", '{"bytes_per_second": "fast"}', '{"bytes_per_second": 0}'):
        file.write_text(broken)
        assert state.line("http://a", "bytes_per_second") is None


def test_the_fingerprint_changes_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(b"one")
    with open_source(path) as source:
        first = source.fingerprint
    with open_source(path, "another.bin") as source:
        assert source.fingerprint != first
    os.utime(path, (1, 1))
    with open_source(path) as source:
        assert source.fingerprint != first


def test_no_pipe_is_like_another() -> None:
    prints = []
    for _ in range(2):
        read_end, write_end = os.pipe()
        os.close(write_end)
        with open(read_end, "rb") as pipe, open_source(pipe) as source:
            prints.append(source.fingerprint)
    assert prints[0] != prints[1]


def test_an_object_that_gives_less_than_it_is_asked_for_is_read_to_its_end() -> None:
    class Dribbling(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 0, 7))

    with open_source(Dribbling(bytes(100)), "memory.bin") as source:
        assert len(source.read(10, 60)) == 60


def test_uploads_are_remembered_in_private_files_until_they_are_forgotten(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / "state")
    assert state.find("url", "print") is None
    state.remember("url", "print", "id")
    (file,) = (tmp_path / "state").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert state.find("url", "print") == "id"
    assert state.find("another url", "print") is None
    file.write_text("{broken")
    assert state.find("url", "print") is None
    state.forget("url", "print")
    assert state.find("url", "print") is None


def test_old_memories_are_dropped_and_an_unwritable_directory_is_no_failure(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / "state")
    state.remember("url", "old", "id")
    (old,) = (tmp_path / "state").iterdir()
    os.utime(old, (1, 1))
    state.remember("url", "new", "id")
    assert state.find("url", "old") is None
    nowhere = StateDirectory(Path("/proc/nowhere"))
    nowhere.remember("url", "print", "id")
    assert nowhere.find("url", "print") is None


def test_progress_never_falls_and_ends_at_the_whole() -> None:
    seen: list[Progress] = []
    meter = ProgressMeter(1000, seen.append)
    meter.begin_at(100)
    for count in (300, -300, 200):
        time.sleep(0.11)
        meter.add(count)
    meter.wait("The server cannot be reached.")
    meter.finish(1000)
    assert [progress.sent_bytes for progress in seen] == [100, 400, 400, 400, 400, 1000]
    assert seen[-2].waiting_for == "The server cannot be reached."
    assert (seen[1].bytes_per_second or 0) > 0
    assert seen[-1].percentage == 100
    assert Progress(5, None, 0, None).percentage is None
    assert Progress(0, 0, 0, None).percentage == 100
