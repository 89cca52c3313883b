from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from apps.core.storage.errors import storage_errors
from apps.core.storage.local import LocalStore
from apps.core.views.operations_views import store_writable

from .api import Api, assert_problem
from .s3_client import S3
from .test_ietf import Draft
from .tus_client import Tus

pytestmark = pytest.mark.integration

CHECKS = {"database": True, "storage": True, "disk_space": True, "nodes": True}


def test_healthz(base_url: str) -> None:
    assert requests.get(f"{base_url}/healthz", timeout=10).json() == {"status": "ok"}


def test_readyz_checks_what_uploads_need(api: Api) -> None:
    answer = api.http.get(f"{api.base_url}/readyz")
    assert answer.json() == {"status": "ok", "checks": CHECKS}


def test_readyz_says_what_is_missing(api: Api, uploads: Any) -> None:
    uploads(MIN_FREE_DISK_BYTES=2**62)
    problem = assert_problem(api.http.get(f"{api.base_url}/readyz"), 503, "not_ready")
    assert problem["checks"]["disk_space"] is False
    assert problem["checks"]["database"] is True


@pytest.fixture
def probes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Each time that the store is tried; a clock that stands still."""
    tried: list[str] = []
    monkeypatch.setattr(LocalStore, "check", lambda store: tried.append("now"))
    store_writable.forget()
    yield tried
    store_writable.forget()


def test_readyz_writes_to_the_disk_once_a_second(
    client: Any, db: None, probes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1e9
    monkeypatch.setattr("time.monotonic", lambda: now)
    for _ in range(3):
        assert client.get("/readyz").status_code == 200
    assert len(probes) == 1
    now += 1
    client.get("/readyz")
    assert len(probes) == 2


@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOSPC, errno.EACCES])
def test_a_disk_that_does_not_work_is_not_ready_and_is_tried_no_more_often(
    client: Any, db: None, probes: list[str], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(store: LocalStore) -> None:
        probes.append("now")
        with storage_errors():
            raise OSError(number, "")

    monkeypatch.setattr(LocalStore, "check", fail)
    monkeypatch.setattr("time.monotonic", lambda: 1e9)
    for _ in range(3):
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["checks"]["storage"] is False
    assert len(probes) == 1


def test_a_disk_that_hangs_keeps_nobody_waiting_but_the_first(probes: list[str]) -> None:
    store_writable()
    with store_writable._lock:
        assert store_writable() is True


def test_metrics_are_closed_unless_they_are_opened(client: Any, db: None, settings: Any) -> None:
    assert client.get("/metrics").status_code == 404
    settings.METRICS_OPEN = True
    assert client.get("/metrics").status_code == 200
    settings.METRICS_TOKEN = "scrape"
    assert client.get("/metrics").status_code == 401


def test_metrics_count_sessions_chunks_bytes_and_refusals(api: Api, settings: Any) -> None:
    settings.METRICS_OPEN = True
    before = metrics(api)
    upload_id = api.init(b"0123")
    api.put(upload_id, 0, b"0123")
    api.put(upload_id, 1, b"4567")
    after = metrics(api)

    def grown(name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    assert after['resumable_upload_sessions{status="active"}'] == 1
    assert grown('resumable_upload_chunks_received_total{protocol="raw"}') == 1
    assert grown('resumable_upload_bytes_received_total{protocol="raw"}') == 4
    assert grown('resumable_upload_refusals_total{code="bad_chunk_index"}') == 1


def test_the_bytes_of_each_protocol_are_counted(api: Api, settings: Any) -> None:
    settings.METRICS_OPEN = True
    tus, draft, s3 = Tus(api), Draft(api), S3(api)
    before = metrics(api)
    tus.patch(tus.create(4), 0, b"0123")
    draft.create(b"0123", ends=True)
    s3.put(s3.create(), 1, b"0123")
    s3.send(s3.parameters().json()["url"], b"0123")
    api.post_chunk(api.init(b"0123"), 0, b"0123")
    after = metrics(api)
    for protocol, size in (("tus", 4), ("ietf", 4), ("s3", 8), ("json", 4)):
        name = f'resumable_upload_bytes_received_total{{protocol="{protocol}"}}'
        assert after[name] - before.get(name, 0) == size


def test_metrics_can_be_kept_for_those_with_a_token(api: Api, settings: Any) -> None:
    settings.METRICS_TOKEN = "scrape"
    url = f"{api.base_url}/metrics"
    assert_problem(requests.get(url, timeout=10), 401, "not_authenticated")
    assert requests.get(url, headers={"Authorization": "Bearer scrape"}, timeout=10).status_code == 200


def metrics(api: Api) -> dict[str, float]:
    lines = api.http.get(f"{api.base_url}/metrics").text.splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")}
