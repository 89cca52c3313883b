"""The form field and its widget: references and ordinary files, judged alike."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django import forms
from django.contrib.admin.widgets import AdminFileWidget
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.datastructures import MultiValueDict

from apps.core.fields.forms import ResumableFileField
from apps.core.fields.widget import ResumableUploadInput
from apps.core.http import current_user
from apps.core.models import UploadSession
from apps.core.services.purposes import read_field_token
from apps.core.services.resumable_upload_service import ResumableUploadService

from .library.models import Paper, Video
from .library.uploading import VIDEO, reference, upload

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

DATA = b"moving pictures"


class VideoForm(forms.ModelForm):
    class Meta:
        model = Video
        fields = ("title", "file")


class PaperForm(forms.ModelForm):
    class Meta:
        model = Paper
        fields = ("number", "file")


class SeveralForm(forms.Form):
    clips = ResumableFileField(model_field=VIDEO, multiple=True)


def files(**given: Any) -> Any:
    return MultiValueDict({name: value if isinstance(value, list) else [value] for name, value in given.items()})


def content(file: Any) -> bytes:
    with file.open() as opened:
        return bytes(opened.read())


@pytest.fixture(autouse=True)
def user(owner: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Who sends the forms."""
    monkeypatch.setattr("apps.core.fields.forms.current_user", lambda: owner)
    return owner


def errors(form: Any, name: str = "file") -> list[str | None]:
    """Codes of the errors of a field."""
    return [error.code for error in form.errors.as_data().get(name, [])]


def test_a_model_form_saves_what_was_uploaded(owner: Any) -> None:
    form = VideoForm({"title": "a", "file": reference(owner)})
    assert form.is_valid(), form.errors
    assert form.cleaned_data["file"].read() == DATA
    video = form.save()
    assert content(video.file) == DATA


def test_an_ordinary_file_is_saved_too_and_a_reference_wins(owner: Any) -> None:
    plain = SimpleUploadedFile("plain.bin", b"plain", "application/octet-stream")
    form = VideoForm({"title": "a"}, files(file=plain))
    assert form.is_valid(), form.errors
    assert content(form.save().file) == b"plain"
    form = VideoForm({"title": "a", "file": reference(owner)}, files(file=plain))
    assert form.is_valid(), form.errors
    assert content(form.save().file) == DATA


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.pdf", b"%PDF-1.4", "extension_not_allowed"),
        ("a.bin", b"MZ a program", "executable_refused"),
        ("a.bin", b"." * 1001, "too_large"),
        ("a.mp4", b"no film at all", "type_mismatch"),
    ],
)
def test_an_ordinary_file_is_judged_as_an_upload_is(name: str, content: bytes, code: str) -> None:
    types = {"a.pdf": "application/pdf", "a.mp4": "video/mp4"}
    file = SimpleUploadedFile(name, content, types.get(name, "application/octet-stream"))
    assert errors(VideoForm({"title": "a"}, files(file=file))) == [code]


def test_an_ordinary_file_may_not_be_as_large_as_an_upload(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Video._meta.get_field("file"), "max_form_size", 10)
    file = SimpleUploadedFile("a.bin", b"." * 11, "application/octet-stream")
    assert errors(VideoForm({"title": "a"}, files(file=file))) == ["too_large"]


class TestReferences:
    def test_forged(self, owner: Any) -> None:
        good = reference(owner)
        for forged in ("nonsense", good[:-1] + ("A" if good[-1] != "A" else "B"), good.replace(":", ";"), "{}:x:y"):
            assert errors(VideoForm({"title": "a", "file": forged})) == ["reference_invalid"]

    def test_signed_by_a_key_that_was_replaced(self, owner: Any, settings: Any) -> None:
        before, settings.SECRET_KEY = settings.SECRET_KEY, "a"
        text = reference(owner)
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = before, ["a"]
        assert VideoForm({"title": "a", "file": text}).is_valid()

    def test_expired(self, owner: Any, uploads: Any) -> None:
        text = reference(owner)
        uploads(REFERENCE_HOURS=-1)
        assert errors(VideoForm({"title": "a", "file": text})) == ["reference_expired"]

    def test_of_another_field(self, owner: Any) -> None:
        assert errors(PaperForm({"number": 1, "file": reference(owner)})) == ["reference_other_field"]

    @pytest.mark.parametrize("who", ["stranger", "nobody"])
    def test_of_another_user(self, owner: Any, stranger: Any, monkeypatch: pytest.MonkeyPatch, who: str) -> None:
        text = reference(owner)
        user = stranger if who == "stranger" else None
        monkeypatch.setattr("apps.core.fields.forms.current_user", lambda: user)
        assert errors(VideoForm({"title": "a", "file": text})) == ["reference_other_user"]

    def test_used_twice(self, owner: Any) -> None:
        text = reference(owner)
        VideoForm({"title": "a", "file": text}).save()
        form = VideoForm({"title": "b", "file": text})
        assert errors(form) == ["already_saved"]
        assert "already saved" in str(form.errors)

    def test_of_a_removed_upload(self, owner: Any) -> None:
        text = reference(owner)
        ResumableUploadService(owner).remove(UploadSession.objects.get().upload_id)
        assert errors(VideoForm({"title": "a", "file": text})) == ["reference_removed"]

    def test_of_a_file_that_is_too_large_by_now(self, owner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        text = reference(owner)
        monkeypatch.setattr(Video._meta.get_field("file"), "max_size", 14)
        form = VideoForm({"title": "a", "file": text})
        assert errors(form) == ["reference_too_large"]
        assert "14\N{NO-BREAK SPACE}B" in str(form.errors)

    def test_of_a_type_that_is_not_accepted_by_now(self, owner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        text = reference(owner)
        monkeypatch.setattr(Video._meta.get_field("file"), "accept", ("video/*",))
        assert errors(VideoForm({"title": "a", "file": text})) == ["reference_wrong_type"]

    def test_of_an_upload_that_is_for_nothing_there_is_none(self, owner: Any) -> None:
        from apps.core.services.references import reference_to

        session = upload(owner, purpose="")
        assert reference_to(session) is None


def test_an_empty_file_is_taken_only_where_the_form_says_so(owner: Any) -> None:
    for value, sent in (
        ({"clips": [reference(owner, data=b"")]}, {}),
        ({}, {"clips": SimpleUploadedFile("a.bin", b"", "application/octet-stream")}),
    ):
        form = SeveralForm(files(**value), files(**sent))
        assert errors(form, "clips") == ["empty"]
        form = SeveralForm(files(**value), files(**sent))
        form.fields["clips"].allow_empty_file = True  # type: ignore[attr-defined]
        assert form.is_valid(), form.errors
        assert "data-allow-empty" in str(form["clips"])


def test_what_is_required_stays_so_once_the_file_is_removed(owner: Any) -> None:
    html = str(SeveralForm(files(clips=[reference(owner)]))["clips"])
    assert " data-required" in html
    assert " required" not in html
    assert " required" in str(SeveralForm()["clips"])
    assert "data-required" not in str(VideoForm({"title": "a", "file": reference(owner)})["file"])
    video = VideoForm({"title": "a", "file": reference(owner)}).save()
    assert "required" not in str(SeveralForm(initial={"clips": video.file})["clips"])


def test_without_javascript_the_smaller_limit_is_said() -> None:
    assert "at most 1.0\N{NO-BREAK SPACE}kB here" in str(VideoForm()["file"])


def test_an_error_elsewhere_keeps_the_file(owner: Any) -> None:
    text = reference(owner)
    form = VideoForm({"title": "", "file": text})
    assert not form.is_valid()
    html = str(form["file"])
    assert f'value="{text}"' in html
    assert "holiday.bin" in html
    assert VideoForm({"title": "now", "file": text}).is_valid()


def test_a_reference_that_may_not_be_used_is_not_given_back(owner: Any, stranger: Any) -> None:
    text = reference(stranger)
    assert text not in str(VideoForm({"title": "", "file": text})["file"])


def test_the_form_lets_uploads_begin(owner: Any) -> None:
    widget = VideoForm()["file"].field.widget.get_context("file", None, {})["widget"]
    purpose = read_field_token(widget["purpose"])
    assert (purpose.label, purpose.max_size, purpose.accept) == (VIDEO, 1000, ("video/*", ".bin"))
    assert widget["api"] == "/api/v1/upload"
    assert widget["attrs"]["accept"] == "video/*,.bin"
    assert isinstance(json.loads(widget["texts"]), dict)


def test_the_page_is_the_same_for_everybody(owner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.core.signing.TimestampSigner.timestamp", lambda self: "1")
    for_owner = str(VideoForm())
    monkeypatch.setattr("apps.core.fields.forms.current_user", lambda: None)
    assert str(VideoForm()) == for_owner


def test_the_row_s_own_file_stays_unless_it_is_cleared(owner: Any) -> None:
    video = VideoForm({"title": "a", "file": reference(owner)}).save()
    form = VideoForm({"title": "b"}, instance=video)
    assert "file" not in form.changed_data
    assert form.save().file
    html = str(VideoForm(instance=video)["file"])
    assert video.sha256[:12] in html
    form = VideoForm({"title": "b", "file-clear": "on"}, instance=video)
    assert form.is_valid()
    assert not form.save().file


def test_several_files_are_a_list(owner: Any) -> None:
    texts = [reference(owner), reference(owner, data=b"other pictures")]
    form = SeveralForm(MultiValueDict({"clips": texts}))
    assert form.is_valid(), form.errors
    assert [content(file) for file in form.cleaned_data["clips"]] == [DATA, b"other pictures"]
    assert errors(SeveralForm(MultiValueDict({"clips": [texts[0], "forged"]})), "clips") == ["reference_invalid"]
    assert errors(SeveralForm({}), "clips") == ["required"]
    plain = [SimpleUploadedFile(f"{each}.bin", b"x", "application/octet-stream") for each in "ab"]
    assert SeveralForm({}, files(clips=plain)).is_valid()


def test_a_form_may_take_less_than_the_field() -> None:
    class Small(forms.Form):
        file = ResumableFileField(model_field=VIDEO, max_size=10, accept=[".bin"])

    field: Any = Small().fields["file"]
    purpose = read_field_token(field.token)
    assert purpose.smallest_limit == 10
    assert list(purpose.allowed_types()) == [".bin"]


def test_the_widgets_of_others_are_replaced() -> None:
    field: Any = Video._meta.get_field("file")
    for widget in (AdminFileWidget, AdminFileWidget(attrs={"class": "wide"}), None):
        form_field = field.formfield(**({"widget": widget} if widget else {}))
        assert isinstance(form_field.widget, ResumableUploadInput)
    assert field.formfield(widget=AdminFileWidget(attrs={"class": "wide"})).widget.attrs["class"] == "wide"


def test_forms_know_who_sent_them(owner: Any, rf: Any) -> None:
    seen = []
    request = rf.get("/")
    request.user = owner

    def view(request: Any) -> Any:
        from django.http import HttpResponse

        seen.append(current_user.current_user())
        return HttpResponse()

    current_user.CurrentUserMiddleware(view)(request)
    assert seen == [owner]
    assert current_user.current_user() is None


class TestOneRequest:
    @pytest.fixture(autouse=True)
    def _request(self, rf: Any) -> Any:
        token = current_user._request.set(rf.post("/"))
        yield
        current_user._request.reset(token)

    def test_two_forms_with_one_upload(self, owner: Any) -> None:
        text = reference(owner)
        data = {"form-TOTAL_FORMS": "2", "form-INITIAL_FORMS": "0"}
        data |= {
            f"form-{number}-{name}": value for number in (0, 1) for name, value in (("title", "a"), ("file", text))
        }
        for _ in range(2):  # A view may validate twice.
            forms_of_set = forms.modelformset_factory(Video, VideoForm)(data)
            assert not forms_of_set.is_valid()
            assert [errors(form) for form in forms_of_set] == [[], ["already_saved"]]

    def test_a_form_that_is_deleted_takes_nothing(self, owner: Any) -> None:
        data = {"form-TOTAL_FORMS": "2", "form-INITIAL_FORMS": "0", "form-0-DELETE": "on"}
        text = reference(owner)
        data |= {
            f"form-{number}-{name}": value for number in (0, 1) for name, value in (("title", "a"), ("file", text))
        }
        forms_of_set = forms.modelformset_factory(Video, VideoForm, can_delete=True)(data)
        assert forms_of_set.is_valid(), forms_of_set.errors

    def test_a_form_with_another_widget(self, owner: Any) -> None:
        hidden = forms.modelform_factory(Video, VideoForm, widgets={"file": forms.HiddenInput})
        assert hidden({"title": "a", "file": reference(owner)}).is_valid()

    def test_one_field_with_the_same_upload_twice(self, owner: Any) -> None:
        text = reference(owner)
        form = SeveralForm(files(clips=[text, text]))
        assert form.is_valid(), form.errors
        assert len(form.cleaned_data["clips"]) == 1


def test_validators_know_whose_an_ordinary_file_is(owner: Any, uploads: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(
        "apps.core.fields.forms.SecureFileUploadService.check_stored",
        lambda session, file: seen.append(session.owner),
    )
    file = SimpleUploadedFile("a.bin", b"plain", "application/octet-stream")
    assert VideoForm({"title": "a"}, files(file=file)).is_valid()
    assert seen == [owner]
