"""Claims, killed at every step and raced: never two claims of one upload, never a row without its file, never a file
that nobody knows of."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import InMemoryStorage, storages
from django.db import models, transaction
from django.utils import timezone

from apps.core.errors import ReferenceAlreadyClaimed, ReferenceRefused
from apps.core.fields import UploadedReference, saving
from apps.core.models import OwnerUsage, UploadSession
from apps.core.services import claiming, moving, transitions
from apps.core.services.audit import Audit
from apps.core.services.cleanup import Cleanup
from apps.core.services.resumable_upload_service import ResumableUploadService

from .library.models import Paper, Video
from .library.uploading import PAPER, upload
from .test_publishing import Killed, everything_in
from .threads import together

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

DATA = b"moving pictures"


def die(*args: Any, **kwargs: Any) -> Any:
    raise Killed


def after(module: Any, name: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Killed when this has been done."""

    def prepare(death: pytest.MonkeyPatch) -> None:
        done = getattr(module, name)

        def do_and_die(*args: Any, **kwargs: Any) -> Any:
            done(*args, **kwargs)
            raise Killed

        death.setattr(module, name, do_and_die)

    return prepare


def before(module: Any, name: str) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda death: death.setattr(module, name, die)


def sweep() -> None:
    """All that cleanup does once every time is over."""
    past = timezone.now() - timedelta(days=1)
    UploadSession.objects.exclude(claim_expires_at=None).update(claim_expires_at=past)
    UploadSession.objects.exclude(claimed_at=None).update(claimed_at=past)
    UploadSession.objects.exclude(lease_expires_at=None).update(lease_expires_at=past)
    for _ in range(2):
        summary = Cleanup(retention=timedelta(days=30), batch_size=100, dry_run=False).run()
        assert summary.failures == []
        UploadSession.objects.exclude(moved_at=None).update(moved_at=past)


@pytest.fixture(params=["on disk", "elsewhere"])
def storage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    storage: Any = storages["default"] if request.param == "on disk" else InMemoryStorage()
    monkeypatch.setattr(Paper._meta.get_field("file"), "storage", storage)
    return storage


@pytest.mark.parametrize("atomic", [True, False])
@pytest.mark.parametrize(
    "kill",
    [
        before(claiming, "_take"),
        after(claiming, "claim"),
        after(claiming, "keep"),
        after(models.Model, "_save_table"),
        before(claiming, "confirm"),
        after(claiming, "confirm"),
        before(moving, "move"),
        after(moving._Move, "_choose_name"),
        after(moving._Move, "_copy"),
        after(moving, "rename"),
        after(moving, "move"),
    ],
)
def test_killed_at_any_step_row_and_file_stay_together(
    owner: Any, storage: Any, atomic: bool, kill: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = upload(owner, PAPER)
    with monkeypatch.context() as death:
        kill(death)
        with suppress(Killed):
            save(session, atomic)
    sweep()
    files = [name for name in everything_in(storage) if name.startswith(("shelves", "uploads/provisional"))]
    session.refresh_from_db()
    if paper := Paper.objects.first():
        assert paper.file.name.startswith(f"shelves/{paper.pk}/")
        with paper.file.open() as file:
            assert file.read() == DATA
        assert files == [paper.file.name]
        assert session.is_claimed
        assert session.claim_expires_at is None
    else:
        assert files == [session.file.name]
        assert not session.is_claimed
        assert OwnerUsage.objects.get(owner=owner).stored_files == 1
    assert not Audit().run()


def save(session: UploadSession, atomic: bool) -> None:
    if not atomic:
        Paper.objects.create(file=UploadedReference(session))
        return
    with transaction.atomic():
        Paper.objects.create(file=UploadedReference(session))


@pytest.mark.parametrize("atomic", [True, False])
def test_of_many_at_once_one_has_it(owner: Any, atomic: bool) -> None:
    session = upload(owner)
    outcomes: list[str] = []

    def save_it(number: int) -> None:
        video = Video(title=str(number), file=UploadedReference(UploadSession.objects.get()))
        try:
            if atomic:
                with transaction.atomic():
                    video.save()
            else:
                video.save()
            outcomes.append("saved")
        except ReferenceAlreadyClaimed:
            outcomes.append("refused")

    together(6, save_it)
    assert sorted(outcomes) == ["refused"] * 5 + ["saved"]
    assert Video.objects.count() == 1
    session.refresh_from_db()
    assert session.claimed_pk == str(Video.objects.get().pk)


def test_a_removed_upload_cannot_be_claimed_and_a_claimed_one_not_removed(owner: Any) -> None:
    session = upload(owner)
    file = UploadedReference(session)
    ResumableUploadService(owner).remove(session.upload_id)
    with pytest.raises(ReferenceRefused):
        Video.objects.create(title="late", file=file)
    assert not Video.objects.exists()


def test_an_upload_that_is_claimed_while_its_term_ends_stays(
    owner: Any, uploads: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads(UNCLAIMED_TERM_HOURS=1e-9)
    session = upload(owner)
    begin_removing = transitions.begin_removing

    def be_late(ending: UploadSession) -> bool:
        Video.objects.create(title="just in time", file=UploadedReference(session))
        return begin_removing(ending)

    monkeypatch.setattr(transitions, "begin_removing", be_late)
    summary = Cleanup(retention=timedelta(days=30), batch_size=100, dry_run=False).run()
    assert (summary.failures, summary.removed_completed) == ([], 0)
    with Video.objects.get().file.open() as file:
        assert file.read() == DATA


def test_a_row_that_was_replaced_before_its_file_was_moved_keeps_what_it_has(
    owner: Any, storage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as slow:
        slow.setattr(saving, "_move", lambda *args: None)
        paper = Paper.objects.create(file=UploadedReference(upload(owner, PAPER)))
    Paper.objects.filter(pk=paper.pk).update(file="elsewhere.bin")
    sweep()
    assert Paper.objects.get().file.name == "elsewhere.bin"
    assert not UploadSession.objects.filter(is_name_provisional=True).exists()


def test_a_copy_that_was_killed_half_way_is_begun_again(
    owner: Any, storage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copy_half(attempt: Any) -> None:
        storage.save(attempt._session.moving_to, ContentFile(DATA[:5]))
        raise Killed

    with monkeypatch.context() as death, suppress(Killed):
        death.setattr(moving._Move, "_copy", copy_half)
        Paper.objects.create(file=UploadedReference(upload(owner, PAPER)))
    sweep()
    with Paper.objects.get().file.open() as file:
        assert file.read() == DATA


def test_a_row_that_is_replaced_while_its_file_is_copied_keeps_what_it_has(
    owner: Any, storage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = moving._Move._copy

    def copy_slowly(attempt: Any) -> None:
        copy(attempt)
        Paper.objects.update(file="elsewhere.bin")

    monkeypatch.setattr(moving._Move, "_copy", copy_slowly)
    Paper.objects.create(file=UploadedReference(upload(owner, PAPER)))
    sweep()
    assert Paper.objects.get().file.name == "elsewhere.bin"
    assert not [name for name in everything_in(storage) if name.startswith("shelves")]


def test_a_claim_that_is_kept_while_the_table_is_asked_is_not_freed(
    owner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = upload(owner)
    held = claiming.claim(session)
    UploadSession.objects.update(claim_expires_at=timezone.now() - timedelta(seconds=1))

    def ask_slowly(*args: Any) -> None:
        claiming.keep(held)

    monkeypatch.setattr(claiming, "row_naming", ask_slowly)
    session.refresh_from_db()
    assert not claiming.settle(session)
    session.refresh_from_db()
    assert session.claim_token == held.token


def test_its_record_goes_in_time_and_the_file_stays(owner: Any) -> None:
    video = Video.objects.create(title="a", file=UploadedReference(upload(owner)))
    UploadSession.objects.update(claimed_at=timezone.now() - timedelta(days=31))
    Cleanup(retention=timedelta(days=30), batch_size=100, dry_run=False).run()
    assert not UploadSession.objects.exists()
    with video.file.open() as file:
        assert file.read() == DATA
