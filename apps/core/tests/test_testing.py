"""What projects use in their own tests."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import TestCase

from apps.core.errors import BadRequest
from apps.core.pytest_plugin import completed_upload, upload_reference  # noqa: F401  # As pytest finds them.
from apps.core.testing import completed_upload as make_upload

from .library.models import Video

pytestmark = pytest.mark.integration


def test_a_fixture_gives_an_upload_to_assign(completed_upload: Any, owner: Any) -> None:  # noqa: F811
    video = Video.objects.create(title="a", file=completed_upload(owner, Video._meta.get_field("file"), b"1" * 999))
    with video.file.open() as file:
        assert file.read() == b"1" * 999


def test_a_fixture_gives_what_a_form_posts(upload_reference: Any, owner: Any) -> None:  # noqa: F811
    assert upload_reference(owner, "library.Video.file").count(":") == 2


def test_what_a_field_does_not_take_is_told(owner: Any) -> None:
    with pytest.raises(BadRequest):
        make_upload(owner, "library.Video.file", filename="a.pdf")


class InTestCase(TestCase):
    def test_it_works_where_nothing_is_ever_committed(self) -> None:
        owner = get_user_model()._default_manager.create(username="in-test-case")
        video = Video.objects.create(title="a", file=make_upload(owner, "library.Video.file"))
        with video.file.open() as file:
            assert file.read() == b"some bytes"
