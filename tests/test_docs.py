"""Every snippet of the documentation, word for word, against a real server."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import requests

from apps.core.conf import UploadSettings

from .server_process import PROJECT, ServerProcess

pytestmark = pytest.mark.integration

FENCE = re.compile(r"^[ ]*```(\w+)\n(.*?)^[ ]*```$", re.MULTILINE | re.DOTALL)
DOCUMENTS = ["README.md", "CONTRIBUTING.md", *(f"docs/{path.name}" for path in (PROJECT / "docs").glob("*.md"))]


def snippets(document: str, language: str) -> list[str]:
    text = (PROJECT / document).read_text()
    return [body for found, body in FENCE.findall(text) if found == language]


def at(server: ServerProcess, snippet: str) -> str:
    """The snippet, but for the port: 8000 may be taken."""
    return snippet.replace("http://127.0.0.1:8000", server.base_url)


def run_tour(server: ServerProcess, *command: str) -> str:
    virtual_environment = Path(sys.prefix)
    environment = {
        **server.environment,
        "VENV": str(virtual_environment),
        "PATH": f"{virtual_environment / 'bin'}:{os.environ['PATH']}",
    }
    done = subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_curl_tour(server: ServerProcess) -> None:
    tour = next(snippet for snippet in snippets("README.md", "bash") if "curl" in snippet)
    printed = run_tour(server, "bash", "-euo", "pipefail", "-c", at(server, tour))
    assert printed.endswith("The same, bit for bit.\n")


def test_the_python_tour(server: ServerProcess) -> None:
    tour = next(snippet for snippet in snippets("README.md", "python") if "import requests" in snippet)
    assert "'sha256'" in run_tour(server, sys.executable, "-c", at(server, tour))


def test_the_host_project_tour(tmp_path: Path) -> None:
    """A fresh project, with the README's lines appended to the files that they name, serves an upload under WSGI."""
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}:{PROJECT}", "DJANGO_SETTINGS_MODULE": "mysite.settings"}

    def run(*command: str) -> str:
        return subprocess.run(
            [sys.executable, *command], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
        ).stdout

    run("-m", "django", "startproject", "mysite", str(tmp_path), "--settings=django.conf.global_settings")
    files = [snippet for snippet in snippets("README.md", "python") if snippet.startswith("# mysite/")]
    assert len(files) == 4
    for snippet in files:
        with (tmp_path / snippet.split("\n")[0].removeprefix("# ")).open("a") as file:
            file.write(snippet)
    with (tmp_path / "mysite" / "__init__.py").open("a") as file:
        file.write("")
    (tmp_path / "run.py").write_text(HOST_UPLOAD)
    run("manage.py", "check")
    run("manage.py", "migrate", "--verbosity=0")
    assert "owner uploaded a.bin" in run("run.py")
    run("-c", "import django; django.setup(); import mysite.asgi; print(mysite.asgi.application)")


HOST_UPLOAD = """
import django
django.setup()
import hashlib, json
from django.contrib.auth.models import User
from django.test import Client
from knox.models import AuthToken
import mysite.uploads
owner = User.objects.create(username="owner")
headers = {"Authorization": "Bearer " + AuthToken.objects.create(owner)[1], "Host": "localhost"}
client = Client(headers=headers)
digest = hashlib.sha256(b"0123").hexdigest()
api = "/api/v1/upload/"
begun = client.post(api + "init", {"filename": "a.bin", "total_size": 4, "file_hash": digest}, "application/json")
upload_id = begun.json()["upload_id"]
assert client.put(f"{api}chunk/{upload_id}/0", b"0123").status_code == 200
done = client.post(api + "complete", {"upload_id": upload_id}, "application/json")
assert done.json()["status"] == "completed", done.content
"""


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


def test_every_setting_is_documented() -> None:
    documented = re.findall(r"^\| `([A-Z_]+)` \|", (PROJECT / "docs/RESUMABLE_UPLOAD_API.md").read_text(), re.MULTILINE)
    assert documented == [field.name.upper() for field in fields(UploadSettings)]


def test_every_error_code_is_documented() -> None:
    reference = (PROJECT / "docs/RESUMABLE_UPLOAD_API.md").read_text()
    sources = [path.read_text() for path in (PROJECT / "apps/core").rglob("*.py") if "tests" not in path.parts]
    codes = set(re.findall(r'code(?:: str)? ?= ?"([a-z_]+)"', "\n".join(sources))) - {"upload_error"}
    assert not {code for code in codes if f"`{code}`" not in reference}


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
