"""The model notices when a guard of the engine is gone: each test takes one away, and wants a violation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest import mock
from uuid import UUID

import pytest
from django.db import transaction

from apps.core.models import UploadSession
from apps.core.services import cells, claiming, declaring, hot_queries, moving, quotas, transitions
from apps.core.services.write_guard import ChunkGuard
from apps.core.storage.local.claims import ClaimEntry
from apps.core.storage.local.staging import Staging
from apps.core.storage.local.store import LocalStore

from .programs import PROGRAMS, Program
from .runs import Runner
from .search import search

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.sqlite,
    # An actor that was killed closes nothing.
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
]

Status = UploadSession.Status

_WITHIN_RESERVED = "AND reserved_bytes >= %(end)s"
_WITHIN_SIZE = "AND (total_size IS NULL OR total_size = %(end)s OR (NOT %(is_short)s AND total_size > %(end)s))"


def _expiry_whatever_happened() -> Any:
    def expire(session: UploadSession) -> bool:
        return transitions._end(session, Status.ACTIVE, Status.EXPIRED, {}, metadata={})

    return mock.patch.object(transitions, "expire", expire)


def _completion_without_the_lease() -> Any:
    end = transitions._end

    def end_without_lease(session: UploadSession, before: str, after: str, guard: dict[str, Any], **rest: Any) -> bool:
        return end(session, before, after, {}, **rest)

    return mock.patch.object(transitions, "_end", end_without_lease)


def _publishing_without_the_seal() -> Any:
    @contextmanager
    def sealed(store: LocalStore, upload_id: UUID, lease: UUID) -> Iterator[ClaimEntry]:
        staging: Staging = store._staging
        with staging.exclusive_whole(upload_id) as seal:
            yield seal

    return mock.patch.object(LocalStore, "_sealed", sealed)


def _reserving_for_a_declared_size() -> Any:
    def change_reserved(session: UploadSession, size: int) -> None:
        """What the row had reserved stays with its owner."""

    return mock.patch.object(quotas, "change_reserved", change_reserved)


def _declaring_over_a_chunk_in_flight() -> Any:
    @transaction.atomic
    def set_size(session: UploadSession, total_size: int) -> None:
        quotas.lock(session.owner_id)
        quotas.change_reserved(UploadSession.objects.get(pk=session.pk), total_size)
        UploadSession.objects.filter(pk=session.pk).update(total_size=total_size, reserved_bytes=total_size)

    return mock.patch.object(declaring, "_set_size", set_size)


def _releasing_what_was_reserved_once() -> Any:
    change = quotas.change_reserved
    declare = declaring._declare_size
    seen: list[int] = []

    def declare_size(session: UploadSession, total_size: int) -> None:
        seen[:] = [session.reserved_bytes]
        declare(session, total_size)

    def change_reserved(now: UploadSession, size: int) -> None:
        now.reserved_bytes = seen[0]
        change(now, size)

    @contextmanager
    def both() -> Iterator[None]:
        with (
            mock.patch.object(declaring, "_declare_size", declare_size),
            mock.patch.object(quotas, "change_reserved", change_reserved),
        ):
            yield

    return both()


def _recording_without(*guards: str) -> Callable[[], Any]:
    def change() -> Any:
        statement = hot_queries._COUNT_RECEIPT
        for guard in guards:
            assert guard in statement
            statement = statement.replace(guard, "")
        return mock.patch.object(hot_queries, "_COUNT_RECEIPT", statement)

    return change


def _claims_believed() -> Any:
    return mock.patch.object(ChunkGuard, "may_write", return_value=True)


def _old_names_unasked() -> Any:
    return mock.patch.object(moving, "is_named", return_value=False)


def _claims_freed_unasked() -> Any:
    return mock.patch.object(claiming, "row_naming", return_value=None)


def _removing_what_is_claimed() -> Any:
    return mock.patch.object(UploadSession, "is_claimed", False)


def _object_stores_unreserved() -> Any:
    @contextmanager
    def held(*arguments: Any, **options: Any) -> Iterator[cells.Cell]:
        yield cells.Cell()

    return mock.patch.object(cells, "held", held)


WORSENED = {
    "a chunk of an object store is not reserved": (
        _object_stores_unreserved,
        "other bytes for a chunk on an object store",
    ),
    "a session expires although it was prolonged": (_expiry_whatever_happened, "a chunk in the moment of expiry"),
    "an assembly completes without its lease": (
        _completion_without_the_lease,
        "an assembly taken over by another server",
    ),
    "an assembly moves bytes without its seal": (
        _publishing_without_the_seal,
        "damage while it is assembled",
    ),
    "what was reserved is not released": (_reserving_for_a_declared_size, "a chunk while the size is declared"),
    "what is released was reserved at another time": (
        _releasing_what_was_reserved_once,
        "the first chunk while the size is declared",
    ),
    "a size is declared over a chunk in flight": (
        _declaring_over_a_chunk_in_flight,
        "a chunk behind the size that is declared",
    ),
    "a chunk is recorded behind the declared size": (
        _recording_without(_WITHIN_RESERVED, _WITHIN_SIZE),
        "a chunk behind the size that is declared",
    ),
    "a chunk is recorded that is too short for its place": (
        _recording_without(_WITHIN_SIZE),
        "a short chunk while a larger size is declared",
    ),
    "a chunk is recorded in an ended session": (
        _recording_without("AND status = 'active'", _WITHIN_RESERVED),
        "a chunk while its upload is cancelled",
    ),
    "an old name is deleted whatever rows have it": (
        _old_names_unasked,
        "a row that is saved again while its file is moved",
    ),
    "a claim is freed whatever rows say": (_claims_freed_unasked, "a row that is slow"),
    "a file is removed although a row claimed it": (_removing_what_is_claimed, "a row for a file that is removed"),
    "a lost claims file is believed": (_claims_believed, "a claims file that is lost"),
    "an emptied claims file is believed": (_claims_believed, "a claims file that was emptied"),
}


@pytest.mark.parametrize("fault", WORSENED)
def test_a_missing_guard_is_noticed(runner_of: Callable[[Program], Runner], fault: str) -> None:
    worsen, name = WORSENED[fault]
    change: AbstractContextManager[object] = worsen()
    runner = runner_of(next(program for program in PROGRAMS if program.name == name))
    with change, pytest.raises(AssertionError, match="Violation"):
        _run_all(runner, 150)


def _run_all(runner: Runner, wanted: int) -> None:
    for schedule in search(runner, wanted):
        runner.run(schedule)
