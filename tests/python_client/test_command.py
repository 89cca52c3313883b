"""The command, as a shell runs it."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from apps.core.tests.noise import noise

from ..flaky_proxy import FlakyProxy
from ..server_process import ServerProcess
from .conftest import LONG, MIB, sha256_of

pytestmark = pytest.mark.integration

MakeFile = Callable[..., Path]


class Command:
    """Runs ``resumable-uploads`` with a home of its own."""

    def __init__(self, url: str, token: str, home: Path) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("RESUMABLE_UPLOAD")}
        self.environment = {
            **inherited,
            "HOME": str(home),
            "XDG_STATE_HOME": str(home / "state"),
            "XDG_CONFIG_HOME": str(home / "config"),
            "RESUMABLE_UPLOADS_URL": url,
            "RESUMABLE_UPLOADS_TOKEN": token,
        }

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[Any]:
        command = [sys.executable, "-m", "resumable_uploads_client", *arguments]
        # What a shell runs in the background ignores interrupts, and so do its children.
        hear_interrupts = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        return subprocess.Popen(command, env=self.environment, preexec_fn=hear_interrupts, **options)

    def __call__(
        self, *arguments: str, code: int = 0, stdin: bytes | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run(
            [sys.executable, "-m", "resumable_uploads_client", *arguments],
            env=self.environment,
            input=stdin,
            capture_output=True,
            timeout=LONG,
            check=False,
        )
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done

    def put_until(self, path: Path, sent_bytes: int, proxy: FlakyProxy) -> subprocess.Popen[bytes]:
        """Begin to upload over a line that stands still when so much has left, and return then."""
        proxy.stall_after = sent_bytes
        patient = ("--stall-timeout", str(10 * LONG))
        process = self.start("put", str(path), *patient, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while proxy.bytes_sent < sent_bytes:
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        return process

    def json(self, *arguments: str, **options: Any) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self(*arguments, "--json", **options).stdout.splitlines()]


def mend(proxy: FlakyProxy) -> None:
    """Nothing is left of what was on the line, and it is a good one."""
    proxy.cut()
    proxy.stall_after = None
    proxy.bytes_sent = 0


@pytest.fixture
def command(proxy: FlakyProxy, server: ServerProcess, tmp_path: Path) -> Command:
    return Command(f"{proxy.base_url}/api/v1/upload", server.token, tmp_path)


def test_put_prints_id_and_hash_and_plain_lines_in_a_pipe(command: Command, make_file: MakeFile) -> None:
    path = make_file(5 * MIB)
    done = command("put", str(path))
    name, upload_id, sha256 = done.stdout.decode().split()
    assert (name, sha256) == (f"{path}:", sha256_of(path))
    assert b"100%" in done.stderr
    assert b"\x1b" not in done.stderr
    assert upload_id in command("status", upload_id).stdout.decode()


@pytest.mark.parametrize("url", ["127.0.0.1:8000/api/v1/upload", "ftp://127.0.0.1/"])
def test_what_is_no_address_is_refused(command: Command, make_file: MakeFile, url: str) -> None:
    assert url.encode() in command("put", str(make_file(1)), "--to", url, code=2).stderr


@pytest.mark.parametrize("size", [2 * MIB, 0])
@pytest.mark.parametrize("name", ["file.bin", f"{'long-' * 20}file.bin"])
def test_put_shows_a_bar_on_a_terminal(command: Command, make_file: MakeFile, size: int, name: str) -> None:
    ours, theirs = pty.openpty()
    process = command.start("put", str(make_file(size, name)), stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        while block := os.read(ours, 4096):
            shown += block
    except OSError:
        pass
    assert process.wait(LONG) == 0
    assert "━".encode() in shown
    assert b"100%" in shown


def test_json_is_for_machines(command: Command, make_file: MakeFile) -> None:
    path = make_file(2 * MIB)
    lines = command.json("put", str(path))
    assert {line["event"] for line in lines[:-1]} == {"progress"}
    assert (lines[-1]["event"], lines[-1]["sha256"]) == ("completed", sha256_of(path))
    (session,) = command.json("status", lines[-1]["upload_id"])
    assert session["status"] == "completed"


def test_interrupting_and_running_the_same_command_again_resumes(
    command: Command, make_file: MakeFile, proxy: FlakyProxy
) -> None:
    path = make_file(20 * MIB)
    process = command.put_until(path, 12 * MIB, proxy)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=LONG)
    assert process.returncode == 130
    assert b"Run the same command again to resume." in said
    assert b"Traceback" not in said
    mend(proxy)
    assert sha256_of(path).encode() in command("put", str(path)).stdout
    assert proxy.bytes_sent < 16 * MIB


def test_a_killed_command_resumes_too(command: Command, make_file: MakeFile, proxy: FlakyProxy) -> None:
    path = make_file(20 * MIB)
    process = command.put_until(path, 12 * MIB, proxy)
    process.kill()
    process.communicate()
    mend(proxy)
    assert sha256_of(path).encode() in command("put", str(path)).stdout
    assert proxy.bytes_sent < 16 * MIB


def test_standard_input_is_uploaded(command: Command) -> None:
    content = noise(3 * MIB)
    lines = command.json("put", "-", "--name", "piped.bin", stdin=content)
    assert lines[-1]["size"] == len(content)


def test_directories_are_uploaded_with_their_paths(command: Command, tmp_path: Path) -> None:
    (tmp_path / "trip" / "day").mkdir(parents=True)
    for name in ("trip/a.bin", "trip/day/b.bin"):
        (tmp_path / name).write_bytes(name.encode())
    assert b"--recursive" in command("put", str(tmp_path / "trip"), code=2).stderr
    completed = [line for line in command.json("put", "--recursive", str(tmp_path / "trip")) if "upload_id" in line]
    sessions = [command.json("status", line["upload_id"])[0] for line in completed]
    assert {session["metadata"]["relative_path"] for session in sessions} == {"trip/a.bin", "trip/day/b.bin"}


def test_list_get_resume_and_cancel(command: Command, make_file: MakeFile, tmp_path: Path, proxy: FlakyProxy) -> None:
    path = make_file(20 * MIB, "listed.bin")
    process = command.put_until(path, 10 * MIB, proxy)
    process.kill()
    process.communicate()
    mend(proxy)
    (session,) = (each for each in command.json("list", "--status", "active") if each["filename"] == "listed.bin")
    assert session["upload_id"] in command("list").stdout.decode()
    command("resume", session["upload_id"], str(path))
    copy = tmp_path / "copies"
    copy.mkdir()
    printed = command("get", session["upload_id"], str(copy)).stdout.decode().strip()
    assert printed == str(copy / "listed.bin")
    assert b"--overwrite" in command("get", session["upload_id"], str(copy), code=1).stderr
    command("get", session["upload_id"], str(copy), "--overwrite")
    assert sha256_of(copy / "listed.bin") == sha256_of(path)
    assert b"completed" in command("cancel", session["upload_id"], code=4).stderr.lower()


def test_empty_files_and_pipes_are_uploaded(command: Command, make_file: MakeFile, tmp_path: Path) -> None:
    (tmp_path / "trip").mkdir()
    (tmp_path / "trip" / "a.bin").touch()
    (tmp_path / "trip" / "b.bin").write_bytes(b"b")
    done = command("put", str(make_file(0)))
    assert b"100%" in done.stderr
    assert b"100.00%" in command("status", done.stdout.decode().split()[1]).stdout
    *_, last, completed = command.json("put", "-", "--name", "piped.bin", stdin=b"")
    assert (last["event"], last["percentage"], completed["event"], completed["size"]) == (
        "progress",
        100,
        "completed",
        0,
    )
    lines = command.json("put", "--recursive", str(tmp_path / "trip"))
    assert {line["size"] for line in lines if line["event"] == "completed"} == {0, 1}


def test_rm_needs_a_yes_where_nobody_can_be_asked(command: Command, make_file: MakeFile) -> None:
    ids = [command.json("put", str(make_file(9, f"{number}.bin")))[-1]["upload_id"] for number in range(2)]
    assert b"--yes" in command("rm", *ids, code=2, stdin=b"y\n").stderr
    command("status", ids[0])
    assert command("rm", "--yes", *ids).stdout.decode() == "".join(f"{each}: deleted\n" for each in ids)
    command("status", ids[0], code=1)
    assert command.json("rm", "-y", ids[0]) == [{"event": "deleted", "upload_id": ids[0]}], "again is a success"


def test_rm_tells_what_is_no_upload_id_and_deletes_the_others(command: Command, make_file: MakeFile) -> None:
    upload_id = command.json("put", str(make_file(9)))[-1]["upload_id"]
    failed, deleted = command.json("rm", "-y", "nonsense", upload_id, code=1)
    assert (failed["event"], failed["upload_id"], failed["code"]) == ("failed", "nonsense", "not_found")
    assert deleted["event"] == "deleted"
    assert b"'nonsense' is not an upload id" in command("rm", "-y", "nonsense", code=1).stderr
    command("rm", "-y", code=2)


@pytest.mark.parametrize(("said", "code"), [(b"n\n", 1), (b"\n", 1), (b"y\n", 0)])
def test_rm_asks_on_a_terminal(command: Command, make_file: MakeFile, said: bytes, code: int) -> None:
    upload_id = command.json("put", str(make_file(9)))[-1]["upload_id"]
    ours, theirs = pty.openpty()
    process = command.start("rm", upload_id, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    os.close(theirs)
    os.write(ours, said)
    printed, asked = process.communicate(timeout=LONG)
    os.close(ours)
    assert process.returncode == code
    assert f"Delete {upload_id}".encode() in asked
    assert (b"deleted" in printed, b"Nothing was deleted." in asked) == (code == 0, code == 1)
    command("status", upload_id, code=0 if code else 1)


def test_login_stores_a_token_that_works_readable_by_its_owner_alone(
    command: Command, make_file: MakeFile, tmp_path: Path
) -> None:
    url, token = (command.environment.pop(f"RESUMABLE_UPLOADS_{name}") for name in ("URL", "TOKEN"))
    assert b"login" in command("put", str(make_file(9)), code=2).stderr
    command("login", "--to", url, "--token", "wrong", code=3)
    command("login", "--to", url, "--token", token)
    (stored,) = (tmp_path / "config").rglob("credentials.json")
    assert stored.stat().st_mode & 0o777 == 0o600
    command("put", str(make_file(9)))
    # A stored token is for its server alone.
    command("put", str(make_file(9)), "--to", url.replace("127.0.0.1", "localhost"), code=3)


def test_exit_codes_tell_what_happened(command: Command, make_file: MakeFile, tmp_path: Path) -> None:
    good, refused = make_file(9), make_file(9, "page.html")
    command("put", code=2)
    command("put", str(tmp_path / "missing.bin"), code=1)
    done = command("put", str(refused), str(good), code=4)
    assert sha256_of(good).encode() in done.stdout, "the others are uploaded all the same"
    assert b"not accepted" in done.stderr or b"not allowed" in done.stderr
    lines = command.json("put", str(refused), code=4)
    assert (lines[-1]["event"], lines[-1]["code"]) == ("failed", "extension_not_allowed")
    command.environment["RESUMABLE_UPLOADS_TOKEN"] = "wrong"
    command("put", str(good), code=3)


def events(lines: list[dict[str, Any]]) -> dict[str, str]:
    """What became of each file, by its name."""
    return {Path(line["file"]).name: line["event"] for line in lines if line["event"] != "progress"}


def test_what_is_stored_already_is_not_sent_again(command: Command, tmp_path: Path, proxy: FlakyProxy) -> None:
    trip = tmp_path / "trip"
    trip.mkdir()
    for name in ("a.bin", "b.bin", "c.bin"):
        (trip / name).write_bytes(name.encode() * 100_000)
    put = ("put", "--recursive", str(trip))
    assert set(events(command.json(*put)).values()) == {"completed"}
    (trip / "b.bin").write_bytes(b"B.bin" * 100_000)
    os.utime(trip / "c.bin")
    proxy.bytes_sent = 0
    changed = {"a.bin": "skipped", "b.bin": "would_upload", "c.bin": "would_upload"}
    assert events(command.json(*put, "--dry-run")) == changed
    assert proxy.bytes_sent < 100_000
    assert events(command.json(*put, "--checksum")) == {"a.bin": "skipped", "b.bin": "completed", "c.bin": "skipped"}
    assert events(command.json(*put)) == {"a.bin": "skipped", "b.bin": "skipped", "c.bin": "completed"}
    said = command(*put)
    assert said.stdout == b""
    assert said.stderr.count(b"stored already") == 3
    left = [path.name for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert all(name.startswith("line-") for name in left), "of the line, and nothing of each upload"


def test_the_same_name_in_another_directory_is_another_file(command: Command, tmp_path: Path) -> None:
    for directory in ("one", "two"):
        (tmp_path / directory).mkdir()
        path = tmp_path / directory / "a.bin"
        path.write_bytes(b"same")
        os.utime(path, (1, 1))
        assert events(command.json("put", "-r", str(tmp_path / directory))) == {"a.bin": "completed"}


def test_put_takes_metadata_a_type_patterns_and_a_rate(command: Command, tmp_path: Path) -> None:
    trip = tmp_path / "trip"
    trip.mkdir()
    (trip / "a.csv").write_bytes(b"1,2\n" * 50_000)
    (trip / "b.tmp").write_bytes(b"b")
    began = time.monotonic()
    lines = command.json(
        "put", "-r", str(trip), "--exclude", "*.tmp", "--metadata", "trip=7", "--mime-type", "text/plain",
        "--bwlimit", "100k", "--sha256",
    )  # fmt: skip
    assert time.monotonic() - began > 1, "200 kB at 100 kB/s, of which the first block costs nothing"
    assert events(lines) == {"a.csv": "completed"}
    (session,) = command.json("status", lines[-1]["upload_id"])
    assert (session["mime_type"], session["metadata"]["trip"]) == ("text/plain", "7")
    assert session["file_hash"] == sha256_of(trip / "a.csv")
    command("put", str(trip / "a.csv"), "--metadata", "trip", code=2)
    command("put", str(trip / "a.csv"), "--bwlimit", "fast", code=2)


def test_quiet_tells_errors_alone(command: Command, make_file: MakeFile) -> None:
    done = command("put", "--quiet", str(make_file(9)), str(make_file(9, "page.html")), code=4)
    assert done.stdout == b""
    assert done.stderr.count(b"\n") == 1
    assert b"page.html" in done.stderr


def test_a_small_file_does_not_wait_for_a_large_one(command: Command, make_file: MakeFile, proxy: FlakyProxy) -> None:
    large, small = make_file(30 * MIB, "large.bin"), make_file(100_000, "small.bin")
    proxy.bytes_per_second = 10e6
    lines = command.json("put", "--transfers", "1", str(large), str(small))
    assert [Path(line["file"]).name for line in lines if line["event"] == "completed"] == ["small.bin", "large.bin"]


@pytest.mark.parametrize("arguments", [("put", "-"), ("list",), ("status", "x")])
def test_a_wrong_port_or_address_is_told_at_once(command: Command, arguments: tuple[str, ...]) -> None:
    for url in ("http://127.0.0.1:9/api/v1/upload", "http://nowhere.invalid/api/v1/upload"):
        said = command(*arguments, "--to", url, code=5, stdin=b"").stderr
        assert b"cannot be reached" in said
        assert b"Trying again" not in said
        assert b"Connection" not in said.replace(b"reached: Connection refused.", b"")  # No names of objects.
    command("list", "--to", command.environment["RESUMABLE_UPLOADS_URL"] + "/wrong", code=1)


def test_who_asks_for_retries_gets_them(command: Command, make_file: MakeFile) -> None:
    said = command("put", "-", "--to", "http://127.0.0.1:9/", "--retries", "1", code=5, stdin=b"").stderr
    assert said.count(b"Trying again") == 1


def test_list_tells_size_and_date(command: Command, make_file: MakeFile) -> None:
    command("put", str(make_file(1_400_000, "sized.bin")))
    (line,) = (each for each in command("list").stdout.decode().splitlines() if each.endswith("sized.bin"))
    assert re.search(r" completed  100\.00% 1\.4 MB \d{4}-\d\d-\d\d \d\d:\d\d sized\.bin$", line), line


def test_logout_forgets_the_token(command: Command, tmp_path: Path) -> None:
    url, token = (command.environment.pop(f"RESUMABLE_UPLOADS_{name}") for name in ("URL", "TOKEN"))
    command("login", "--to", url, "--token", token)
    command("list")
    assert b"Logged out." in command("logout").stdout
    assert b"Nobody" in command("logout").stdout
    command("list", code=2)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_it(command: Command, shell: str) -> None:
    assert b"_RESUMABLE_UPLOADS_COMPLETE" in command("completion", shell).stdout
