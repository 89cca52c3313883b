"""The client needs nothing that only POSIX has. Workflows run the same script on Windows and macOS."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ..server_process import PROJECT

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("arguments", [[], ["--as-elsewhere"]])
def test_it_uploads_resumes_and_downloads(arguments: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.python_client.portable", *arguments],
        cwd=PROJECT,
        env={"PATH": "", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "1 passed" in done.stdout
