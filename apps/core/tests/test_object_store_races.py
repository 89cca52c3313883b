"""Who meets whom at an object store, where nothing is locked: each at the moment that hurts most.

A writer's ``commit`` is the moment at which a part is on its way.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from apps.core.errors import ChunkSuperseded, Conflict, MissingChunks, NotFound
from apps.core.models import ChunkReservation, KeptSegment, UploadSession
from apps.core.services import assembly, audit, cells, transitions
from apps.core.services.checked_appending import ExpectedChecksum
from apps.core.services.concatenation import repair_partial
from apps.core.services.creation import Concatenation
from apps.core.services.repair import parts_of
from apps.core.services.sequential_ledger import segments_of
from apps.core.storage import get_store

from .memory_store import MemoryStore
from .s3_engine import made_bucket
from .test_stores import grid_of, nothing, pieces_of, whole

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

Concat = UploadSession.Concat


@pytest.fixture(params=["memory", pytest.param("s3", marks=pytest.mark.s3)])
def objects(request: pytest.FixtureRequest, uploads: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    if request.param == "s3":
        store = {"BACKEND": "apps.core.storage.s3.S3Store", "OPTIONS": made_bucket(monkeypatch)}
    else:
        store = {"BACKEND": f"{MemoryStore.__module__}.MemoryStore", "OPTIONS": {"bucket": str(tmp_path)}}
    uploads(STORES={"default": store}, CHUNK_SIZE=4, MIN_CHUNK_SIZE=1)
    return get_store("default")


class Sender:
    """The requests of one client."""

    def __init__(self, service: Any, objects: Any) -> None:
        self.service = service
        self.data = whole(objects)
        self.pieces = pieces_of(objects)
        self.size = grid_of(objects).chunk_size
        self.id = service.create(filename="a.bin", total_size=len(self.data))[0].upload_id

    @property
    def session(self) -> UploadSession:
        found: UploadSession = self.service.find(self.id)
        return found

    def begin(self, index: int, data: bytes | None = None) -> Any:
        """A chunk that has arrived, and is not stored yet."""
        sink = self.service.receive_chunk(self.session, index)
        sink.receive(self.pieces[index] if data is None else data)
        return sink

    def send(self, *indices: int) -> None:
        for index in indices:
            self.begin(index).finish()

    def append(self, start: int, end: int | None = None) -> int:
        sink = self.service.receive_from(self.session, start)
        sink.receive(self.data[start:end])
        return int(sink.finish())

    def complete(self) -> UploadSession:
        done: UploadSession = self.service.complete(self.session)
        return done


@pytest.fixture
def sender(service: Any, objects: Any) -> Sender:
    return Sender(service, objects)


def before_commit(writer: Any, act: Callable[[], object]) -> None:
    """Let something happen while a part is on its way."""
    commit = writer.commit

    def slow(entry: Any, digest: bytes) -> Any:
        act()
        return commit(entry, digest)

    writer.commit = slow


class TestStagingThatIsGone:
    def test_of_two_who_find_it_one_begins_anew(self, sender: Sender, objects: Any) -> None:
        late = sender.begin(2)
        objects.discard(sender.session.staged)
        with pytest.raises(Conflict):
            sender.send(0)
        sender.send(0)
        with pytest.raises(Conflict):
            late.finish()
        sender.send(1, 2)
        assert sender.complete().status == "completed"

    def test_a_sender_from_before_a_repair_gives_nothing_up(self, sender: Sender, objects: Any) -> None:
        late = sender.begin(1)
        sender.send(0, 1, 2)
        session = sender.session
        UploadSession.objects.update(file_hash=hashlib.sha256(sender.data).hexdigest())
        transitions.begin_assembling(session)
        objects.seal(session.staged, parts_of(session), uuid.uuid4(), nothing)
        spoil(objects, session, b"x" * sender.size)
        with pytest.raises(MissingChunks):
            sender.complete()
        with pytest.raises(Conflict):
            late.finish()
        sender.send(1)
        assert sender.complete().status == "completed"

    def test_a_segment_costs_no_more_than_itself(self, sender: Sender, objects: Any) -> None:
        sender.append(0, sender.size + 2)
        objects.remove_segments(segments_of(sender.session, 1))
        with pytest.raises(Conflict):
            sender.append(sender.size + 2)
        assert sender.service.offset(sender.session) == sender.size
        sender.append(sender.size)
        assert sender.complete().status == "completed"

    def test_a_checksum_does_not_hide_it(self, sender: Sender, objects: Any) -> None:
        objects.discard(sender.session.staged)
        checksum = ExpectedChecksum(hashlib.sha256, hashlib.sha256(sender.data).digest())
        with pytest.raises(Conflict):
            sender.service.receive_from(sender.session, 0, checksum).receive(sender.data)
        sink = sender.service.receive_from(sender.session, 0, checksum)
        sink.receive(sender.data)
        assert sink.finish() == len(sender.data)


def spoil(objects: Any, session: UploadSession, second: bytes) -> None:
    data, name = whole(objects, (1, second)), objects.name_of(session.staged)
    if isinstance(objects, MemoryStore):
        objects.bucket.objects[name] = data
    else:
        objects.bucket.put(f"{objects.bucket.keys.files}{name}", data, hashlib.sha256(data).digest())


class TestReservations:
    def test_a_sequential_request_leaves_a_living_sender_of_a_chunk_its_place(self, sender: Sender) -> None:
        chunk = sender.begin(0)
        refused: list[Exception] = []

        def sequential_one_comes() -> None:
            sink = sender.service.receive_from(sender.session, 0)
            with pytest.raises(ChunkSuperseded) as superseded:
                sink.receive(b"q" * sender.size)
            refused.append(superseded.value)

        before_commit(chunk._writer, sequential_one_comes)
        chunk.finish()
        assert refused
        sender.send(1, 2)
        assert sender.complete().status == "completed"

    def test_one_for_an_upload_that_is_gone_ends(self, sender: Sender, objects: Any) -> None:
        session = sender.session
        UploadSession.objects.all().delete()
        sink = sender.service.receive_chunk(session, 0)
        sink.receive(sender.pieces[0])
        with pytest.raises(NotFound):
            sink.finish()

    def test_where_a_database_ignores_that_it_is_gone_too(
        self, sender: Sender, objects: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """MariaDB's INSERT IGNORE says nothing of a foreign key that is gone."""
        session = sender.session
        monkeypatch.setattr(cells, "_insert", lambda reservation: None)
        UploadSession.objects.all().delete()
        with pytest.raises(NotFound):
            cells.reserve(session, objects, 0, b"x" * 32)

    def test_a_twin_that_stored_the_same_bytes_once_more_says_how(
        self, sender: Sender, objects: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where each part has an ETag of its own, as with keys of a key service."""
        monkeypatch.setattr(cells, "TWIN_PATIENCE", 0.0)
        first = sender.begin(0)
        commit = first._writer.commit

        def last(entry: Any, digest: bytes) -> str:
            sender.send(0)
            commit(entry, digest)
            return "another"

        first._writer.commit = last
        first.finish()
        assert sender.session.receipts.get().etag == "another"
        assert not ChunkReservation.objects.exists()


class TestPartials:
    """Uploads that others are made of, some of which is replaced behind their back."""

    @pytest.fixture
    def partial(self, service: Any, objects: Any, sender: Sender) -> UploadSession:
        """All of it is sent, and one part was replaced by a late request."""
        made, _ = service.create(filename="", total_size=len(sender.data), concat=Concatenation(Concat.PARTIAL))
        late = service.receive_chunk(made, 1)
        other = b"z" * sender.size
        late.receive(other)
        for index, piece in enumerate(sender.pieces):
            self.send(service, made, index, piece)
        late._writer.commit(None, hashlib.sha256(other).digest())
        return service.find(made.upload_id)  # type: ignore[no-any-return]

    def send(self, service: Any, partial: UploadSession, index: int, piece: bytes) -> None:
        sink = service.receive_chunk(service.find(partial.upload_id), index)
        sink.receive(piece)
        sink.finish()

    def final(self, service: Any, partial: UploadSession) -> UploadSession:
        concat = Concatenation(Concat.FINAL, "final;", (partial,))
        made, _ = service.create(filename="a.bin", total_size=partial.total_size, concat=concat)
        return made  # type: ignore[no-any-return]

    def test_killed_after_the_repair_nothing_more_is_forgotten(
        self, service: Any, partial: UploadSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Killed(BaseException):
            pass

        def kill(*arguments: Any) -> None:
            raise Killed

        with monkeypatch.context() as death:
            death.setattr(transitions, "finish_waiting", kill)
            death.setattr(transitions, "release_lease", lambda *arguments: None)
            with pytest.raises(Killed):
                self.final(service, partial)
        UploadSession.objects.filter(status="assembling").update(lease_expires_at=timezone.now() - timedelta(seconds=1))
        service.status(UploadSession.objects.get(concat=Concat.FINAL).upload_id)
        assert sorted(partial.receipts.values_list("index", flat=True)) == [0, 2]

    def test_two_finals_repair_it_once(
        self, service: Any, sender: Sender, partial: UploadSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        repair = repair_partial
        found: list[Any] = []

        def slow(damaged: Any, lease: uuid.UUID, keep: Callable[[], None]) -> None:
            if not found:
                found.append(damaged)
                self.final(service, service.find(partial.upload_id))
                self.send(service, partial, 1, sender.pieces[1])
            repair(damaged, lease, keep)

        monkeypatch.setattr(assembly, "repair_partial", slow)
        self.final(service, partial)
        assert sorted(partial.receipts.values_list("index", flat=True)) == [0, 1, 2]

    def test_a_final_whose_place_is_gone_is_joined_anew(
        self, service: Any, objects: Any, sender: Sender, partial: UploadSession
    ) -> None:
        final = self.final(service, partial)
        objects.discard(service.find(final.upload_id).staged)
        self.send(service, partial, 1, sender.pieces[1])
        for _ in range(3):
            try:
                final = service.status(final.upload_id)
            except Exception:
                continue
        assert service.find(final.upload_id).status == "completed"


class TestWhatIsLeft:
    def test_segments_of_a_chunk_that_another_sender_recorded_go_with_the_upload(
        self, sender: Sender, objects: Any
    ) -> None:
        sender.append(0, 2)
        sender.send(0, 1, 2)
        assert sender.complete().status == "completed"
        assert list(objects.staged()) == []
        assert not KeptSegment.objects.exists()

    def test_a_file_in_the_trash_that_has_its_record_again_is_put_back(
        self, sender: Sender, objects: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sender.send(0, 1, 2)
        done = sender.complete()
        objects.trash(done.file.name)  # With an older database.
        monkeypatch.setattr(audit, "TRASH_AGE", timedelta(0))
        comparison = audit.Audit()
        comparison.run()
        comparison.fix(max_share=1)
        with done.file.open("rb") as file:
            assert file.read() == sender.data
        assert [found.name for found in objects.objects()] == [done.file.name]
