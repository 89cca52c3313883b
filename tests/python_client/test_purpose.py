"""Uploads for a model field: the token goes with them, and what to give the field comes back."""

from __future__ import annotations

from pathlib import Path

from resumable_uploads_client import Uploader

from apps.core.tests.noise import noise

from .memory_server import memory_server


def test_the_token_goes_and_a_reference_comes(tmp_path: Path) -> None:
    path = tmp_path / "film.bin"
    path.write_bytes(noise(1000))
    with memory_server() as (url, sessions), Uploader(url, state_directory=tmp_path / "state") as uploader:
        result = uploader.upload(path, purpose="library.video.file:a:b:c")
        assert result.reference == "to a file for library.video.file:a:b:c"
        (begun,) = sessions.documents.values()
        assert begun["purpose"] == "library.video.file:a:b:c"


def test_one_file_for_two_fields_is_two_uploads_whatever_their_tokens_say_else(tmp_path: Path) -> None:
    path = tmp_path / "film.bin"
    path.write_bytes(noise(1000))
    with memory_server() as (url, sessions), Uploader(url, state_directory=None) as uploader:
        for purpose in ("library.video.file:a:b:c", "library.paper.file:a:b:c", "library.video.file:d:e:f"):
            uploader.upload(path, purpose=purpose)
        first, other, again = (document["client_key"] for document in sessions.documents.values())
        assert first == again != other
