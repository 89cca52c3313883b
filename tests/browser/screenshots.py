"""Pictures of the page in all its states: ``python -m tests.browser.screenshots DIRECTORY``, or ``make screenshots``.

Each state is photographed at three widths, in light and in dark, against a real server behind a bad network.
"""

from __future__ import annotations

import os
import struct
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect

from ..flaky_proxy import FlakyProxy
from ..server_process import ServerProcess
from .chromium import launched

MIB = 2**20
WIDTHS = (390, 768, 1280)
NAMES = (
    "video-of-the-conference.mp4",
    "measurements.bin",
    "Quarterly-results-and-appendices-of-the-international-conference (copy 2).txt",
)


class Studio:
    """A page, and files for it."""

    def __init__(self, context: BrowserContext, proxy: FlakyProxy, server: ServerProcess, directory: Path) -> None:
        self.page: Page = context.new_page()
        self.context = context
        self.proxy = proxy
        self.server = server
        self._directory = directory
        self._files = Path(tempfile.mkdtemp())

    def file(self, name: str, content: bytes | int = 9) -> Path:
        path = self._files / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(content) if isinstance(content, int) else content)
        return path

    def shoot(self, state: str) -> None:
        """Photograph the page as it is now."""
        for scheme in ("light", "dark"):
            for width in WIDTHS:
                self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                self.page.set_viewport_size({"width": width, "height": 844 if width < 700 else 900})
                self.page.wait_for_timeout(150)
                self.page.screenshot(path=self._directory / f"{state}-{width}-{scheme}.png")

    def log_in(self) -> None:
        self.page.goto(self.proxy.base_url)
        self.page.get_by_label("Name").fill("demo")
        self.page.get_by_label("Password").fill((self.server.directory / "demo-password").read_text())
        self.page.locator("form button").click()
        expect(self.page.locator("#accepted")).not_to_be_empty()


def _png(size: int = 64) -> bytes:
    """A gradient, as a file that has a thumbnail."""
    rows = b"".join(
        b"\0" + bytes(channel for x in range(size) for channel in (90 + 2 * x, 60, 255 - 2 * y)) for y in range(size)
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def _login(studio: Studio) -> None:
    studio.page.goto(studio.proxy.base_url)
    studio.shoot("login")
    studio.page.get_by_label("Name").fill("demo")
    studio.page.get_by_label("Password").fill("wrong")
    studio.page.locator("form button").click()
    studio.shoot("login-refused")


def _missing(studio: Studio) -> None:
    studio.page.goto(f"{studio.proxy.base_url}/nothing-here/")
    studio.shoot("unknown-address")


def _empty(studio: Studio) -> None:
    studio.page.route("**/api/v1/upload/?*", lambda route: None)
    studio.log_in()
    studio.shoot("loading")
    studio.page.unroute("**/api/v1/upload/?*")
    studio.page.reload()
    expect(studio.page.locator("#stored .empty")).to_be_visible()
    studio.shoot("empty")
    studio.page.route("**/api/v1/upload/?*", lambda route: route.fulfill(status=503, body="{}"))
    studio.page.reload()
    expect(studio.page.locator("#stored .failure")).to_be_visible()
    studio.shoot("unlisted")
    studio.page.unroute("**/api/v1/upload/?*")
    studio.page.reload()


def _uploading(studio: Studio) -> None:
    page, proxy = studio.page, studio.proxy
    stored = [studio.file(NAMES[2], b"words " * 80_000), studio.file("report.pdf", b"%PDF-1.4\n" + os.urandom(40_000))]
    page.set_input_files("#files", [*stored, studio.file("holiday.png", _png()), studio.file("empty.bin", 0)])
    expect(page.locator("#stored .row")).to_have_count(4)
    studio.shoot("stored")
    proxy.corrupt_bodies = 2
    proxy.bytes_per_second = 8e6
    page.set_input_files("#files", [studio.file(NAMES[0], _mp4(300 * MIB)), studio.file(NAMES[1], 90 * MIB)])
    page.set_input_files(
        "#files", [studio.file("virus.exe"), studio.file("שלום עולם מסמך ארוך מאוד עם שם (copy 2).txt", b"x" * 100)]
    )
    page.wait_for_function("() => document.querySelector('#uploading .map')?.getAttribute('aria-valuenow') > 8")
    proxy.bytes_per_second = 1e6
    studio.shoot("uploading")
    page.locator("#uploading [data-action=details]").first.click()
    studio.shoot("uploading-details")
    page.locator("#uploading [data-action=details]").first.click()
    page.get_by_role("button", name="Cancel measurements.bin").click()
    studio.shoot("undo")
    page.get_by_role("button", name="Undo: measurements.bin").click()
    page.locator("#pause-all").click()
    studio.shoot("paused")
    page.locator("#resume-all").click()
    studio.context.set_offline(True)
    expect(page.locator("#overview")).to_contain_text("Offline")
    studio.shoot("offline")
    studio.context.set_offline(False)
    page.locator("#stored [data-action=details]").first.click()
    studio.shoot("stored-details")
    page.get_by_role("button", name="Delete").first.click()
    studio.shoot("deleted")
    page.get_by_role("button", name="Undo").first.click()


def _mp4(size: int) -> bytes:
    return b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + os.urandom(size)


def _waiting(studio: Studio) -> None:
    studio.page.reload()
    expect(studio.page.locator("#waiting .row")).to_have_count(2)
    studio.shoot("waiting")
    studio.page.evaluate("() => document.body.classList.add('dragging')")
    studio.shoot("dragging")
    studio.page.evaluate("() => document.body.classList.remove('dragging')")
    studio.context.clear_cookies()
    studio.proxy.bytes_per_second = None
    studio.page.set_input_files("#files", studio.file("late.bin", 3 * MIB))
    expect(studio.page.locator("#login-banner")).to_be_visible()
    studio.shoot("logged-out")


STATES: tuple[Callable[[Studio], None], ...] = (_login, _missing, _empty, _uploading, _waiting)


def main(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    server = ServerProcess(Path(tempfile.mkdtemp()) / "data", "asgi")
    server.start()
    proxy = FlakyProxy(server.port)
    try:
        with launched() as browser:
            for locale in ("en", "de"):
                context = browser.new_context(locale=locale, device_scale_factor=1)
                studio = Studio(context, proxy, server, directory if locale == "en" else directory / locale)
                if locale == "de":
                    (directory / locale).mkdir(exist_ok=True)
                    studio.page.goto(proxy.base_url)
                    studio.page.locator("#id_username").fill("demo")
                    studio.page.locator("#id_password").fill((server.directory / "demo-password").read_text())
                    studio.page.locator("form button").click()
                    expect(studio.page.locator("#waiting .row")).to_have_count(2)
                    studio.shoot("page")
                    continue
                for state in STATES:
                    state(studio)
                context.close()
    finally:
        proxy.close()
        server.stop()
    sys.stdout.write(f"{len(list(directory.rglob('*.png')))} pictures in {directory}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "screenshots"))
