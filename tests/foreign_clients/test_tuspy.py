"""tuspy as it comes from PyPI, against server processes: cut, resumed, with a checksum on each request and without."""

from __future__ import annotations

from pathlib import Path

import pytest
from tusclient.client import TusClient

from apps.core.tests.noise import noise

from ..sequential_client import Client
from ..server_process import ServerProcess

pytestmark = pytest.mark.integration

MIB = 2**20


@pytest.mark.parametrize("has_checksums", [False, True])
def test_a_file_is_cut_and_resumed(server: ServerProcess, tmp_path: Path, has_checksums: bool) -> None:
    path = tmp_path / "film.bin"
    path.write_bytes(noise(5 * MIB))
    tus = TusClient(f"{server.base_url}/api/v1/upload/files/", headers={"Authorization": f"Bearer {server.token}"})
    options = {"chunk_size": 3 * MIB // 2, "upload_checksum": has_checksums}
    with path.open("rb") as file:
        first = tus.uploader(file_stream=file, **options)
        first.upload(stop_at=3 * MIB)
        second = tus.uploader(file_stream=file, url=first.url, **options)
        assert second.offset == 3 * MIB
        second.upload()
    assert Client(server).stored(str(second.url).removeprefix(server.base_url)) == path.read_bytes()
