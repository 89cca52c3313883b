"""Uploads from a real Chromium: our client to our server beside tus-js-client to @tus/server.

The browser is started without a debugger (one that watches the network copies every body) and with web security off,
so that one page may talk to either server. The page makes its file in the browser's own file system, measures, and
posts what it found back.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

from tests.browser.chromium import CHROMIUM, FLAGS

from .servers import HOST, PROJECT, Server

BENCH_FLAGS = ("--headless", *FLAGS, "--disable-web-security", "--disable-features=LocalNetworkAccessChecks")
OUR_CLIENT = PROJECT / "apps/core/static/js/resumable-upload-client.js"
ANSWER_SECONDS = 180

PAGE = """<!doctype html><script src="/client.js"></script><script src="/tus.js"></script><script type="module">
const {kind, url, token, parallel, chunkSize, megabytes} = await (await fetch("/job")).json();
const root = await navigator.storage.getDirectory();
const handle = await root.getFileHandle("file.bin", {create: true});
const writer = await handle.createWritable();
const block = new Uint8Array(2 ** 20);
for (let at = 0; at < block.length; at += 65536) crypto.getRandomValues(block.subarray(at, at + 65536));
for (let i = 0; i < megabytes; i++) { block[0] = i; block[1] = i >> 8; await writer.write(block); }
await writer.close();
const file = await handle.getFile();
let blocked = 0;
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) blocked = Math.max(blocked, task.duration);
}).observe({type: "longtask"});
const uploads = {
  ours: () => new ResumableUploader({apiUrl: url, authToken: token, chunkSize, parallel, onError: console.error})
    .uploadFile(file),
  tus: () => new Promise((resolve, reject) => new tus.Upload(file, {
    endpoint: url, parallelUploads: parallel, retryDelays: null, onSuccess: resolve, onError: reject,
  }).start()),
};
let error = "";
const started = performance.now();
await uploads[kind]().catch((reason) => { error = String(reason.message ?? reason); });
const seconds = (performance.now() - started) / 1000;
await new Promise((resolve) => setTimeout(resolve, 100));
await fetch("/result", {method: "POST", body: JSON.stringify({seconds, blocked, error})});
</script>"""


@dataclass(frozen=True)
class BrowserResult:
    """One upload as the page saw it: MB/s, and the longest task of the main thread in milliseconds (0: under 50)."""

    rate: float
    blocked: float


class BrowserFailed(Exception):
    """The upload failed in the browser, for instance because the peer lacks what was asked of it."""


def upload_from_browser(
    server: Server, directory: Path, *, megabytes: int, parallel: int, chunk_size: int | None = None
) -> BrowserResult:
    """Upload a file of ``megabytes`` MiB with the client that belongs to the server.

    Raises:
        BrowserFailed: the client reported an error, or nothing in three minutes.
    """
    assert CHROMIUM is not None
    ours = server.name == "ours"
    job = {
        "kind": "ours" if ours else "tus",
        "url": f"http://{HOST}:{server.port}" + ("/api/v1/upload" if ours else "/files"),
        "token": server.token,
        "parallel": parallel,
        "megabytes": megabytes,
        **({"chunkSize": chunk_size} if chunk_size else {}),
    }
    with _page_server(job) as (address, results):
        profile = directory / "profile"
        browser = subprocess.Popen(
            [CHROMIUM, *BENCH_FLAGS, f"--user-data-dir={profile}", address],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            found = results.get(timeout=ANSWER_SECONDS)
        finally:
            browser.kill()
            browser.wait()
            shutil.rmtree(profile, ignore_errors=True)
    if found["error"]:
        raise BrowserFailed(found["error"])
    return BrowserResult(megabytes * 2**20 / 1e6 / found["seconds"], found["blocked"])


def tus_client() -> Path:
    return Path(os.environ["TUS_NODE_MODULES"]) / "tus-js-client/dist/tus.min.js"


@contextmanager
def _page_server(job: dict[str, Any]) -> Iterator[tuple[str, Queue[dict[str, Any]]]]:
    results: Queue[dict[str, Any]] = Queue()
    tus = tus_client().read_bytes() if os.environ.get("TUS_NODE_MODULES") else b""
    files = {
        "/": ("text/html", PAGE.encode()),
        "/client.js": ("text/javascript", OUR_CLIENT.read_bytes()),
        "/tus.js": ("text/javascript", tus),
        "/job": ("application/json", json.dumps(job).encode()),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content_type, body = files.get(self.path, ("text/plain", b""))
            self._answer(content_type, body)

        def do_POST(self) -> None:
            results.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self._answer("text/plain", b"")

        def _answer(self, content_type: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer((HOST, 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://{HOST}:{server.server_port}/", results
    finally:
        server.shutdown()
        server.server_close()
