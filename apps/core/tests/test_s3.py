"""Uppy's S3 contract, line by line of the checklist, on real sockets under both drivers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, RequestFactory

from apps.core.errors import Conflict, ContentRefused
from apps.core.http.authentication import Refused
from apps.core.http.exchange import Exchange
from apps.core.models import OwnerUsage
from apps.core.protocols import s3, s3_permits
from apps.core.protocols.s3 import PART_SIZE, signed_endpoint
from apps.core.protocols.s3_transfers import ObjectTransfer
from apps.core.services import assembly
from apps.core.services.principal import Principal
from apps.core.services.receiving import ChunkSink
from apps.core.services.resumable_upload_service import ResumableUploadService

from .api import Api, assert_problem, content_digest, session_of, sha256
from .noise import noise
from .s3_client import S3
from .tus_client import Tus

pytestmark = pytest.mark.integration

APP = "https://app.example.com"
FIRST, LAST = noise(PART_SIZE), b"the end"


@pytest.fixture
def client(api: Api) -> S3:
    return S3(api)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of four bytes."""
    monkeypatch.setattr(s3, "PART_SIZE", 4)


def etag(data: bytes) -> str:
    return f'"{sha256(data)}"'


class TestMultipart:
    def test_parts_arrive_in_any_order(self, client: S3) -> None:
        upload_id = client.create(type="application/octet-stream", metadata={"album": "Sea"})
        assert client.put(upload_id, 2, LAST).headers["ETag"] == etag(LAST)
        assert client.put(upload_id, 1, FIRST).headers["ETag"] == etag(FIRST)
        assert client.parts(upload_id) == [
            {"PartNumber": 1, "Size": PART_SIZE, "ETag": etag(FIRST)},
            {"PartNumber": 2, "Size": len(LAST), "ETag": etag(LAST)},
        ]
        answer = client.complete(upload_id)
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"location": f"{client.api.url}/file/{upload_id}", "key": upload_id}
        assert client.api.http.get(answer.json()["location"]).content == FIRST + LAST
        assert client.api.status(upload_id).json()["metadata"] == {"album": "Sea"}

    @pytest.mark.usefixtures("tiny")
    def test_parts_arrive_at_once(self, client: S3) -> None:
        data = noise(79)
        upload_id = client.create()
        urls = {number: client.sign(upload_id, number) for number in range(1, 21)}
        with ThreadPoolExecutor(6) as pool:
            sent = pool.map(lambda n: client.send(urls[n], data[4 * n - 4 : 4 * n]).status_code, reversed(urls))
            assert set(sent) == {200}
        assert client.complete(upload_id).status_code == 200
        assert client.api.get(f"file/{upload_id}").content == data

    @pytest.mark.usefixtures("tiny")
    def test_a_batch_of_parts_is_signed_at_once(self, client: S3) -> None:
        upload_id = client.create()
        urls = client.get(f"multipart/{upload_id}/batch", params={"key": "a", "partNumbers": "1,2"}).json()
        assert set(urls["presignedUrls"]) == {"1", "2"}
        assert client.send(urls["presignedUrls"]["2"], b"56").status_code == 200
        assert [part["PartNumber"] for part in client.parts(upload_id)] == [2]

    @pytest.mark.usefixtures("tiny")
    def test_a_part_sent_again_has_its_etag(self, client: S3) -> None:
        upload_id = client.create()
        assert client.put(upload_id, 1, b"1234").headers["ETag"] == etag(b"1234")
        assert client.put(upload_id, 1, b"1234").headers["ETag"] == etag(b"1234")
        assert_problem(client.put(upload_id, 1, b"4321"), 409, "chunk_conflict")

    @pytest.mark.usefixtures("tiny")
    def test_completing_again_says_the_same(self, client: S3) -> None:
        upload_id = client.create()
        client.put(upload_id, 1, b"123")
        parts = [{"PartNumber": 1, "ETag": sha256(b"123")}]
        assert client.complete(upload_id, parts).json() == client.complete(upload_id, parts).json()
        assert_problem(client.complete(upload_id, [{"PartNumber": 1, "ETag": "x"}]), 400, "invalid_part")
        assert [part["ETag"] for part in client.parts(upload_id)] == [etag(b"123")]

    @pytest.mark.usefixtures("tiny")
    @pytest.mark.parametrize(
        ("parts", "code"),
        [
            ([{"PartNumber": 1, "ETag": sha256(b"1234")}, {"PartNumber": 2, "ETag": sha256(b"1234")}], "invalid_part"),
            ([{"PartNumber": 1, "ETag": sha256(b"1234")}], "size_conflict"),
            ([{"PartNumber": n, "ETag": sha256(b"1234")} for n in (1, 2, 3)], "invalid_part"),
            ([{"PartNumber": 2, "ETag": sha256(b"1234")}], "bad_field"),
            ([{"PartNumber": 1, "ETag": None}], "bad_field"),
            ([1], "bad_field"),
            ([], "bad_field"),
            ("12", "bad_field"),
        ],
        ids=["another-etag", "one-left-out", "one-too-many", "a-gap", "no-etag", "no-object", "none", "no-list"],
    )
    def test_only_what_is_stored_can_be_completed(self, client: S3, parts: Any, code: str) -> None:
        upload_id = client.create()
        client.put(upload_id, 1, b"1234")
        client.put(upload_id, 2, b"5")
        answer = client.complete(upload_id, parts)
        assert_problem(answer, 409 if code == "size_conflict" else 400, code)
        assert session_of(upload_id).status == "active"
        assert client.complete(upload_id).status_code == 200

    @pytest.mark.usefixtures("tiny")
    def test_a_missing_part_is_named(self, client: S3) -> None:
        upload_id = client.create()
        client.put(upload_id, 2, b"5678")
        parts = [{"PartNumber": 1, "ETag": sha256(b"1234")}, {"PartNumber": 2, "ETag": sha256(b"5678")}]
        assert assert_problem(client.complete(upload_id, parts), 400, "invalid_part")["part_number"] == 1

    @pytest.mark.slow
    @pytest.mark.parametrize("base_url", ["asgi"], indirect=True)
    def test_ten_thousand_parts_are_completed(self, client: S3, uploads: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(s3, "PART_SIZE", 1)
        uploads(CHUNK_SIZE=1, MIN_CHUNK_SIZE=1)
        upload_id = client.create()
        Tus(client.api).patch(f"{client.api.url}/files/{upload_id}", 0, b"x" * 10_000)
        assert len(client.parts(upload_id)) == 10_000
        assert client.complete(upload_id).status_code == 200
        assert client.api.get(f"file/{upload_id}").content == b"x" * 10_000

    @pytest.mark.usefixtures("tiny")
    def test_aborting_frees_what_was_stored(self, client: S3) -> None:
        upload_id = client.create()
        client.put(upload_id, 1, b"1234")
        url = client.sign(upload_id, 2)
        for _ in range(2):
            assert (client.abort(upload_id).status_code, client.abort(upload_id).json()) == (200, {})
        assert OwnerUsage.objects.get().reserved_bytes == 0
        assert_problem(client.send(url, b"5678"), 410, "session_cancelled")

    @pytest.mark.usefixtures("tiny")
    def test_what_is_undecided_does_not_look_finished(
        self, client: S3, uploads: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(s3, "VERDICT_WAIT", 0)
        monkeypatch.setattr(assembly, "ensure_assembling", lambda session: None)
        upload_id = client.create()
        client.put(upload_id, 1, b"1234")
        uploads(COMPLETE_WAIT=0)
        assert_problem(client.complete(upload_id), 503, "unavailable")
        monkeypatch.undo()
        monkeypatch.setattr(s3, "PART_SIZE", 4)
        assert client.complete(upload_id).status_code == 200

    @pytest.mark.usefixtures("tiny")
    def test_a_refused_file_does_not_look_finished(self, client: S3, uploads: Any) -> None:
        uploads(VALIDATORS=(f"{__name__}.refuse",))
        upload_id = client.create()
        client.put(upload_id, 1, b"1234")
        for _ in range(2):
            parts = [{"PartNumber": 1, "ETag": etag(b"1234")}]
            document = assert_problem(client.complete(upload_id, parts), 422, "not_today")
            assert document["message"] == "Not today."

    @pytest.mark.usefixtures("tiny")
    def test_damage_found_at_the_end_is_sent_again(self, client: S3, store_root: Path) -> None:
        upload_id = client.create()
        client.put(upload_id, 1, b"1234")
        client.put(upload_id, 2, b"56")
        parts = [{"PartNumber": 1, "ETag": etag(b"1234")}, {"PartNumber": 2, "ETag": etag(b"56")}]
        (staged,) = (path for path in store_root.rglob("*.part") if path.is_file())
        staged.write_bytes(b"12x456")
        assert_problem(client.complete(upload_id, parts), 409, "missing_chunks")
        assert [part["PartNumber"] for part in client.parts(upload_id)] == [2]
        client.put(upload_id, 1, b"1234")
        assert client.complete(upload_id, parts).status_code == 200
        assert client.api.get(f"file/{upload_id}").content == b"123456"


def refuse(file: Any, session: Any) -> None:
    """A validator of these tests."""
    raise ContentRefused("Not today.", code="not_today")


class TestSizes:
    def test_an_unconfigured_uppy_gets_ten_thousand_parts_of_five_mebibytes(self, client: S3, uploads: Any) -> None:
        uploads(CHUNK_SIZE=65536, MAX_CHUNK_SIZE=2**20)
        session = session_of(client.create())
        assert (session.chunk_size, session.total_size) == (5 * 2**20, None)
        assert session.grid.max_chunks * session.chunk_size == 50_000 * 2**20

    @pytest.mark.usefixtures("tiny")
    def test_other_parts_are_told_what_to_configure(self, client: S3) -> None:
        detail = assert_problem(client.put(client.create(), 1, b"12345"), 413, "too_large")["detail"]
        assert "uppy.setMeta({ part_size: 5 }).use(AwsS3, { ..., getChunkSize: () => 5 })" in detail

    @pytest.mark.usefixtures("tiny")
    def test_a_part_size_may_be_wished_for(self, client: S3) -> None:
        upload_id = client.create(metadata={"part_size": "6"})
        assert client.put(upload_id, 2, b"78").status_code == 200
        assert client.put(upload_id, 1, b"123456").status_code == 200
        assert client.complete(upload_id).status_code == 200

    @pytest.mark.parametrize("size", ["five", -1, 3, 2**40, [], "9" * 5000])
    def test_a_part_size_that_is_none_is_refused(self, client: S3, size: Any) -> None:
        answer = client.post("multipart", {"filename": "a.bin", "metadata": {"part_size": size}})
        assert "metadata.part_size" in assert_problem(answer, 400, "bad_field")["errors"]

    @pytest.mark.parametrize("number", ["0", "10001", "-1", "1.0", "x", "1" * 5000])
    def test_parts_are_numbered_as_those_of_s3(self, client: S3, number: str) -> None:
        assert_problem(client.get(f"multipart/{client.create()}/{number}"), 400, "bad_part_number")


class TestCreation:
    @pytest.mark.parametrize(
        ("document", "code"),
        [
            ({"filename": 1}, "bad_field"),
            ({"filename": "a.bin", "metadata": []}, "bad_field"),
            ({"filename": "a.exe"}, "extension_not_allowed"),
            ({"filename": "a.png", "type": "text/plain"}, "type_not_allowed"),
            ([], "bad_json"),
            ({"filename": "a.bin", "metadata": {"a": [0] * 1000}}, "bad_json"),
        ],
    )
    def test_what_makes_no_upload_is_refused(self, client: S3, document: Any, code: str) -> None:
        assert assert_problem(client.post("multipart", document), 400, code)["message"]

    @pytest.mark.parametrize("value", ["\0", "x" * 17_000, "\ud800"], ids=["NUL", "large", "half a character"])
    def test_metadata_that_no_database_takes_is_refused(self, client: S3, value: str) -> None:
        answer = client.post("multipart", {"filename": "a.bin", "metadata": {"a": value}})
        assert answer.status_code == 400, answer.text
        assert answer.json()["code"] in ("bad_metadata", "bad_json")
        if value == "\0":
            url = client.parameters(**{"metadata[a]": value}).json()["url"]
            assert_problem(client.send(url, b"1"), 400, "bad_metadata")

    def test_a_body_that_is_no_json_is_refused(self, client: S3) -> None:
        answer = client.api.http.post(f"{client.url}/multipart", data=b"{", timeout=10)
        assert_problem(answer, 400, "bad_json")

    def test_a_body_that_is_too_large_is_refused(self, client: S3) -> None:
        answer = client.post("multipart", {"filename": "a" * 70_000})
        assert_problem(answer, 413, "too_large")

    def test_its_memory_is_bounded(self, client: S3, uploads: Any, settings: Any) -> None:
        uploads(JSON_MEMORY_BYTES=20)
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
        assert_problem(client.post("multipart", {"filename": "a.bin"}), 429, "throttled")
        uploads(JSON_MEMORY_BYTES=2**20)
        client.create()

    def test_a_file_without_a_name_gets_one(self, client: S3) -> None:
        assert session_of(client.create("", type="image/png")).filename == "upload.png"

    def test_it_counts_as_init_does(self, client: S3, uploads: Any) -> None:
        uploads(INIT_RATE_PER_ADDRESS="1/min")
        client.create()
        assert_problem(client.post("multipart", {"filename": "a.bin"}), 429, "throttled")

    def test_quotas_hold(self, client: S3, uploads: Any) -> None:
        uploads(MAX_OPEN_SESSIONS=1)
        client.create()
        assert_problem(client.post("multipart", {"filename": "a.bin"}), 429, "quota_exceeded")


class TestPermits:
    def test_they_are_for_one_part(self, client: S3) -> None:
        upload_id, other = client.create(), client.create()
        url = client.sign(upload_id, 1)
        for elsewhere in (url.replace("/1?", "/2?"), url.replace(upload_id, other), url[:-1], url.partition("?")[0]):
            assert_problem(client.send(elsewhere, b"1234"), 403, "permit_invalid")
        assert session_of(other).received_chunks == session_of(upload_id).received_chunks == 0

    def test_they_expire(self, client: S3, monkeypatch: pytest.MonkeyPatch) -> None:
        url = client.sign(client.create(), 1)
        object_url = client.parameters().json()["url"]
        monkeypatch.setattr(s3_permits, "PART_SECONDS", -1)
        answer = client.send(url, b"1234")
        assert_problem(answer, 403, "permit_expired")
        assert "<Message>Request has expired</Message>" in answer.text  # What Uppy 5 looks for.
        assert_problem(client.send(object_url, b"1234"), 403, "permit_expired")

    def test_they_end_with_their_user(self, client: S3, owner: Any) -> None:
        url = client.sign(client.create(), 1)
        owner.is_active = False
        owner.save()
        assert_problem(client.send(url, b"1234"), 403, "permit_invalid")

    def test_those_for_other_purposes_are_worth_nothing(self, client: S3) -> None:
        part = client.sign(client.create(), 1)
        whole = client.parameters().json()["url"]
        permit = whole.partition("?")[2]
        assert_problem(client.send(f"{part.partition('?')[0]}?{permit}", b"1234"), 403, "permit_invalid")
        assert_problem(client.send(f"{whole.partition('?')[0]}?{part.partition('?')[2]}", b"1"), 403, "permit_invalid")

    def test_strangers_get_none(self, client: S3, strangers_api: Api) -> None:
        upload_id, stranger = client.create(), S3(strangers_api)
        for answer in (
            stranger.get(f"multipart/{upload_id}/1"),
            stranger.get(f"multipart/{upload_id}/batch?partNumbers=1"),
            stranger.get(f"multipart/{upload_id}"),
            stranger.complete(upload_id, [{"PartNumber": 1, "ETag": "x"}]),
            stranger.abort(upload_id),
        ):
            assert_problem(answer, 404, "not_found")

    @pytest.mark.parametrize("upload_id", ["8c8f2a3e-6a4c-4a9e-9d3b-111111111111", "nonsense"])
    def test_unknown_uploads_have_none(self, client: S3, upload_id: str) -> None:
        assert_problem(client.get(f"multipart/{upload_id}/1"), 404, "not_found")


class TestPartsThatMayPass:
    """Uppy 6 sends again what is answered with 429 or 5xx."""

    @pytest.mark.parametrize("code", ["chunk_superseded", "staging_lost", "conflict"])
    def test_they_are_told_as_trouble(self, client: S3, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
        def refuse(self: ChunkSink) -> None:
            raise Conflict("In the way.", code=code)

        url = client.sign(client.create(), 1)
        monkeypatch.setattr(ChunkSink, "finish", refuse)
        answer = client.send(url, b"1234")
        assert_problem(answer, 503, code)
        assert answer.headers["Retry-After"] == "1"

    def test_a_full_disk_is(self, client: S3, uploads: Any) -> None:
        url = client.sign(client.create(), 1)
        uploads(MIN_FREE_DISK_BYTES=2**62)
        assert_problem(client.send(url, b"1234"), 507, "storage_full")

    def test_a_quota_is(self, client: S3, uploads: Any) -> None:
        url = client.sign(client.create(), 1)
        uploads(MAX_RESERVED_BYTES=3)
        assert_problem(client.send(url, b"1234"), 429, "quota_exceeded")


def form(data: bytes, **fields: str) -> dict[str, Any]:
    """As a browser sends ``FormData``."""
    return {"files": {"file": ("blob", data, "application/octet-stream")}, "data": fields}


def post_form(client: S3, url: str, data: bytes, **fields: str) -> Any:
    return client.api.http.post(url, **form(data, **fields), headers={"Authorization": None})


class TestSingleRequest:
    def test_a_form_is_the_whole_upload(self, client: S3) -> None:
        data = noise(3_000_000)
        answer = client.parameters(type="application/octet-stream", **{"metadata[album]": "Sea"})
        parameters = answer.json()
        assert (answer.status_code, parameters["method"]) == (200, "POST")
        answer = post_form(client, parameters["url"], data, **parameters["fields"])
        assert (answer.status_code, answer.headers["ETag"]) == (204, etag(data))
        # Uppy 6 makes the address of the file from that of the form and its key.
        location = f"{parameters['url'].partition('?')[0].rstrip('/')}/{parameters['fields']['key']}"
        assert answer.headers["Location"] == location
        assert client.api.http.get(location).content == data
        status = client.api.status(parameters["fields"]["key"]).json()
        assert (status["filename"], status["metadata"]) == ("a.bin", {"album": "Sea"})

    def test_so_is_a_put(self, client: S3) -> None:
        answer = client.send(client.parameters().json()["url"], FIRST)
        assert (answer.status_code, answer.headers["ETag"]) == (204, etag(FIRST))
        assert client.api.http.get(answer.headers["Location"]).content == FIRST

    @pytest.mark.parametrize("how", ["form", "put"])
    def test_an_empty_file_is_one(self, client: S3, how: str) -> None:
        url = client.parameters().json()["url"]
        answer = post_form(client, url, b"", key="k") if how == "form" else client.send(url, b"")
        assert (answer.status_code, answer.headers["ETag"]) == (204, etag(b""))
        assert client.api.http.get(answer.headers["Location"]).content == b""

    def test_asking_begins_nothing(self, client: S3) -> None:
        assert client.parameters().status_code == 200
        assert client.api.get("").json()["results"] == []

    def test_a_name_that_is_not_accepted_is_refused_before_anything_is_sent(self, client: S3) -> None:
        assert_problem(client.parameters("a.exe"), 400, "extension_not_allowed")

    @pytest.mark.usefixtures("small_chunks")
    def test_it_may_be_sent_again(self, client: S3) -> None:
        url = client.parameters().json()["url"]
        for _ in range(2):
            assert client.send(url, b"0123456789").status_code == 204
        assert client.api.get("").json()["results"][0]["status"] == "completed"
        assert len(client.api.get("").json()["results"]) == 1
        assert_problem(client.send(url, b"0123456780"), 409, "chunk_conflict")

    @pytest.mark.usefixtures("small_chunks")
    @pytest.mark.parametrize("other", [b"", b"012345", b"01234567890123"], ids=["empty", "shorter", "longer"])
    def test_another_file_is_none_that_was_stored(self, client: S3, other: bytes) -> None:
        url = client.parameters().json()["url"]
        assert client.send(url, b"0123456789").status_code == 204
        assert client.send(url, other).status_code in (400, 409)

    def test_what_begins_like_no_such_file_leaves_nothing(self, client: S3) -> None:
        parameters = client.parameters().json()
        assert_problem(post_form(client, parameters["url"], b"\x7fELF" * 2000, key="k"), 422, "executable_refused")
        assert client.api.status(parameters["fields"]["key"]).status_code == 404

    @pytest.mark.parametrize(
        "body",
        [
            b"--b\r\nx\r\n",
            b"no form at all",
            b'--b\r\nContent-Disposition: form-data; name="file"\r\nContent-Disposition: form-data; name="x"\r\n\r\n',
            b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n\r\n' * 101,
        ],
        ids=["no field", "no form", "two names", "many fields"],
    )
    def test_a_malformed_form_is_refused_and_begins_nothing(self, client: S3, body: bytes) -> None:
        parameters = client.parameters().json()
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        assert_problem(client.send(parameters["url"], body, "POST", headers=headers), 400, "bad_form")
        assert client.api.status(parameters["fields"]["key"]).status_code == 404

    @pytest.mark.usefixtures("small_chunks")
    def test_what_arrived_before_a_cut_is_passed_over(self, client: S3) -> None:
        parameters = client.parameters().json()
        key, body = parameters["fields"]["key"], b"0123456789"
        cut = Exchange(ObjectTransfer(), RequestFactory().put(parameters["url"], body), {})
        assert cut.begin() is None
        assert cut.receive(body[:9]) is None
        cut.abort()
        assert client.api.status(key).json()["progress"]["received_chunks"] == 2
        assert client.send(parameters["url"], body).status_code == 204
        assert client.api.get(f"file/{key}").content == body

    @pytest.mark.usefixtures("small_chunks")
    def test_a_twin_that_was_faster_is_as_good(self, client: S3, monkeypatch: pytest.MonkeyPatch) -> None:
        url = client.parameters().json()["url"]
        declare = ResumableUploadService.declare_size

        def be_late(self: ResumableUploadService, session: Any, size: int) -> None:
            monkeypatch.setattr(ResumableUploadService, "declare_size", declare)
            assert client.send(url, b"0123456789").status_code == 204
            declare(self, session, size)

        monkeypatch.setattr(ResumableUploadService, "declare_size", be_late)
        assert client.send(url, b"0123456789").status_code == 204

    @pytest.mark.usefixtures("small_chunks")
    def test_twins_make_one_upload(self, client: S3) -> None:
        url = client.parameters().json()["url"]
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: client.send(url, b"0123456789"), range(4)))
        assert {answer.status_code for answer in answers} <= {204, 503}, [answer.text for answer in answers]
        assert client.send(url, b"0123456789").status_code == 204
        (upload,) = client.api.get("").json()["results"]
        assert client.api.get(f"file/{upload['upload_id']}").content == b"0123456789"

    def test_it_counts_as_init_does(self, client: S3, uploads: Any) -> None:
        uploads(INIT_RATE_PER_ADDRESS="1/min")
        url, other = client.parameters().json()["url"], client.parameters().json()["url"]
        assert client.send(url, b"1").status_code == 204
        assert_problem(client.send(other, b"1"), 429, "throttled")

    @pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data", ""])
    def test_another_type_of_body_is_refused(self, client: S3, content_type: str) -> None:
        url = client.parameters().json()["url"]
        answer = client.send(url, b"x", "POST", headers={"Content-Type": content_type})
        assert_problem(answer, 400, "bad_form")

    def test_a_form_without_a_file_is_refused(self, client: S3) -> None:
        url = client.parameters().json()["url"]
        answer = client.api.http.post(url, files={"key": (None, "x")}, headers={"Authorization": None})
        assert_problem(answer, 400, "bad_form")

    def test_a_form_that_ends_early_is_trouble_that_may_pass(self, client: S3) -> None:
        url = client.parameters().json()["url"]
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n0123'
        assert_problem(client.send(url, body, "POST", headers=headers), 503, "incomplete_body")


class TestPagesWithoutHeaders:
    """Uppy 6 sends neither Authorization nor a CSRF token."""

    @pytest.fixture
    def page(self, owner: Any) -> Client:
        client = Client(enforce_csrf_checks=True, headers={"host": "testserver"})
        client.force_login(owner)
        return client

    @staticmethod
    def create(page: Client, **headers: str) -> Any:
        content_type = headers.pop("content_type", "application/json")
        return page.post("/api/v1/upload/s3/multipart", b'{"filename": "a.bin"}', content_type, headers=headers)

    def test_a_page_of_this_origin_may_use_its_cookie(self, page: Client) -> None:
        answer = self.create(page, origin="http://testserver")
        assert answer.status_code == 200, answer.content
        upload_id = answer.json()["uploadId"]
        assert page.get(f"/api/v1/upload/s3/multipart/{upload_id}/1").status_code == 200
        for origin, status in (("https://evil.example.com", 403), ("http://testserver", 200)):
            url = f"/api/v1/upload/s3/multipart/{upload_id}"
            assert page.delete(url, headers={"origin": origin}).status_code == status

    def test_a_trusted_origin_may(self, page: Client, settings: Any) -> None:
        settings.CSRF_TRUSTED_ORIGINS = [APP]
        assert self.create(page, origin=APP).status_code == 200

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"origin": "null"},
            {"origin": "https://evil.example.com"},
            {"origin": "https://testserver"},
            {"origin": "http://testserver", "content_type": "text/plain"},
            {"origin": "http://testserver", "content_type": "application/x-www-form-urlencoded"},
        ],
        ids=["none", "null", "another", "another-scheme", "text", "form"],
    )
    def test_nobody_else_may(self, page: Client, headers: dict[str, str]) -> None:
        answer = self.create(page, **headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")

    def test_an_endpoint_may_be_signed(self, client: S3, owner: Any) -> None:
        client.api.http.headers.pop("Authorization")
        signed = S3(client.api, signed_endpoint(owner, client.api.base_url))
        upload_id = signed.create()
        assert signed.put(upload_id, 1, b"1234").status_code == 200
        assert signed.complete(upload_id).status_code == 200
        assert signed.abort(upload_id).status_code == 409
        assert signed.parameters().status_code == 200
        batch = signed.get(f"multipart/{upload_id}/batch?partNumbers=1")
        assert batch.status_code == 200
        assert signed_endpoint(owner).startswith("/api/v1/upload/for/")

    def test_a_signed_endpoint_is_its_users(self, client: S3, owner: Any, stranger: Any) -> None:
        upload_id = client.create()
        endpoint = signed_endpoint(stranger, client.api.base_url)
        client.api.http.headers.pop("Authorization")
        assert_problem(S3(client.api, endpoint).get(f"multipart/{upload_id}/1"), 404, "not_found")
        assert_problem(S3(client.api, endpoint[:-1]).parameters(), 403, "permit_invalid")

    def test_a_signed_endpoint_expires(self, client: S3, owner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        endpoint = signed_endpoint(owner, client.api.base_url)
        monkeypatch.setattr(s3_permits, "ENDPOINT_SECONDS", -1)
        client.api.http.headers.pop("Authorization")
        assert_problem(S3(client.api, endpoint).parameters(), 403, "permit_expired")

    def test_permits_are_signed_with_the_secret_key(self, owner: Any, settings: Any) -> None:
        permit = s3_permits.permit_endpoint(Principal.of(owner))
        before, settings.SECRET_KEY = settings.SECRET_KEY, "another"
        with pytest.raises(Refused):
            s3_permits.endpoint_permitted(permit)
        settings.SECRET_KEY_FALLBACKS = [before]
        assert s3_permits.endpoint_permitted(permit) == Principal.of(owner)


class TestOtherOrigins:
    @pytest.fixture(autouse=True)
    def _one_origin(self, uploads: Any) -> None:
        uploads(CORS_ALLOWED_ORIGINS=(APP,))

    def test_they_may_read_the_etag(self, client: S3) -> None:
        url = client.sign(client.create(), 1)
        answer = client.send(url, b"1234", headers={"Origin": APP})
        assert answer.headers["Access-Control-Allow-Origin"] == APP
        assert {"ETag", "Location"} <= set(answer.headers["Access-Control-Expose-Headers"].split(", "))

    def test_preflights_are_answered(self, client: S3) -> None:
        url = client.sign(client.create(), 1)
        for address, method in ((url, "PUT"), (f"{client.url}/multipart", "POST"), (f"{client.url}/params", "GET")):
            headers = {"Origin": APP, "Access-Control-Request-Method": method}
            answer = client.api.http.options(address, headers={**headers, "Authorization": None}, timeout=10)
            assert answer.status_code == 204
            assert method in answer.headers["Access-Control-Allow-Methods"]


@pytest.mark.usefixtures("tiny")
class TestCrossingOver:
    def test_what_one_begins_others_finish(self, client: S3) -> None:
        data = b"0123456789"
        upload_id = client.create()
        client.put(upload_id, 1, data[:4])
        tus = Tus(client.api)
        url = f"{client.api.url}/files/{upload_id}"
        assert tus.patch(url, 4, data[4:6]).status_code == 204
        client.api.put(upload_id, 2, data[8:], content_digest(data[8:]))
        assert [part["PartNumber"] for part in client.parts(upload_id)] == [1, 3]
        client.put(upload_id, 2, data[4:8])
        assert client.complete(upload_id).status_code == 200
        assert tus.offset(url) == 10

    def test_what_others_begin_it_finishes(self, client: S3, uploads: Any) -> None:
        uploads(CHUNK_SIZE=4, MIN_CHUNK_SIZE=1)
        data = b"0123456789"
        tus = Tus(client.api)
        url = tus.create(10)
        upload_id = tus.id_of(url)
        tus.patch(url, 0, data[:6])
        client.put(upload_id, 2, data[4:8])
        client.put(upload_id, 3, data[8:])
        assert client.complete(upload_id).status_code == 200
        assert client.api.get(f"file/{upload_id}").content == data

    def test_its_parts_are_counted(self, client: S3) -> None:
        upload_id = client.create()
        client.put(upload_id, 1, b"0123")
        progress = client.api.status(upload_id).json()["progress"]
        assert (progress["received_chunks"], progress["received_bytes"]) == (1, 4)
