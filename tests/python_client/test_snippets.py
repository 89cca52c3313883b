"""The Python and shell of docs/PYTHON_CLIENT.md and the README's tour, word for word."""

from __future__ import annotations

import os
import shutil
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import requests
from resumable_uploads_client import Uploader

from apps.core.tests.noise import noise

from ..server_process import PROJECT, ServerProcess
from ..test_docs import snippets

pytestmark = pytest.mark.integration

DOCUMENT = "docs/PYTHON_CLIENT.md"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the files of the snippets, and a home."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "holiday.bin").write_bytes(noise(3_000_000))
    (tmp_path / "readings.bin").write_bytes(noise(1000))
    (tmp_path / "trip").mkdir()
    (tmp_path / "trip" / "day.bin").write_bytes(noise(1000))
    return tmp_path


@pytest.fixture
def environment(home: Path, server: ServerProcess) -> dict[str, str]:
    return {
        **server.environment,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "XDG_STATE_HOME": str(home / "state"),
        "RESUMABLE_UPLOADS_URL": f"{server.base_url}/api/v1/upload",
        "RESUMABLE_UPLOADS_TOKEN": server.token,
    }


def run(snippet: str, environment: dict[str, str], home: Path) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", snippet],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("number", range(3))
def test_the_python_of_the_reference_runs(number: int, server: ServerProcess, home: Path) -> None:
    namespace = {"api_url": f"{server.base_url}/api/v1/upload", "token": server.token}
    exec(snippets(DOCUMENT, "python")[number], namespace)


def test_there_is_no_more_python_than_that() -> None:
    assert len(snippets(DOCUMENT, "python")) == 3


def test_the_commands_of_the_reference_run(server: ServerProcess, environment: dict[str, str], home: Path) -> None:
    first, *_ = snippets(DOCUMENT, "bash")
    first = first.replace("http://127.0.0.1:8000", server.base_url).replace("your_token", server.token)
    printed = run(first, environment, home)
    assert printed.count("completed") >= 4


def test_the_line_that_deletes_runs(environment: dict[str, str], home: Path) -> None:
    run("resumable-uploads put holiday.bin readings.bin", environment, home)
    (snippet,) = (text for text in snippets(DOCUMENT, "bash") if "xargs" in text)
    assert run(snippet, environment, home).count(": deleted") >= 2
    assert run(snippet, environment, home) == "", "nothing is left, and that is no failure"


def test_the_cron_job_runs(environment: dict[str, str], home: Path) -> None:
    (snippet,) = (text for text in snippets(DOCUMENT, "bash") if "flock" in text)
    if not shutil.which("flock"):
        pytest.skip("needs flock: apt-get install util-linux")
    snippet = snippet.replace("/tmp/upload", str(home / "upload")).replace("/var/spool/readings", str(home / "trip"))
    run(snippet, environment, home)
    assert '"completed"' in (home / "upload.log").read_text()


def test_the_loop_for_a_bad_link_ends(environment: dict[str, str], home: Path) -> None:
    (snippet,) = (text for text in snippets(DOCUMENT, "bash") if "until" in text)
    assert "holiday.bin:" in run(snippet, environment, home)


def test_an_upload_is_finished_elsewhere(server: ServerProcess, environment: dict[str, str], home: Path) -> None:
    (snippet,) = (text for text in snippets(DOCUMENT, "bash") if "resume" in text)
    begun = requests.post(
        f"{server.base_url}/api/v1/upload/init",
        json={"filename": "holiday.bin", "total_size": 3_000_000},
        headers={"Authorization": f"Bearer {server.token}"},
        timeout=60,
    ).json()
    assert "holiday.bin:" in run(snippet, {**environment, "UPLOAD_ID": begun["upload_id"]}, home)


@pytest.fixture
def forward_proxy() -> Iterator[tuple[str, list[str]]]:
    """An HTTP proxy, and the addresses it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _forward(self) -> None:
            asked.append(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            answer = requests.request(self.command, self.path, data=body, headers=headers, timeout=30)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def __getattr__(self, name: str) -> Any:
            if name.startswith("do_"):
                return self._forward
            raise AttributeError(name)

        def log_message(self, *args: Any) -> None:
            pass

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()


def test_a_proxy_and_a_private_ca_are_used(
    environment: dict[str, str], home: Path, forward_proxy: tuple[str, list[str]]
) -> None:
    address, asked = forward_proxy
    (snippet,) = (text for text in snippets(DOCUMENT, "bash") if "--proxy" in text)
    import certifi

    snippet = snippet.replace("http://127.0.0.1:3128", address)
    run(snippet.replace("/etc/ssl/certs/company.pem", certifi.where()), environment, home)
    assert any("/api/v1/upload/chunk/" in path for path in asked)


def test_the_readmes_tour_runs(server: ServerProcess, environment: dict[str, str], home: Path) -> None:
    (tour,) = (text for text in snippets("README.md", "python") if "from resumable_uploads_client" in text)
    (shell,) = (text for text in snippets("README.md", "bash") if "resumable-uploads put" in text)
    shell = shell.replace("http://127.0.0.1:8000", server.base_url)
    environment |= {"VENV": str(Path(sys.executable).parent.parent)}
    run(f"cd {PROJECT}\n{shell}", environment, home)
    script = tour.replace("http://127.0.0.1:8000", server.base_url)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "100%" in done.stdout


def test_the_exit_codes_are_documented() -> None:
    from resumable_uploads_client.cli import EXIT_CODES

    text = (PROJECT / DOCUMENT).read_text()
    for code in {0, 1, 2, 130, *EXIT_CODES.values()}:
        assert f"\n| {code} |" in text


def test_the_docs_name_every_argument() -> None:
    import inspect

    text = (PROJECT / DOCUMENT).read_text()
    for function in (Uploader.__init__, Uploader.upload):
        for name in inspect.signature(function).parameters:
            assert name == "self" or f"`{name}`" in text, name
