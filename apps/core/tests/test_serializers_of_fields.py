"""A resumable field in REST framework: references and multipart files in, URLs out."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import path
from drf_spectacular.generators import SchemaGenerator
from rest_framework import generics, serializers
from rest_framework.test import APIRequestFactory, force_authenticate

from apps.core.fields.metadata import ResumableMetadata
from apps.core.fields.serializers import ResumableFileField
from apps.core.services.purposes import read_field_token

from .library.models import Video
from .library.uploading import PAPER, VIDEO, reference

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

DATA = b"moving pictures"
factory = APIRequestFactory()


class VideoSerializer(serializers.ModelSerializer[Any]):
    class Meta:
        model = Video
        fields = ("title", "file")


class Videos(generics.ListCreateAPIView[Any]):
    queryset = Video.objects.all()
    serializer_class = VideoSerializer
    metadata_class = ResumableMetadata


def create(user: Any, data: Any, kind: str = "json") -> Any:
    request = factory.post("/", data, format=kind)
    force_authenticate(request, user)
    return Videos.as_view()(request)


def test_a_model_serializer_takes_a_reference_and_gives_a_url(owner: Any) -> None:
    answer = create(owner, {"title": "a", "file": reference(owner)})
    assert answer.status_code == 201, answer.data
    video = Video.objects.get()
    assert answer.data["file"] == f"http://testserver{video.file.url}"
    with video.file.open() as file:
        assert file.read() == DATA


def test_multipart_requests_go_on_working(owner: Any) -> None:
    file = SimpleUploadedFile("plain.bin", b"plain", "application/octet-stream")
    assert create(owner, {"title": "a", "file": file}, "multipart").status_code == 201
    with Video.objects.get().file.open() as stored:
        assert stored.read() == b"plain"


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [("a.bin", b"MZ", "executable_refused"), ("a.bin", b"." * 1001, "too_large"), ("a.bin", b"", "empty")],
)
def test_multipart_files_are_judged_as_uploads_are(owner: Any, name: str, content: bytes, code: str) -> None:
    file = SimpleUploadedFile(name, content, "application/octet-stream")
    answer = create(owner, {"title": "a", "file": file}, "multipart")
    assert answer.status_code == 400
    assert [error.code for error in answer.data["file"]] == [code]


def test_what_may_not_be_used_is_an_error_of_the_field(owner: Any, stranger: Any) -> None:
    used = reference(owner)
    assert create(owner, {"title": "a", "file": used}).status_code == 201
    refused = {
        used: "already_saved",
        "forged": "reference_invalid",
        reference(stranger): "reference_other_user",
        reference(owner, PAPER): "reference_other_field",
    }
    for text, code in refused.items():
        answer = create(owner, {"title": "b", "file": text})
        assert answer.status_code == 400
        assert [error.code for error in answer.data["file"]] == [code]


def test_in_detail_it_is_an_object(owner: Any) -> None:
    class Detailed(VideoSerializer):
        file = ResumableFileField(detail=True)

    create(owner, {"title": "a", "file": reference(owner)})
    video = Video.objects.get()
    assert Detailed(video).data["file"] == {
        "url": video.file.url,
        "name": video.file.name.rpartition("/")[2],
        "size": len(DATA),
        "sha256": hashlib.sha256(DATA).hexdigest(),
    }


def test_options_give_the_token_that_lets_uploads_begin(owner: Any) -> None:
    request = factory.options("/")
    force_authenticate(request, owner)
    info = Videos.as_view()(request).data["actions"]["POST"]["file"]
    assert info["type"] == "resumable upload"
    assert read_field_token(info["purpose"]).label == VIDEO


def test_the_schema_says_what_goes_in_and_what_comes_out() -> None:
    class Detailed(VideoSerializer):
        file = ResumableFileField(detail=True)

    class Details(generics.ListAPIView[Any]):
        queryset = Video.objects.all()
        serializer_class = Detailed

    patterns = [path("videos/", Videos.as_view()), path("details/", Details.as_view())]
    schema = SchemaGenerator(patterns=patterns).get_schema(public=True)
    schemas = schema["components"]["schemas"]
    assert schemas["VideoRequest" if "VideoRequest" in schemas else "Video"]["properties"]["file"]["type"] == "string"
    assert schemas["Detailed"]["properties"]["file"]["properties"]["size"]["type"] == "integer"


def test_an_empty_text_is_no_file(owner: Any) -> None:
    answer = create(owner, {"title": "a", "file": ""})
    assert answer.status_code == 400
    assert answer.data["file"][0].code == "invalid"
    assert not Video.objects.exists()


def test_a_file_that_is_gone_is_told_without_its_size(owner: Any) -> None:
    create(owner, {"title": "a", "file": reference(owner)})
    video = Video.objects.get()
    video.file.storage.delete(video.file.name)
    field = ResumableFileField(detail=True, model_field=VIDEO)
    assert field.to_representation(Video.objects.get().file)["size"] is None
