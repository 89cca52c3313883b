"""django-cleanup deletes the files of replaced fields and deleted rows: those of claimed uploads too, and no others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from django.db.models.signals import post_delete, post_init, post_save, pre_save
from django_cleanup import cache, handlers

from apps.core.models import UploadSession

from .library.models import Paper, Video
from .library.uploading import PAPER, uploaded

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _django_cleanup() -> Iterator[None]:
    """As ``"django_cleanup.apps.CleanupConfig"`` in ``INSTALLED_APPS``, for the library alone."""
    signals = (post_init, pre_save, post_save, post_delete)
    before = [(signal, list(signal.receivers)) for signal in signals]
    cache.prepare(False)
    handlers.connect()
    yield
    for signal, receivers in before:
        signal.receivers = receivers
        signal.sender_receivers_cache.clear()


def test_a_replaced_file_goes_and_the_new_one_stays(owner: Any) -> None:
    video = Video.objects.create(title="a", file=uploaded(owner))
    storage, before = video.file.storage, video.file.name
    video = Video.objects.get()
    video.file = uploaded(owner, data=b"other pictures")
    video.save()
    assert not storage.exists(before)
    with Video.objects.get().file.open() as file:
        assert file.read() == b"other pictures"
    assert video.sha256 == Video.objects.get().sha256 == hashlib.sha256(b"other pictures").hexdigest()


def test_the_file_of_a_deleted_row_goes(owner: Any) -> None:
    paper = Paper.objects.create(number=1, file=uploaded(owner, PAPER))
    storage, name = paper.file.storage, paper.file.name
    paper.delete()
    assert not storage.exists(name)


def test_the_record_of_an_upload_goes_and_the_file_stays(owner: Any, caplog: pytest.LogCaptureFixture) -> None:
    paper = Paper.objects.create(number=1, file=uploaded(owner, PAPER))
    UploadSession.objects.get().delete()
    assert caplog.records == []
    with paper.file.open() as file:
        assert file.read() == b"moving pictures"


def test_saving_again_deletes_nothing(owner: Any) -> None:
    paper = Paper.objects.create(number=1, file=uploaded(owner, PAPER))
    paper.number = 2
    paper.save()
    Paper.objects.get().save()
    with Paper.objects.get().file.open() as file:
        assert file.read() == b"moving pictures"
