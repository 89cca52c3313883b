"""A model's field whose files arrive by uploads: Django's FileField in every other respect."""

from __future__ import annotations

import hashlib
import os
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files import File
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.core.errors import Conflict, ReferenceAlreadyClaimed, ReferenceRefused
from apps.core.fields import ResumableFileField, UploadedReference
from apps.core.models import OwnerUsage, UploadSession
from apps.core.services import claiming
from apps.core.services.cleanup import Cleanup
from apps.core.services.references import reference_to, resolve
from apps.core.services.resumable_upload_service import ResumableUploadService

from .library.models import Paper, Video
from .library.uploading import PAPER, begin, uploaded

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

DATA = b"moving pictures"


def sweep() -> None:
    summary = Cleanup(retention=timedelta(days=30), batch_size=100, dry_run=False).run()
    assert summary.failures == []


def lapse() -> None:
    """The time of every claim that waits to be confirmed is over."""
    UploadSession.objects.exclude(claim_expires_at=None).update(claim_expires_at=timezone.now() - timedelta(seconds=1))


def stored(row: Any) -> bytes:
    with row.file.open("rb") as file:
        return bytes(file.read())


def test_a_saved_reference_is_the_rows_file(owner: Any, settings: Any) -> None:
    settings.FILE_UPLOAD_PERMISSIONS = 0o640
    Video.objects.create(title="a", file=uploaded(owner))
    video = Video.objects.get()
    assert stored(video) == DATA
    assert video.file.name.startswith("videos/20")
    assert video.sha256 == hashlib.sha256(DATA).hexdigest()
    assert (Path(settings.MEDIA_ROOT) / video.file.name).stat().st_mode & 0o777 == 0o640


def test_nothing_is_copied_on_one_disk(owner: Any, store_root: Path) -> None:
    session = begin(owner)
    inode = (store_root / "staging" / f"{session.upload_id.hex}.part").stat().st_ino
    session = ResumableUploadService(owner).complete(session)
    assert Path(session.file.path).stat().st_ino == inode
    assert list((store_root / "staging").iterdir()) == []


@pytest.mark.parametrize("atomic", [True, False])
def test_a_reference_is_used_once(owner: Any, atomic: bool) -> None:
    file = uploaded(owner)
    Video.objects.create(title="first", file=file)
    with pytest.raises(ReferenceAlreadyClaimed) as raised, transaction.atomic() if atomic else nullcontext():
        Video.objects.create(title="second", file=file)
    assert raised.value.field_name == "file"
    assert [video.title for video in Video.objects.all()] == ["first"]


def test_a_claim_that_is_rolled_back_can_be_made_again_with_the_same_instance(owner: Any) -> None:
    video = Video(title="again", file=uploaded(owner))
    with transaction.atomic():
        video.save()
        transaction.set_rollback(True)
    assert not UploadSession.objects.get().is_claimed
    video.pk = None
    with transaction.atomic():
        video.save(force_insert=True)
    assert UploadSession.objects.get().is_claimed
    assert stored(Video.objects.get()) == DATA


def test_an_insert_that_fails_in_autocommit_gives_the_file_back_when_its_time_is_over(owner: Any) -> None:
    Paper.objects.create(number=1, file=ContentFile(b"x", "x.bin"))
    file = uploaded(owner, PAPER)
    with pytest.raises(IntegrityError):
        Paper.objects.create(number=1, file=file)
    assert UploadSession.objects.get().is_claimed
    lapse()
    sweep()
    assert not UploadSession.objects.get().is_claimed
    assert stored(Paper.objects.create(number=2, file=file)) == DATA


def test_the_next_who_wants_it_need_not_wait_for_cleanup(owner: Any) -> None:
    file = uploaded(owner)
    claiming.claim(file.session)
    lapse()
    assert stored(Video.objects.create(title="a", file=file)) == DATA


def test_a_claim_whose_confirmation_was_lost_is_confirmed_by_what_the_table_says(
    owner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed:
        killed.setattr("apps.core.fields.saving.claiming.confirm", lambda *args: True)
        video = Video.objects.create(title="a", file=uploaded(owner))
    session = UploadSession.objects.get()
    assert session.claim_expires_at is not None
    lapse()
    sweep()
    confirmed = UploadSession.objects.get()
    assert confirmed.claim_expires_at is None
    assert confirmed.claimed_pk == str(video.pk)


def test_a_row_that_was_too_slow_loses_the_name_and_is_told(owner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    file = uploaded(owner)
    confirm = claiming.confirm

    def be_late(*args: Any) -> bool:
        """Its row was not there yet when another looked for it."""
        lapse()
        with monkeypatch.context() as earlier:
            earlier.setattr(claiming, "row_naming", lambda *args: None)
            claiming.claim(file.session)
        return confirm(*args)

    monkeypatch.setattr(claiming, "confirm", be_late)
    slow = Video(title="slow", file=file)
    with pytest.raises(ReferenceAlreadyClaimed):
        slow.save()
    assert not slow.file
    assert not Video.objects.get().file


def test_an_insert_that_would_come_too_late_does_not_begin(owner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Video(title="slow", file=uploaded(owner))
    slow.file.save("", slow.file.file, save=False)
    lapse()
    fast = Video.objects.create(title="fast", file=UploadedReference(UploadSession.objects.get()))
    with pytest.raises(ReferenceAlreadyClaimed):
        slow.save()
    assert [video.title for video in Video.objects.all()] == ["fast"]
    assert stored(fast) == DATA


def test_a_file_that_a_row_has_is_not_removed_by_its_uploader(owner: Any) -> None:
    video = Video.objects.create(title="a", file=uploaded(owner))
    with pytest.raises(Conflict) as raised:
        ResumableUploadService(owner).remove(UploadSession.objects.get().upload_id)
    assert raised.value.code == "claimed"
    owner.delete()
    assert not UploadSession.objects.exists()
    assert stored(video) == DATA


def test_a_claimed_file_leaves_its_owners_quota(owner: Any) -> None:
    file = uploaded(owner)
    usage = OwnerUsage.objects.get(owner=owner)
    assert (usage.stored_bytes, usage.stored_files) == (len(DATA), 1)
    Video.objects.create(title="a", file=file)
    usage.refresh_from_db()
    assert (usage.stored_bytes, usage.stored_files) == (0, 0)


def test_no_term_ends_what_is_claimed_and_one_of_its_own_what_is_not(owner: Any, uploads: Any) -> None:
    uploads(UNCLAIMED_TERM_HOURS=1e-9, COMPLETED_TERM_HOURS=1e-9)
    video = Video.objects.create(title="a", file=uploaded(owner))
    unclaimed = uploaded(owner)
    sweep()
    assert stored(video) == DATA
    assert not unclaimed.session.file.storage.exists(str(unclaimed.name))


def test_a_name_that_needs_the_row_is_given_after_the_commit(owner: Any, uploads: Any) -> None:
    file = uploaded(owner, PAPER)
    before = file.name
    with transaction.atomic():
        paper = Paper.objects.create(file=file)
        assert Paper.objects.get().file.name == before
    assert paper.file.name.startswith(f"shelves/{paper.pk}/holiday")
    assert Paper.objects.get().file.name == paper.file.name
    assert stored(paper) == DATA
    assert paper.file.storage.exists(before)
    uploads(MOVED_GRACE_SECONDS=0)
    sweep()
    assert not paper.file.storage.exists(before)
    assert stored(Paper.objects.get()) == DATA


def test_an_ordinary_file_is_saved_as_by_a_file_field() -> None:
    video = Video.objects.create(title="a", file=ContentFile(b"plain", "plain.bin"))
    assert stored(video) == b"plain"
    assert Video.objects.get().sha256 == hashlib.sha256(b"plain").hexdigest()
    video.file = None
    video.save()
    assert Video.objects.get().sha256 == ""


def test_a_replaced_file_stays_as_with_a_file_field(owner: Any) -> None:
    video = Video.objects.create(title="a", file=uploaded(owner))
    before = video.file.name
    video.file = uploaded(owner, data=b"other pictures")
    video.save()
    assert stored(Video.objects.get()) == b"other pictures"
    assert video.file.storage.exists(before)


def test_bulk_create_claims(owner: Any) -> None:
    Video.objects.bulk_create([Video(title="a", file=uploaded(owner)), Video(title="b", file=uploaded(owner))])
    assert [stored(video) for video in Video.objects.all()] == [DATA, DATA]
    assert not UploadSession.objects.filter(claimed_at=None).exists()


def test_its_options_are_in_migrations_and_change_no_table() -> None:
    field = ResumableFileField(upload_to="x", max_size="1 GB", accept=["video/*"], sha256_field="sha256")
    _, path, args, kwargs = field.deconstruct()
    assert path.endswith(".fields.ResumableFileField")
    assert kwargs == {
        "upload_to": "x",
        "max_size": "1 GB",
        "accept": ["video/*"],
        "sha256_field": "sha256",
    }
    assert ResumableFileField(*args, **kwargs).max_size == 10**9


def test_the_digests_of_older_files_are_filled_in(capsys: pytest.CaptureFixture[str]) -> None:
    for title in ("a", "b", "gone"):
        Video.objects.create(title=title, file=ContentFile(title.encode(), f"{title}.bin"))
    Video.objects.update(sha256="")
    gone = Video.objects.get(title="gone")
    gone.file.storage.delete(gone.file.name)
    call_command("fill_file_sha256", "library.Video.file")
    assert capsys.readouterr().out == "2 digests filled in, 1 files missing.\n"
    assert Video.objects.get(title="a").sha256 == hashlib.sha256(b"a").hexdigest()
    for wrong in ("library.Paper.file", "library.Video.title", "nothing"):
        with pytest.raises(CommandError):
            call_command("fill_file_sha256", wrong)


class TestWithoutSave:
    def test_an_upload_is_not_written(self, owner: Any) -> None:
        video = Video.objects.create(title="a")
        with pytest.raises(ValueError, match="save"):
            Video.objects.update(file=uploaded(owner))
        video.file = uploaded(owner)
        with pytest.raises(ValueError, match="save"):
            Video.objects.bulk_update([video], ["file"])
        assert not UploadSession.objects.exclude(claimed_at=None).exists()

    def test_bulk_create_claims_and_cleanup_confirms(self, owner: Any) -> None:
        (video,) = Video.objects.bulk_create([Video(title="a", file=uploaded(owner))])
        lapse()
        sweep()
        session = UploadSession.objects.get()
        assert (session.claimed_pk, session.claim_expires_at) == (str(video.pk), None)

    def test_what_is_let_go_before_it_was_saved_can_be_saved_elsewhere(self, owner: Any) -> None:
        file = uploaded(owner)
        video = Video(title="a", file=file)
        video.file.delete(save=False)
        assert not video.file
        video.save()
        assert stored(Video.objects.create(title="b", file=file)) == DATA


def test_a_reference_is_for_its_own_field(owner: Any) -> None:
    with pytest.raises(ReferenceRefused) as raised:
        Paper.objects.create(file=uploaded(owner))
    assert raised.value.code == "reference_other_field"
    assert not UploadSession.objects.get().is_claimed


def test_a_claim_that_is_committed_without_a_row_ends(owner: Any) -> None:
    file = uploaded(owner)
    with transaction.atomic():
        Video(title="a", file=file).file.save("", file, save=False)
    lapse()
    sweep()
    assert stored(Video.objects.create(title="b", file=file)) == DATA


class TestDigest:
    def test_of_a_file_that_can_be_read_once(self, owner: Any) -> None:
        reading, writing = os.pipe()
        os.write(writing, DATA)
        os.close(writing)
        video = Video(title="a")
        with os.fdopen(reading, "rb") as pipe:
            video.file.save("a.bin", File(pipe))
        assert stored(video) == DATA
        assert video.sha256 == hashlib.sha256(DATA).hexdigest()

    @pytest.mark.parametrize("of", ["an upload", "a plain file"])
    def test_is_saved_with_the_file_alone(self, owner: Any, of: str) -> None:
        def file() -> Any:
            return uploaded(owner) if of == "an upload" else ContentFile(DATA, "b.bin")

        expected = hashlib.sha256(DATA).hexdigest()
        video = Video.objects.create(title="a", file=ContentFile(b"other", "a.bin"))
        video.file = file()
        video.save(update_fields=["file"])
        assert Video.objects.get().sha256 == expected
        Video.objects.update(sha256="")
        Video.objects.update_or_create(title="a", defaults={"file": file()})
        assert Video.objects.get().sha256 == expected
        Video.objects.update(sha256="")
        deferred = Video.objects.defer("sha256").get()
        deferred.file = file()
        deferred.save()
        assert Video.objects.get().sha256 == expected


class TestFreedClaims:
    @pytest.fixture
    def freed(self, owner: Any) -> UploadSession:
        """Its claim was freed while the row's own transaction, in another database, was open."""
        session = uploaded(owner).session
        claiming.claim(session)
        lapse()
        sweep()
        Video.objects.create(title="late")
        Video.objects.update(file=session.file.name)
        session.refresh_from_db()
        return session

    def test_the_row_keeps_its_file(self, owner: Any, freed: UploadSession, uploads: Any) -> None:
        with pytest.raises(Conflict):
            ResumableUploadService(owner).remove(freed.upload_id)
        UploadSession.objects.update(claimed_at=None)
        uploads(UNCLAIMED_TERM_HOURS=1e-9)
        sweep()
        assert stored(Video.objects.get()) == DATA
        assert UploadSession.objects.get().is_claimed

    def test_the_row_s_file_stays_when_the_uploader_goes(self, owner: Any, freed: UploadSession) -> None:
        owner.delete()
        assert stored(Video.objects.get()) == DATA

    def test_no_second_row_gets_it(self, freed: UploadSession) -> None:
        with pytest.raises(ReferenceAlreadyClaimed):
            Video.objects.create(title="second", file=UploadedReference(freed))
        freed.refresh_from_db()
        assert freed.claimed_pk == str(Video.objects.get(title="late").pk)

    def test_a_file_that_no_row_took_goes_with_its_uploader(self, owner: Any) -> None:
        session = uploaded(owner).session
        claiming.claim(session)
        lapse()
        path = Path(session.file.path)
        owner.delete()
        assert not path.exists()

    def test_after_a_failed_save_the_form_can_be_sent_again(self, owner: Any) -> None:
        file = uploaded(owner)
        text = reference_to(file.session) or ""
        claiming.claim(file.session)
        file.session.refresh_from_db()
        with pytest.raises(ReferenceRefused):
            resolve(text, Video._meta.get_field("file").purpose, owner)
        assert reference_to(file.session) is None
        lapse()
        file.session.refresh_from_db()
        assert reference_to(file.session) is not None
        assert not resolve(text, Video._meta.get_field("file").purpose, owner).is_claimed


def test_an_upload_that_is_not_saved_yet_can_be_looked_for(owner: Any) -> None:
    """As ``validate_unique`` and constraints do."""
    video = Video(title="a", file=uploaded(owner))
    assert not Video.objects.filter(file=video.file).exists()
