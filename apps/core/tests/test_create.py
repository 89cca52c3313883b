"""Beginning an upload: idempotent by key or by file, empty files, files of unknown size."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import uuid4

import pytest

from apps.core.conf import GIB
from apps.core.errors import BadRequest, Conflict, ContentRefused, SessionGone
from apps.core.models import OwnerUsage, UploadSession
from apps.core.services import declaring, transitions

from .threads import together

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("small_chunks")]

EMPTY = hashlib.sha256().hexdigest()
HASH = "a" * 64


def create(service: Any, **fields: Any) -> tuple[UploadSession, bool]:
    created: tuple[UploadSession, bool] = service.create(**{"filename": "a.bin", "total_size": 8, **fields})
    return created


class TestIdempotence:
    @pytest.mark.parametrize(
        "fields", [{"client_key": "k"}, {"file_hash": HASH}, {"client_key": "k", "file_hash": HASH}]
    )
    def test_the_same_again_is_the_open_session(self, service: Any, fields: Any) -> None:
        first, created = create(service, **fields)
        again, created_again = create(service, **fields)
        assert (first, created, created_again) == (again, True, False)
        assert OwnerUsage.objects.get().open_sessions == 1

    def test_without_key_and_hash_every_session_is_new(self, service: Any) -> None:
        assert create(service)[0] != create(service)[0]

    def test_another_key_is_another_upload_of_the_same_file(self, service: Any) -> None:
        assert create(service, client_key="k", file_hash=HASH)[0] != create(service, client_key="l", file_hash=HASH)[0]

    def test_twins_with_a_hash_and_metadata_of_their_own_are_several_uploads(self, service: Any) -> None:
        one, two, none = (
            create(service, file_hash=HASH, metadata=metadata)[0]
            for metadata in ({"relative_path": "one/a.bin"}, {"relative_path": "two/a.bin"}, {})
        )
        assert len({one.pk, two.pk, none.pk}) == 3
        again, created = create(service, file_hash=HASH, metadata={"relative_path": "one/a.bin"})
        assert (again.pk, created) == (one.pk, False)

    def test_a_hash_that_is_declared_later_keeps_twins_apart_too(self, service: Any) -> None:
        later, _ = create(service, metadata={"relative_path": "one/a.bin"})
        declaring.declare(later, total_size=None, file_hash=HASH)
        assert create(service, file_hash=HASH, metadata={"relative_path": "two/a.bin"})[1]
        assert create(service, file_hash=HASH, metadata={"relative_path": "one/a.bin"})[0].pk == later.pk

    def test_a_strangers_key_is_another(self, service: Any, stranger: Any) -> None:
        assert create(service, client_key="k")[0] != create(type(service)(stranger), client_key="k")[0]

    @pytest.mark.parametrize("end", ["cancel", "remove", "expire"])
    def test_a_key_is_free_again_when_its_session_ends(self, service: Any, end: str) -> None:
        first, _ = create(service, client_key="k")
        if end == "cancel":
            service.cancel(first)
        elif end == "remove":
            transitions.begin_removing(first)
        else:
            first.refresh_from_db()
            transitions.expire(first)
        first.refresh_from_db()
        assert first.dedupe_key is None
        second, created = create(service, client_key="k")
        assert created
        assert second != first

    def test_a_key_is_free_again_when_a_row_was_ended_by_hand(self, service: Any) -> None:
        create(service, client_key="k")
        UploadSession.objects.update(status="expired")
        assert create(service, client_key="k")[1]

    @pytest.mark.parametrize("other", [{"filename": "b.bin"}, {"total_size": 9}, {"total_size": None}])
    def test_a_key_stands_for_one_file(self, service: Any, other: Any) -> None:
        create(service, client_key="k")
        with pytest.raises(Conflict) as refused:
            create(service, client_key="k", **other)
        assert refused.value.code == "client_key_conflict"

    def test_the_hash_may_come_with_the_second_init(self, service: Any) -> None:
        create(service, client_key="k")
        assert create(service, client_key="k", file_hash=HASH)[0].file_hash == HASH
        with pytest.raises(Conflict):
            create(service, client_key="k", file_hash="b" * 64)

    @pytest.mark.parametrize("fields", [{"client_key": "k"}, {"file_hash": HASH}])
    def test_many_at_once_begin_one_session(self, service: Any, fields: Any) -> None:
        found: list[UploadSession] = []
        together(6, lambda number: found.append(create(service, **fields)[0]))
        assert len({session.pk for session in found}) == 1
        assert UploadSession.objects.count() == 1


class TestEmptyFiles:
    @pytest.mark.parametrize("fields", [{}, {"file_hash": EMPTY}, {"client_key": "k"}])
    def test_an_empty_file_is_completed_at_once(self, service: Any, fields: Any) -> None:
        session, created = create(service, total_size=0, **fields)
        assert created
        assert (session.status, session.sha256, session.total_chunks) == ("completed", EMPTY, 0)
        assert session.progress_percentage == 100
        with session.file.open("rb") as file:
            assert file.read() == b""

    def test_one_that_a_killed_server_left_is_completed_by_the_next_init(
        self, service: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as killed:
            killed.setattr(service, "complete", interrupt)
            with pytest.raises(KeyboardInterrupt):
                create(service, total_size=0, client_key="k")
        session, created = create(service, total_size=0, client_key="k")
        assert (session.status, created) == ("completed", False)

    def test_complete_is_a_success(self, service: Any) -> None:
        assert service.complete(create(service, total_size=0)[0]).status == "completed"

    def test_another_hash_is_refused_before_anything_exists(self, service: Any) -> None:
        with pytest.raises(ContentRefused) as refused:
            create(service, total_size=0, file_hash=HASH)
        assert refused.value.code == "hash_mismatch"
        assert not UploadSession.objects.exists()

    def test_the_rules_for_suffixes_hold(self, service: Any) -> None:
        with pytest.raises(BadRequest):
            create(service, filename="a.exe", total_size=0)

    @pytest.mark.parametrize("name", ["a.png", "a.pdf", "a.txt"])
    def test_nothing_contradicts_no_bytes(self, service: Any, name: str) -> None:
        assert create(service, filename=name, total_size=0)[0].status == "completed"

    def test_a_file_of_unknown_size_may_turn_out_to_be_empty(self, service: Any) -> None:
        session, _ = create(service, total_size=None)
        assert service.complete(session, total_size=0).status == "completed"


def interrupt(session: UploadSession) -> None:
    raise KeyboardInterrupt


class TestUnknownSize:
    def test_the_grid_reaches_the_largest_file(self, service: Any, uploads: Any) -> None:
        uploads(MAX_FILE_SIZE=100 * GIB)
        session, _ = create(service, total_size=None, chunk_size=4)
        assert session.grid.end >= 100 * GIB

    def test_a_short_chunk_ends_the_file(self, service: Any) -> None:
        session, _ = create(service, total_size=None)
        send(service, session, 1, b"45")
        session.refresh_from_db()
        with pytest.raises(Conflict) as refused:
            service.receive_chunk(session, 2)  # Before its body is read.
        assert refused.value.code == "chunk_beyond_end"
        send(service, session, 0, b"0123")
        session.refresh_from_db()
        assert service.complete(session, total_size=6).status == "completed"

    def test_the_size_must_be_where_the_short_chunk_ends(self, service: Any) -> None:
        session, _ = create(service, total_size=None)
        send(service, session, 1, b"45")
        session.refresh_from_db()
        for size in (5, 7, 8, 12):
            with pytest.raises(Conflict):
                service.declare_size(session, size)
        service.declare_size(session, 6)
        service.declare_size(session, 6)

    def test_the_size_must_hold_all_that_is_recorded(self, service: Any) -> None:
        session, _ = create(service, total_size=None)
        send(service, session, 2, b"89ab")
        session.refresh_from_db()
        for size in (8, 11):
            with pytest.raises(Conflict):
                service.declare_size(session, size)
        service.declare_size(session, 13)

    def test_a_chunk_in_flight_while_the_size_is_declared_is_reserved_once(self, service: Any) -> None:
        session, _ = create(service, total_size=None)
        sink = service.receive_chunk(session, 1)
        sink.receive(b"4567")
        other = service.find(session.upload_id)
        service.declare_size(other, 8)
        sink.finish()
        send(service, other, 0, b"0123")
        other.refresh_from_db()
        assert OwnerUsage.objects.get().reserved_bytes == 8
        service.cancel(other)
        assert OwnerUsage.objects.get().reserved_bytes == 0

    def test_a_chunk_in_flight_outside_the_declared_size_is_refused(self, service: Any) -> None:
        session, _ = create(service, total_size=None)
        sink = service.receive_chunk(session, 5)
        sink.receive(b"4567")
        service.declare_size(service.find(session.upload_id), 8)
        with pytest.raises(Conflict) as refused:
            sink.finish()
        assert refused.value.code == "chunk_beyond_end"


class TestDeclaringTheHash:
    def test_a_session_that_ended_meanwhile_is_said_to_have(self, service: Any) -> None:
        stale, _ = create(service)
        service.cancel(service.find(stale.upload_id))
        with pytest.raises(SessionGone):
            declaring.declare(stale, total_size=None, file_hash=HASH)

    def test_the_same_hash_declared_by_another_request_is_a_success(self, service: Any) -> None:
        stale, _ = create(service)
        declaring.declare(service.find(stale.upload_id), total_size=None, file_hash=HASH)
        declaring.declare(stale, total_size=None, file_hash=HASH)
        assert stale.file_hash == HASH

    def test_another_one_is_a_conflict(self, service: Any) -> None:
        stale, _ = create(service)
        declaring.declare(service.find(stale.upload_id), total_size=None, file_hash=HASH)
        with pytest.raises(Conflict) as refused:
            declaring.declare(stale, total_size=None, file_hash="b" * 64)
        assert refused.value.code == "hash_conflict"


def send(service: Any, session: UploadSession, index: int, data: bytes) -> None:
    session.refresh_from_db()
    sink = service.receive_chunk(session, index)
    sink.receive(data)
    sink.finish()


def test_quotas_may_come_from_a_callable(service: Any, uploads: Any) -> None:
    uploads(MAX_STORED_BYTES=f"{__name__}.as_many_bytes_as_the_name_is_long", MAX_OPEN_SESSIONS=lambda user: 1)
    with pytest.raises(Exception, match="stored as many bytes"):
        create(service, total_size=6)
    create(service, total_size=5)
    with pytest.raises(Exception, match="1 open uploads"):
        create(service, total_size=0)


def as_many_bytes_as_the_name_is_long(user: Any) -> int:
    return len(user.get_username())


def test_a_promised_id_that_is_taken_leaves_the_bytes_of_its_session(service: Any) -> None:
    upload_id = uuid4()
    session, _ = service.create(filename="a.bin", upload_id=upload_id, client_key="one")
    sink = service.receive_chunk(session, 0)
    sink.receive(b"0123")
    sink.finish()
    with pytest.raises(Conflict):
        service.create(filename="a.bin", upload_id=upload_id, client_key="another")
    digest = hashlib.sha256(b"0123").hexdigest()
    assert service.complete(service.find(upload_id), total_size=4, file_hash=digest).status == "completed"
