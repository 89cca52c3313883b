from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from apps.core.models import ChunkReceipt, OwnerUsage, UploadSession
from apps.core.services import declaring, hot_queries, ledger, transactions, transitions
from apps.core.services.repair import Repair
from apps.core.services.transactions import flushed, reading, retried, transactional

from .threads import together

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("small_chunks")]

DEADLOCK = (1213, "Deadlock found when trying to get lock")


def failing(*errors: Exception) -> Callable[[], str]:
    """Raises one after the other, then says that it is done."""
    left = list(errors)

    def attempt() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return attempt


@pytest.fixture
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "LONGEST_PAUSE", 0)


@pytest.mark.usefixtures("transactional_db", "_no_pauses")
class TestAborted:
    def test_it_is_tried_again(self) -> None:
        assert retried(failing(OperationalError(*DEADLOCK), OperationalError(1205, "Lock wait timeout"))) == "done"

    def test_it_is_tried_a_bounded_number_of_times(self) -> None:
        with pytest.raises(OperationalError):
            retried(failing(*[OperationalError(*DEADLOCK)] * transactions.TRIES))

    def test_what_is_not_an_abort_is_not_tried_again(self) -> None:
        for error in (OperationalError(2013, "Lost connection"), IntegrityError("")):
            with pytest.raises(type(error)):
                retried(failing(error))

    def test_inside_of_a_transaction_nothing_is_tried_again(self) -> None:
        with pytest.raises(OperationalError), transaction.atomic():
            retried(failing(OperationalError(*DEADLOCK)))

    def test_what_was_done_before_the_abort_is_not_done_twice(self, owner: Any) -> None:
        attempt = failing(OperationalError(*DEADLOCK))

        @transactional()
        def work() -> None:
            OwnerUsage.objects.create(owner=owner)
            attempt()

        work()
        assert OwnerUsage.objects.count() == 1


def test_real_deadlocks_end_well(owner: Any, stranger: Any, uploads: Any) -> None:
    usages = [OwnerUsage.objects.create(owner=user) for user in (owner, stranger)]

    @transactional()
    def add(order: list[OwnerUsage]) -> None:
        for usage in order:
            row = OwnerUsage.objects.select_for_update().get(pk=usage.pk)
            row.open_sessions += 1
            row.save()

    def work(number: int) -> None:
        for _ in range(10):
            add(usages[:: 1 if number % 2 else -1])

    together(2, work)
    assert [usage.open_sessions for usage in OwnerUsage.objects.all()] == [20, 20]


@pytest.mark.usefixtures("transactional_db")
class TestUnknown:
    def test_a_read_is_done_again_on_a_fresh_connection_once(self) -> None:
        assert reading(failing(OperationalError(2006, "gone away"))) == "done"
        with pytest.raises(OperationalError):
            reading(failing(*[OperationalError(2006, "gone away")] * 2))

    def test_a_receipt_that_was_written_before_the_connection_broke_counts(
        self, service: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        session, _ = service.create(filename="a.bin", total_size=4)
        record = hot_queries.record_receipt

        def break_after(*arguments: Any, **options: Any) -> Any:
            record(*arguments, **options)
            raise OperationalError(2013, "Lost connection during query")

        monkeypatch.setattr(hot_queries, "record_receipt", break_after)
        sink = service.receive_chunk(session, 0)
        sink.receive(b"0123")
        assert sink.finish().totals.received_chunks == 1

    def test_a_receipt_that_was_not_written_is_not_acknowledged(
        self, service: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        session, _ = service.create(filename="a.bin", total_size=4)
        error = OperationalError(2013, "Lost connection during query")
        with monkeypatch.context() as broken:
            broken.setattr(hot_queries, "record_receipt", lambda *arguments, **options: failing(error)())
            sink = service.receive_chunk(session, 0)
            sink.receive(b"0123")
            with pytest.raises(OperationalError):
                sink.finish()
        assert not ChunkReceipt.objects.exists()

    @pytest.mark.parametrize("written", [False, True])
    def test_a_session_whose_commit_was_not_heard_of_is_looked_for(
        self, service: Any, monkeypatch: pytest.MonkeyPatch, written: bool
    ) -> None:
        create = ledger.create

        def break_around(*arguments: Any, **fields: Any) -> Any:
            if written:
                create(*arguments, **fields)
            raise OperationalError(2013, "Lost connection during query")

        monkeypatch.setattr(ledger, "create", break_around)
        if written:
            session, is_new = service.create(filename="a.bin", total_size=4)
            assert (session.filename, is_new) == ("a.bin", True)
        else:
            with pytest.raises(OperationalError):
                service.create(filename="a.bin", total_size=4)


@pytest.mark.sqlite
class TestDurable:
    @pytest.fixture(autouse=True)
    def _connection(self, transactional_db: None) -> None:
        connection.close()

    @staticmethod
    def level() -> int:
        with connection.cursor() as cursor:
            return int(cursor.execute("PRAGMA synchronous").fetchone()[0])

    def levels(self, work: Callable[[], object]) -> list[int]:
        """The connection's level at each INSERT, UPDATE and DELETE of a session or receipt."""
        found: list[int] = []

        def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            tables = (UploadSession._meta.db_table, ChunkReceipt._meta.db_table)
            if sql.lstrip().startswith(("INSERT", "UPDATE", "DELETE")) and any(table in sql for table in tables):
                found.append(context["connection"].connection.execute("PRAGMA synchronous").fetchone()[0])
            return execute(sql, params, many, context)

        with connection.execute_wrapper(note):
            work()
        return found

    def test_the_connection_is_as_before_afterwards(self) -> None:
        before = self.level()
        with flushed():
            assert self.level() == 2
        assert self.level() == before == 1

    def test_sessions_and_their_moves_are_flushed_and_receipts_are_not(self, service: Any) -> None:
        session, _ = service.create(filename="a.bin", total_size=4)
        sink = service.receive_chunk(session, 0)
        sink.receive(b"0123")
        assert set(self.levels(sink.finish)) == {1}
        levels = self.levels(lambda: service.create(filename="b.bin", total_size=4))
        assert set(levels) == {2}
        assert set(self.levels(lambda: service.cancel(service.create(filename="c.bin", total_size=1)[0]))) >= {2}
        session.refresh_from_db()
        done = self.levels(lambda: service.complete(session))
        assert 2 in done
        assert service.status(session.upload_id).status == "completed"
        assert set(self.levels(lambda: service.remove(session.upload_id))) == {2}

    @pytest.mark.parametrize(
        "move",
        [
            lambda session, lease: transitions.finish_completed(
                session, lease, sha256="0" * 64, composite_hash="", name="aa/name"
            ),
            lambda session, lease: transitions.finish_failed(session, lease, code="refused", detail="No."),
            lambda session, lease: transitions.finish_damaged(session, lease, Repair([0], "")),
            lambda session, lease: transitions.begin_removing(session),
        ],
        ids=["complete", "fail", "find damage", "remove"],
    )
    def test_every_end_of_an_assembly_is_flushed(
        self, service: Any, move: Callable[[UploadSession, uuid.UUID], bool]
    ) -> None:
        session, _ = service.create(filename="a.bin", total_size=4)
        sink = service.receive_chunk(session, 0)
        sink.receive(b"0123")
        sink.finish()
        transitions.begin_assembling(session)
        lease = transitions.take_lease(session)
        assert lease is not None
        assert set(self.levels(lambda: move(session, lease))) == {2}

    def test_declarations_are_flushed(self, service: Any) -> None:
        session, _ = service.create(filename="a.bin")
        declarations = self.levels(lambda: declaring.declare(session, total_size=4, file_hash="0" * 64))
        assert declarations == [2, 2]

    def test_with_sync_chunks_receipts_are_flushed_too(self, service: Any, uploads: Any) -> None:
        uploads(SYNC_CHUNKS=True)
        session, _ = service.create(filename="a.bin", total_size=4)
        sink = service.receive_chunk(session, 0)
        sink.receive(b"0123")
        assert set(self.levels(sink.finish)) == {2}

    def test_inside_of_a_transaction_the_level_stays(self) -> None:
        with transaction.atomic(), flushed():
            assert self.level() == 1
