"""Fixtures for pytest, there as soon as the package is installed. Nothing is imported before a test asks for one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def completed_upload(db: None) -> Callable[..., Any]:
    """``completed_upload(user, field, content=..., filename=...)``: see ``testing.completed_upload``."""
    from . import testing

    return testing.completed_upload


@pytest.fixture
def upload_reference(db: None) -> Callable[..., str]:
    """``upload_reference(user, field, content=..., filename=...)``: see ``testing.upload_reference``."""
    from . import testing

    return testing.upload_reference
