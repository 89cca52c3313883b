"""tus 1.0.0, line by line of the specification, on real sockets under both drivers."""

from __future__ import annotations

import base64
import errno
import hashlib
import zlib
from collections.abc import Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from requests import Response

from apps.core.conf import MIB
from apps.core.errors import Conflict, StorageFull, Throttled, Unavailable
from apps.core.models import OwnerUsage, UploadSession
from apps.core.services import ledger
from apps.core.services.resumable_upload_service import ResumableUploadService
from apps.core.signals import upload_completed
from apps.core.storage.disk import pwrite_all
from apps.core.storage.local import writer

from .api import Api, assert_problem, session_of, sha256
from .noise import noise
from .tus_client import OFFSET_STREAM, Tus, metadata

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("small_chunks")]

DATA = b"0123456789"
Status = UploadSession.Status


@pytest.fixture
def tus(api: Api) -> Tus:
    return Tus(api)


@pytest.fixture
def strangers_tus(strangers_api: Api) -> Tus:
    return Tus(strangers_api)


@pytest.fixture
def completed() -> Iterator[list[str]]:
    """The ids of the uploads whose completion was told."""
    told: list[str] = []

    def note(session: UploadSession, **kwargs: Any) -> None:
        told.append(str(session.upload_id))

    upload_completed.connect(note)
    yield told
    upload_completed.disconnect(note)


def stored(tus: Tus, url: str) -> bytes:
    return tus.api.get(f"file/{tus.id_of(url)}").content


class TestCore:
    def test_a_file_arrives_in_steps(self, tus: Tus, completed: list[str]) -> None:
        url = tus.create(10, Upload_Metadata=metadata(filename="a.bin"))
        for begin, end in ((0, 3), (3, 4), (4, 9), (9, 10)):
            answer = tus.patch(url, begin, DATA[begin:end])
            assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(end))
        assert stored(tus, url) == DATA
        assert completed == [tus.id_of(url)]

    def test_every_answer_names_the_version(self, tus: Tus, base_url: str) -> None:
        url = tus.create(10)
        anonymous = Tus(Api(base_url, None))
        answers = [
            tus.head(url),
            tus.patch(url, 0, b"0"),
            tus.patch(url, 7, b"0"),
            tus.patch(url, 1, b"0", Content_Type="text/plain"),
            tus.patch(url, 1, b"0" * 100),
            tus.patch(url, 1, b"0", Upload_Checksum="sha1 x"),
            tus.head(f"{url}0"),
            tus.request("GET", url),
            tus.post(),
            tus.post(5, Tus_Resumable="2.0.0"),
            tus.delete(url),
            anonymous.post(5),
        ]
        assert [answer.status_code for answer in answers] == [
            200,
            204,
            409,
            415,
            413,
            400,
            404,
            405,
            400,
            412,
            204,
            401,
        ]
        assert {answer.headers["Tus-Resumable"] for answer in answers} == {"1.0.0"}

    @pytest.mark.parametrize("version", [None, "0.2.2", "1.0.1", "nonsense"])
    def test_another_version_is_refused_and_nothing_happens(self, tus: Tus, version: str | None) -> None:
        answer = tus.post(5, Tus_Resumable=version)
        assert_problem(answer, 412, "unsupported_version")
        assert answer.headers["Tus-Version"] == "1.0.0"
        assert not UploadSession.objects.exists()
        url = tus.create(10)
        for refused in (
            tus.patch(url, 0, DATA, Tus_Resumable=version),
            tus.head(url, Tus_Resumable=version),
            tus.request("DELETE", url, headers={"Tus-Resumable": version}),
        ):
            assert (refused.status_code, refused.headers["Tus-Version"]) == (412, "1.0.0")
        assert tus.offset(url) == 0

    @pytest.mark.parametrize("version", [None, "nonsense"])
    def test_options_tells_what_there_is(self, tus: Tus, version: str | None, base_url: str) -> None:
        anonymous = Tus(Api(base_url, None))
        for url in (tus.files, tus.create(10)):
            answer = anonymous.request("OPTIONS", url, headers={"Tus-Resumable": version})
            assert answer.status_code == 204
            assert answer.headers["Tus-Version"] == "1.0.0"
            assert answer.headers["Tus-Extension"].split(",") == [
                "creation",
                "creation-with-upload",
                "creation-defer-length",
                "expiration",
                "checksum",
                "termination",
                "concatenation",
                "concatenation-unfinished",
            ]
            assert answer.headers["Tus-Max-Size"] == "40000"
            assert answer.headers["Tus-Checksum-Algorithm"] == "sha256,sha1,md5,crc32"

    def test_a_method_may_be_overridden(self, tus: Tus) -> None:
        url = tus.create(10)
        patched = tus.request(
            "POST",
            url,
            DATA[:5],
            {"X-HTTP-Method-Override": "PATCH", "Content-Type": OFFSET_STREAM, "Upload-Offset": "0"},
        )
        assert (patched.status_code, patched.headers["Upload-Offset"]) == (204, "5")
        looked = tus.request("POST", url, headers={"X-HTTP-Method-Override": "HEAD"})
        assert (looked.status_code, looked.headers["Upload-Offset"]) == (200, "5")
        assert tus.request("POST", url, headers={"X-HTTP-Method-Override": "DELETE"}).status_code == 204
        assert tus.head(url).status_code == 404
        assert tus.request("POST", url, headers={"X-HTTP-Method-Override": "GET"}).status_code == 405

    def test_head_tells_offset_and_length_and_is_not_stored(self, tus: Tus) -> None:
        url = tus.create(10)
        for offset in (0, 6, 10):
            answer = tus.head(url)
            assert answer.status_code == 200
            assert (answer.headers["Upload-Offset"], answer.headers["Upload-Length"]) == (str(offset), "10")
            assert answer.headers["Cache-Control"] == "no-store"
            tus.patch(url, offset, DATA[offset : 6 if offset < 6 else 10])

    def test_what_is_not_there_has_no_offset(self, tus: Tus) -> None:
        for name in ("00000000-0000-0000-0000-000000000000", "nonsense", "x" * 300):
            answer = tus.head(f"{tus.files}{name}")
            assert (answer.status_code, answer.content) == (404, b"")
            assert "Upload-Offset" not in answer.headers
            assert_problem(tus.patch(f"{tus.files}{name}", 0, b"0"), 404, "not_found")

    @pytest.mark.parametrize("content_type", [None, "application/octet-stream", "text/plain; charset=x"])
    def test_another_content_type_is_refused(self, tus: Tus, content_type: str | None) -> None:
        url = tus.create(10)
        assert_problem(tus.patch(url, 0, DATA, Content_Type=content_type), 415, "unsupported_media_type")
        assert tus.offset(url) == 0

    @pytest.mark.parametrize("offset", [0, 3, 6, 10])
    def test_another_offset_is_a_conflict_that_tells_the_right_one(self, tus: Tus, offset: int) -> None:
        url = tus.create(10)
        tus.patch(url, 0, DATA[:5])
        answer = tus.patch(url, offset, DATA[offset:])
        assert_problem(answer, 409, "offset_mismatch")
        assert answer.headers["Upload-Offset"] == "5"
        assert tus.offset(url) == 5
        assert tus.patch(url, 5, DATA[5:]).status_code == 204
        assert stored(tus, url) == DATA

    @pytest.mark.parametrize("offset", [None, "", "-1", "1.5", "+1", "abc", str(2**70), "٣"])
    def test_an_offset_that_is_none_is_refused(self, tus: Tus, offset: str | None) -> None:
        url = tus.create(10)
        sent = None if offset is None else offset.encode()
        answer = tus.request("PATCH", url, DATA, {"Content-Type": OFFSET_STREAM, "Upload-Offset": sent})  # type: ignore[dict-item]
        assert_problem(answer, 400, "bad_field")
        assert tus.offset(url) == 0

    def test_what_is_longer_than_the_file_is_refused_and_the_upload_lives(self, tus: Tus) -> None:
        url = tus.create(10)
        assert_problem(tus.patch(url, 0, DATA + b"!"), 413, "too_large")
        assert tus.offset(url) == 0
        tus.patch(url, 0, DATA[:5])
        assert_problem(tus.patch(url, 5, DATA), 413, "too_large")
        assert tus.patch(url, 5, DATA[5:]).status_code == 204
        assert stored(tus, url) == DATA

    @pytest.mark.parametrize("base_url", ["asgi"], indirect=True)
    def test_bytes_of_unknown_number_are_cut_at_the_end_of_the_file(self, tus: Tus) -> None:
        url = tus.create(10)
        answer = tus.patch(url, 0, iter([DATA, b"more"]))
        assert_problem(answer, 413, "too_large")
        assert tus.patch(url, 10).status_code == 204
        assert stored(tus, url) == DATA

    def test_an_empty_patch_changes_nothing(self, tus: Tus) -> None:
        url = tus.create(10)
        tus.patch(url, 0, DATA[:5])
        answer = tus.patch(url, 5)
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, "5")
        tus.patch(url, 5, DATA[5:])
        answer = tus.patch(url, 10)
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, "10")

    def test_the_last_patch_again_is_a_conflict(self, tus: Tus, completed: list[str]) -> None:
        url = tus.create(10)
        tus.patch(url, 0, DATA)
        answer = tus.patch(url, 0, DATA)
        assert_problem(answer, 409, "offset_mismatch")
        assert answer.headers["Upload-Offset"] == "10"
        assert_problem(tus.patch(url, 10, b"more"), 413, "too_large")
        assert len(completed) == 1

    def test_numbers_beyond_four_bytes_survive(self, tus: Tus, uploads: Any) -> None:
        uploads(MAX_FILE_SIZE=2**53, MAX_RESERVED_BYTES=2**60, MAX_STORED_BYTES=2**60, MIN_FREE_DISK_BYTES=-(2**60))
        url = tus.create(2**53 - 1)
        answer = tus.head(url)
        assert answer.headers["Upload-Length"] == str(2**53 - 1)
        assert_problem(tus.patch(url, 2**33, b"0"), 409, "offset_mismatch")

    def test_the_location_is_a_path(self, tus: Tus) -> None:
        answer = tus.post(10)
        assert answer.headers["Location"].startswith("/api/v1/upload/files/")


class TestCreation:
    def test_one_of_length_and_deferred_length_is_needed(self, tus: Tus) -> None:
        for answer in (tus.post(), tus.post(5, Upload_Defer_Length="1"), tus.post(Upload_Defer_Length="0")):
            assert_problem(answer, 400, "bad_field")
        assert not UploadSession.objects.exists()

    @pytest.mark.parametrize("length", ["-1", "", "1.5", "abc", "+5", "9" * 40])
    def test_a_length_that_is_none_is_refused(self, tus: Tus, length: str) -> None:
        assert_problem(tus.post(Upload_Length=length), 400, "bad_field")

    def test_a_length_beyond_the_largest_is_refused(self, tus: Tus) -> None:
        assert_problem(tus.post(40_001), 413, "too_large")
        assert tus.post(40_000).status_code == 201

    def test_an_empty_file_is_complete_at_once(self, tus: Tus, completed: list[str]) -> None:
        url = tus.create(0)
        answer = tus.head(url)
        assert (answer.headers["Upload-Offset"], answer.headers["Upload-Length"]) == ("0", "0")
        assert stored(tus, url) == b""
        assert tus.patch(url, 0).status_code == 204
        assert completed == [tus.id_of(url)]

    def test_metadata_comes_back_as_it_was(self, tus: Tus) -> None:
        for sent in ("filename YS5iaW4=,empty,odd /w==", "empty ,filename YS5iaW4="):
            url = tus.create(5, Upload_Metadata=sent)
            assert tus.head(url).headers["Upload-Metadata"] == sent
        assert "Upload-Metadata" not in tus.head(tus.create(5)).headers

    def test_metadata_is_there_for_others_too(self, tus: Tus) -> None:
        sent = metadata(filename="ä.bin", album="Sommer", raw=b"\xff", nul=b"\0")
        document = tus.api.status(tus.id_of(tus.create(5, Upload_Metadata=sent))).json()
        assert document["filename"] == "ä.bin"
        assert document["metadata"] == {"filename": "ä.bin", "album": "Sommer"}

    @pytest.mark.parametrize(
        "sent",
        ["a YQ==,a YQ==", "a %%%", "b YQ==,,c YQ==", "a  YQ==", "a YQ== YQ==", ",", "a YQ==,", "a YQ", "ä YQ=="],
    )
    def test_bad_metadata_is_refused(self, tus: Tus, sent: str) -> None:
        answer = tus.request("POST", tus.files, headers={"Upload-Length": "5", "Upload-Metadata": sent.encode()})  # type: ignore[dict-item]
        assert_problem(answer, 400, "bad_metadata")
        assert not UploadSession.objects.exists()

    def test_a_name_is_a_label(self, tus: Tus) -> None:
        url = tus.create(5, Upload_Metadata=metadata(filename="../../etc/a\r\nX: y.bin"))
        assert tus.api.status(tus.id_of(url)).json()["filename"] == "aX_ y.bin"
        assert_problem(tus.post(5, Upload_Metadata=metadata(filename="a\0.bin")), 400, "bad_filename")

    @pytest.mark.parametrize(
        ("sent", "name", "mime_type"),
        [
            ({}, "upload.bin", "application/octet-stream"),
            ({"filetype": "application/pdf"}, "upload.pdf", "application/pdf"),
            ({"filetype": "application/x-strange"}, "upload.bin", None),
            ({"name": "a.pdf", "type": "application/pdf"}, "a.pdf", "application/pdf"),
            ({"filename": "a.pdf", "filetype": "application/octet-stream"}, "a.pdf", "application/pdf"),
        ],
    )
    def test_without_a_name_there_is_one(
        self, tus: Tus, sent: dict[str, str], name: str, mime_type: str | None
    ) -> None:
        answer = tus.post(5, Upload_Metadata=metadata(**sent) or None)
        if mime_type is None:
            assert_problem(answer, 400, "type_not_allowed")
            return
        document = tus.api.status(tus.id_of(answer.headers["Location"])).json()
        assert (document["filename"], document["mime_type"]) == (name, mime_type)

    def test_a_suffix_that_is_not_allowed_is_refused(self, tus: Tus) -> None:
        assert_problem(tus.post(5, Upload_Metadata=metadata(filename="a.exe")), 400, "extension_not_allowed")

    def test_two_alike_are_two(self, tus: Tus) -> None:
        assert tus.create(5) != tus.create(5)

    def test_another_content_type_without_content_is_accepted(self, tus: Tus) -> None:
        assert tus.post(5, Content_Type="application/x-www-form-urlencoded").status_code == 201

    def test_it_counts_as_init_does(self, tus: Tus, uploads: Any) -> None:
        uploads(INIT_RATE_PER_ADDRESS="2/min")
        assert [tus.post(5).status_code for _ in range(3)] == [201, 201, 429]


class TestDeferredLength:
    def test_the_length_comes_later(self, tus: Tus) -> None:
        url = tus.create()
        looked = tus.head(url)
        assert looked.headers["Upload-Defer-Length"] == "1"
        assert "Upload-Length" not in looked.headers
        assert tus.patch(url, 0, DATA[:6]).status_code == 204
        assert tus.patch(url, 6, DATA[6:], Upload_Length="10").status_code == 204
        looked = tus.head(url)
        assert (looked.headers["Upload-Offset"], looked.headers["Upload-Length"]) == ("10", "10")
        assert "Upload-Defer-Length" not in looked.headers
        assert stored(tus, url) == DATA

    def test_a_length_once_set_stays(self, tus: Tus) -> None:
        url = tus.create()
        tus.patch(url, 0, DATA[:6], Upload_Length="10")
        assert_problem(tus.patch(url, 6, DATA[6:8], Upload_Length="12"), 400, "size_conflict")
        assert tus.head(url).headers["Upload-Length"] == "10"
        assert tus.patch(url, 6, DATA[6:], Upload_Length="10").status_code == 204

    def test_a_length_that_cannot_be_is_refused(self, tus: Tus) -> None:
        url = tus.create()
        tus.patch(url, 0, DATA[:6])
        assert_problem(tus.patch(url, 6, b"", Upload_Length="5"), 400, "bad_size")
        assert_problem(tus.patch(url, 6, b"", Upload_Length="40001"), 413, "too_large")
        assert_problem(tus.patch(url, 6, b"", Upload_Length="x"), 400, "bad_field")
        assert tus.head(url).headers["Upload-Defer-Length"] == "1"

    def test_what_is_kept_lies_before_the_end(self, tus: Tus) -> None:
        url = tus.create()
        tus.patch(url, 0, DATA[:7])
        assert_problem(tus.api.complete(tus.id_of(url), total_size=6, file_hash=sha256(DATA)), 409, "size_conflict")
        assert tus.offset(url) == 7
        assert tus.patch(url, 7, DATA[7:], Upload_Length="10").status_code == 204
        assert stored(tus, url) == DATA

    def test_what_is_refused_for_its_offset_sets_none(self, tus: Tus) -> None:
        url = tus.create()
        tus.patch(url, 0, DATA[:7])
        for offset in (0, 8):
            assert_problem(tus.patch(url, offset, b"", Upload_Length="9"), 409, "offset_mismatch")
        assert tus.head(url).headers["Upload-Defer-Length"] == "1"
        assert tus.patch(url, 7, DATA[7:], Upload_Length="10").status_code == 204

    @pytest.mark.parametrize("size", [0, 3, 4, 10])
    def test_what_is_there_can_be_declared_the_whole(self, tus: Tus, size: int) -> None:
        url = tus.create()
        tus.patch(url, 0, DATA[:size])
        answer = tus.patch(url, size, Upload_Length=str(size))
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(size))
        assert stored(tus, url) == DATA[:size]

    def test_it_is_cut_at_the_largest_size(self, tus: Tus, uploads: Any) -> None:
        uploads(MAX_FILE_SIZE=8)
        url = tus.create()
        assert_problem(tus.patch(url, 0, DATA), 413, "too_large")
        answer = tus.patch(url, 0, iter([DATA]))
        assert answer.status_code in (411, 413)
        assert tus.offset(url) <= 8


class TestCreationWithUpload:
    @pytest.mark.parametrize(("body", "status"), [(b"", 201), (b"0", 413)])
    def test_an_empty_file_has_none(self, tus: Tus, body: bytes, status: int) -> None:
        answer = tus.post(0, iter([body] if body else []), Content_Type=OFFSET_STREAM)
        assert answer.status_code in (status, 411)  # Python's own WSGI server hands no chunked bodies over.

    @pytest.mark.parametrize(
        ("body", "headers", "status"),
        [
            (b"\x7fELF".ljust(10), {}, 422),
            (DATA, {"Upload_Checksum": "crc32 AAAAAA=="}, 460),
        ],
        ids=["an executable", "another checksum"],
    )
    def test_first_bytes_that_are_refused_leave_nothing(
        self, tus: Tus, body: bytes, headers: dict[str, str], status: int
    ) -> None:
        assert tus.post(10, body, **headers).status_code == status
        assert not UploadSession.objects.exists()

    def test_the_first_bytes_may_come_with_it(self, tus: Tus) -> None:
        answer = tus.post(10, DATA[:5])
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, "5")
        url = answer.headers["Location"]
        assert tus.patch(url, 5, DATA[5:]).status_code == 204
        assert stored(tus, url) == DATA

    def test_and_all_of_them(self, tus: Tus) -> None:
        answer = tus.post(10, DATA)
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, "10")
        assert stored(tus, answer.headers["Location"]) == DATA

    def test_more_than_the_length_is_refused_and_nothing_begun(self, tus: Tus) -> None:
        assert_problem(tus.post(5, DATA), 413, "too_large")
        assert not UploadSession.objects.exists()

    def test_bytes_of_another_type_are_refused_and_nothing_begun(self, tus: Tus) -> None:
        assert_problem(tus.post(10, DATA, Content_Type="text/plain"), 415, "unsupported_media_type")
        assert not UploadSession.objects.exists()


class TestExpiration:
    def test_unfinished_uploads_tell_when_they_expire(self, tus: Tus) -> None:
        created = tus.post(10)
        url = created.headers["Location"]
        for answer in (created, tus.patch(url, 0, DATA[:5]), tus.head(url)):
            expires = parsedate_to_datetime(answer.headers["Upload-Expires"])
            assert answer.headers["Upload-Expires"].endswith(" GMT")
            assert abs(expires - timezone.now() - timedelta(hours=24)) < timedelta(minutes=1)
        assert "Upload-Expires" not in tus.patch(url, 5, DATA[5:]).headers
        assert "Upload-Expires" not in tus.head(url).headers

    @pytest.mark.parametrize("size", [3, 4])
    def test_bytes_move_it_on(self, tus: Tus, size: int) -> None:
        url = tus.create(10)
        UploadSession.objects.update(expires_at=timezone.now() + timedelta(hours=1))
        told = tus.patch(url, 0, DATA[:size]).headers["Upload-Expires"]
        assert parsedate_to_datetime(told) - timezone.now() > timedelta(hours=23)
        assert tus.head(url).headers["Upload-Expires"] == told

    def test_an_expired_upload_is_gone_with_its_bytes(self, tus: Tus, store_root: Path) -> None:
        url = tus.create(10)
        tus.patch(url, 0, DATA[:5])
        UploadSession.objects.update(expires_at=timezone.now())
        assert tus.head(url).status_code == 410
        assert_problem(tus.patch(url, 5, DATA[5:]), 410, "session_expired")
        assert list((store_root / "staging").iterdir()) == []

    def test_a_finished_one_stays(self, tus: Tus) -> None:
        url = tus.create(10)
        tus.patch(url, 0, DATA)
        UploadSession.objects.update(expires_at=timezone.now())
        assert tus.offset(url) == 10


CHECKSUMS = {
    "sha256": hashlib.sha256,
    "sha1": hashlib.sha1,
    "md5": hashlib.md5,
}


def checksum(algorithm: str, data: bytes) -> str:
    digest = zlib.crc32(data).to_bytes(4, "big") if algorithm == "crc32" else CHECKSUMS[algorithm](data).digest()
    return f"{algorithm} {base64.b64encode(digest).decode()}"


class TestChecksum:
    @pytest.mark.parametrize("algorithm", ["sha256", "sha1", "md5", "crc32"])
    def test_what_matches_is_taken(self, tus: Tus, algorithm: str) -> None:
        url = tus.create(10)
        for begin, end in ((0, 3), (3, 9), (9, 10)):
            part = DATA[begin:end]
            answer = tus.patch(url, begin, part, Upload_Checksum=checksum(algorithm, part))
            assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(end))
        assert stored(tus, url) == DATA

    @pytest.mark.parametrize("kept", [0, 3, 4, 6])
    def test_what_does_not_leaves_everything_as_it_was(self, tus: Tus, kept: int) -> None:
        url = tus.create(10)
        tus.patch(url, 0, DATA[:kept])
        answer = tus.patch(url, kept, b"x" * (10 - kept), Upload_Checksum=checksum("sha1", b"other"))
        assert_problem(answer, 460, "checksum_mismatch")
        assert tus.offset(url) == kept
        rest = DATA[kept:]
        assert tus.patch(url, kept, rest, Upload_Checksum=checksum("sha1", rest)).status_code == 204
        assert stored(tus, url) == DATA

    @pytest.mark.parametrize(
        "field", ["sha512 AAAA", "sha1", "sha1 %%%", "sha1 AAAA", "SHA1 " + "A" * 28, "", "crc32 AAAA"]
    )
    def test_a_bad_field_is_refused(self, tus: Tus, field: str) -> None:
        url = tus.create(10)
        assert_problem(tus.patch(url, 0, DATA, Upload_Checksum=field), 400, "bad_checksum")
        assert tus.offset(url) == 0

    def test_with_the_creation_too(self, tus: Tus) -> None:
        assert tus.post(10, DATA, Upload_Checksum=checksum("sha256", DATA)).status_code == 201
        assert_problem(tus.post(10, DATA, Upload_Checksum=checksum("sha256", b"")), 460, "checksum_mismatch")


class TestTermination:
    @pytest.mark.parametrize("sent", [0, 5, 10])
    def test_in_any_state_it_is_gone_with_its_bytes(self, tus: Tus, store_root: Path, sent: int) -> None:
        url = tus.create(10)
        tus.patch(url, 0, DATA[:sent])
        assert tus.delete(url).status_code == 204
        assert [path for path in store_root.rglob("*") if path.is_file() and path.name != "store-id"] == []
        assert [tus.head(url).status_code, tus.patch(url, sent).status_code, tus.delete(url).status_code] == [404] * 3

    def test_what_was_never_there_is_not_found(self, tus: Tus) -> None:
        assert_problem(tus.delete(f"{tus.files}nonsense"), 404, "not_found")


class TestConcatenation:
    @staticmethod
    def partial(tus: Tus, data: bytes, sent: int | None = None) -> str:
        url = tus.create(len(data), Upload_Concat="partial")
        assert tus.patch(url, 0, data[:sent]).status_code == 204
        return url

    @staticmethod
    def final(tus: Tus, *urls: str, **headers: str | None) -> Response:
        return tus.post(None, None, Upload_Concat=f"final;{' '.join(urls)}", **headers)

    @pytest.mark.parametrize("cuts", [(3,), (4,), (1, 2, 9), (4, 8)])
    def test_parts_become_a_file(self, tus: Tus, completed: list[str], cuts: tuple[int, ...]) -> None:
        urls = [self.partial(tus, DATA[a:b]) for a, b in zip((0, *cuts), (*cuts, 10), strict=True)]
        absolute = [tus.absolute(url) if n % 2 else url for n, url in enumerate(urls)]
        answer = self.final(tus, *absolute, Upload_Metadata=metadata(filename="whole.bin"))
        assert answer.status_code == 201
        url = answer.headers["Location"]
        looked = tus.head(url)
        assert (looked.headers["Upload-Offset"], looked.headers["Upload-Length"]) == ("10", "10")
        assert looked.headers["Upload-Concat"] == f"final;{' '.join(absolute)}"
        assert stored(tus, url) == DATA
        assert completed == [tus.id_of(url)]
        # The parts went with it.
        assert {tus.head(part).status_code for part in urls} == {404}

    def test_a_part_is_no_file(self, tus: Tus, completed: list[str]) -> None:
        url = self.partial(tus, DATA)
        looked = tus.head(url)
        assert (looked.headers["Upload-Concat"], looked.headers["Upload-Offset"]) == ("partial", "10")
        assert completed == []
        assert tus.api.get("").json()["results"] == []
        answer = tus.api.complete(tus.id_of(url), file_hash=sha256(DATA))
        assert_problem(answer, 409, "partial_upload")
        assert tus.api.get(f"file/{tus.id_of(url)}").status_code == 404

    def test_a_part_is_judged_by_neither_name_nor_content(self, tus: Tus) -> None:
        picture = metadata(filename="a.png", filetype="image/png")
        png = b"\x89PNG\r\n\x1a\n".ljust(64, b"0")
        first = tus.create(32, Upload_Concat="partial", Upload_Metadata=metadata(filename="a.exe"))
        second = self.partial(tus, b"MZ" * 16)
        assert tus.patch(first, 0, png[:32]).status_code == 204
        url = self.final(tus, first, second, Upload_Metadata=picture).headers["Location"]
        assert stored(tus, url) == png[:32] + b"MZ" * 16
        refused = self.final(tus, self.partial(tus, b"MZ" * 32), Upload_Metadata=picture)
        assert tus.head(refused.headers["Location"]).status_code == 410

    def test_one_part_may_be_there_twice_and_in_two_files(self, tus: Tus) -> None:
        a, b = self.partial(tus, b"012"), self.partial(tus, b"34567", sent=2)
        twice = self.final(tus, a, b, a).headers["Location"]
        other = self.final(tus, b, a).headers["Location"]
        assert "Upload-Offset" not in tus.head(twice).headers
        assert tus.patch(b, 2, b"567").status_code == 204
        assert stored(tus, twice) == b"01234567012"
        assert stored(tus, other) == b"34567012"
        assert {tus.head(part).status_code for part in (a, b)} == {404}

    def test_unfinished_parts_are_waited_for(self, tus: Tus, completed: list[str]) -> None:
        a, b = self.partial(tus, DATA[:6]), tus.create(4, Upload_Concat="partial")
        answer = self.final(tus, a, b)
        url = answer.headers["Location"]
        looked = tus.head(url)
        assert (looked.status_code, looked.headers["Upload-Length"]) == (200, "10")
        assert "Upload-Offset" not in looked.headers
        assert_problem(tus.api.complete(tus.id_of(url), file_hash=sha256(DATA)), 409, "partials_unfinished")
        tus.patch(b, 0, DATA[6:])
        assert tus.offset(url) == 10
        assert completed == [tus.id_of(url)]

    def test_a_file_made_of_parts_takes_no_bytes(self, tus: Tus) -> None:
        a, b = self.partial(tus, DATA[:6]), tus.create(4, Upload_Concat="partial")
        url = self.final(tus, a, b).headers["Location"]
        for _ in range(2):
            assert_problem(tus.patch(url, 0, DATA), 403, "final_upload")
            assert_problem(tus.api.put(tus.id_of(url), 0, DATA[:4]), 409, "final_upload")
            tus.patch(b, 0, DATA[6:])
        assert stored(tus, url) == DATA

    def test_what_cannot_be_joined_is_refused(self, tus: Tus, strangers_tus: Tus, uploads: Any) -> None:
        mine, whole = self.partial(tus, DATA), tus.create(5)
        refusals = [
            (self.final(tus), 400),
            (tus.post(Upload_Concat="finally"), 400),
            (tus.post(5, Upload_Concat=f"final;{mine}"), 400),
            (tus.post(data=DATA, Upload_Concat=f"final;{mine}"), 400),
            (self.final(tus, whole), 400),
            (self.final(tus, mine, "/nowhere/else"), 400),
            (self.final(tus, f"{tus.files}00000000-0000-0000-0000-000000000000"), 404),
            (self.final(strangers_tus, mine), 404),
            (self.final(tus, tus.create(Upload_Concat="partial")), 400),
        ]
        assert [answer.status_code for answer, _ in refusals] == [status for _, status in refusals]
        uploads(MAX_FILE_SIZE=19)
        assert_problem(self.final(tus, mine, mine), 413, "too_large")
        assert not UploadSession.objects.filter(concat="final").exists()

    def test_the_bytes_are_counted_once(self, tus: Tus, uploads: Any) -> None:
        uploads(MAX_RESERVED_BYTES=16, MAX_STORED_BYTES=16)
        a, b = self.partial(tus, DATA[:6]), tus.create(4, Upload_Concat="partial")
        assert_problem(self.final(tus, a, b, a, a), 429, "quota_exceeded")
        url = self.final(tus, a, b, a).headers["Location"]
        assert usage().reserved_bytes == 16
        tus.patch(b, 0, DATA[6:])
        assert stored(tus, url) == DATA + DATA[:6]
        assert (usage().reserved_bytes, usage().stored_bytes, usage().open_sessions) == (0, 16, 0)

    def test_there_must_be_room(self, tus: Tus, uploads: Any) -> None:
        a = self.partial(tus, DATA)
        uploads(MIN_FREE_DISK_BYTES=2**60)
        assert_problem(self.final(tus, a), 507, "storage_full")

    def test_a_damaged_part_is_asked_for_again(self, tus: Tus, store_root: Path) -> None:
        a, b, c = self.partial(tus, b"01234"), self.partial(tus, b"567890"), tus.create(1, Upload_Concat="partial")
        url = self.final(tus, a, b, c).headers["Location"]
        damage(store_root, tus, b, 5)
        tus.patch(c, 0, b"!")
        assert "Upload-Offset" not in tus.head(url).headers
        assert tus.offset(b) == 4
        assert tus.offset(a) == 5
        assert tus.patch(b, 4, b"90").status_code == 204
        assert stored(tus, url) == b"01234567890!"

    @pytest.mark.parametrize("how", ["removed", "expired", "cancelled"])
    def test_a_part_that_ends_takes_the_file_with_it(self, tus: Tus, how: str) -> None:
        a, b = self.partial(tus, DATA[:6]), tus.create(4, Upload_Concat="partial")
        url = self.final(tus, a, b).headers["Location"]
        if how == "removed":
            tus.delete(b)
        elif how == "cancelled":
            tus.api.post("cancel", {"upload_id": tus.id_of(b)})
        else:
            UploadSession.objects.filter(upload_id=tus.id_of(b)).update(expires_at=timezone.now())
            assert tus.head(b).status_code == 410
        assert tus.head(url).status_code == 410
        document = tus.api.status(tus.id_of(url)).json()
        assert (document["status"], document["error"]["code"]) == ("failed", "partial_gone")
        assert how in document["error"]["detail"]

    def test_deleting_the_file_leaves_its_parts(self, tus: Tus) -> None:
        a, b = self.partial(tus, DATA[:6]), tus.create(4, Upload_Concat="partial")
        url = self.final(tus, a, b).headers["Location"]
        assert tus.delete(url).status_code == 204
        assert tus.offset(a) == 6
        again = self.final(tus, a, b).headers["Location"]
        tus.patch(b, 0, DATA[6:])
        assert stored(tus, again) == DATA

    def test_empty_parts_make_an_empty_file(self, tus: Tus) -> None:
        a = tus.create(0, Upload_Concat="partial")
        url = self.final(tus, a, a).headers["Location"]
        assert tus.offset(url) == 0
        assert stored(tus, url) == b""

    def test_cleanup_joins_what_a_killed_server_left(self, tus: Tus) -> None:
        a, b = self.partial(tus, DATA[:6]), tus.create(4, Upload_Concat="partial")
        url = self.final(tus, a, b).headers["Location"]
        tus.api.send(tus.id_of(b), DATA[6:], 4)
        call_command("cleanup_expired_uploads")
        assert session_of(tus.id_of(url)).status == "completed"


def usage() -> OwnerUsage:
    return OwnerUsage.objects.get()


def damage(store_root: Path, tus: Tus, url: str, offset: int) -> None:
    path = store_root / "staging" / f"{session_of(tus.id_of(url)).upload_id.hex}.part"
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"#")


class TestAFullDisk:
    def test_what_was_stored_before_it_was_full_stays(
        self, tus: Tus, uploads: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        uploads(CHUNK_SIZE=MIB, MAX_FILE_SIZE=10 * MIB)
        data = noise(3 * MIB)
        url = tus.create(len(data))
        tus.patch(url, 0, data[: MIB + 7])

        def write_while_there_is_room(fd: int, block: Any, offset: int) -> None:
            if offset >= 2 * MIB:
                raise OSError(errno.ENOSPC, "full")
            pwrite_all(fd, block, offset)

        with monkeypatch.context() as full:
            full.setattr(writer, "pwrite_all", write_while_there_is_room)
            assert_problem(tus.patch(url, MIB + 7, data[MIB + 7 :]), 507, "storage_full")
        assert tus.offset(url) == 2 * MIB
        assert tus.patch(url, 2 * MIB, data[2 * MIB :]).status_code == 204
        assert stored(tus, url) == data


class TestTheVerdict:
    def test_a_refused_file_never_looks_finished(self, tus: Tus) -> None:
        url = tus.create(64, Upload_Metadata=metadata(filename="a.png", filetype="image/png"))
        answer = tus.patch(url, 0, b"no picture".ljust(64))
        assert_problem(answer, 422, "type_mismatch")
        assert tus.offset(url) == 0

    def test_what_may_not_be_stored_any_more_never_looks_finished(self, tus: Tus, uploads: Any) -> None:
        url = tus.create(10)
        uploads(MAX_STORED_BYTES=9)
        assert_problem(tus.patch(url, 0, DATA), 429, "quota_exceeded")
        assert tus.head(url).status_code == 423
        uploads(MAX_STORED_BYTES=10)
        assert tus.offset(url) == 10
        assert stored(tus, url) == DATA

    @pytest.mark.parametrize("end", [Status.COMPLETED, Status.FAILED, Status.CANCELLED])
    def test_what_ends_while_somebody_asks_is_told_as_ended(
        self, tus: Tus, monkeypatch: pytest.MonkeyPatch, end: str
    ) -> None:
        url = tus.create(10)

        def end_meanwhile(session: UploadSession) -> None:
            UploadSession.objects.filter(pk=session.pk).update(status=end, error_code="late")
            ledger.supersede_append(session)

        monkeypatch.setattr("apps.core.services.resumable_upload_service.take_over", end_meanwhile)
        assert tus.head(url).status_code == (200 if end == Status.COMPLETED else 410)

    @pytest.mark.parametrize(
        "error", [Unavailable("Trouble."), Throttled("Slowly."), StorageFull(), Conflict("Again.")]
    )
    def test_what_may_pass_does_not_end_the_upload_for_who_asks(
        self, tus: Tus, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        url = tus.create(10)

        def fail(*args: Any, **kwargs: Any) -> None:
            raise error

        monkeypatch.setattr(ResumableUploadService, "status", fail)
        answer = tus.head(url)
        assert (answer.status_code, answer.headers["Retry-After"]) == (423, "1")
        assert tus.patch(url, 0, DATA).status_code != 423

    def test_a_refusal_at_the_end_is_told_and_final(self, tus: Tus, uploads: Any, completed: list[str]) -> None:
        uploads(VALIDATORS=(f"{__name__}.refuse",))
        url = tus.create(10)
        assert_problem(tus.patch(url, 0, DATA), 422, "content_refused")
        assert tus.head(url).status_code == 410
        assert_problem(tus.patch(url, 0, DATA), 410, "content_refused")
        assert completed == []

    def test_meanwhile_it_is_locked(self, tus: Tus, uploads: Any) -> None:
        uploads(COMPLETE_WAIT=0.2)
        url = tus.create(10)
        tus.patch(url, 0, DATA[:5])
        session = session_of(tus.id_of(url))
        # Somebody assembles it, and is slow.
        UploadSession.objects.filter(pk=session.pk).update(
            status="assembling", lease_expires_at=timezone.now() + timedelta(hours=1)
        )
        looked = tus.head(url)
        assert (looked.status_code, looked.headers["Retry-After"]) == (423, "1")
        assert "Upload-Offset" not in looked.headers
        assert_problem(tus.patch(url, 5, DATA[5:]), 423, "assembling")
        answer = tus.patch(url, 10)
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, "10")

    def test_what_others_sent_is_finished_by_who_looks(self, tus: Tus, completed: list[str]) -> None:
        url = tus.create(10)
        tus.api.send(tus.id_of(url), DATA, 4)
        assert tus.offset(url) == 10
        assert completed == [tus.id_of(url)]

    def test_damage_is_asked_for_again(self, tus: Tus, store_root: Path) -> None:
        url = tus.create(10)
        tus.patch(url, 0, DATA[:9])
        damage(store_root, tus, url, 5)
        assert_problem(tus.patch(url, 9, DATA[9:]), 409, "missing_chunks")
        assert tus.offset(url) == 4
        # What is recorded behind it passes over.
        assert tus.patch(url, 4, DATA[4:]).status_code == 204
        assert stored(tus, url) == DATA
        assert tus.api.status(tus.id_of(url)).json()["file"]["sha256"] == sha256(DATA)


def refuse(file: Any, session: UploadSession) -> None:
    from apps.core.errors import ContentRefused

    raise ContentRefused("No.")


class TestCors:
    ORIGIN = "https://app.example.com"

    @pytest.mark.parametrize("is_upload", [False, True])
    def test_pages_of_other_origins_may_use_it_if_they_are_allowed(
        self, tus: Tus, uploads: Any, base_url: str, is_upload: bool
    ) -> None:
        uploads(CORS_ALLOWED_ORIGINS=(self.ORIGIN,))
        url = tus.create(10) if is_upload else tus.files
        preflight = {"Origin": self.ORIGIN, "Access-Control-Request-Method": "PATCH", "Tus-Resumable": None}
        answer = Tus(Api(base_url, None)).request("OPTIONS", url, headers=preflight)
        assert answer.status_code == 204
        assert answer.headers["Access-Control-Allow-Origin"] == self.ORIGIN
        methods = {"PATCH", "HEAD", "DELETE"} if is_upload else {"POST"}
        assert methods <= set(answer.headers["Access-Control-Allow-Methods"].split(", "))
        assert {
            "Authorization",
            "Content-Type",
            "Tus-Resumable",
            "Upload-Checksum",
            "Upload-Concat",
            "Upload-Defer-Length",
            "Upload-Length",
            "Upload-Metadata",
            "Upload-Offset",
            "X-HTTP-Method-Override",
            "X-Request-ID",
            "X-Requested-With",
            "Upload-Complete",
            "Upload-Draft-Interop-Version",
        } <= set(answer.headers["Access-Control-Allow-Headers"].split(", "))

    def test_they_read_what_they_need(self, tus: Tus, uploads: Any) -> None:
        uploads(CORS_ALLOWED_ORIGINS=(self.ORIGIN,))
        answer = tus.post(10, Origin=self.ORIGIN)
        assert {
            "Location",
            "Tus-Extension",
            "Tus-Max-Size",
            "Tus-Resumable",
            "Tus-Version",
            "Upload-Concat",
            "Upload-Defer-Length",
            "Upload-Expires",
            "Upload-Length",
            "Upload-Metadata",
            "Upload-Offset",
        } <= set(answer.headers["Access-Control-Expose-Headers"].split(", "))

    def test_by_default_there_are_none(self, tus: Tus) -> None:
        assert not [name for name in tus.post(10, Origin=self.ORIGIN).headers if name.startswith("Access-Control")]


class TestOwners:
    def test_a_strangers_upload_does_not_exist(self, tus: Tus, strangers_tus: Tus) -> None:
        url = tus.create(10)
        tus.patch(url, 0, DATA[:5])
        for mine in (strangers_tus.head(url), strangers_tus.patch(url, 5, DATA[5:]), strangers_tus.delete(url)):
            assert mine.status_code == 404
        assert tus.offset(url) == 5


class TestCrossingOver:
    def test_begun_here_finished_there(self, tus: Tus) -> None:
        url = tus.create(10)
        tus.patch(url, 0, DATA[:5])
        upload_id = tus.id_of(url)
        tus.api.send(upload_id, DATA, 4, [1, 2])
        assert tus.api.complete(upload_id, file_hash=sha256(DATA)).status_code == 200
        assert stored(tus, url) == DATA

    def test_begun_there_finished_here(self, tus: Tus) -> None:
        upload_id = tus.api.init(DATA)
        tus.api.send(upload_id, DATA, 4, [0, 2])
        url = f"{tus.files}{upload_id}"
        assert tus.offset(url) == 4
        assert tus.patch(url, 4, DATA[4:8]).headers["Upload-Offset"] in ("8", "10")
        assert tus.offset(url) == 10
        assert stored(tus, url) == DATA
