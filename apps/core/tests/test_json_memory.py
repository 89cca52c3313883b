"""JSON bodies take bounded memory: of the process, and of what one user may have of it."""

from __future__ import annotations

from typing import Any

import pytest

from apps.core.errors import Throttled, Unavailable
from apps.core.protocols.json_memory import HeldBodies, json_body_limit

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def _limits(uploads: Any, settings: Any) -> None:
    uploads(JSON_MEMORY_BYTES=100)
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10


def test_one_user_has_half_of_it() -> None:
    held = HeldBodies()
    held.take("a", 50)
    with pytest.raises(Throttled):
        held.take("a", 1)
    held.take("b", 50)


def test_all_together_have_no_more_than_the_setting() -> None:
    held = HeldBodies()
    for user in ("a", "b"):
        held.take(user, 50)
    with pytest.raises(Unavailable):
        held.take("c", 1)


def test_what_was_refused_is_not_counted() -> None:
    held = HeldBodies()
    held.take("a", 50)
    with pytest.raises(Throttled):
        held.take("a", 51)
    held.release("a", 50)
    assert held.total == 0
    held.take("a", 50)


def test_one_body_fits_however_small_the_setting_is(uploads: Any) -> None:
    uploads(JSON_MEMORY_BYTES=1)
    HeldBodies().take("a", 10)


def test_without_a_limit_of_django_one_body_has_what_one_user_has(settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = None
    assert json_body_limit() == 50
    with pytest.raises(Throttled):
        HeldBodies().take("a", 51)


def test_users_that_hold_nothing_are_forgotten() -> None:
    held = HeldBodies()
    held.take("a", 1)
    held.release("a", 1)
    assert not held._by_user
