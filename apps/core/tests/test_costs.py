"""What an upload to a bucket costs: the figures of docs/OPERATIONS.md, "What grows with what"."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.models import ChunkReceipt, ChunkReservation, KeptSegment, UploadSession
from apps.core.services.composite import recorded_composite
from apps.core.services.resumable_upload_service import ResumableUploadService
from apps.core.storage import get_store

from .s3_engine import engine, made_bucket
from .test_stores import grid_of, pieces_of
from .troubled_engine import TroubledEngine, troubled

pytestmark = [pytest.mark.integration, pytest.mark.s3, pytest.mark.django_db(transaction=True)]

STATEMENTS = ("SELECT", "INSERT", "UPDATE", "DELETE")
"""Beside what begins and ends transactions."""


@pytest.fixture
def bucket(uploads: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[TroubledEngine]:
    """A bucket that tells what it was asked for."""
    options = made_bucket(monkeypatch)
    with troubled(engine()[0]) as proxy:
        options["endpoint_url"] = proxy.url
        uploads(STORES={"default": {"BACKEND": "apps.core.storage.s3.S3Store", "OPTIONS": options}})
        assert get_store("default").verifies_parts  # Tried out once, and not for each upload.
        proxy.seen.clear()
        yield proxy


def begin(service: ResumableUploadService) -> UploadSession:
    grid = grid_of(get_store("default"))
    return service.create(filename="a.bin", total_size=grid.total_size, chunk_size=grid.chunk_size)[0]


def send(service: ResumableUploadService, begun: UploadSession, index: int) -> None:
    sink = service.receive_chunk(service.find(begun.upload_id), index)
    sink.receive(pieces_of(get_store("default"))[index])
    sink.finish()


def asked_of(store: TroubledEngine) -> Counter[str]:
    """Requests about the upload, by method and the parameter that says what they do."""
    asked: Counter[str] = Counter()
    for method, path in store.seen:
        key, _, query = path.partition("?")
        if "/files/" in key:
            asked[f"{method} {query.rpartition('&')[2].partition('=')[0]}".strip()] += 1
    return asked


@pytest.mark.sqlite  # On PostgreSQL some are prepared, which Django does not see.
def test_statements_of_a_chunk(bucket: TroubledEngine, service: ResumableUploadService) -> None:
    begun = begin(service)
    send(service, begun, 0)
    with CaptureQueriesContext(connection) as queries:
        send(service, begun, 1)
    statements = [query["sql"].split()[0] for query in queries]
    outside = ["SELECT"] * 2 + ["INSERT"] + ["SELECT"] * 2
    assert [each for each in statements if each in STATEMENTS] == [*outside, "DELETE", "DELETE", "UPDATE", "INSERT"]


def test_requests_of_an_upload(bucket: TroubledEngine, service: ResumableUploadService) -> None:
    begun = begin(service)
    for index in range(3):
        send(service, begun, index)
    begun = service.find(begun.upload_id)
    service.complete(begun, composite_hash=recorded_composite(begun))
    parts = {"PUT partNumber": 3}
    assert asked_of(bucket) == {"POST uploads": 1, **parts, "POST uploadId": 1, "HEAD": 3, "GET": 1, "PUT tagging": 1}


def test_rows_of_an_upload(bucket: TroubledEngine, service: ResumableUploadService) -> None:
    begun = begin(service)
    for index in range(3):
        send(service, begun, index)
    counts = [model.objects.count() for model in (UploadSession, ChunkReceipt, ChunkReservation, KeptSegment)]
    assert counts == [1, 3, 0, 0]
