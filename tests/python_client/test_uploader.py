"""The library: what breaks on the way, and what arrives nevertheless."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from resumable_uploads_client import (
    AsyncUploader,
    Conflict,
    ConnectionFailed,
    FileChanged,
    Interrupted,
    NotAuthenticated,
    NotFound,
    Progress,
    Refused,
    ServerFailed,
    Uploader,
    UploadError,
    UploadResult,
)
from resumable_uploads_client.reading import Reading
from resumable_uploads_client.sessions import client_key
from resumable_uploads_client.sources import FileSource, open_source

from apps.core.tests.noise import noise

from ..flaky_proxy import FlakyProxy
from ..server_process import ServerProcess
from .conftest import LONG, MIB, QUICK_RETRIES, new_uploader, sha256_of

pytestmark = pytest.mark.integration

MakeFile = Callable[..., Path]


def stored_sha256(uploader: Uploader, upload_id: str, tmp_path: Path) -> str:
    return sha256_of(uploader.download(upload_id, tmp_path / "downloaded", overwrite=True))


class Begun:
    """An upload on a thread of its own. Once so much was sent, it stands still until it is told to go on."""

    def __init__(self, uploader: Uploader, path: Path, *, percent: float = 20, **options: object) -> None:
        self.stop = threading.Event()
        self.waits = threading.Event()
        self._may_go_on = threading.Event()
        reached = threading.Event()

        def on_progress(progress: Progress) -> None:
            if progress.waiting_for:
                self.waits.set()
            if (progress.percentage or 0) >= percent:
                reached.set()
                self._may_go_on.wait(LONG)

        self._pool = ThreadPoolExecutor(1)
        self.future = self._pool.submit(
            uploader.upload,
            path,
            on_progress=on_progress,
            stop=self.stop,
            **options,  # type: ignore[arg-type]
        )
        while not reached.wait(0.02):
            if self.future.done():
                self.future.result()

    def go_on(self) -> None:
        self._may_go_on.set()

    def result(self) -> UploadResult:
        """What it comes to when it goes on."""
        self.go_on()
        return self.future.result(LONG)

    def interrupt(self) -> None:
        """Stop it from outside, which it must say."""
        self.stop.set()
        with pytest.raises(Interrupted):
            self.result()


def test_a_file_arrives_as_it_is(uploader: Uploader, make_file: MakeFile, tmp_path: Path) -> None:
    path = make_file(20 * MIB + 17)
    seen: list[Progress] = []
    result = uploader.upload(path, on_progress=seen.append, metadata={"trip": 7})
    assert result.sha256 == sha256_of(path) == stored_sha256(uploader, result.upload_id, tmp_path)
    assert (result.name, result.size, result.metadata) == ("file.bin", 20 * MIB + 17, {"trip": 7})
    sent = [progress.sent_bytes for progress in seen]
    assert sent == sorted(sent)
    assert seen[-1].percentage == 100


def test_resumes_in_another_process_with_what_is_missing(
    uploader: Uploader, make_file: MakeFile, tmp_path: Path, proxy: FlakyProxy, server: ServerProcess
) -> None:
    path = make_file(20 * MIB)
    proxy.bytes_per_second = 20e6
    begun = Begun(uploader, path, percent=50)
    begun.interrupt()
    proxy.cut()
    (session,) = (each for each in uploader.list(status="active") if each["total_size"] == 20 * MIB)
    stored = session["progress"]["received_bytes"]
    assert stored > 5 * MIB
    proxy.bytes_per_second = None
    proxy.bytes_sent = 0
    again = new_uploader(proxy, server, tmp_path)
    result = again.upload(path)
    assert result.upload_id == session["upload_id"]
    assert proxy.bytes_sent < 20 * MIB - stored + MIB
    assert stored_sha256(uploader, result.upload_id, tmp_path) == sha256_of(path)
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    (left,) = (tmp_path / "state").iterdir()
    assert left.name.startswith("line-"), "of the line; nothing of the upload"


def test_resumes_without_a_state_directory(
    make_file: MakeFile, tmp_path: Path, proxy: FlakyProxy, server: ServerProcess
) -> None:
    path = make_file(10 * MIB)
    proxy.bytes_per_second = 10e6
    # Of what was sent, four chunks at most have not been answered.
    first = Begun(new_uploader(proxy, server, tmp_path, state_directory=None), path, percent=70)
    first.interrupt()
    proxy.cut()
    proxy.bytes_per_second = None
    proxy.bytes_sent = 0
    result = new_uploader(proxy, server, tmp_path, state_directory=None).upload(path)
    assert result.sha256 == sha256_of(path)
    assert proxy.bytes_sent < 8 * MIB


def test_on_4_mbit_something_is_safe_after_4_seconds(
    uploader: Uploader, make_file: MakeFile, proxy: FlakyProxy
) -> None:
    proxy.bytes_per_second = 500_000
    proxy.stall_after = 4 * 500_000
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        upload = pool.submit(uploader.upload, make_file(20 * MIB), stop=stop)
        deadline = time.monotonic() + LONG
        try:
            while not any(session["progress"]["received_bytes"] for session in uploader.list(status="active")):
                assert time.monotonic() < deadline
                time.sleep(0.05)
        finally:
            stop.set()
            proxy.cut()
        assert isinstance(upload.exception(LONG), Interrupted)


def test_a_server_that_is_killed_and_restarted_costs_only_time(
    uploader: Uploader, make_file: MakeFile, tmp_path: Path, proxy: FlakyProxy, server: ServerProcess
) -> None:
    path = make_file(20 * MIB)
    proxy.bytes_per_second = 10e6
    begun = Begun(uploader, path)
    server.kill()
    begun.go_on()
    assert begun.waits.wait(LONG)
    server.start()
    proxy.bytes_per_second = None
    assert stored_sha256(uploader, begun.result().upload_id, tmp_path) == sha256_of(path)


def test_connections_that_are_reset_are_made_again(
    uploader: Uploader, make_file: MakeFile, tmp_path: Path, proxy: FlakyProxy
) -> None:
    path = make_file(20 * MIB)
    proxy.bytes_per_second = 15e6
    begun = Begun(uploader, path, percent=10)
    proxy.cut()
    begun.go_on()
    for _ in range(4):
        time.sleep(0.1)
        proxy.cut()
    assert stored_sha256(uploader, begun.result().upload_id, tmp_path) == sha256_of(path)


def test_chunks_corrupted_on_the_way_are_sent_again(
    uploader: Uploader, make_file: MakeFile, tmp_path: Path, proxy: FlakyProxy
) -> None:
    path = make_file(6 * MIB)
    proxy.corrupt_bodies = 3
    assert stored_sha256(uploader, uploader.upload(path).upload_id, tmp_path) == sha256_of(path)
    assert proxy.corrupt_bodies == 0


def test_a_chunk_damaged_on_the_servers_disk_is_repaired(
    uploader: Uploader, make_file: MakeFile, tmp_path: Path, proxy: FlakyProxy, server: ServerProcess
) -> None:
    path = make_file(10 * MIB)
    proxy.bytes_per_second = 10e6
    begun = Begun(uploader, path, percent=60)
    part = next((server.directory / "media/uploads/staging").glob("*.part"))
    with part.open("r+b") as file:
        file.write(bytes(9))
    proxy.bytes_per_second = None
    assert stored_sha256(uploader, begun.result().upload_id, tmp_path) == sha256_of(path)


def test_a_connection_that_stands_still_is_given_up(
    make_file: MakeFile, tmp_path: Path, proxy: FlakyProxy, server: ServerProcess
) -> None:
    path = make_file(8 * MIB)
    uploader = new_uploader(proxy, server, tmp_path, stall_timeout=0.5)
    proxy.bytes_per_second = 8e6
    begun = Begun(uploader, path)
    proxy.stalled = True
    begun.go_on()
    assert begun.waits.wait(LONG)
    proxy.stalled = False
    proxy.cut()
    patient = new_uploader(proxy, server, tmp_path)
    assert stored_sha256(patient, begun.result().upload_id, tmp_path) == sha256_of(path)


def test_a_slow_line_is_no_stall(make_file: MakeFile, tmp_path: Path, proxy: FlakyProxy, server: ServerProcess) -> None:
    """A chunk may take longer than the stall timeout while its bytes move."""
    proxy.narrow_buffers()
    proxy.bytes_per_second = 0.2e6
    path = make_file(MIB)
    waits: list[str] = []
    with new_uploader(proxy, server, tmp_path, stall_timeout=3, retry_delays=[]) as uploader:
        uploader._api._pool.connection_pool_kw["socket_options"] = [(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)]
        started = time.monotonic()
        result = uploader.upload(path, parallel=1, on_progress=lambda progress: waits.append(progress.waiting_for))
    assert time.monotonic() - started > 3
    assert result.sha256 == sha256_of(path)
    assert set(waits) == {""}


def test_a_pipe_is_read_once_as_it_comes(uploader: Uploader, tmp_path: Path) -> None:
    content = noise(20 * MIB + 3)
    read_end, write_end = os.pipe()

    def feed() -> None:
        with open(write_end, "wb") as sink:
            sink.write(content)

    threading.Thread(target=feed).start()
    with open(read_end, "rb") as pipe:
        result = uploader.upload(pipe, name="piped.bin")
    assert result.sha256 == hashlib.sha256(content).hexdigest()
    assert (result.name, result.size) == ("piped.bin", len(content))


def test_only_the_last_chunk_of_a_pipe_is_short_however_it_dribbles(
    uploader: Uploader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server takes a short chunk for the end of the file."""
    sent: dict[int, int] = {}
    put_chunk = uploader._api.put_chunk

    def noting(upload_id: str, index: int, data: memoryview, *rest: Any) -> dict[str, Any]:
        sent[index] = len(data)
        return put_chunk(upload_id, index, data, *rest)

    monkeypatch.setattr(uploader._api, "put_chunk", noting)
    content = noise(23 * MIB)
    read_end, write_end = os.pipe()

    def feed() -> None:
        with open(write_end, "wb", buffering=0) as sink:
            sink.writelines(content[start : start + 50_001] for start in range(0, len(content), 50_001))

    threading.Thread(target=feed).start()
    with open(read_end, "rb", buffering=0) as pipe:
        result = uploader.upload(pipe, name="dribbling.bin")
    chunk_size = uploader.status(result.upload_id)["chunk_size"]
    assert chunk_size * 10_000 >= 100 * 1024 * MIB
    assert sent == {0: chunk_size, 1: chunk_size, 2: len(content) - 2 * chunk_size}
    assert result.sha256 == hashlib.sha256(content).hexdigest()


def test_a_pipe_of_whole_chunks_ends_where_it_ends(uploader: Uploader) -> None:
    read_end, write_end = os.pipe()
    content = noise(2 * 10_737_419)

    def feed() -> None:
        with open(write_end, "wb") as sink:
            sink.write(content)

    threading.Thread(target=feed).start()
    with open(read_end, "rb") as pipe:
        result = uploader.upload(pipe, name="whole.bin")
    session = uploader.status(result.upload_id)
    assert session["total_chunks"] * session["chunk_size"] == len(content)


def test_a_pipe_that_has_nothing_yet_is_not_taken_for_one_that_ended(uploader: Uploader) -> None:
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    with open(write_end, "wb", buffering=0) as sink, open(read_end, "rb", buffering=0) as pipe:
        sink.write(b"not all")
        with pytest.raises(BlockingIOError, match="blocking mode"):
            uploader.upload(pipe, name="nonblocking.bin")
    assert not [each for each in uploader.list(status="completed") if each["filename"] == "nonblocking.bin"]


def empty_pipe() -> Any:
    read_end, write_end = os.pipe()
    os.close(write_end)
    return open(read_end, "rb")


@pytest.mark.parametrize("kind", ["path", "memory", "pipe"])
def test_an_empty_file_is_uploaded(uploader: Uploader, make_file: MakeFile, tmp_path: Path, kind: str) -> None:
    source: Any = {"path": lambda: make_file(0), "memory": lambda: io.BytesIO(b""), "pipe": empty_pipe}[kind]()
    seen: list[Progress] = []
    result = uploader.upload(source, name="empty.bin", on_progress=seen.append)
    if kind == "pipe":
        source.close()
    assert (result.name, result.size, result.sha256) == ("empty.bin", 0, hashlib.sha256().hexdigest())
    assert (seen[-1].percentage, seen[-1].remaining_seconds) == (100, None)
    assert uploader.status(result.upload_id)["progress"]["percentage"] == 100
    assert uploader.download(result.upload_id, tmp_path / "copy").read_bytes() == b""


def test_a_file_that_only_seems_empty_is_read_to_its_end(uploader: Uploader) -> None:
    """Those below /proc are 0 bytes large for whoever asks."""
    version = Path("/proc/version")
    if not version.is_file():
        pytest.skip("needs /proc")
    result = uploader.upload(version, name="version.bin")
    assert result.sha256 == hashlib.sha256(version.read_bytes()).hexdigest()


def test_a_file_in_memory_is_uploaded(uploader: Uploader) -> None:
    result = uploader.upload(io.BytesIO(b"in memory"), name="memory.bin")
    assert result.sha256 == hashlib.sha256(b"in memory").hexdigest()


def test_text_files_are_told_apart(uploader: Uploader) -> None:
    with pytest.raises(TypeError, match="binary"):
        uploader.upload(io.StringIO("text"))  # type: ignore[arg-type]


def test_a_file_that_changes_while_it_is_sent_is_an_error_and_publishes_nothing(
    uploader: Uploader, make_file: MakeFile, proxy: FlakyProxy
) -> None:
    path = make_file(10 * MIB, "changing.bin")
    proxy.bytes_per_second = 5e6
    begun = Begun(uploader, path)
    with path.open("r+b") as file:
        file.seek(9 * MIB)
        file.write(b"changed")
    proxy.bytes_per_second = None
    with pytest.raises(FileChanged, match="changed while"):
        begun.result()
    assert not [session for session in uploader.list(status="completed") if session["filename"] == "changing.bin"]


def test_a_change_that_left_no_trace_is_found_by_the_hash_and_uploaded_anew(
    uploader: Uploader, make_file: MakeFile, tmp_path: Path, proxy: FlakyProxy
) -> None:
    path = make_file(10 * MIB)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    proxy.bytes_per_second = 10e6
    begun = Begun(uploader, path, percent=40)
    begun.interrupt()
    path.write_bytes(noise(10 * MIB))
    os.utime(path, (1_700_000_000, 1_700_000_000))
    proxy.bytes_per_second = None
    assert stored_sha256(uploader, uploader.upload(path).upload_id, tmp_path) == sha256_of(path)


def test_an_answer_to_init_that_was_lost_leaves_one_session(
    uploader: Uploader, make_file: MakeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    init = uploader._api.init
    lost: list[str] = []

    def losing(**fields: Any) -> dict[str, Any]:
        session = init(**fields)
        if len(lost) % 2 == 0:
            lost.append(session["upload_id"])
            raise ConnectionFailed("The answer was lost.")
        lost.append("")
        return session

    monkeypatch.setattr(uploader._api, "init", losing)
    read_end, write_end = os.pipe()
    os.write(write_end, b"piped")
    os.close(write_end)
    with open(read_end, "rb") as pipe:
        sources: list[Any] = [make_file(MIB + 9), io.BytesIO(bytes(MIB + 1)), pipe]
        results = [uploader.upload(source, name=f"lost-{number}.bin") for number, source in enumerate(sources)]
    assert [result.upload_id for result in results] == [upload_id for upload_id in lost if upload_id]


def test_the_key_tells_no_path_and_finds_what_was_begun_before(
    make_file: MakeFile, tmp_path: Path, proxy: FlakyProxy, server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_file(10 * MIB, "keyed.bin")
    asked: list[dict[str, Any]] = []
    proxy.bytes_per_second = 10e6
    Begun(new_uploader(proxy, server, tmp_path, state_directory=None), path, percent=40).interrupt()
    proxy.bytes_per_second = None
    with new_uploader(proxy, server, tmp_path, state_directory=tmp_path / "fresh") as again:
        (session,) = (each for each in again.list(status="active") if each["filename"] == "keyed.bin")
        init = again._api.init

        def noting(**fields: Any) -> dict[str, Any]:
            asked.append(fields)
            return init(**fields)

        monkeypatch.setattr(again._api, "init", noting)
        assert again.upload(path).upload_id == session["upload_id"]
    (fields,) = asked
    assert "file_hash" not in fields
    assert len(fields["client_key"]) == 32
    assert int(fields["client_key"], 16)


@pytest.mark.parametrize("remembering", [True, False])
def test_a_session_with_other_bytes_is_replaced_and_left_alone(
    make_file: MakeFile, tmp_path: Path, proxy: FlakyProxy, server: ServerProcess, remembering: bool
) -> None:
    """It may be another machine's, whose file looks the same."""
    path = make_file(3 * MIB, f"changing-{remembering}.bin")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    uploader = new_uploader(proxy, server, tmp_path, state_directory=tmp_path / "state" if remembering else None)
    with open_source(path) as source:
        old = uploader._sessions.open(source, chunk_size=MIB)
        chunk = Reading(source, MIB).chunk(1)
    uploader._api.put_chunk(old["upload_id"], 1, chunk.data, chunk.digest, lambda count: None)
    path.write_bytes(noise(3 * MIB))
    os.utime(path, (1_700_000_000, 1_700_000_000))
    result = uploader.upload(path)
    assert result.upload_id != old["upload_id"]
    assert stored_sha256(uploader, result.upload_id, tmp_path) == sha256_of(path)
    assert uploader.status(old["upload_id"])["progress"]["received_chunks"] == 1


def test_two_senders_whose_files_look_the_same_each_get_theirs_across(
    make_file: MakeFile, tmp_path: Path, proxy: FlakyProxy, server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As two machines with the same path, size and time of modification."""
    monkeypatch.setattr(FileSource, "fingerprint", property(lambda source: f"looks-the-same {source.name}"))
    proxy.bytes_per_second = 20e6
    paths = [make_file(8 * MIB, f"machine-{number}.bin") for number in range(2)]
    uploaders = [new_uploader(proxy, server, tmp_path, state_directory=tmp_path / str(number)) for number in range(2)]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda each, path: each.upload(path, name="same.bin"), uploaders, paths))
    assert [result.sha256 for result in results] == [sha256_of(path) for path in paths]


def test_one_file_under_two_names_is_two_uploads(uploader: Uploader, make_file: MakeFile, proxy: FlakyProxy) -> None:
    path = make_file(10 * MIB)
    proxy.bytes_per_second = 10e6
    Begun(uploader, path, percent=40, name="first.bin").interrupt()
    proxy.bytes_per_second = None
    assert uploader.upload(path, name="second.bin").name == "second.bin"
    assert uploader.upload(path, name="first.bin").name == "first.bin"


def test_what_was_completed_without_anybody_hearing_of_it_is_not_sent_twice(
    uploader: Uploader, make_file: MakeFile, monkeypatch: pytest.MonkeyPatch, proxy: FlakyProxy
) -> None:
    path = make_file(5 * MIB)
    with monkeypatch.context() as dying:
        dying.setattr(uploader._sessions, "forget", lambda source: None)
        first = uploader.upload(path)
    proxy.bytes_sent = 0
    assert uploader.upload(path).upload_id == first.upload_id
    assert proxy.bytes_sent < MIB
    assert uploader.upload(path).upload_id != first.upload_id, "known to be done: this is another upload"


def test_a_key_that_stands_for_another_file_is_a_conflict(uploader: Uploader, make_file: MakeFile) -> None:
    path = make_file(MIB + 9)
    with open_source(path) as source:
        uploader._api.init(filename="other.bin", total_size=8, client_key=client_key(source.fingerprint or ""))
    with pytest.raises(Conflict) as error:
        uploader.upload(path)
    assert (error.value.code, error.value.status) == ("client_key_conflict", 409)


@pytest.mark.parametrize("ended", [True, False])
def test_an_upload_is_deleted_in_any_state_as_often_as_one_likes(
    uploader: Uploader, make_file: MakeFile, ended: bool, tmp_path: Path
) -> None:
    path = make_file(9)
    if ended:
        upload_id = uploader.upload(path).upload_id
    else:
        with open_source(path) as source:
            upload_id = uploader._sessions.open(source)["upload_id"]
    for _ in range(2):
        uploader.delete(upload_id)
    uploader.delete(str(uuid4()))
    with pytest.raises(NotFound):
        uploader.status(upload_id)
    with pytest.raises(NotFound):
        uploader.download(upload_id, tmp_path / "nothing")
    assert uploader.upload(path).upload_id != upload_id


def test_what_is_deleted_while_it_is_sent_is_not_begun_again(
    uploader: Uploader, make_file: MakeFile, proxy: FlakyProxy
) -> None:
    path = make_file(10 * MIB, "deleted.bin")
    proxy.bytes_per_second = 5e6
    begun = Begun(uploader, path)
    (session,) = (each for each in uploader.list(status="active") if each["filename"] == "deleted.bin")
    uploader.delete(session["upload_id"])
    proxy.bytes_per_second = None
    with pytest.raises(NotFound):
        begun.result()
    assert not [each for each in uploader.list() if each["filename"] == "deleted.bin"]


@pytest.mark.parametrize("malformed", ["", "..", "init", "a/b", "?x", "5EDFC178-A9FA-4448-8FFC-9AA7472B71BB"])
def test_what_is_no_upload_id_is_not_deleted_but_told(uploader: Uploader, malformed: str) -> None:
    with pytest.raises(NotFound, match="is not an upload id") as error:
        uploader.delete(malformed)
    assert error.value.code == "not_found"


def test_deleting_at_a_wrong_address_is_no_success(proxy: FlakyProxy, server: ServerProcess) -> None:
    with Uploader(f"{proxy.base_url}/elsewhere", server.token) as uploader, pytest.raises(NotFound, match="address"):
        uploader.delete(str(uuid4()))


def test_a_session_that_expired_is_replaced(
    uploader: Uploader, make_file: MakeFile, tmp_path: Path, proxy: FlakyProxy, server: ServerProcess
) -> None:
    path = make_file(10 * MIB, "expiring.bin")
    proxy.bytes_per_second = 4e6
    begun = Begun(uploader, path)
    server.run(
        "manage.py", "shell", "-c",
        "from apps.core.models import UploadSession\n"
        "from apps.core.services import transitions\n"
        "while not transitions.expire(UploadSession.objects.get(filename='expiring.bin')): pass",
    )  # fmt: skip
    proxy.bytes_per_second = None
    assert stored_sha256(uploader, begun.result().upload_id, tmp_path) == sha256_of(path)


UPLOAD = """
import sys
from pathlib import Path
from resumable_uploads_client import Uploader
with Uploader(sys.argv[1], sys.argv[2], state_directory=Path(sys.argv[3])) as uploader:
    print(uploader.upload(sys.argv[4]).upload_id)
"""


def test_two_processes_with_one_file_share_a_session(
    uploader: Uploader, make_file: MakeFile, tmp_path: Path, proxy: FlakyProxy, server: ServerProcess
) -> None:
    path = make_file(20 * MIB)
    proxy.bytes_per_second = 30e6
    arguments = [sys.executable, "-c", UPLOAD, f"{proxy.base_url}/api/v1/upload", server.token]
    processes = [
        subprocess.Popen([*arguments, str(tmp_path / "state"), str(path)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    ids = {process.communicate(timeout=LONG)[0].strip() for process in processes}
    assert len(ids) == 1
    assert stored_sha256(uploader, ids.pop(), tmp_path) == sha256_of(path)


def test_two_uploads_that_know_nothing_of_each_other_end_with_one_file(
    make_file: MakeFile, tmp_path: Path, proxy: FlakyProxy, server: ServerProcess
) -> None:
    path = make_file(10 * MIB, "duplicates.bin")
    proxy.bytes_per_second = 20e6
    uploaders = [new_uploader(proxy, server, tmp_path, state_directory=tmp_path / str(number)) for number in range(2)]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda each: each.upload(path), uploaders))
    assert len({result.upload_id for result in results}) == 1
    assert stored_sha256(uploaders[0], results[0].upload_id, tmp_path) == sha256_of(path)
    assert not [session for session in uploaders[0].list(status="active") if session["filename"] == "duplicates.bin"]


def test_many_threads_share_one_uploader(uploader: Uploader, make_file: MakeFile) -> None:
    paths = [make_file(MIB + number, f"many-{number}.bin") for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(uploader.upload, paths))
    assert [result.sha256 for result in results] == [sha256_of(path) for path in paths]


def test_a_token_that_ran_out_is_asked_for_again_once(
    make_file: MakeFile, proxy: FlakyProxy, server: ServerProcess, tmp_path: Path
) -> None:
    asked: list[None] = []

    def token() -> str:
        asked.append(None)
        return server.token if len(asked) > 1 else "expired"

    url = f"{proxy.base_url}/api/v1/upload"
    with Uploader(url, token, state_directory=tmp_path / "state") as uploader:
        assert uploader.upload(make_file(5 * MIB)).size == 5 * MIB
    assert len(asked) == 2


def test_a_full_disk_is_told_and_what_is_stored_stays(
    make_file: MakeFile, tmp_path: Path, server: ServerProcess
) -> None:
    """The server keeps more free than its disk has: for it, the disk is full."""
    (tmp_path / "settings_of_full_disk.py").write_text(
        "from intelliwiz_config.settings import *\nRESUMABLE_UPLOADS['MIN_FREE_DISK_BYTES'] = 10**18\n"
    )
    full = ServerProcess(
        tmp_path / "data", "asgi", DJANGO_SETTINGS_MODULE="settings_of_full_disk", PYTHONPATH=str(tmp_path)
    )
    full.start(ready=False)
    try:
        url = f"{full.base_url}/api/v1/upload"
        with (
            Uploader(url, full.token, retry_delays=[0.1], state_directory=tmp_path / "state") as uploader,
            pytest.raises(ServerFailed) as error,
        ):
            uploader.upload(make_file(3 * MIB))
        assert (error.value.code, error.value.status) == ("storage_full", 507)
    finally:
        full.stop()


def test_what_the_server_refuses_is_told_with_its_code(uploader: Uploader, make_file: MakeFile, tmp_path: Path) -> None:
    program = tmp_path / "program.bin"
    program.write_bytes(b"\x7fELF" + bytes(MIB))
    with pytest.raises(Refused) as error:
        uploader.upload(program)
    assert (error.value.code, error.value.status) == ("executable_refused", 422)
    with pytest.raises(Refused) as error:
        uploader.upload(make_file(9, "page.html"))
    assert error.value.code == "extension_not_allowed"


def test_wrong_tokens_addresses_and_servers_are_told_apart(
    proxy: FlakyProxy, server: ServerProcess, make_file: MakeFile
) -> None:
    path = make_file(9)
    with pytest.raises(NotAuthenticated):
        Uploader(f"{proxy.base_url}/api/v1/upload", "wrong", state_directory=None).upload(path)
    with pytest.raises(NotFound):
        Uploader(f"{proxy.base_url}/elsewhere", server.token, state_directory=None).upload(path)
    with pytest.raises(ConnectionFailed):
        Uploader("http://127.0.0.1:9/api", "token", state_directory=None, retry_delays=[0.01]).upload(path)


def test_an_upload_can_be_resumed_by_its_id_looked_at_and_cancelled(
    uploader: Uploader, make_file: MakeFile, proxy: FlakyProxy, server: ServerProcess, tmp_path: Path
) -> None:
    path = make_file(10 * MIB, "elsewhere.bin")
    proxy.bytes_per_second = 10e6
    begun = Begun(uploader, path, percent=40)
    begun.interrupt()
    (session,) = (each for each in uploader.list(status="active") if each["filename"] == "elsewhere.bin")
    proxy.bytes_per_second = None
    with pytest.raises(UploadError) as error:
        uploader.resume(session["upload_id"], make_file(5, "other.bin"))
    assert error.value.code == "size_conflict"
    result = new_uploader(proxy, server, tmp_path / "elsewhere").resume(session["upload_id"], path)
    assert result.upload_id == session["upload_id"]
    assert uploader.status(result.upload_id)["status"] == "completed"
    with pytest.raises(UploadError):
        uploader.cancel(result.upload_id)


def test_a_download_resumes_where_it_broke_and_is_verified(
    uploader: Uploader, make_file: MakeFile, tmp_path: Path
) -> None:
    path = make_file(8 * MIB)
    result = uploader.upload(path)
    target = tmp_path / "target.bin"
    part = tmp_path / f".target.bin.{result.upload_id}.part"
    part.write_bytes(path.read_bytes()[: 3 * MIB])
    seen: list[Progress] = []
    uploader.download(result.upload_id, target, on_progress=seen.append)
    assert sha256_of(target) == sha256_of(path)
    assert seen[0].sent_bytes == 3 * MIB
    part.write_bytes(bytes(3 * MIB))
    with pytest.raises(UploadError) as error:
        uploader.download(result.upload_id, target, overwrite=True)
    assert error.value.code == "hash_mismatch"
    assert not part.exists()
    assert sha256_of(target) == sha256_of(path)


@pytest.mark.slow
def test_3_gigabytes_cost_a_few_chunks_of_memory(
    server: ServerProcess, tmp_path: Path, proxy: FlakyProxy, uploader: Uploader
) -> None:
    path = tmp_path / "sparse.bin"
    with path.open("wb") as file:
        file.truncate(3 * 1024 * MIB)
    script = UPLOAD + "print(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])"
    arguments = [f"{server.base_url}/api/v1/upload", server.token, str(tmp_path / "state"), str(path)]
    printed = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True, timeout=300
    ).stdout.split()
    assert uploader.status(printed[0])["file"]["size"] == 3 * 1024 * MIB
    assert int(printed[1]) * 1024 < 100_000_000, f"{int(printed[1]) / 1024:.0f} MiB"


def test_the_asyncio_face_uploads_and_leaves_the_loop_free(
    proxy: FlakyProxy, server: ServerProcess, make_file: MakeFile, tmp_path: Path
) -> None:
    """Nothing gets across until the loop lets it."""
    paths = [make_file(4 * MIB, f"async-{number}.bin") for number in range(3)]
    proxy.stalled = True
    told_on: set[int] = set()

    async def let_it_pass() -> None:
        while not told_on:
            await asyncio.sleep(0.01)
        proxy.stalled = False

    async def run() -> list[str]:
        url = f"{proxy.base_url}/api/v1/upload"
        async with AsyncUploader(url, server.token, state_directory=tmp_path / "state") as uploader:
            uploads = (
                uploader.upload(path, on_progress=lambda progress: told_on.add(threading.get_ident())) for path in paths
            )
            passing = asyncio.create_task(let_it_pass())
            results = await asyncio.gather(*uploads)
            await passing
            assert (await uploader.status(results[0].upload_id))["status"] == "completed"
        return [result.sha256 or "" for result in results]

    assert asyncio.run(run()) == [sha256_of(path) for path in paths]
    assert told_on == {threading.get_ident()}


def test_cancelling_a_task_stops_its_upload(
    proxy: FlakyProxy, server: ServerProcess, make_file: MakeFile, tmp_path: Path
) -> None:
    path = make_file(20 * MIB, "cancelled.bin")
    proxy.bytes_per_second = 1e6

    async def run() -> None:
        url = f"{proxy.base_url}/api/v1/upload"
        async with AsyncUploader(url, server.token, retry_delays=QUICK_RETRIES, state_directory=None) as uploader:

            def cancel(progress: Progress) -> None:
                if progress.sent_bytes:
                    task.cancel()

            task = asyncio.create_task(uploader.upload(path, on_progress=cancel))
            with pytest.raises(asyncio.CancelledError):
                await task
            proxy.bytes_per_second = None
            (session,) = (each for each in await uploader.list() if each["filename"] == path.name)
            assert session["status"] == "active"

    asyncio.run(run())


def test_the_asyncio_face_uploads_empty_files_and_deletes(
    proxy: FlakyProxy, server: ServerProcess, make_file: MakeFile, tmp_path: Path
) -> None:
    path = make_file(0, "nothing.bin")
    seen: list[Progress] = []

    async def run() -> None:
        url = f"{proxy.base_url}/api/v1/upload"
        async with AsyncUploader(url, server.token, state_directory=tmp_path / "state") as uploader:
            result = await uploader.upload(path, on_progress=seen.append)
            assert result.size == 0
            await uploader.delete(result.upload_id)
            with pytest.raises(NotFound):
                await uploader.status(result.upload_id)

    asyncio.run(run())
    assert seen[-1].percentage == 100
