"""A database with rows in every state survives every migration since the first."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from apps.core.models import ChunkReceipt, OwnerUsage, UploadSession
from apps.core.services.resumable_upload_service import ResumableUploadService
from apps.core.storage import get_store

pytestmark = pytest.mark.integration

APP = UploadSession._meta.app_label
FIRST = "0009_add_upload_session_model"


@pytest.fixture
def first_tables(transactional_db: None) -> Iterator[Any]:
    """The models as the first migration made them; afterwards all migrations are applied again."""
    executor = MigrationExecutor(connection)
    yield executor.migrate([(APP, FIRST)]).apps
    upgrade()


def upgrade() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def test_rows_in_every_state_are_upgraded(first_tables: Any, owner: Any) -> None:
    old = first_tables.get_model(APP, "UploadSession")
    first_tables.get_model(APP, "OwnerUsage").objects.create(owner_id=owner.pk)
    ids: dict[str, uuid.UUID] = {}
    for status, _ in old._meta.get_field("status").choices:
        session = old.objects.create(
            owner_id=owner.pk,
            status=status,
            filename=f"{status}.bin",
            mime_type="application/octet-stream",
            total_size=8,
            chunk_size=4,
            received_chunks=1,
            received_bytes=4,
            metadata={"of": status},
            expires_at=timezone.now() + timedelta(days=1),
        )
        first_tables.get_model(APP, "ChunkReceipt").objects.create(
            session_id=session.pk, index=1, size=4, sha256=b"d" * 32
        )
        ids[status] = session.upload_id
    assert set(ids) == set(UploadSession.Status.values)
    upgrade()
    for status, upload_id in ids.items():
        upgraded = UploadSession.objects.get(upload_id=upload_id)
        assert (upgraded.status, upgraded.filename, upgraded.metadata) == (status, f"{status}.bin", {"of": status})
        assert bytes(ChunkReceipt.objects.get(session=upgraded).sha256) == b"d" * 32
    assert OwnerUsage.objects.get().stored_files == 1
    get_store("default").begin(ids["active"], mime_type="application/octet-stream")
    session = ResumableUploadService(owner).find(ids["active"])
    sink = ResumableUploadService(owner).receive_chunk(session, 0)
    sink.receive(b"0123")
    assert sink.finish().totals.received_chunks == 2
