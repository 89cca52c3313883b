"""Two nodes on one PostgreSQL and one bucket, behind nginx, without sticky sessions."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from resumable_uploads_client import Uploader

from apps.core.tests.api import Api
from apps.core.tests.noise import noise
from apps.core.tests.test_ietf import Draft

from .sequential_client import Client
from .two_nodes import Cluster, cluster, require_parts

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.s3]

MIB = 2**20
CHUNK = 5 * MIB
LONG = 120


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    require_parts()
    with cluster(tmp_path_factory.mktemp("nodes")) as made:
        yield made


@pytest.fixture
def apis(nodes: Cluster) -> Iterator[list[Api]]:
    """Each node, past nginx."""
    with Api(nodes.nodes[0].base_url, nodes.token) as one, Api(nodes.nodes[1].base_url, nodes.token) as other:
        yield [one, other]


def send(api: Api, upload_id: str, index: int, data: bytes) -> int:
    return api.put(upload_id, index, data[index * CHUNK : (index + 1) * CHUNK]).status_code


def test_chunks_of_one_upload_go_to_any_node(apis: list[Api]) -> None:
    data = noise(2 * CHUNK + 7)
    upload_id = apis[0].init(data)
    for index in (2, 0, 1):
        assert send(apis[index % 2], upload_id, index, data) == 200
    document = apis[1].complete(upload_id).json()
    assert document["file"]["size"] == len(data)
    for api in apis:
        assert api.http.get(api.base_url + document["file"]["url"]).content == data


def test_one_chunk_at_both_nodes_is_stored_once_and_both_are_told(apis: list[Api]) -> None:
    data = noise(CHUNK)
    upload_id = apis[0].init(data)
    answers: list[int] = []
    threads = [threading.Thread(target=lambda api=api: answers.append(send(api, upload_id, 0, data))) for api in apis]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert answers == [200, 200]
    assert apis[0].complete(upload_id).json()["status"] == "completed"


def test_what_a_silent_sender_left_is_gone_on_from_at_another_node(nodes: Cluster) -> None:
    data = noise(9 * MIB)
    one, other = Client(nodes.nodes[0]), Client(nodes.nodes[1])
    url = one.create(len(data))
    with one.begin_patch(url, 0, len(data)) as stuck:
        stuck.sendall(data[: 2 * MIB])
        # A HEAD would take over before anything is kept: what is kept is seen in the row alone.
        _until(lambda: _kept(nodes, url), lambda kept: kept == 2 * MIB)
        assert other.offset(url) == 2 * MIB
        assert other.patch(url, 2 * MIB, data[2 * MIB :]).headers["Upload-Offset"] == str(len(data))
    assert other.stored(url) == data


def _kept(nodes: Cluster, url: str) -> int:
    script = (
        "import django; django.setup(); from apps.core.models import UploadSession as S; "
        f"print(S.objects.get(upload_id='{url.rpartition('/')[2]}').partial_size)"
    )
    return int(nodes.nodes[0].run("-c", script))


def _until(read: Callable[[], Any], is_right: Callable[[Any], bool]) -> Any:
    for _ in range(LONG * 10):
        if is_right(value := read()):
            return value
        threading.Event().wait(0.1)
    raise AssertionError(value)


def test_a_node_is_killed_in_the_middle_and_the_upload_ends_on_the_other(nodes: Cluster, tmp_path: Path) -> None:
    data = noise(80 * MIB)
    path = tmp_path / "film.bin"
    path.write_bytes(data)
    is_under_way = threading.Event()

    def note(progress: Any) -> None:
        if progress.sent_bytes > 20 * MIB:
            is_under_way.set()

    outcome: list[Any] = []

    def upload() -> None:
        url = f"{nodes.base_url}/api/v1/upload"
        with Uploader(url, nodes.token, retry_delays=[0.2] * 500, state_directory=tmp_path / "state") as uploader:
            outcome.append(uploader.upload(path, on_progress=note))

    thread = threading.Thread(target=upload)
    thread.start()
    assert is_under_way.wait(LONG)
    nodes.nodes[1].kill()
    try:
        thread.join(LONG)
        (done,) = outcome
        with Api(nodes.base_url, nodes.token) as api:
            found = api.get(f"file/{done.upload_id}")
        assert hashlib.sha256(found.content).digest() == hashlib.sha256(data).digest()
    finally:
        nodes.nodes[1].start()


def test_each_says_that_it_fits(nodes: Cluster) -> None:
    for node in nodes.nodes:
        checks = requests.get(f"{node.base_url}/readyz", timeout=LONG).json()["checks"]
        assert checks["nodes"] is True


def test_one_with_another_secret_does_not_start(nodes: Cluster) -> None:
    first, second = nodes.nodes
    second.kill()
    before = second.environment["SECRET_KEY"]
    second.environment["SECRET_KEY"] = "another"
    try:
        assert second.launch().wait(LONG) == 1  # Nobody asks the first one anything meanwhile.
        assert "another SECRET_KEY" in second.log.read_text()
        assert requests.get(f"{first.base_url}/readyz", timeout=LONG).ok
    finally:
        second.environment["SECRET_KEY"] = before
        second.start()


def test_the_draft_goes_on_at_another_node(apis: list[Api]) -> None:
    data = noise(6 * MIB)
    one, other = Draft(apis[0]), Draft(apis[1])
    url = one.create(data[:MIB], ends=False).headers["Location"].replace(apis[0].base_url, "")
    assert other.look(url).headers["Upload-Offset"] == str(MIB)
    assert other.append(url, MIB, data[MIB:], ends=True).ok
