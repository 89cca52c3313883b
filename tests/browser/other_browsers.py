"""Firefox and WebKit, as far as their drivers reach: see ``tests/foreign_clients/browsers/drivers.mjs``."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from ..server_process import PROJECT
from .conftest import LONG

FOREIGN = PROJECT / "tests" / "foreign_clients"
EXECUTABLES = {"firefox": "firefox-esr", "webkit": "WebKitWebDriver"}


class OtherBrowser:
    """One window of a browser."""

    def __init__(self, kind: str) -> None:
        command = ["node", "browsers/drivers.mjs", kind, str(shutil.which(EXECUTABLES[kind]))]
        if kind == "webkit":
            # It has no mode without a screen.
            command = ["xvfb-run", "-a", *command]
        # Its own sandbox needs namespaces that containers have not; only pages of these tests are opened.
        environment = {**os.environ, "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1"}
        self._process = subprocess.Popen(
            command, cwd=FOREIGN, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def _do(self, method: str, *given: Any) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"method": method, "given": given}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert "error" not in answer, answer
        return answer.get("value")

    def open(self, url: str) -> None:
        self._do("open", url)

    def reload(self) -> None:
        self._do("reload")

    def ask(self, function: str, *given: Any) -> Any:
        """What a JavaScript function answers in the page."""
        return self._do("ask", function, *given)

    def wait(self, function: str, *given: Any) -> Any:
        """Wait until it answers something true."""
        deadline = time.monotonic() + LONG
        while not (found := self.ask(function, *given)):
            assert time.monotonic() < deadline, f"{function}{given}\n{self.ask('() => document.body.innerText')}"
            time.sleep(0.05)
        return found

    def click(self, selector: str) -> None:
        self.wait("(selector) => Boolean(document.querySelector(selector))", selector)
        self.ask("(selector) => document.querySelector(selector).click()", selector)

    def press(self, label: str) -> None:
        """A button, as those who hear the page know it."""
        self.click(f'[aria-label="{label}"]:not([hidden])')

    def give(self, selector: str, *paths: Path) -> None:
        """Choose files in an input."""
        self._do("give", selector, *(str(path) for path in paths))

    def type(self, selector: str, text: str) -> None:
        self.wait("(selector) => Boolean(document.querySelector(selector))", selector)
        self._do("type", selector, text)

    def forget_cookies(self) -> None:
        self._do("forgetCookies")

    def close(self) -> None:
        # Which closes its pipes.
        with self._process:
            if self._process.poll() is None:
                self._do("close")
            self._process.wait(30)


def launch(kind: str) -> OtherBrowser:
    """Skips the test where the browser is not there."""
    if not shutil.which(EXECUTABLES[kind]) or (kind == "webkit" and not shutil.which("xvfb-run")):
        packages = "firefox-esr" if kind == "firefox" else "webkit2gtk-driver xvfb xauth"
        pytest.skip(f"needs {kind}: apt-get install {packages}")
    if not (FOREIGN / "node_modules/puppeteer-core").exists():
        pytest.skip("needs Node.js 20 or later and npm; then make test installs the rest")
    return OtherBrowser(kind)
