"""What is special to the store in a bucket. See test_stores for what any store does; the engine is a real one."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
import requests
from botocore.exceptions import ClientError
from django.core.files.base import ContentFile

from apps.core.conf import MIB
from apps.core.errors import MissingChunks, Unavailable, UploadError
from apps.core.models import UploadSession
from apps.core.services import audit, transitions
from apps.core.services.cleanup import Cleanup
from apps.core.services.creation import Concatenation
from apps.core.services.repair import parts_of
from apps.core.storage import Segment, Staged, StagingMissing, get_store
from apps.core.storage.s3 import S3Store
from apps.core.storage.s3.reader import ObjectReader
from apps.core.storage.s3.segments import MOST_SEGMENTS

from .library.uploading import DATA as UPLOADED
from .library.uploading import begin as begin_for_field
from .noise import noise
from .s3_engine import made_bucket, made_store
from .test_stores import LEASE, grid_of, nothing, pieces_of, whole, write, write_all
from .troubled_engine import TroubledEngine, troubled
from .write_guards import Guard

pytestmark = [pytest.mark.integration, pytest.mark.s3]

PART = 5 * MIB
SMALL = hashlib.sha256(b"bytes").digest()


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> S3Store:
    return made_store(monkeypatch)


@pytest.fixture
def staged(store: S3Store) -> Staged:
    upload_id = uuid4()
    return Staged(upload_id, store.begin(upload_id, mime_type="text/plain"))


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return made_bucket(monkeypatch)


@pytest.fixture
def engine(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[TroubledEngine]:
    # Twice is again; pauses grow.
    monkeypatch.setattr("apps.core.storage.s3.bucket.TRIES", 2)
    with troubled(options["endpoint_url"]) as server:
        yield server


@pytest.fixture
def behind(options: dict[str, Any], engine: TroubledEngine) -> S3Store:
    """The store behind a network in trouble."""
    return S3Store(**{**options, "endpoint_url": engine.url})


def begin(store: S3Store) -> Staged:
    upload_id = uuid4()
    return Staged(upload_id, store.begin(upload_id, mime_type="text/plain"))


def keys_in(store: S3Store) -> list[str]:
    return [listed["Key"] for listed in store.bucket.listed("")]


class TestVerifiedByTheStore:
    def test_it_refuses_bytes_that_are_not_those_signed(self, store: S3Store) -> None:
        assert store.verifies_parts

    def test_a_part_that_is_damaged_on_the_way_is_not_stored(self, behind: S3Store, engine: TroubledEngine) -> None:
        staged = begin(behind)
        engine.trouble = lambda method, path: "damage" if "partNumber" in path else ""
        with pytest.raises(UploadError):
            write(behind, staged, 0, pieces_of(behind)[0])
        engine.trouble = lambda method, path: ""
        behind.seal(staged, write_all(behind, staged), LEASE, nothing)

    def test_so_a_composite_needs_no_byte_read_again(
        self, options: dict[str, Any], service: Any, uploads: Any, engine: TroubledEngine
    ) -> None:
        use(uploads, {**options, "endpoint_url": engine.url})
        session = begin_upload(service)
        session = service.complete(session)
        assert (session.status, session.sha256) == ("completed", "")
        assert session.composite_hash.endswith("-3")
        content = [path for method, path in engine.seen if method == "GET" and "/files/" in path]
        # The first bytes, by which the type is judged.
        assert len(content) == 1

    def test_the_sha256_of_a_file_of_one_chunk_is_that_of_its_receipt(
        self, options: dict[str, Any], service: Any, uploads: Any, engine: TroubledEngine
    ) -> None:
        use(uploads, {**options, "endpoint_url": engine.url})
        digest = hashlib.sha256(b"0123").hexdigest()
        session, _ = service.create(filename="a.bin", total_size=4, file_hash=digest)
        sink = service.receive_chunk(session, 0)
        sink.receive(b"0123")
        sink.finish()
        assert service.complete(session).sha256 == digest
        assert len([path for method, path in engine.seen if method == "GET" and "/files/" in path]) == 1

    def test_but_what_goes_elsewhere_is_read_before_it_is_copied(
        self, options: dict[str, Any], owner: Any, service: Any, uploads: Any
    ) -> None:
        use(uploads, options)
        session = begin_for_field(owner)
        transitions.begin_assembling(session)
        objects().seal(session.staged, parts_of(session), LEASE, nothing)
        other = b"x" * len(UPLOADED)
        objects().bucket.put(objects()._keys.of(session.staged), other, hashlib.sha256(other).digest())
        with pytest.raises(MissingChunks):
            service.complete(session)

    def test_that_of_an_empty_file_is_known(self, options: dict[str, Any], service: Any, uploads: Any) -> None:
        use(uploads, options)
        session, _ = service.create(filename="a.bin", total_size=0)
        assert service.complete(session).sha256 == hashlib.sha256().hexdigest()

    def test_a_store_that_does_not_is_read_once(
        self, options: dict[str, Any], service: Any, uploads: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        use(uploads, options)
        monkeypatch.setattr(S3Store, "verifies_parts", False)
        read: list[int] = []
        original = ObjectReader._read

        def noting(reader: ObjectReader, size: int) -> bytes:
            block = original(reader, size)
            read.append(len(block))
            return block

        monkeypatch.setattr(ObjectReader, "_read", noting)
        session = begin_upload(service)
        assert service.complete(session).sha256 == hashlib.sha256(whole(objects())).hexdigest()
        assert len(whole(objects())) <= sum(read) < len(whole(objects())) + MIB


def use(uploads: Any, options: dict[str, Any], **settings: Any) -> None:
    stores = {"default": {"BACKEND": "apps.core.storage.s3.S3Store", "OPTIONS": options}}
    uploads(STORES=stores, **settings)


def objects() -> Any:
    return get_store("default")


def begin_upload(service: Any) -> Any:
    """An upload with all its chunks."""
    session, _ = service.create(filename="a.bin", total_size=grid_of(objects()).total_size)
    for index, piece in enumerate(pieces_of(objects())):
        sink = service.receive_chunk(session, index)
        sink.receive(piece)
        sink.finish()
    return session


class TestTrouble:
    """Networks and stores that are not what they should be."""

    def test_an_answer_that_is_lost_is_asked_for_again(self, behind: S3Store, engine: TroubledEngine) -> None:
        staged = begin(behind)
        lost: list[str] = []

        def trouble(method: str, path: str) -> str:
            is_first = method in ("PUT", "POST") and path not in lost
            lost.append(path)
            return "lost" if is_first else ""

        engine.trouble = trouble
        behind.seal(staged, write_all(behind, staged), LEASE, nothing)
        with behind.open(staged) as file:
            assert file.read() == whole(behind)

    @pytest.mark.parametrize("trouble", ["slow down", "cut"])
    def test_what_lasts_is_the_clients_to_try_again(
        self, behind: S3Store, engine: TroubledEngine, trouble: str
    ) -> None:
        staged = begin(behind)
        engine.trouble = lambda method, path: trouble
        with pytest.raises(Unavailable):
            write(behind, staged, 2, b"89")
        engine.trouble = lambda method, path: ""
        write(behind, staged, 2, b"89")

    def test_what_arrived_is_kept_while_the_store_is_busy(
        self, options: dict[str, Any], service: Any, uploads: Any, engine: TroubledEngine
    ) -> None:
        use(uploads, {**options, "endpoint_url": engine.url})
        session, _ = service.create(filename="a.bin", total_size=10)
        sink = service.receive_from(session, 0)
        sink.receive(b"0123")
        engine.trouble = lambda method, path: "slow down"
        sink.rest()  # Its sender is silent, and nothing can be kept.
        engine.trouble = lambda method, path: ""
        sink.receive(b"45")
        assert sink.abort() == 6
        assert service.offset(service.find(session.upload_id)) == 6

    def test_nobody_is_told_that_something_is_kept_which_is_not(
        self, options: dict[str, Any], service: Any, uploads: Any, engine: TroubledEngine
    ) -> None:
        use(uploads, {**options, "endpoint_url": engine.url})
        session, _ = service.create(filename="a.bin", total_size=10)
        sink = service.receive_from(session, 0)
        sink.receive(b"0123")
        engine.trouble = lambda method, path: "slow down"
        with pytest.raises(Unavailable):
            sink.finish()
        engine.trouble = lambda method, path: ""
        assert service.offset(service.find(session.upload_id)) == 0

    def test_a_whole_chunk_is_stored_once_the_store_is_back(
        self, options: dict[str, Any], service: Any, uploads: Any, engine: TroubledEngine
    ) -> None:
        use(uploads, {**options, "endpoint_url": engine.url})
        session, _ = service.create(filename="a.bin", total_size=PART + 1)
        sink = service.receive_from(session, 0)
        engine.trouble = lambda method, path: "slow down" if "partNumber" in path else ""
        with pytest.raises(Unavailable):
            sink.receive(noise(PART))
        engine.trouble = lambda method, path: ""
        assert sink.abort() == PART
        assert service.find(session.upload_id).received_chunks == 1

    def test_a_part_that_is_lost_behind_our_back_is_asked_for_again(
        self, options: dict[str, Any], service: Any, uploads: Any
    ) -> None:
        use(uploads, options)
        session = begin_upload(service)
        other = b"late".ljust(PART, b"!")
        late = objects().writer(session.staged, grid_of(objects()).span(1), Guard())
        late.write(other)
        late.commit(None, hashlib.sha256(other).digest())
        with pytest.raises(MissingChunks) as missing:
            service.complete(session)
        assert missing.value.extra["missing_chunks"] == [1]

    def test_an_upload_that_was_completed_although_the_answer_says_otherwise_is(
        self, behind: S3Store, engine: TroubledEngine
    ) -> None:
        staged = begin(behind)
        parts = write_all(behind, staged)
        engine.trouble = lambda method, path: "lost" if method == "POST" else ""
        behind.seal(staged, parts, LEASE, nothing)
        with behind.open(staged) as file:
            assert file.read() == whole(behind)

    def test_who_waits_for_it_keeps_the_lease(
        self, behind: S3Store, engine: TroubledEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("apps.core.storage.s3.multipart._LOOK_SECONDS", 0.001)
        staged = begin(behind)
        parts = write_all(behind, staged)
        kept: list[None] = []
        behind.seal(staged, parts, LEASE, lambda: kept.append(None))
        assert kept

    def test_a_connection_that_breaks_while_an_object_is_read_is_gone_on_from(self, store: S3Store) -> None:
        data = noise(MIB)
        store.bucket.put("object", data, hashlib.sha256(data).digest())
        with ObjectReader(store.bucket, "object", len(data)) as reader:
            read = reader.read(1000)
            reader._body = io.BytesIO(b"")  # As a body that ends too early.
            assert read + reader.read() == data

    def test_an_object_is_read_like_a_file(self, store: S3Store) -> None:
        store.bucket.put("object", b"0123456789", hashlib.sha256(b"0123456789").digest())
        with ObjectReader(store.bucket, "object", 10) as reader:
            assert (reader.readable(), reader.seekable(), reader.tell()) == (True, True, 0)
            assert (reader.seek(-3, io.SEEK_END), reader.read(2), reader.tell()) == (7, b"78", 9)
            assert (reader.seek(-1, io.SEEK_CUR), reader.read()) == (8, b"89")
            assert reader.read() == b""

    def test_a_published_file_that_is_listed_and_cannot_be_read_is_missing(
        self, options: dict[str, Any], service: Any, uploads: Any, engine: TroubledEngine
    ) -> None:
        use(uploads, {**options, "endpoint_url": engine.url})
        session = service.complete(begin_upload(service))
        engine.trouble = lambda method, path: "gone" if method == "GET" and "/files/" in path else ""
        with session.file.open("rb") as stored, pytest.raises(FileNotFoundError):
            stored.read()
        assert audit.Audit(rehash=True).run().missing_files == [str(session.upload_id)]

    def test_an_object_that_is_shorter_than_it_was_is_trouble(self, store: S3Store) -> None:
        store.bucket.put("object", b"0123456789", hashlib.sha256(b"0123456789").digest())
        with ObjectReader(store.bucket, "object", 11) as reader:
            assert reader.read(10) == b"0123456789"
            with pytest.raises(Unavailable):
                reader.read(1)

    def test_a_file_that_is_made_of_other_bytes_than_were_named_is_not_taken(
        self, store: S3Store, staged: Staged
    ) -> None:
        parts = write_all(store, staged)
        store.bucket.put(store._keys.of(staged), b"bytes", SMALL)
        store._multipart(staged).abort()
        with pytest.raises(Unavailable, match="made a file of 5 bytes"):
            store.seal(staged, parts, LEASE, nothing)

    def test_a_repair_that_is_broken_off_leaves_nothing(
        self, store: S3Store, staged: Staged, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("apps.core.storage.s3.multipart._LOOK_SECONDS", 0.0)
        parts = write_all(store, staged)
        store.seal(staged, parts, LEASE, nothing)

        class LeaseLost(Exception):
            pass

        def lose() -> None:
            raise LeaseLost

        with pytest.raises(LeaseLost):
            store.reopen(staged, parts, LEASE, lose, mime_type="text/plain")
        assert list(store.staged()) == []

    @pytest.mark.parametrize(("status", "made"), [(412, b"first"), (501, b"second")])
    def test_an_identity_is_made_once_as_far_as_the_store_can_tell(
        self, store: S3Store, monkeypatch: pytest.MonkeyPatch, status: int, made: bytes
    ) -> None:
        put = store.bucket.client.put_object

        def refusing(**arguments: Any) -> Any:
            if "IfNoneMatch" in arguments:
                answer: Any = {"Error": {"Code": "Any"}, "ResponseMetadata": {"HTTPStatusCode": status}}
                raise ClientError(answer, "PutObject")
            return put(**arguments)

        store.bucket.put("id", b"first", hashlib.sha256(b"first").digest())
        monkeypatch.setattr(store.bucket, "size_of", lambda key: None)
        monkeypatch.setattr(store.bucket.client, "put_object", refusing)
        store.bucket.put_if_absent("id", b"second", hashlib.sha256(b"second").digest())
        assert store.bucket.read("id") == made

    def test_an_object_that_is_gone_says_so(self, store: S3Store) -> None:
        with ObjectReader(store.bucket, "nothing", 10) as reader, pytest.raises(StagingMissing):
            reader.read(1)

    @pytest.mark.parametrize("at", ["tagging", "store-id"])
    def test_connections_that_are_cut_are_no_fault_of_the_program(
        self, options: dict[str, Any], service: Any, uploads: Any, engine: TroubledEngine, at: str
    ) -> None:
        use(uploads, {**options, "endpoint_url": engine.url})
        engine.trouble = lambda method, path: "cut" if at in path and method == "PUT" else ""
        if at == "tagging":
            assert service.complete(begin_upload(service)).status == "completed"
        else:
            with pytest.raises(Unavailable):
                service.create(filename="a.bin", total_size=10)

    def test_joining_gives_back_what_it_borrowed(
        self, options: dict[str, Any], service: Any, uploads: Any, engine: TroubledEngine
    ) -> None:
        use(uploads, {**options, "endpoint_url": engine.url})
        partial, _ = service.create(filename="", total_size=4, concat=Concatenation(UploadSession.Concat.PARTIAL))
        final, _ = service.create(
            filename="a.bin",
            total_size=4,
            concat=Concatenation(UploadSession.Concat.FINAL, "final;", (partial,)),
        )
        sink = service.receive_chunk(partial, 0)
        sink.receive(b"0123")
        sink.finish()
        engine.trouble = lambda method, path: "cut" if "partNumber" in path else ""
        with pytest.raises(Unavailable):
            service.advance(service.find(final.upload_id))
        spool = objects()._spool
        assert (spool.memory._used, spool._disk._used) == (0, 0)


class TestSegments:
    def test_many_are_taken_in_by_the_next(self, store: S3Store, staged: Staged) -> None:
        segments: list[Segment] = []
        for number in range(MOST_SEGMENTS + 1):
            writer = store.writer(staged, grid_of(store).span(0), Guard(), start=number, segments=segments)
            writer.write(bytes([number]))
            segments.append(writer.commit_partial(None))
            writer.discard()
        *_, last = segments
        assert (last.start, last.size) == (0, MOST_SEGMENTS + 1)
        with store.open_kept(staged, grid_of(store).span(0), [last]) as file:
            assert file.read() == bytes(range(MOST_SEGMENTS + 1))

    def test_the_ledger_forgets_what_was_taken_in(
        self, options: dict[str, Any], service: Any, uploads: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("apps.core.storage.s3.writer.MOST_SEGMENTS", 2)
        use(uploads, options)
        session, _ = service.create(filename="a.bin", total_size=10)
        for offset in range(4):
            sink = service.receive_from(service.find(session.upload_id), offset)
            sink.receive(b"0123"[offset : offset + 1])
            sink.finish()
        assert list(session.segments.values_list("start", "size")) == [(0, 3), (3, 1)]
        assert len([key for key in keys_in(objects()) if "/segments/" in key]) == 2
        sink = service.receive_from(service.find(session.upload_id), 4)
        sink.receive(b"456789")
        sink.finish()
        done = service.complete(service.find(session.upload_id))
        assert done.file.open("rb").read() == b"0123456789"

    def test_one_that_is_lost_is_asked_for_again(self, options: dict[str, Any], service: Any, uploads: Any) -> None:
        use(uploads, options)
        session, _ = service.create(filename="a.bin", total_size=4)
        sink = service.receive_from(session, 0)
        sink.receive(b"01")
        sink.finish()
        segment = session.segments.get()
        objects().remove_segments([Segment(segment.start, segment.size, segment.name)])
        late = service.receive_from(service.find(session.upload_id), 2)
        with pytest.raises(UploadError):
            late.receive(b"23")
        again = service.find(session.upload_id)
        offset = service.offset(again)
        assert offset == 0
        sink = service.receive_from(again, 0)
        sink.receive(b"0123")
        sink.finish()
        assert service.complete(service.find(session.upload_id)).status == "completed"


class TestOrphans:
    def test_multipart_uploads_and_segments_without_a_session_go_once_they_are_old(
        self, options: dict[str, Any], service: Any, uploads: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        use(uploads, options)
        mine, _ = service.create(filename="a.bin", total_size=10)
        self.leave_orphans()
        UploadSession.objects.update(created_at=datetime.now(UTC) + timedelta(seconds=9))
        assert self.sweep().removed_orphans == 0
        monkeypatch.setattr(S3Store, "orphan_age", timedelta(0))
        assert self.sweep().removed_orphans == 2
        assert [staged.upload_id for staged, _ in objects().staged()] == [mine.upload_id]

    def test_what_a_restored_database_cannot_know_of_goes_on_request_alone(
        self, options: dict[str, Any], service: Any, uploads: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        use(uploads, options)
        service.create(filename="a.bin", total_size=10)
        self.leave_orphans()
        UploadSession.objects.update(created_at=datetime.now(UTC) - timedelta(hours=1))
        monkeypatch.setattr(S3Store, "orphan_age", timedelta(0))
        summary = self.sweep()
        assert (summary.removed_orphans, summary.later_orphans) == (0, 2)
        summary = self.sweep(is_sure=True)
        assert (summary.removed_orphans, summary.later_orphans) == (2, 0)

    def leave_orphans(self) -> None:
        begin(objects())
        objects().bucket.put(objects()._keys.segment(uuid4(), 0, 0), b"bytes", SMALL)

    def sweep(self, *, is_sure: bool = False) -> Any:
        return Cleanup(retention=timedelta(days=1), batch_size=10, dry_run=False, is_sure=is_sure).run()

    def test_one_that_cannot_be_removed_keeps_no_other_waiting(
        self, options: dict[str, Any], service: Any, uploads: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        use(uploads, options)
        service.create(filename="a.bin", total_size=10)
        for _ in range(2):
            begin(objects())
        monkeypatch.setattr(S3Store, "orphan_age", timedelta(0))
        tried: list[Staged] = []

        def fail(store: S3Store, staged: Staged) -> None:
            tried.append(staged)
            raise Unavailable("It does not answer.")

        monkeypatch.setattr(S3Store, "discard_orphan", fail)
        summary = self.sweep(is_sure=True)
        assert (len(tried), len(summary.failures), summary.removed_orphans) == (2, 2, 0)

    def test_what_is_not_ours_is_left_alone(self, store: S3Store) -> None:
        store.bucket.client.create_multipart_upload(Bucket=store.bucket.name, Key="uploads/files/theirs")
        store.bucket.put("uploads/segments/theirs", b"bytes", SMALL)
        assert list(store.staged()) == []

    def test_their_age_is_beyond_that_of_any_session(self, store: S3Store, uploads: Any) -> None:
        uploads(SESSION_MAX_AGE_HOURS=48)
        assert store.orphan_age == timedelta(days=9)

    def test_another_deployment_below_another_prefix_is_not_met(self, options: dict[str, Any]) -> None:
        one, other = S3Store(**options, prefix="one"), S3Store(**options, prefix="other/")
        write_all(one, begin(one))
        assert list(other.staged()) == []
        assert one.identity() != other.identity()


class TestTrash:
    def test_what_is_in_it_goes_for_good_later(self, store: S3Store, staged: Staged) -> None:
        store.seal(staged, write_all(store, staged), LEASE, nothing)
        name = store.publish(staged, len(whole(store)), LEASE)
        store.trash(name)
        assert store.empty_trash(timedelta(days=1), lambda name: False) == 0
        assert store.published.exists(name)
        assert store.empty_trash(timedelta(0), lambda name: False) == 1
        assert not store.published.exists(name)
        assert [key for key in keys_in(store) if "/trash/" in key] == []


class TestDownloads:
    @pytest.fixture
    def upload(self, options: dict[str, Any], service: Any, uploads: Any) -> Any:
        use(uploads, {**options, "direct_downloads": True})
        return service.complete(begin_upload(service))

    def test_a_short_lived_address_gives_an_attachment_of_the_type(self, upload: Any, client: Any, owner: Any) -> None:
        client.force_login(owner)
        answer = client.get(upload.file.url)
        assert (answer.status_code, answer["Cache-Control"]) == (302, "no-store")
        found = requests.get(answer["Location"], timeout=20)
        assert found.content == whole(objects())
        assert found.headers["Content-Disposition"] == 'attachment; filename="a.bin"'
        assert found.headers["Content-Type"] == "application/octet-stream"
        part = requests.get(answer["Location"], headers={"Range": "bytes=1-3"}, timeout=20)
        assert part.content == b"123"

    def test_a_stranger_gets_none(self, upload: Any, client: Any, stranger: Any) -> None:
        client.force_login(stranger)
        assert client.get(upload.file.url).status_code == 404

    def test_a_head_is_answered_here(self, upload: Any, client: Any, owner: Any) -> None:
        client.force_login(owner)
        answer = client.head(upload.file.url)
        assert (answer.status_code, answer["Content-Length"]) == (200, str(len(whole(objects()))))

    def test_without_the_setting_they_go_through_the_server(
        self, options: dict[str, Any], service: Any, uploads: Any, client: Any, owner: Any
    ) -> None:
        use(uploads, options)
        upload = service.complete(begin_upload(service))
        client.force_login(owner)
        answer = client.get(upload.file.url, headers={"range": "bytes=1-3"})
        assert (answer.status_code, b"".join(answer.streaming_content)) == (206, b"123")
        assert answer["X-Content-Type-Options"] == "nosniff"

    @pytest.mark.parametrize(
        ("trouble", "status", "code"), [("slow down", 503, "unavailable"), ("gone", 404, "not_found")]
    )
    def test_a_file_that_cannot_be_read_is_an_error_like_others(
        self,
        options: dict[str, Any],
        engine: TroubledEngine,
        service: Any,
        uploads: Any,
        client: Any,
        owner: Any,
        trouble: str,
        status: int,
        code: str,
    ) -> None:
        use(uploads, {**options, "endpoint_url": engine.url})
        upload = service.complete(begin_upload(service))
        client.force_login(owner)
        # Who only asks whether it is there is told that it is.
        engine.trouble = lambda method, path: trouble if method == "GET" and "/files/" in path else ""
        answer = client.get(upload.file.url)
        assert (answer.status_code, answer.json()["code"]) == (status, code)


class TestObjects:
    def test_where_there_is_no_bucket_nothing_is_said_to_be_gone(self, options: dict[str, Any]) -> None:
        store = S3Store(**{**options, "bucket": "no-such-bucket"})
        with pytest.raises(Unavailable):
            store.published.size("aa/file")
        with pytest.raises(Unavailable):
            store.open(Staged(uuid4(), "e0:1"))

    def test_a_bucket_that_we_may_not_ask_for_works(
        self, behind: S3Store, engine: TroubledEngine, options: dict[str, Any]
    ) -> None:
        """A policy that allows ListBucket below our prefix alone."""
        bucket = f"/{options['bucket']}"
        engine.trouble = lambda method, path: "denied" if method == "HEAD" and path.rstrip("/") == bucket else ""
        behind.check()
        assert behind.bucket.size_of("none") is None
        assert ("HEAD", bucket) in engine.seen

    def test_a_bucket_whose_region_is_another_one_is_found_out_at_once(self, options: dict[str, Any]) -> None:
        with pytest.raises(Unavailable):
            _ = S3Store(**{**options, "region_name": "eu-central-1"}).capabilities

    def test_a_verified_object_is_tagged(self, store: S3Store, staged: Staged) -> None:
        store.seal(staged, write_all(store, staged), LEASE, nothing)
        key = store._keys.of(staged)
        assert self.tags(store, key) == []
        store.publish(staged, len(whole(store)), LEASE)
        assert self.tags(store, key) == [{"Key": "verified", "Value": "true"}]

    def tags(self, store: S3Store, key: str) -> Any:
        return store.bucket.client.get_object_tagging(Bucket=store.bucket.name, Key=key)["TagSet"]

    def test_a_refused_one_is_deleted_at_once(self, options: dict[str, Any], service: Any, uploads: Any) -> None:
        use(uploads, options, VALIDATORS=(f"{__name__}.refuse",))
        with pytest.raises(UploadError):
            service.complete(begin_upload(service))
        assert [key for key in keys_in(objects()) if "/files/" in key] == []

    def test_with_its_versions(self, store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """As a bucket lists them that keeps them; Ceph does, and is asked in the nightly run."""
        store.bucket.put("key", b"bytes", SMALL)
        listed = {"Versions": [{"Key": "key", "VersionId": "null"}, {"Key": "key2", "VersionId": "other"}]}
        deleted: list[Any] = []
        client = store.bucket.client
        monkeypatch.setattr(store.bucket, "_capabilities", replace(store.capabilities, keeps_versions=True))
        monkeypatch.setattr(client, "get_paginator", lambda name: SimpleNamespace(paginate=lambda **at: [listed]))
        monkeypatch.setattr(client, "delete_object", lambda **at: deleted.append((at["Key"], at["VersionId"])))
        store.bucket.delete("key")
        assert deleted == [("key", "null")]

    def test_where_an_engine_keeps_versions_none_is_left(self, store: S3Store) -> None:
        client: Any = store.bucket.client
        try:
            enabled = {"Status": "Enabled"}
            client.put_bucket_versioning(Bucket=store.bucket.name, VersioningConfiguration=enabled)
        except client.exceptions.ClientError:
            assert store.capabilities.keeps_versions is False
        for _ in range(2):
            store.bucket.put("key", b"bytes", SMALL)
        store.bucket.delete("key")
        listed = client.list_object_versions(Bucket=store.bucket.name, Prefix="key")
        assert not listed.get("Versions")
        assert not listed.get("DeleteMarkers")

    def test_an_audit_finds_what_has_no_record(
        self, options: dict[str, Any], service: Any, uploads: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        use(uploads, options)
        upload = service.complete(begin_upload(service))
        stray = begin(objects())
        objects().seal(stray, [], LEASE, nothing)
        monkeypatch.setattr(audit, "UNKNOWN_AGE", timedelta(days=-1))
        findings = audit.Audit(rehash=True).run()
        assert [found.name for _, found in findings.unknown_files] == [objects().name_of(stray)]
        assert (findings.missing_files, findings.wrong_files) == ([], [])
        assert upload.file.name != objects().name_of(stray)

    def test_it_is_ready_when_it_can_be_written(self, store: S3Store) -> None:
        store.check()
        assert [key for key in keys_in(store) if "/probe/" in key] == []

    def test_and_not_when_there_is_no_bucket(self, options: dict[str, Any]) -> None:
        with pytest.raises(Unavailable):
            S3Store(**{**options, "bucket": "there-is-no-such-bucket"}).check()

    def test_published_files_are_never_written_to(self, store: S3Store, staged: Staged) -> None:
        store.seal(staged, [], LEASE, nothing)
        with pytest.raises(ValueError, match="never written"):
            store.published.open(store.name_of(staged), "wb")
        for never in (
            lambda: store.published.save("any", ContentFile(b"")),
            lambda: store.published.delete(store.name_of(staged)),
        ):
            with pytest.raises(NotImplementedError):
                never()
        assert store.published.exists(store.name_of(staged))
        assert not store.published.exists("nothing")
        with pytest.raises(FileNotFoundError):
            store.published.size("nothing")
        modified = store.published.get_modified_time(store.name_of(staged))
        assert abs(datetime.now(UTC) - modified) < timedelta(hours=1)


def refuse(file: Any, session: Any) -> None:
    from apps.core.errors import ContentRefused

    raise ContentRefused("No.")
