"""How long the page for people keeps its reader waiting while it is given many files."""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.chromium import CHROMIUM, FLAGS
from tests.browser.uploads_page import log_in

from .servers import Server

WATCH = """() => {
  window.longest = 0;
  new PerformanceObserver((list) => {
    for (const {duration} of list.getEntries()) window.longest = Math.max(window.longest, duration);
  }).observe({type: 'longtask'});
}"""
BARE_ROWS = """async (count) => {
  const started = performance.now();
  const list = document.createElement('ul');
  document.body.append(list);
  for (let row = 0; row < count; row++) {
    const element = document.querySelector('#upload-row').content.firstElementChild.cloneNode(true);
    element.querySelector('.state').textContent = `row ${row}`;
    list.append(element);
    element.clientWidth;
  }
  return performance.now() - started;
}"""


def longest_task(server: Server, data_directory: Path, files: int) -> float:
    """Milliseconds of the longest task of the page, from the choice of so many files until all are stored.

    Tasks of less than 50 ms are not told by browsers, and count as 0.
    """
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        paths = [Path(directory) / f"file-{number}.bin" for number in range(files)]
        for path in paths:
            path.write_bytes(b"a few bytes of a file")
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        page = chromium.new_page()
        log_in(page, f"http://127.0.0.1:{server.port}", (data_directory / "demo-password").read_text())
        page.evaluate(WATCH)
        page.set_input_files("#files", paths)
        page.wait_for_function(
            "(files) => Number(document.querySelector('#overview').textContent.replace(/\\D/g, '')) === files"
            " && document.querySelectorAll('#uploading .row').length === 0",
            arg=files,
            timeout=600_000,
        )
        longest: float = page.evaluate("() => window.longest")
        chromium.close()
    return longest


def bare_rows(server: Server, data_directory: Path, count: int) -> float:
    """Milliseconds that Chromium needs for so many rows that each ask for their width, as a page without care does."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        page = chromium.new_page()
        log_in(page, f"http://127.0.0.1:{server.port}", (data_directory / "demo-password").read_text())
        taken: float = page.evaluate(BARE_ROWS, count)
        chromium.close()
    return taken
