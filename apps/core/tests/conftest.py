"""Fixtures: an isolated store, users with tokens, and the API on real sockets under both drivers."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import uvicorn
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.db import connections
from django.test import override_settings
from knox.models import AuthToken

from apps.core.services import nodes
from apps.core.services.resumable_upload_service import ResumableUploadService

from .api import Api
from .memory_store import MemoryStore
from .s3_engine import shared_bucket

# No example fails for being slow on a busy machine.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is about SQLite alone is no test on another database."""
    if connections["default"].vendor != "sqlite":
        items[:] = [item for item in items if item.get_closest_marker("sqlite") is None]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> Iterator[None]:
    """The app of the tests is there before its tables are made."""
    library = f"{__package__}.library"
    with override_settings(INSTALLED_APPS=[*settings.INSTALLED_APPS, library]):
        yield


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test finds other nodes, but those that make some."""
    monkeypatch.setattr(nodes, "BEAT_SECONDS", math.inf)
    monkeypatch.setattr(nodes.watch, "keep_beating", lambda: None)
    nodes.watch.forget()


@pytest.fixture(autouse=True)
def _isolated(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()
    if os.environ.get("TEST_STORE"):
        # As on a disk: many tests look at that digest.
        changed = {"STORES": {"default": _other_store(tmp_path)}, "WHOLE_FILE_SHA256": True}
        settings.RESUMABLE_UPLOADS = {**settings.RESUMABLE_UPLOADS, **changed}


def _other_store(tmp_path: Path) -> dict[str, Any]:
    """The store that all tests are to use in place of the local one: ``memory``, or ``s3`` in an engine that takes
    parts of any size (``MIN_PART=1 .ci/ceph start DIR``)."""
    if os.environ["TEST_STORE"] == "memory":
        options = {"bucket": str(tmp_path), "min_chunk_size": 1}
        return {"BACKEND": f"{MemoryStore.__module__}.MemoryStore", "OPTIONS": options}
    options = {**shared_bucket(), "prefix": f"{tmp_path}/".lstrip("/"), "smallest_part": 1}
    return {"BACKEND": "apps.core.storage.s3.S3Store", "OPTIONS": options}


@pytest.fixture
def uploads(settings: Any) -> Any:
    """Change keys of ``RESUMABLE_UPLOADS``: ``uploads(CHUNK_SIZE=4)``."""

    def change(**values: Any) -> None:
        settings.RESUMABLE_UPLOADS = {**settings.RESUMABLE_UPLOADS, **values}

    return change


@pytest.fixture
def small_chunks(uploads: Any) -> None:
    uploads(CHUNK_SIZE=4, MIN_CHUNK_SIZE=1, MAX_FILE_SIZE=40_000)


@pytest.fixture
def owner(transactional_db: None) -> Any:
    return get_user_model()._default_manager.create(username="owner")


@pytest.fixture
def stranger(transactional_db: None) -> Any:
    return get_user_model()._default_manager.create(username="stranger")


@pytest.fixture
def service(owner: Any) -> ResumableUploadService:
    return ResumableUploadService(owner)


@pytest.fixture
def store_root(tmp_path: Path) -> Path:
    return tmp_path / "media" / "uploads"


def token_for(user: Any) -> str:
    return str(AuthToken.objects.create(user)[1])


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="session")
def _asgi_url(django_db_setup: None) -> Iterator[str]:
    from intelliwiz_config.asgi import application

    server = uvicorn.Server(
        uvicorn.Config(application, host="127.0.0.1", port=0, log_level="warning", ws="none", proxy_headers=False)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(5)


@pytest.fixture(scope="session")
def _wsgi_url(django_db_setup: None) -> Iterator[str]:
    from intelliwiz_config.wsgi import application

    server = ThreadedWSGIServer(("127.0.0.1", 0), _QuietHandler)
    server.set_app(application)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session", autouse=True)
def _close_pool(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """PostgreSQL does not drop a test database that a pool is still connected to."""
    yield
    connection = connections["default"]
    django_db_blocker.unblock()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]


@pytest.fixture(params=["asgi", "wsgi"])
def base_url(request: pytest.FixtureRequest) -> str:
    """A real server in this process, once for each driver."""
    return str(request.getfixturevalue(f"_{request.param}_url"))


@pytest.fixture
def api(base_url: str, owner: Any) -> Iterator[Api]:
    """The API as its owner sees it."""
    with Api(base_url, token_for(owner)) as client:
        yield client


@pytest.fixture
def strangers_api(base_url: str, stranger: Any) -> Iterator[Api]:
    with Api(base_url, token_for(stranger)) as client:
        yield client
