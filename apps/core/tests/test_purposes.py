"""Uploads for a field begin with its token, within the limits of token, field and site."""

from __future__ import annotations

from typing import Any

import pytest

from apps.core.errors import BadRequest, TooLarge
from apps.core.services.accepted_types import allowed_types
from apps.core.services.purposes import field_token, read_field_token
from apps.core.services.references import reference_to, resolve

from .api import Api
from .library.models import Video
from .library.uploading import DATA, NAME, PAPER, VIDEO, begin, upload

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


def test_an_upload_for_a_field_over_http(api: Api) -> None:
    upload_id = api.init(DATA, NAME, purpose=field_token(VIDEO))
    api.send(upload_id, DATA, 100)
    done = api.complete(upload_id).json()["file"]
    assert done["reference"]
    assert done["used_by"] is None
    assert api.get(f"file/{upload_id}").content == DATA
    video = Video.objects.create(title="a", file=_file(done["reference"]))
    claimed = api.status(upload_id).json()["file"]
    assert claimed["reference"] is None
    assert claimed["used_by"] == {"field": VIDEO, "pk": str(video.pk)}
    refused = api.http.delete(f"{api.url}/{upload_id}")
    assert (refused.status_code, refused.json()["code"]) == (409, "claimed")


def _file(reference: str) -> Any:
    from django.contrib.auth import get_user_model

    from apps.core.fields import UploadedReference

    field: Any = Video._meta.get_field("file")
    owner = get_user_model()._default_manager.get(username="owner")
    return UploadedReference.from_reference(reference, field.purpose, owner)


@pytest.mark.parametrize(
    "token",
    ["nonsense", field_token(VIDEO)[:-1] + "!", "library.paper.file" + field_token(VIDEO).removeprefix(VIDEO)],
)
def test_a_forged_token_begins_nothing(api: Api, token: str) -> None:
    answer = api.post("init", {"filename": NAME, "total_size": 1, "purpose": token})
    assert (answer.status_code, answer.json()["code"]) == (400, "purpose_invalid")


def test_a_token_ends(owner: Any, uploads: Any) -> None:
    token = field_token(VIDEO)
    uploads(FIELD_TOKEN_HOURS=-1)
    with pytest.raises(BadRequest) as raised:
        read_field_token(token)
    assert raised.value.code == "purpose_expired"


def test_a_token_of_a_field_that_takes_no_uploads_is_none() -> None:
    for label in ("library.video.title", "library.video.nothing", "no.such.model", "nonsense"):
        with pytest.raises(BadRequest):
            read_field_token(field_token(label))


@pytest.mark.parametrize("size", [1001, None])
def test_no_more_arrives_than_the_field_takes(owner: Any, service: Any, size: int | None) -> None:
    token = field_token(VIDEO)
    if size is not None:
        with pytest.raises(TooLarge):
            service.create(filename=NAME, total_size=size, purpose=token)
        return
    session, _ = service.create(filename=NAME, purpose=token)
    assert session.grid.end == 1000
    with pytest.raises(TooLarge):
        service.complete(session, total_size=1001)


def test_the_limits_of_a_form_are_in_its_token(service: Any) -> None:
    token = field_token(VIDEO, max_size=10, accept=["video/*"])
    with pytest.raises(TooLarge):
        service.create(filename="a.mp4", total_size=11, purpose=token)
    with pytest.raises(BadRequest):
        service.create(filename=NAME, total_size=1, purpose=token)


def test_the_field_takes_what_it_accepts_alone(service: Any) -> None:
    for name in ("a.pdf", "a.exe"):
        with pytest.raises(BadRequest):
            service.create(filename=name, total_size=1, purpose=field_token(VIDEO))
    service.create(filename="a.mp4", total_size=1, purpose=field_token(VIDEO))
    service.create(filename="a.pdf", total_size=1, purpose=field_token(PAPER))


def test_one_file_for_two_fields_is_two_uploads(owner: Any) -> None:
    assert begin(owner, VIDEO).pk != begin(owner, PAPER).pk
    assert begin(owner, client_key="k").pk != begin(owner, PAPER, client_key="k").pk


def test_a_reference_is_to_these_bytes(owner: Any) -> None:
    from apps.core.errors import ReferenceRefused

    session = upload(owner)
    reference = reference_to(session) or ""
    type(session).objects.update(sha256="0" * 64)
    field: Any = Video._meta.get_field("file")
    with pytest.raises(ReferenceRefused) as raised:
        resolve(reference, field.purpose, owner)
    assert raised.value.code == "reference_removed"


@pytest.mark.unit
def test_accept_narrows_or_replaces() -> None:
    assert set(allowed_types(["video/mp4", ".pdf"])) == {".mp4", ".pdf"}
    assert ".mkv" in allowed_types(["video/*"])
    assert allowed_types([".xyz"]) == {}
    assert allowed_types([".xyz"], replaces=True) == {".xyz": ("application/octet-stream",)}
    assert allowed_types(["text/vtt"], replaces=True)[".vtt"] == ("text/vtt",)
