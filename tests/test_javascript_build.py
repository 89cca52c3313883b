"""The JavaScript client's own tests, and what its build gives."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .server_process import PROJECT

CLIENT = PROJECT / "clients" / "javascript"
BROWSER_FILE = PROJECT / "apps/core/static/js/resumable-upload-client.js"
BESIDE = [BROWSER_FILE.with_name(f"resumable-upload-{name}.js") for name in ("file-hash", "on-demand", "field")]

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module", autouse=True)
def _node() -> None:
    if not (CLIENT / "node_modules").exists() or not shutil.which("npm"):
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


def test_the_browser_files_are_what_the_source_gives(tmp_path: Path) -> None:
    node("build.mjs", "--browser-files", str(tmp_path))
    for built in (BROWSER_FILE, *BESIDE):
        assert (tmp_path / built.name).read_text() == built.read_text(), "stale: run make client"


def test_the_docs_show_the_same_file() -> None:
    assert (PROJECT / "docs" / BROWSER_FILE.name).resolve() == BROWSER_FILE


def test_the_browser_file_is_small() -> None:
    assert len(gzip.compress(BROWSER_FILE.read_bytes(), 9)) < 10_000


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
    node("build.mjs", "--package")
    assert (CLIENT / "dist/react.js").read_text().startswith('"use client";\n')
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


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The package's folder where nothing was installed or built, as in a fresh clone."""
    nothing = shutil.ignore_patterns("node_modules", "dist", ".build")
    return Path(shutil.copytree(CLIENT, tmp_path / "checkout" / "clients" / "javascript", ignore=nothing))


def npm(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "npm_config_prefer_offline": "true", "npm_config_update_notifier": "false"}
    done = subprocess.run(
        ["npm", *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def application(folder: Path) -> Path:
    folder.mkdir()
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    return folder


def run_in(folder: Path, module: str) -> str:
    (folder / "application.js").write_text(module)
    done = subprocess.run(
        ["node", "application.js"], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


INSTALL = ("install", "--no-audit", "--no-fund")

IMPORTS = """
import { ResumableUploader, UploadError } from 'resumable-upload-client';
import { ResumableUpload, useResumableUpload } from 'resumable-upload-client/react';

console.log(new ResumableUploader({ apiUrl: 'http://127.0.0.1/api' }).uploads.length);
"""

# Hooks work only where the package and the application share one React.
RENDERS = """
import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { ResumableUpload } from 'resumable-upload-client/react';

console.log(renderToStaticMarkup(createElement(ResumableUpload, { apiUrl: 'http://127.0.0.1/api', label: 'Attach' })));
"""


def bring_react(folder: Path) -> None:
    for name in ("react", "react-dom", "scheduler"):
        if not (folder / "node_modules" / name).exists():
            (folder / "node_modules" / name).symlink_to(CLIENT / "node_modules" / name)


@pytest.mark.slow
def test_an_application_links_a_fresh_checkout(tmp_path: Path, checkout: Path) -> None:
    folder = application(tmp_path / "application")
    npm(folder, *INSTALL, str(checkout))
    assert run_in(folder, IMPORTS) == "0"


@pytest.mark.slow
def test_an_application_gets_a_copy_of_a_fresh_checkout(tmp_path: Path, checkout: Path) -> None:
    folder = application(tmp_path / "application")
    npm(folder, *INSTALL, "--omit=dev", "--install-links", str(checkout))
    bring_react(folder)
    assert run_in(folder, IMPORTS) == "0"
    assert "Attach" in run_in(folder, RENDERS)


PACKED = {
    "LICENSE",
    "README.md",
    "package.json",
    "dist/index.js",
    "dist/index.d.ts",
    "dist/react.js",
    "dist/react/index.d.ts",
    "dist/resumable-upload-file-hash.js",
    "dist/resumable-upload-on-demand.js",
    "dist/resumable-upload-client.js",
}


@pytest.mark.slow
def test_a_fresh_checkout_is_packed_and_the_package_is_installed(tmp_path: Path, checkout: Path) -> None:
    (listed,) = json.loads(npm(checkout, "pack", "--dry-run", "--json"))
    paths = {file["path"] for file in listed["files"]}
    assert paths >= PACKED
    assert not {path for path in paths if path not in PACKED and not path.startswith("dist/")}

    npm(checkout, "pack", "--pack-destination", str(tmp_path))
    folder = application(tmp_path / "application")
    npm(folder, *INSTALL, str(tmp_path / listed["filename"]))
    bring_react(folder)
    assert run_in(folder, IMPORTS) == "0"
    assert "Attach" in run_in(folder, RENDERS)
    in_package = folder / "node_modules/resumable-upload-client/dist" / BROWSER_FILE.name
    assert in_package.read_text() == BROWSER_FILE.read_text()


def test_the_package_has_the_projects_licence() -> None:
    assert (CLIENT / "LICENSE").read_text() == (PROJECT / "LICENSE").read_text()
