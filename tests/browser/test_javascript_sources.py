"""What the JavaScript client can upload besides files, and from where, in Chromium and in Node.js."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..flaky_proxy import FlakyProxy
from ..server_process import ServerProcess
from .conftest import ClientPage, Files
from .pages import CLIENT, SCRIPT
from .uploads_page import MIB

pytestmark = pytest.mark.browser

OpenPage = Callable[..., ClientPage]
MakeFile = Callable[..., Path]
UPLOADER = "new ResumableUploader({apiUrl: '/api/v1/upload', authToken: window.token, chunkSize: 2 ** 20})"


def test_blobs_and_buffers_are_files_of_the_name_that_is_given(open_page: OpenPage, files: Files) -> None:
    page = open_page()
    results = page.evaluate(
        f"""async () => {{
          const uploader = {UPLOADER};
          const bytes = crypto.getRandomValues(new Uint8Array(60000));
          const sources = [new Blob([bytes]), bytes.buffer, bytes.subarray(1, 100)];
          const upload = (source, n) => uploader.uploadFile(source, {{filename: `source-${{n}}.bin`}});
          return Promise.all(sources.map(upload));
        }}"""
    )
    assert [result["size"] for result in results] == [60000, 60000, 99]
    assert [result["name"] for result in results] == ["source-0.bin", "source-1.bin", "source-2.bin"]
    assert files.sha256(results[0]["uploadId"]) == files.sha256(results[1]["uploadId"]) == results[0]["sha256"]


SIZE = 45 * MIB + 7
"""Of a stream: several chunks, each as large as the largest file of unknown length needs them."""
STREAM = """
  const bytes = new Uint8Array(size);
  for (let start = 0; start < size; start += 65536) crypto.getRandomValues(bytes.subarray(start, start + 65536));
  const stream = new ReadableStream({
    start: (controller) => { window.controller = controller; },
    pull(controller) {
      if (!this.at) this.at = 0;
      controller.enqueue(bytes.slice(this.at, this.at + 100_001));
      this.at += 100_001;
      if (this.at >= size) controller.close();
    },
  });
"""


def test_a_stream_of_unknown_length_outlives_lost_connections(
    open_page: OpenPage, files: Files, proxy: FlakyProxy
) -> None:
    page = open_page(proxy)
    proxy.bytes_per_second = 20e6
    page.evaluate(
        f"""async (size) => {{
          {STREAM}
          window.told = [];
          const uploader = new ResumableUploader({{
            apiUrl: '/api/v1/upload', authToken: window.token, chunkSize: 2 ** 20, retryDelays: Array(300).fill(50),
          }});
          const digest = await crypto.subtle.digest('SHA-256', bytes);
          window.hash = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
          window.upload = uploader.uploadFile(stream, {{
            filename: 'stream.bin',
            onSession: (id) => window.told.push(id),
            onProgress: (share, {{sentBytes, totalBytes}}) => window.told.push([share, sentBytes, totalBytes]),
          }});
          window.upload.then(
            (result) => {{ window.outcome = {{result}}; }},
            ({{code}}) => {{ window.outcome = {{error: code}}; }},
          );
        }}""",
        SIZE,
    )
    for chunks in (1, 3):
        page.wait_for(f"() => window.told.filter(Array.isArray).length >= {chunks}")
        proxy.cut()
    proxy.bytes_per_second = None
    result = page.result()["result"]
    assert result["size"] == SIZE
    assert result["sha256"] == page.evaluate("() => window.hash") == files.sha256(result["uploadId"])
    assert result["verified"]
    told = page.evaluate("() => window.told")
    assert told[0] == result["uploadId"]
    assert told[1][0] == 0
    assert told[-1] == [100, SIZE, SIZE]


def test_a_stream_that_breaks_is_told_and_leaves_no_file(open_page: OpenPage, files: Files) -> None:
    page = open_page()
    error = page.evaluate(
        f"""async () => {{
          const stream = new ReadableStream({{pull: (controller) => controller.error(new Error('unplugged'))}});
          const upload = {UPLOADER}.uploadFile(stream, {{filename: 'broken.bin'}});
          return upload.catch(({{code, cause}}) => [code, String(cause)]);
        }}"""
    )
    assert error == ["unexpected", "Error: unplugged"]
    assert [each["status"] for each in files.list() if each["filename"] == "broken.bin"] == ["cancelled"]


def test_a_worker_without_xmlhttprequest_sends_by_fetch(open_page: OpenPage, files: Files) -> None:
    page = open_page()
    result = page.evaluate(
        """async ([script, token]) => {
          const source = `
            delete globalThis.XMLHttpRequest;
            globalThis.document = {currentScript: {src: '${script}'}};
            importScripts('${script}');
            onmessage = async ({data: [apiUrl, authToken, blob]}) => {
              const told = [];
              const uploader = new ResumableUploader({apiUrl, authToken, chunkSize: 2 ** 20});
              const result = await uploader.uploadFile(blob, {
                filename: 'worker.bin', onProgress: (percentage) => told.push(percentage),
              });
              postMessage([result, told]);
            };`;
          const worker = new Worker(URL.createObjectURL(new Blob([source], {type: 'text/javascript'})));
          const answer = new Promise((resolve, reject) => {
            worker.onmessage = ({data}) => resolve(data);
            worker.onerror = ({message}) => reject(new Error(message));
          });
          worker.postMessage([location.origin + '/api/v1/upload', token, new Blob([new Uint8Array(4 * 2 ** 20)])]);
          return answer;
        }""",
        [page.base_url + SCRIPT, page.token],
    )
    uploaded, told = result
    assert uploaded["verified"]
    assert files.sha256(uploaded["uploadId"]) == hashlib.sha256(bytes(4 * MIB)).hexdigest()
    assert told[-1] == 100
    assert set(told) <= {0, 25, 50, 75, 100}


NODE = """
import { createReadStream } from 'node:fs';
import { openAsBlob } from 'node:fs';
import { Readable } from 'node:stream';
import { ResumableUploader } from './dist/index.js';

const [apiUrl, authToken, path] = process.argv.slice(2);
const asked = [];
const uploader = new ResumableUploader({
  apiUrl, authToken, chunkSize: 2 ** 20,
  onBeforeRequest: (request) => { request.headers['X-Request-Id'] = 'from-node'; asked.push(request.method); },
  onAfterResponse: (request, response) => asked.push(response.status),
});
const blob = await uploader.uploadFile(await openAsBlob(path), { filename: 'blob.bin' });
const stream = await uploader.uploadFile(Readable.toWeb(createReadStream(path)), { filename: 'stream.bin' });
const batch = await uploader.uploadFiles([new Blob(['one']), new Blob(['two'])], { filename: 'batch.bin' });
const results = await batch.results;
const ids = results.map(({ value }) => value.uploadId);
console.log(JSON.stringify({ blob, stream, totals: batch.totals, ids, asked }));
"""


def test_node_uploads_blobs_streams_and_batches(
    server: ServerProcess, make_file: MakeFile, files: Files, tmp_path: Path
) -> None:
    if not (CLIENT / "node_modules").exists():
        pytest.skip("needs Node.js 20 or later and npm; then make test installs the rest")
    subprocess.run(["node", "build.mjs", "--package"], cwd=CLIENT, check=True)
    path = make_file(5 * MIB + 3, "local.bin")
    script = CLIENT / ".build" / "node.mjs"
    script.parent.mkdir(exist_ok=True)
    script.write_text(NODE.replace("./dist/", "../dist/"))
    command = ["node", str(script), f"{server.base_url}/api/v1/upload", server.token, str(path)]
    done = subprocess.run(command, cwd=CLIENT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    assert said["blob"]["sha256"] == said["stream"]["sha256"] == expected
    assert files.sha256(said["stream"]["uploadId"]) == expected
    assert (said["totals"]["completed"], said["totals"]["percentage"]) == (2, 100)
    assert len(set(said["ids"])) == 2
    assert {"POST", "PUT", 200, 201} <= set(said["asked"])


def test_one_file_twice_at_once_is_two_uploads(open_page: OpenPage, make_file: MakeFile, files: Files) -> None:
    page = open_page()
    page.choose(make_file(3 * MIB, "twice.bin"))
    ids = page.evaluate(
        f"""async () => {{
          const uploader = {UPLOADER};
          const [file] = document.querySelector('#file').files;
          const results = await Promise.all([uploader.uploadFile(file), uploader.uploadFile(file)]);
          return results.map(({{uploadId}}) => uploadId);
        }}"""
    )
    assert len(set(ids)) == 2


def test_a_login_is_waited_for_and_asked_for_once(open_page: OpenPage, make_file: MakeFile) -> None:
    page = open_page()
    page.choose(make_file(3 * MIB, "login.bin"))
    outcome = page.evaluate(
        """async () => {
          let token = 'worthless';
          const states = [];
          let asked = 0;
          const uploader = new ResumableUploader({
            apiUrl: '/api/v1/upload', authToken: () => token, chunkSize: 2 ** 20,
            onLoginRequired: async () => { asked++; token = window.token; },
            onStateChange: (state, {error}) => states.push(error ? `${state} ${error.code}` : state),
          });
          const {verified} = await uploader.uploadFile(document.querySelector('#file').files[0]);
          return {verified, asked, states};
        }"""
    )
    assert outcome["verified"]
    assert outcome["asked"] == 1
    assert "waiting not_authenticated" in outcome["states"]
