"""Every snippet of the documentation, word for word, against a real server."""

from __future__ import annotations

import inspect
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import requests

from apps.core.conf import UploadSettings
from apps.core.storage.s3 import S3Store

from .server_process import PROJECT, ServerProcess

pytestmark = pytest.mark.integration

FENCE = re.compile(r"^[ ]*```(\w+)\n(.*?)^[ ]*```$", re.MULTILINE | re.DOTALL)
DOCUMENTS = ["README.md", "CONTRIBUTING.md"]
DOCUMENTS += [str(path.relative_to(PROJECT)) for path in (PROJECT / "docs").rglob("*.md")]


def snippets(document: str, language: str) -> list[str]:
    text = (PROJECT / document).read_text()
    return [body for found, body in FENCE.findall(text) if found == language]


def at(server: ServerProcess, snippet: str) -> str:
    """The snippet, but for the port: 8000 may be taken."""
    return snippet.replace("http://127.0.0.1:8000", server.base_url)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the checkout in which ``make run`` was run: with a virtual environment of its own."""
    copy = tmp_path / "checkout"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    for name in listed.rstrip("\0").split("\0"):
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(PROJECT / name, target, follow_symlinks=False)
    subprocess.run([sys.executable, "-m", "venv", str(copy / ".venv")], check=True)
    (site_packages,) = (copy / ".venv").glob("lib/python*/site-packages")
    (site_packages / "installed.pth").write_text(sysconfig.get_path("purelib"))
    (copy / ".venv" / ".runtime").touch()
    return copy


def test_the_tours_run_in_one_shell_as_a_reader_pastes_them(server: ServerProcess, checkout: Path) -> None:
    """From "Five minutes with curl" to the end of "with Python": shell commands, and Python where it says so."""
    text = (PROJECT / "README.md").read_text()
    tours = text[text.index("## Five minutes with curl") : text.index("## Five minutes in the browser")]
    said = pasted(tours, server, checkout)
    assert "The same, bit for bit." in said
    assert "'sha256'" in said
    assert said.count("done: ") > 4


def test_the_page_for_curl_runs_as_a_reader_pastes_it(server: ServerProcess, checkout: Path) -> None:
    said = pasted((PROJECT / "docs/clients/curl.md").read_text(), server, checkout)
    assert "The same, bit for bit." in said
    assert "HTTP/1.1 104" in said
    assert "HTTP/1.1 201" in said


def test_the_page_for_tuspy_runs_as_a_reader_pastes_it(server: ServerProcess, checkout: Path) -> None:
    said = pasted((PROJECT / "docs/clients/tuspy.md").read_text(), server, checkout)
    address = said.partition("Stored: ")[2].splitlines()[0]
    looked = requests.head(
        address, headers={"Authorization": f"Bearer {server.token}", "Tus-Resumable": "1.0.0"}, timeout=10
    )
    assert (looked.status_code, looked.headers["Upload-Offset"]) == (200, "20000000")


def pasted(text: str, server: ServerProcess, checkout: Path) -> str:
    """What a shell says to all snippets of a text: shell commands, and Python where it is that."""
    script = ""
    for language, body in FENCE.findall(text):
        script += body if language == "bash" else f".venv/bin/python - <<'PASTED'\n{body}PASTED\n"
        script += f'echo "done: {language}"\n'
    done = subprocess.run(
        # In a directory of its own: the same snippets may run beside this.
        ["bash", "-euo", "pipefail", "-c", at(server, script).replace("/tmp/", f"{checkout.parent}/")],
        cwd=checkout,
        env={**server.environment, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("done: ") == len(FENCE.findall(text))
    return done.stdout


@pytest.mark.parametrize("document", DOCUMENTS)
def test_python_in_the_docs_compiles_and_json_parses(document: str) -> None:
    for snippet in snippets(document, "python"):
        compile(snippet, document, "exec")
    for snippet in snippets(document, "json"):
        json.loads(snippet)


def test_the_python_of_the_reference_runs() -> None:
    namespace: dict[str, object] = {}
    for snippet in snippets("docs/RESUMABLE_UPLOAD_API.md", "python"):
        exec(snippet, namespace)
    assert {"RESUMABLE_UPLOADS", "no_viruses"} <= set(namespace)


def test_the_python_of_the_javascript_recipes_works(server: ServerProcess) -> None:
    form, archive = snippets("docs/JAVASCRIPT_CLIENT.md", "python")
    assert "Thank you for recipe.bin, 4 bytes." in server.run(
        "manage.py", "shell", "-c", form + archive + AFTER_RECIPES
    )


AFTER_RECIPES = """
import hashlib
from django.conf import settings
from django.contrib.auth.models import User
from django.test import RequestFactory, override_settings
from apps.core.services.resumable_upload_service import ResumableUploadService
in_memory = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
with override_settings(STORAGES={**settings.STORAGES, "archive": in_memory}):
    demo = User.objects.get(username="demo")
    service = ResumableUploadService(demo)
    digest = hashlib.sha256(b"0123").hexdigest()
    session, _ = service.create(filename="recipe.bin", total_size=4, file_hash=digest)
    chunk = service.receive_chunk(session, 0)
    chunk.receive(b"0123")
    chunk.finish()
    service.complete(session)
    request = RequestFactory().post("/apply", {"upload_id": str(session.upload_id)})
    request.user = demo
    print(apply(request).content.decode())
    assert storages["archive"].exists(f"{demo.pk}/{session.upload_id}/recipe.bin")
"""


def test_the_commands_of_the_reference_run(server: ServerProcess) -> None:
    server.run(
        "manage.py", "shell", "-c", "from django.contrib.auth.models import User; User.objects.create(username='alice')"
    )
    for document in ("docs/RESUMABLE_UPLOAD_API.md",):
        for line in "".join(snippets(document, "console")).splitlines():
            if line.startswith("$ python manage.py "):
                server.run(*line.removeprefix("$ python ").split())


def test_the_troubleshooting_command_runs(server: ServerProcess) -> None:
    headers = {"Authorization": f"Bearer {server.token}"}
    api = f"{server.base_url}/api/v1/upload"
    begun = requests.post(f"{api}/init", json={"filename": "a.bin", "total_size": 9}, headers=headers, timeout=10)
    (command,) = (
        line.removeprefix("$ ")
        for snippet in snippets("docs/RESUMABLE_UPLOAD_API.md", "console")
        for line in snippet.splitlines()
        if "curl" in line
    )
    shell = {**os.environ, "TOKEN": server.token, "API": api, "ID": begun.json()["upload_id"]}
    answer = subprocess.run(["bash", "-c", command], env=shell, capture_output=True, text=True, check=True).stdout
    assert json.loads(answer)["progress"]["missing_chunks"] == [0]


def test_four_settings_are_enough_for_a_bucket() -> None:
    (snippet,) = (text for text in snippets("docs/INSTALLATION.md", "python") if "S3Store" in text)
    scope: dict[str, Any] = {}
    exec(snippet, scope)
    (given,) = scope["RESUMABLE_UPLOADS"]["STORES"].values()
    assert given["BACKEND"] == "resumable_uploads.storage.s3.S3Store"
    assert set(given["OPTIONS"]) == {"bucket", "prefix", "region_name", "endpoint_url"}
    assert S3Store(**given["OPTIONS"]).wrong_settings() == []


def test_every_option_of_the_bucket_is_documented() -> None:
    page = (PROJECT / "docs/OPERATIONS.md").read_text()
    for name in inspect.signature(S3Store).parameters:
        assert f"`{name}`" in page, name


def test_every_setting_is_documented() -> None:
    documented = re.findall(
        r"^\| `([A-Z0-9_]+)` \|", (PROJECT / "docs/RESUMABLE_UPLOAD_API.md").read_text(), re.MULTILINE
    )
    assert documented == [field.name.upper() for field in fields(UploadSettings)]


def test_every_error_code_is_documented() -> None:
    reference = (PROJECT / "docs/RESUMABLE_UPLOAD_API.md").read_text()
    sources = [path.read_text() for path in (PROJECT / "apps/core").rglob("*.py") if "tests" not in path.parts]
    codes = set(re.findall(r'code(?:: str)? ?= ?"([a-z_]+)"', "\n".join(sources))) - {"upload_error"}
    assert not {code for code in codes if f"`{code}`" not in reference}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_row_of_a_table_has_its_columns(document: str) -> None:
    text = re.sub(r"```.*?```", "", (PROJECT / document).read_text(), flags=re.DOTALL)
    tables = re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1, table


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    path = PROJECT / document
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text()):
        assert (path.parent / target).exists(), target


def test_the_paths_of_the_quick_reference_exist() -> None:
    for path in (
        "apps/core/models/upload_session.py",
        "apps/core/services/resumable_upload_service.py",
        "apps/core/views/resumable_upload_views.py",
        "apps/core/urls_resumable_uploads.py",
        "apps/core/tests/test_resumable_uploads.py",
        "apps/core/management/commands/cleanup_expired_uploads.py",
        "apps/core/migrations/0009_add_upload_session_model.py",
        "docs/RESUMABLE_UPLOAD_API.md",
        "docs/SPRINT3_IMPLEMENTATION_SUMMARY.md",
        "SPRINT3_IMPLEMENTATION_SUMMARY.md",
        "CONTRIBUTING.md",
    ):
        assert (PROJECT / path).exists(), path


def test_servers_listen_on_loopback_alone(server: ServerProcess) -> None:
    addresses = {str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None)} - {"127.0.0.1", "::1"}
    for address in addresses:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
            if address.startswith("127."):
                continue
            assert probe.connect_ex((address, server.port)) != 0
