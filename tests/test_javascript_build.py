"""The JavaScript client's own tests, and what its build gives."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .server_process import PROJECT

CLIENT = PROJECT / "clients" / "javascript"
BROWSER_FILE = PROJECT / "apps/core/static/js/resumable-upload-client.js"

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module", autouse=True)
def _node() -> None:
    if not (CLIENT / "node_modules").exists() or not shutil.which("node"):
        pytest.skip("needs Node.js 20 or later and npm; then make test installs the rest")


def node(*arguments: str) -> str:
    done = subprocess.run(["node", *arguments], cwd=CLIENT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_unit_tests_in_node_pass() -> None:
    node("build.mjs", "--tests")
    tests = sorted(str(path) for path in (CLIENT / ".build/test").glob("*.test.js"))
    printed = node("--test", "--test-reporter=tap", *tests)
    assert (passed := re.search(r"^# pass (\d+)$", printed, re.MULTILINE))
    assert int(passed[1]) >= len(tests)


def test_the_browser_file_is_what_the_source_gives(tmp_path: Path) -> None:
    fresh = tmp_path / BROWSER_FILE.name
    node("build.mjs", "--browser-file", str(fresh))
    assert fresh.read_text() == BROWSER_FILE.read_text(), "stale: run make client"


def test_the_docs_show_the_same_file() -> None:
    assert (PROJECT / "docs" / BROWSER_FILE.name).resolve() == BROWSER_FILE


def test_the_browser_file_is_small(tmp_path: Path) -> None:
    without_hash = tmp_path / "client.js"
    node("build.mjs", "--browser-file", str(without_hash), "--without-hash")
    assert len(gzip.compress(without_hash.read_bytes(), 9)) < 12_000


APPLICATION = """
import { ChunkState, ResumableUploader, type UploadError, type UploadResult } from 'resumable-upload-client';
import { ResumableUpload, useResumableUpload } from 'resumable-upload-client/react';

const uploader = new ResumableUploader({ apiUrl: '/api', authToken: async () => 'token' });
export const result: Promise<UploadResult> = uploader.uploadFile(new File([], 'a'), { onProgress: (p: number) => p });
export const code = (error: UploadError): string => error.code;

export function Uploads() {
  const { uploads } = useResumableUpload({ apiUrl: '/api' });
  return <ResumableUpload apiUrl="/api">{() => uploads[0]?.progress ?? ChunkState.Stored}</ResumableUpload>;
}
"""


def test_an_application_compiles_against_the_packages_types(tmp_path: Path) -> None:
    node("build.mjs", "--modules")
    node("node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json")
    modules = tmp_path / "node_modules"
    modules.mkdir()
    (modules / "resumable-upload-client").symlink_to(CLIENT)
    for name in ("@types", "react"):
        (modules / name).symlink_to(CLIENT / "node_modules" / name)
    (tmp_path / "application.tsx").write_text(APPLICATION)
    options = [
        "--strict",
        "--noEmit",
        "--skipLibCheck",
        "--jsx",
        "react-jsx",
        "--target",
        "es2022",
        "--module",
        "esnext",
    ]
    node(
        "node_modules/typescript/bin/tsc", *options, "--moduleResolution", "bundler", "--ignoreConfig",
        str(tmp_path / "application.tsx"),
    )  # fmt: skip
