"""Publishing into the storages of others: nothing is lost, and nothing stays behind, wherever it is killed."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, InMemoryStorage
from django.utils import timezone

from apps.core.errors import Unavailable
from apps.core.models import UploadSession
from apps.core.services import assembly, publishing, transitions
from apps.core.services.resumable_upload_service import ResumableUploadService
from apps.core.services.streamed_content import StreamedContent, StreamedOtherwise
from apps.core.storage import on_disk

from .library.models import Video
from .library.uploading import begin, upload
from .s3_engine import made_bucket

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

DATA = b"moving pictures"


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def other_disk() -> Iterator[Path]:
    if not os.access("/dev/shm", os.W_OK):
        pytest.skip("needs a second file system: /dev/shm")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        yield Path(directory)


def s3_storage(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A bucket of the S3 engine's, by django-storages."""
    options = made_bucket(monkeypatch)
    from storages.backends.s3 import S3Storage

    return S3Storage(
        bucket_name=options["bucket"],
        endpoint_url=options["endpoint_url"],
        region_name=options["region_name"],
        addressing_style=options["addressing_style"],
    )


@pytest.fixture(params=["same disk", "other disk", "memory", pytest.param("S3", marks=pytest.mark.s3)])
def storage(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The storage of the field, once of each kind."""
    if request.param == "other disk":
        storage: Any = FileSystemStorage(request.getfixturevalue("other_disk"))
    elif request.param == "S3":
        storage = s3_storage(monkeypatch)
    elif request.param == "same disk":
        storage = FileSystemStorage(tmp_path / "field")
    else:
        storage = InMemoryStorage()
    monkeypatch.setattr(Video._meta.get_field("file"), "storage", storage)
    return storage


def everything_in(storage: Any, directory: str = "") -> list[str]:
    directories, files = storage.listdir(directory)
    below = [name for each in directories for name in everything_in(storage, os.path.join(directory, each))]
    return below + [os.path.join(directory, name) for name in files]


def take_over() -> UploadSession:
    """What the next server does, once the lease has run out."""
    UploadSession.objects.update(lease_expires_at=timezone.now())
    session = UploadSession.objects.get()
    assembly.take_over(session)
    session.refresh_from_db()
    return session


def read(session: UploadSession) -> bytes:
    with session.file.open("rb") as file:
        return bytes(file.read())


def staged(root: Path) -> list[Path]:
    return list((root / "staging").iterdir())


def test_a_file_goes_into_the_storage_of_its_field(owner: Any, storage: Any, store_root: Path) -> None:
    session = upload(owner)
    assert session.status == "completed"
    assert everything_in(storage) == [session.file.name]
    assert read(session) == DATA
    assert staged(store_root) == []


STEPS = [
    "before the name is in the ledger",
    "before the first byte",
    "in the middle",
    "before it is recorded",
    "before staged bytes are gone",
]


@pytest.mark.parametrize("step", STEPS)
def test_killed_anywhere_it_is_published_once_by_the_next(
    owner: Any, storage: Any, store_root: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = begin(owner)
    with monkeypatch.context() as death:
        prepare_death(death, storage, step)
        with pytest.raises(Killed):
            ResumableUploadService(owner).complete(session)
    session = take_over()
    assert session.status == "completed"
    assert read(session) == DATA
    assert everything_in(storage) == [session.file.name]
    if step != "before staged bytes are gone":
        assert staged(store_root) == []


def prepare_death(death: pytest.MonkeyPatch, storage: Any, step: str) -> None:
    def die(*args: Any, **kwargs: Any) -> Any:
        raise Killed

    def save_half(name: str, content: Any) -> Any:
        if not isinstance(content, StreamedContent):
            raise Killed  # A rename has no middle.
        with suppress(Exception):  # Some storages notice, and keep nothing.
            storage.__class__._save(storage, name, StreamedContent(content._stored, 7, "", name=name))
        raise Killed

    # A process that is killed cleans nothing up.
    death.setattr(storage, "delete", lambda name: None)
    death.setattr(transitions, "release_lease", lambda *args: None)
    if step == STEPS[0]:
        death.setattr(transitions, "note_destination", die)
    elif step == STEPS[1]:
        death.setattr(storage, "save", die)
    elif step == STEPS[2]:
        death.setattr(storage, "save", save_half)
        death.setattr(StreamedContent, "read", lambda self, size=-1: self._stored.read(7) if self._hashed == 0 else b"")
    elif step == STEPS[3]:
        death.setattr(transitions, "finish_completed", die)
    else:
        death.setattr(assembly, "remove_copied", die)


def test_who_lost_the_lease_while_streaming_leaves_nothing(
    owner: Any, other_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage: Any = FileSystemStorage(other_disk)
    monkeypatch.setattr(Video._meta.get_field("file"), "storage", storage)
    session = begin(owner)
    save = storage._save

    def be_overtaken(name: str, content: Any) -> str:
        monkeypatch.undo()
        monkeypatch.setattr(Video._meta.get_field("file"), "storage", storage)
        monkeypatch.setattr(assembly._Assembly, "_is_time_to_renew", lambda self: True)
        take_over()
        return str(save(name, content))

    monkeypatch.setattr(storage, "_save", be_overtaken)
    ResumableUploadService(owner).complete(session)
    session.refresh_from_db()
    assert everything_in(storage) == [session.file.name]
    assert read(session) == DATA


def test_bytes_that_change_on_the_way_are_not_published(
    owner: Any, other_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = FileSystemStorage(other_disk)
    monkeypatch.setattr(Video._meta.get_field("file"), "storage", storage)
    session = begin(owner)
    verify = assembly._Assembly._verify

    def rot(self: Any, chunks: Any) -> Any:
        verdict = verify(self, chunks)
        part = self._store.root / "staging" / f"{session.upload_id.hex}.part"
        part.write_bytes(b"M" + part.read_bytes()[1:])
        return verdict

    with monkeypatch.context() as rotting:
        rotting.setattr(assembly._Assembly, "_verify", rot)
        with pytest.raises(StreamedOtherwise):
            ResumableUploadService(owner).complete(session)
    assert everything_in(storage) == []
    assert take_over().status == "active"  # The damaged chunk is asked for again.


def test_a_storage_that_reads_in_another_order_is_read_back(owner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Backwards(InMemoryStorage):
        worse = False

        def _save(self, name: str, content: Any) -> str:
            content.seek(8)
            end = content.read()
            content.seek(0)
            start = content.read(8)
            wrong = ContentFile(start + (end[::-1] if self.worse else end))
            return str(super()._save(name, wrong))  # type: ignore[misc]

    storage = Backwards()
    monkeypatch.setattr(Video._meta.get_field("file"), "storage", storage)
    assert read(upload(owner)) == DATA
    storage.worse = True
    with pytest.raises(StreamedOtherwise):
        upload(owner)


def test_a_storage_that_loses_bytes_is_noticed(owner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Leaky(InMemoryStorage):
        def _save(self, name: str, content: Any) -> str:
            whole = b"".join(content.chunks())
            return str(super()._save(name, ContentFile(whole[:-1])))  # type: ignore[misc]

    monkeypatch.setattr(Video._meta.get_field("file"), "storage", Leaky())
    with pytest.raises(Unavailable):
        upload(owner)


def test_what_an_earlier_attempt_left_is_not_taken_for_the_file_while_its_bytes_are_here(
    owner: Any, storage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = begin(owner)

    def die(name: str, content: Any) -> str:
        raise Killed

    with monkeypatch.context() as death:
        death.setattr(transitions, "release_lease", lambda *args: None)
        death.setattr(storage, "delete", lambda name: None)
        death.setattr(storage, "save", die)
        with pytest.raises(Killed):
            ResumableUploadService(owner).complete(session)
    # As a power failure leaves it: the length is there, the bytes are not.
    session.refresh_from_db()
    storage.save(session.destination_name, ContentFile(b"\0" * len(DATA)))
    assert read(take_over()) == DATA


def test_a_storage_that_gives_names_of_its_own_has_the_last_word(owner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class OwnNames(InMemoryStorage):
        def _save(self, name: str, content: Any) -> str:
            return str(super()._save(f"own/{uuid.uuid4().hex}", content))  # type: ignore[misc]

    monkeypatch.setattr(Video._meta.get_field("file"), "storage", OwnNames())
    session = upload(owner)
    assert str(session.file.name).startswith("own/")
    assert read(session) == DATA


def test_a_full_disk_of_the_field_loses_nothing(owner: Any, storage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> str:
        raise OSError(errno.ENOSPC, "full")

    session = begin(owner)
    with monkeypatch.context() as full:
        full.setattr(storage, "_save", fail)
        with pytest.raises(Exception, match="full") as raised:
            ResumableUploadService(owner).complete(session)
    assert raised.type.__name__ == "StorageFull"
    assert read(take_over()) == DATA


def test_a_moved_file_has_the_group_of_a_directory_that_gives_it(
    owner: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid():
        pytest.skip("needs root, to make a file of another group")
    directory = tmp_path / "field" / "videos" / f"{timezone.now():%Y}"
    directory.mkdir(parents=True)
    os.chown(directory, -1, 12345)
    directory.chmod(0o775 | stat.S_ISGID)
    monkeypatch.setattr(Video._meta.get_field("file"), "storage", FileSystemStorage(tmp_path / "field"))
    assert os.stat(upload(owner).file.path).st_gid == 12345


def test_it_is_on_the_disk_before_it_is_recorded(owner: Any, storage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[str] = []
    finish = transitions.finish_completed

    def record(*args: Any, **kwargs: Any) -> bool:
        flushed.append("recorded")
        return finish(*args, **kwargs)

    monkeypatch.setattr(publishing, "flush", lambda path: flushed.append(str(path)))
    monkeypatch.setattr(transitions, "finish_completed", record)
    session = upload(owner)
    on_a_disk = on_disk.local_path(storage, str(session.file.name))
    assert flushed == ([str(on_a_disk), "recorded"] if on_a_disk else ["recorded"])


def test_uploads_without_a_field_go_where_publish_to_says(owner: Any, settings: Any, uploads: Any) -> None:
    location = Path(settings.MEDIA_ROOT) / "public"
    settings.STORAGES = {
        **settings.STORAGES,
        "public": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(location)}},
    }
    uploads(PUBLISH_TO="public")
    session = upload(owner, purpose="")
    assert (location / str(session.file.name)).read_bytes() == DATA
    ResumableUploadService(owner).remove(session.upload_id)
    assert not (location / str(session.file.name)).exists()


def test_a_storage_in_trouble_loses_nothing(owner: Any, storage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> str:
        raise RuntimeError("the network is down")

    session = begin(owner)
    with monkeypatch.context() as down:
        down.setattr(storage, "_save", fail)
        with pytest.raises(Unavailable):
            ResumableUploadService(owner).complete(session)
        down.setattr(storage, "delete", fail)
        with pytest.raises(Unavailable):
            take_over()
    assert read(take_over()) == DATA


def test_an_upload_whose_field_is_gone_waits(owner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    session = begin(owner)
    with monkeypatch.context() as gone:
        gone.setattr(Video._meta.get_field("file"), "takes_uploads", False)
        with pytest.raises(Unavailable):
            ResumableUploadService(owner).complete(session)
    assert read(take_over()) == DATA
