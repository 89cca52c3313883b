"""Pages made of modules, as an application's bundler makes them, served beside the API."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, Route

from ..server_process import PROJECT

CLIENT = PROJECT / "clients" / "javascript"
Bundler = Callable[[Path, Path], None]
SCRIPT = "/static/js/resumable-upload-client.js"
"""The client. Served without a Content-Security-Policy, its address is one to write a page of somebody's own over."""


class ModulePage:
    """A page whose script was bundled from ``source`` (TSX), with ``#root`` in its body."""

    def __init__(
        self,
        context: BrowserContext,
        base_url: str,
        token: str,
        source: str,
        directory: Path,
        *,
        bundle_with: Bundler | None = None,
    ) -> None:
        """
        Args:
            bundle_with: makes ``page.js`` of the source; by default with this project's client in reach.
        """
        (directory / "source.tsx").write_text(source)
        bundle = directory / "bundle"
        (bundle_with or _with_our_client)(directory / "source.tsx", bundle)
        self.page: Page = context.new_page()
        self.faults: list[str] = []
        """Uncaught errors, and what the page said on its console as error or warning."""
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", self._note)
        self.page.route("**/modules/*", lambda route: _serve(route, bundle))
        self.page.goto(base_url + SCRIPT)
        self.page.set_content('<div id="root"></div>')
        self.page.evaluate("(token) => { window.getAuthToken = () => token; }", token)
        self.page.add_script_tag(url=SCRIPT)
        self.page.add_script_tag(url="/modules/page.js", type="module")

    def _note(self, message: Any) -> None:
        # The blank page itself has no icon.
        if message.type in ("error", "warning") and "favicon" not in str(message.location):
            self.faults.append(message.text)


def _with_our_client(source: Path, directory: Path) -> None:
    run_node("build.mjs", "--page", str(source), str(directory), cwd=CLIENT)


def run_node(*arguments: str, cwd: Path) -> None:
    """Run a script; what it says is in the error if it fails."""
    done = subprocess.run(["node", *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _serve(route: Route, directory: Path) -> None:
    name = route.request.url.rpartition("/")[2]
    route.fulfill(content_type="text/javascript", body=(directory / name).read_text())
