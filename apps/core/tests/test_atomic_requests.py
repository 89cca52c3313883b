"""No view of the app runs inside a transaction that the host project opened for it."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connections
from django.urls import URLPattern

from apps.core import urls_resumable_uploads
from apps.core.tests.api import Api

pytestmark = pytest.mark.integration

VIEWS = [pattern for pattern in urls_resumable_uploads.urlpatterns if isinstance(pattern, URLPattern) and pattern.name]


@pytest.mark.parametrize("pattern", VIEWS, ids=lambda pattern: pattern.name)
def test_it_is_exempt_on_every_database(pattern: URLPattern) -> None:
    assert getattr(pattern.callback, "_non_atomic_requests", set()) == set(connections)


@pytest.fixture
def _atomic_requests(transactional_db: None) -> Any:
    connections["default"].settings_dict["ATOMIC_REQUESTS"] = True
    yield
    connections["default"].settings_dict["ATOMIC_REQUESTS"] = False


@pytest.mark.usefixtures("_atomic_requests")
def test_an_upload_passes_with_it(api: Api) -> None:
    assert api.upload(b"0123")["status"] == "completed"
