"""Resumable fields in the stock admin and in class-based views, over Django's whole request."""

from __future__ import annotations

import os
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.test import Client

from apps.core.errors import ReferenceAlreadyClaimed
from apps.core.fields import UploadedReference
from apps.core.fields.forms import ResumableFileField
from apps.core.fields.race import ResumableAdminMixin
from apps.core.models import UploadSession
from apps.core.services import claiming

from .library import urls
from .library.models import Video
from .library.uploading import reference

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

ADD = "/admin/library/video/add/"


@pytest.fixture
def admin_user(settings: Any) -> Any:
    settings.ROOT_URLCONF = urls.__name__
    return get_user_model()._default_manager.create(username="admin", is_staff=True, is_superuser=True)


@pytest.fixture
def browser(admin_user: Any, client: Client) -> Client:
    client.force_login(admin_user)
    return client


def add(browser: Client, text: str, url: str = ADD, title: str = "a") -> Any:
    return browser.post(url, {"title": title, "sha256": "", "file": text})


def test_the_admin_adds_and_changes(browser: Client, admin_user: Any) -> None:
    page = browser.get(ADD).content.decode()
    assert "<resumable-upload" in page
    assert "resumable-upload-field.js" in page
    assert "upload-field.css" in page
    assert add(browser, reference(admin_user)).status_code == 302
    video = Video.objects.get()
    change = f"/admin/library/video/{video.pk}/change/"
    page = browser.get(change).content.decode()
    assert video.file.url in page
    assert video.sha256 in page
    assert add(browser, "", change, "b").status_code == 302
    assert Video.objects.get().file.name == video.file.name
    assert add(browser, reference(admin_user, data=b"other"), change, "b").status_code == 302
    assert Video.objects.get().file.name != video.file.name


def test_an_error_elsewhere_keeps_the_file(browser: Client, admin_user: Any) -> None:
    text = reference(admin_user)
    page = add(browser, text, title="").content.decode()
    assert f'value="{text}"' in page
    assert add(browser, text).status_code == 302


def test_a_double_submit_says_that_it_is_saved(browser: Client, admin_user: Any) -> None:
    text = reference(admin_user)
    assert add(browser, text).status_code == 302
    assert "This file is already saved." in add(browser, text).content.decode()
    assert Video.objects.count() == 1


@pytest.mark.parametrize("url", [ADD, "/add/"])
def test_the_second_of_two_that_were_valid_at_once_is_an_error_of_its_form(
    browser: Client, admin_user: Any, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = reference(admin_user)
    overtake(monkeypatch)
    answer = add(browser, text, url)
    assert answer.status_code == 200
    assert "This file is already saved." in answer.content.decode()
    assert [video.title for video in Video.objects.all()] == ["faster"]


@pytest.mark.parametrize(("url", "status"), [(ADD, 200), ("/add/", 200), ("/add-plainly/", 409)])
def test_an_upload_that_is_removed_before_its_valid_form_is_saved(
    browser: Client, admin_user: Any, url: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = reference(admin_user)
    claim = claiming.claim

    def be_late(session: UploadSession, **options: Any) -> Any:
        UploadSession.objects.all().delete()
        return claim(session, **options)

    find = ResumableFileField.find
    monkeypatch.setattr(claiming, "claim", be_late)
    monkeypatch.setattr(ResumableFileField, "find", find)
    if status == 200:  # What is rolled back with the first attempt is gone at the second.
        again = iter([find, lambda *args: (UploadSession.objects.all().delete() and None) or find(*args)])
        monkeypatch.setattr(ResumableFileField, "find", lambda *args: next(again, find)(*args))
    answer = add(browser, text, url)
    assert answer.status_code == status
    assert "removed" in answer.content.decode()
    assert not Video.objects.exists()


def test_without_the_mixin_it_is_told_and_nothing_is_saved(
    browser: Client, admin_user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = reference(admin_user)
    overtake(monkeypatch)
    answer = add(browser, text, "/add-plainly/")
    assert answer.status_code == 409
    assert answer.json()["code"] == "already_saved"
    assert not Video.objects.exists()


def overtake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another form is saved when this one was found to be valid: it sees that when it is validated again."""
    claim, find = claiming.claim, ResumableFileField.find

    def find_after_the_other(self: Any, text: str) -> Any:
        monkeypatch.setattr(ResumableFileField, "find", find)
        Video.objects.create(title="faster", file=UploadedReference(UploadSession.objects.get()))
        return find(self, text)

    def be_late(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(claiming, "claim", claim)
        monkeypatch.setattr(ResumableFileField, "find", find_after_the_other)
        raise ReferenceAlreadyClaimed

    monkeypatch.setattr(claiming, "claim", be_late)


def test_read_only_it_is_a_link(browser: Client, admin_user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    add(browser, reference(admin_user))
    video = Video.objects.get()
    monkeypatch.setattr(urls.VideoAdmin, "readonly_fields", ("file",))
    page = browser.get(f"/admin/library/video/{video.pk}/change/").content.decode()
    assert f'href="{video.file.url}"' in page
    assert "<resumable-upload" not in page


def test_it_is_not_the_stock_widget_anywhere() -> None:
    everywhere: dict[str, Any] = {"formfield_overrides": {}}
    for options in ({}, everywhere):
        model_admin: Any = type("Any", (admin.ModelAdmin,), options)(Video, urls.site)
        form = model_admin.get_form(None, None)
        assert type(form.base_fields["file"].widget).__name__ == "ResumableUploadInput"


@pytest.mark.parametrize(("is_moved", "tries"), [(True, 1), (False, 2)])
def test_it_is_not_tried_again_without_a_file_that_the_first_try_moved(rf: Any, is_moved: bool, tries: int) -> None:
    class Plain:
        tried = 0

        def changeform_view(self, request: Any) -> None:
            self.tried += 1
            if is_moved:
                os.unlink(request.FILES["cover"].temporary_file_path())
            raise ReferenceAlreadyClaimed

    class Admin(ResumableAdminMixin, Plain):
        pass

    request = rf.post("/")
    with TemporaryUploadedFile("c.jpg", "image/jpeg", 3, None) as cover:
        request.FILES["cover"] = cover
        admin = Admin()
        with pytest.raises(ReferenceAlreadyClaimed):
            admin.changeform_view(request)
    assert admin.tried == tries
