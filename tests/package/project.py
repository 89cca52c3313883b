"""A fresh Django project that uses the wheel, as somebody would begin one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import requests

from tests.server_process import PROJECT, free_port


class Project:
    """``django-admin startproject mysite`` in ``directory``, with ``site`` on its path."""

    def __init__(self, directory: Path, site: Path | None, python: str = sys.executable, **environment: str) -> None:
        self.directory = directory
        self.python = python
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO", "PYTEST"))}
        path = os.pathsep.join(str(entry) for entry in (directory, site) if entry)
        self.environment = {
            **inherited,
            "PYTHONPATH": path,
            "PYTHONWARNINGS": "error,ignore::ResourceWarning",
            **environment,
        }
        directory.mkdir(parents=True, exist_ok=True)
        self.run("-m", "django", "startproject", "mysite", ".")
        self.environment["DJANGO_SETTINGS_MODULE"] = "mysite.settings"

    def run(self, *arguments: str) -> str:
        """Run Python in the project; returns what it printed."""
        done = subprocess.run(
            [self.python, *arguments],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def manage(self, *arguments: str) -> str:
        return self.run("manage.py", *arguments)

    def make_superuser(self, name: str) -> None:
        self.environment["DJANGO_SUPERUSER_PASSWORD"] = "only for this test"
        self.manage("createsuperuser", "--noinput", f"--username={name}", f"--email={name}@example.com")

    def append(self, path: str, text: str) -> None:
        target = self.directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("a") as file:
            file.write(f"\n{text}\n")

    def serve(self, server: str) -> Server:
        """Start the project under ``runserver``, ``wsgi`` (gunicorn), ``asgi`` (uvicorn), or by its own ``serve.py``,
        which finds its port in ``PORT``."""
        return Server(self, server)


class Server:
    """A running project. A context manager that gives its address."""

    def __init__(self, project: Project, server: str) -> None:
        self._project = project
        self._port = free_port()
        self._command = {
            "runserver": ["manage.py", "runserver", "--noreload", f"127.0.0.1:{self._port}"],
            "wsgi": ["-m", "gunicorn", "mysite.wsgi", f"--bind=127.0.0.1:{self._port}", "--threads=4"],
            "asgi": ["-m", "uvicorn", "mysite.asgi:application", f"--port={self._port}", "--log-level=warning"],
            "script": ["serve.py"],
        }[server]

    def __enter__(self) -> str:
        self.log = self._project.directory / "server.log"
        environment = {
            **self._project.environment,
            "PYTHONWARNINGS": "default",
            "PYTHONUNBUFFERED": "1",
            "PORT": str(self._port),
        }
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._project.python, *self._command],
                cwd=self._project.directory,
                env=environment,
                stdout=log,
                stderr=log,
            )
        address = f"http://127.0.0.1:{self._port}"
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self.log.read_text()
            try:
                requests.get(address, timeout=5)
                return address
            except requests.ConnectionError:
                time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    def __exit__(self, *exception: object) -> None:
        self._process.terminate()
        self._process.wait(20)


def snippets(document: str) -> list[tuple[str, str]]:
    """The files of a project of one's own that a page adds to, with what it adds."""
    text = (PROJECT / document).read_text()
    blocks = [block.split("\n```")[0] for block in text.split("```python\n")[1:]]
    return [(block.split("\n")[0].removeprefix("# "), block) for block in blocks if block.startswith("# mysite/")]
