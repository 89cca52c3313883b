"""Moving claimed files to the names that their rows give them: by one at a time, and never away from a row."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import InMemoryStorage, storages
from django.db import transaction
from django.utils import timezone

from apps.core.errors import Unavailable
from apps.core.fields import UploadedReference, saving
from apps.core.models import UploadSession
from apps.core.services import moving
from apps.core.services.destination_names import unused_name
from apps.core.services.streamed_content import StreamedContent

from .library.models import Paper, Video
from .library.uploading import DATA, PAPER, upload, uploaded
from .test_claiming import sweep
from .test_publishing import everything_in

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


class Renaming(InMemoryStorage):
    """Gives names of its own."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        directory, _, base = name.rpartition("/")
        return super().get_available_name(name if base.startswith("own-") else f"{directory}/own-{base}", max_length)


@pytest.fixture(params=["on disk", "in memory", "renaming"])
def storage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    kinds: dict[str, Callable[[], Any]] = {
        "on disk": lambda: storages["default"],
        "in memory": InMemoryStorage,
        "renaming": Renaming,
    }
    storage = kinds[request.param]()
    monkeypatch.setattr(Paper._meta.get_field("file"), "storage", storage)
    return storage


@pytest.fixture
def unmoved(owner: Any, storage: Any, monkeypatch: pytest.MonkeyPatch) -> Paper:
    """Its server was killed before it moved the file."""
    with monkeypatch.context() as killed:
        killed.setattr(saving, "_move", lambda *args: None)
        paper: Paper = Paper.objects.create(file=uploaded(owner, PAPER))
    return paper


def require_whole(storage: Any, *, papers: int = 1) -> None:
    """Every row has its file, under its own name, and nothing else is there."""
    names = {paper.file.name for paper in Paper.objects.all()}
    assert all(name.startswith("shelves/") for name in names)
    assert Paper.objects.count() == papers
    for paper in Paper.objects.all():
        with paper.file.open() as file:
            assert file.read() == DATA
    assert {name for name in everything_in(storage) if "shelves" in name or "provisional" in name} == names


def test_one_moves_while_another_waits(storage: Any, unmoved: Paper, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = moving._Move._copy
    answers = []

    def meet_another(attempt: Any) -> None:
        answers.append(moving.move(UploadSession.objects.get()))
        copy(attempt)

    monkeypatch.setattr(moving._Move, "_copy", meet_another)
    assert moving.move(UploadSession.objects.get())
    assert answers == [False]
    sweep()
    require_whole(storage)


@pytest.mark.parametrize("when", ["before it copied", "after it copied"])
def test_a_former_mover_that_comes_to_life_does_no_harm(
    storage: Any, unmoved: Paper, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = moving._Move._copy

    def be_overtaken() -> None:
        monkeypatch.setattr(moving._Move, "_copy", copy)
        UploadSession.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
        assert moving.move(UploadSession.objects.get())

    def copy_late(attempt: Any) -> None:
        if when == "before it copied":
            be_overtaken()
            copy(attempt)
        else:
            copy(attempt)
            be_overtaken()

    monkeypatch.setattr(moving._Move, "_copy", copy_late)
    with pytest.raises(moving.MovedElsewhere):
        moving.move(UploadSession.objects.get())
    sweep()
    require_whole(storage)


def test_who_lost_the_lease_while_it_copied_renames_nothing(
    storage: Any, unmoved: Paper, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = moving._Move._copy

    def copy_slowly(attempt: Any) -> None:
        copy(attempt)
        UploadSession.objects.update(lease_token=uuid.uuid4())

    with monkeypatch.context() as slow:
        slow.setattr(moving._Move, "_copy", copy_slowly)
        with pytest.raises(moving.MovedElsewhere):
            moving.move(UploadSession.objects.get())
    assert Paper.objects.get().file.name == unmoved.file.name
    sweep()
    require_whole(storage)


def test_the_lease_is_renewed_while_bytes_are_copied(
    unmoved: Paper, storage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[Any] = []
    read = StreamedContent.read

    def look(content: Any, size: int = -1) -> bytes:
        block = read(content, size)
        ends.append(UploadSession.objects.get().lease_expires_at)
        return block

    monkeypatch.setattr(moving, "_link", lambda source, target: False)
    monkeypatch.setattr(StreamedContent, "read", look)
    UploadSession.objects.update(lease_expires_at=None)
    assert moving.move(UploadSession.objects.get())
    assert ends
    assert all(end > timezone.now() for end in ends)
    assert UploadSession.objects.get().lease_expires_at is None


def test_an_instance_that_was_read_before_the_move_is_saved_with_the_new_name(owner: Any, storage: Any) -> None:
    with transaction.atomic():
        Paper.objects.create(file=uploaded(owner, PAPER))
        stale = Paper.objects.get()
    stale.number = 7
    stale.save()
    assert Paper.objects.get().file.name == UploadSession.objects.get().file.name
    sweep()
    require_whole(storage)


def test_an_old_name_that_a_row_has_again_is_not_deleted(owner: Any, storage: Any) -> None:
    Paper.objects.create(file=uploaded(owner, PAPER))
    Paper.objects.update(file=UploadSession.objects.get().moved_from)
    UploadSession.objects.update(moved_at=timezone.now() - timedelta(days=1))
    assert moving.delete_old_name(UploadSession.objects.get())
    assert UploadSession.objects.get().moved_from  # For those who have just read the row.
    with Paper.objects.get().file.open() as file:
        assert file.read() == DATA
    sweep()
    require_whole(storage)


@pytest.mark.parametrize("end", [lambda owner: sweep(), lambda owner: owner.delete()], ids=["in time", "at once"])
def test_an_old_name_stays_with_a_row_whose_new_file_is_gone(
    owner: Any, storage: Any, end: Callable[[Any], object]
) -> None:
    paper = Paper.objects.create(file=uploaded(owner, PAPER))
    old = UploadSession.objects.get().moved_from
    Paper.objects.create(number=1)
    Paper.objects.filter(number=1).update(file=old)
    paper.file.delete()
    end(owner)
    with Paper.objects.get(number=1).file.open() as file:
        assert file.read() == DATA


def test_copies_of_a_row_share_its_file(owner: Any, storage: Any) -> None:
    with transaction.atomic():
        paper = Paper.objects.create(file=uploaded(owner, PAPER))
        paper.pk, paper.number = None, 2
        paper.save()
    sweep()  # Both rows are given the new name,
    sweep()  # and the old one goes.
    require_whole(storage, papers=2)


def test_a_copy_that_is_not_whole_is_not_taken(unmoved: Paper, storage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    save = type(storage).save

    def save_some(self: Any, name: str, content: Any, **options: Any) -> Any:
        return save(self, name, ContentFile(content.read()[:5]), **options)

    monkeypatch.setattr(moving, "_link", lambda source, target: False)
    with monkeypatch.context() as lossy:
        lossy.setattr(type(storage), "save", save_some)
        with pytest.raises(Unavailable):
            moving.move(UploadSession.objects.get())
    with Paper.objects.get().file.open() as file:
        assert file.read() == DATA
    sweep()
    require_whole(storage)


def test_a_whole_copy_with_other_bytes_is_made_again(unmoved: Paper, storage: Any) -> None:
    storage.save(name := "shelves/own-1.bin", ContentFile(b"x" * len(DATA)))
    UploadSession.objects.update(moving_to=name)
    assert moving.move(UploadSession.objects.get())
    sweep()
    require_whole(storage)


def test_the_old_name_goes_with_the_uploader(owner: Any, storage: Any) -> None:
    Paper.objects.create(file=uploaded(owner, PAPER))
    owner.delete()
    require_whole(storage)


class TestNames:
    def test_have_a_random_part_whatever_the_storage_gives(self) -> None:
        class Predictable(InMemoryStorage):
            def get_alternative_name(self, file_root: str, file_ext: str) -> str:
                return f"{file_root}-copy{file_ext}"

        names = {unused_name(Predictable(), "x", "film.bin") for _ in range(3)}
        assert len(names) == 3

    def test_fit_into_a_directory_of_any_file_system(self) -> None:
        for characters in ("漢" * 83, "é" * 200):
            name = unused_name(InMemoryStorage(), "x", f"{characters}.bin")
            assert 252 <= len(name.removeprefix("x/").encode()) <= 255
            assert name.endswith(".bin")

    def test_fit_into_the_column(self) -> None:
        name = unused_name(InMemoryStorage(), "some/where", "n" * 90 + ".bin", 40)
        assert len(name) == 40
        assert name.endswith(".bin")

    def test_keep_their_suffix_where_nothing_else_is_left(self) -> None:
        name = unused_name(InMemoryStorage(), "x", "★.bin")
        assert name.startswith("x/file_")
        assert name.endswith(".bin")

    def test_of_a_field_whose_upload_to_became_callable(self, owner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        complete = upload  # Begun with a text, published with a function.
        monkeypatch.setattr(Video._meta.get_field("file"), "upload_to", lambda instance, name: name)
        session = complete(owner)
        assert str(session.file.name).startswith("uploads/provisional/")
        with UploadedReference(session) as file:
            assert file.read() == DATA
