"""tus-js-client as it comes from npm, against server processes: whole, cut and resumed, with 1 and with 4 streams."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from apps.core.tests.noise import noise

from ..sequential_client import Client
from ..server_process import ServerProcess
from .installed import require_installed

pytestmark = [pytest.mark.integration, pytest.mark.slow]

MIB = 2**20


@pytest.mark.parametrize("cut", [False, True], ids=["whole", "cut"])
@pytest.mark.parametrize(
    "options",
    [
        {"parallelUploads": 1},
        {"parallelUploads": 1, "chunkSize": 5 * MIB},
        {"parallelUploads": 4},
        {"parallelUploads": 1, "protocol": "ietf-draft-03"},
        {"parallelUploads": 1, "protocol": "ietf-draft-05"},
    ],
    ids=["one-stream", "steps", "four-streams", "draft-03", "draft-05"],
)
def test_a_file_arrives(server: ServerProcess, tmp_path: Path, options: dict[str, Any], cut: bool) -> None:
    require_installed("node_modules/tus-js-client")
    path = tmp_path / "film.bin"
    data = noise(24_000_000)
    path.write_bytes(data)
    settings = {
        "endpoint": f"{server.base_url}/api/v1/upload/files/",
        "token": server.token,
        "path": str(path),
        "cut": cut,
        "protocol": "tus-v1",
        **options,
    }
    script = Path(__file__).with_name("tus_js_client.mjs")
    done = subprocess.run(
        ["node", str(script), json.dumps(settings)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    client = Client(server)
    url = done.stdout.strip().removeprefix(server.base_url)
    while "Upload-Offset" not in (looked := client.request("HEAD", url)).headers:
        assert looked.status_code in (200, 423), looked.headers
    assert hashlib.sha256(client.stored(url)).digest() == hashlib.sha256(data).digest()
