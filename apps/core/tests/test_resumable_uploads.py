"""The quick reference, end to end, on real sockets under both drivers."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.core.grid import Grid, fit_chunk_size
from apps.core.hashing import composite_of
from apps.core.http import request_limits
from apps.core.models import ChunkReceipt
from apps.core.models.upload_session import UploadSession

from .api import Api, assert_problem, content_digest, session_of, sha256
from .noise import noise

JPEG = b"\xff\xd8\xff\xe0"


@pytest.mark.unit
class TestSessionArithmetic:
    def test_a_new_session_misses_every_chunk(self, owner: Any) -> None:
        session = UploadSession(owner=owner, total_size=10, chunk_size=4, expires_at=timezone.now())
        session.save()
        assert session.total_chunks == 3
        assert session.missing_chunks == [0, 1, 2]
        assert session.progress_percentage == 0.0

    def test_recorded_chunks_are_not_missing(self, owner: Any) -> None:
        session = UploadSession.objects.create(
            owner=owner, total_size=10, chunk_size=4, received_chunks=1, received_bytes=4, expires_at=timezone.now()
        )
        ChunkReceipt.objects.create(session=session, index=1, size=4, sha256=b"x" * 32)
        assert session.missing_chunks == [0, 2]
        assert session.progress_percentage == 40.0

    def test_progress_is_100_only_when_everything_is_there(self) -> None:
        session = UploadSession(total_size=100_000, chunk_size=1, received_bytes=99_999)
        assert session.progress_percentage == 99.99

    @pytest.mark.parametrize(
        ("status", "hours", "expired"),
        [("active", 1, False), ("active", -1, True), ("expired", 1, True), ("completed", -1, False)],
    )
    def test_is_expired(self, status: str, hours: int, expired: bool) -> None:
        session = UploadSession(status=status, expires_at=timezone.now() + timedelta(hours=hours))
        assert session.is_expired is expired

    def test_default_chunk_size_is_one_mebibyte(self, service: Any) -> None:
        session, _ = service.create(filename="a.bin", total_size=5_000_000)
        assert session.chunk_size == 1024 * 1024
        assert session.total_chunks == 5

    def test_chunk_size_grows_so_that_there_are_never_more_than_the_most_chunks(self) -> None:
        size = fit_chunk_size(10**12, 1024, smallest=1, largest=2048, max_chunks=10_000)
        assert Grid(size, 10**12, 10_000).total_chunks == 10_000


@pytest.mark.integration
class TestQuickReference:
    def test_python_example(self, api: Api) -> None:
        api_url, requests = api.url, api.http
        file_data = JPEG + noise(2_500_000)

        file_hash = hashlib.sha256(file_data).hexdigest()
        session = requests.post(
            f"{api_url}/init",
            json={
                "filename": "file.jpg",
                "total_size": len(file_data),
                "mime_type": "image/jpeg",
                "file_hash": file_hash,
            },
        ).json()
        chunk_size = session["chunk_size"]
        for i in range(session["total_chunks"]):
            chunk = file_data[i * chunk_size : (i + 1) * chunk_size]
            requests.post(
                f"{api_url}/chunk",
                json={
                    "upload_id": session["upload_id"],
                    "chunk_index": i,
                    "chunk_data": base64.b64encode(chunk).decode(),
                    "checksum": hashlib.sha256(chunk).hexdigest(),
                },
            )
        result = requests.post(f"{api_url}/complete", json={"upload_id": session["upload_id"]}).json()

        assert result["status"] == "completed"
        assert result["file"]["sha256"] == file_hash
        assert requests.get(api.base_url + result["file"]["url"]).content == file_data

    def test_resume_example_sends_only_what_is_missing(self, api: Api) -> None:
        file_data = noise(3_500_000)
        upload_id = api.init(file_data)
        chunk_size = 1024 * 1024
        api.send(upload_id, file_data, chunk_size, indices=[2, 0])

        status = api.http.get(f"{api.url}/status/{upload_id}").json()
        assert status["progress"]["missing_chunks"] == [1, 3]
        for chunk_index in status["progress"]["missing_chunks"]:
            chunk = file_data[chunk_index * chunk_size : (chunk_index + 1) * chunk_size]
            assert api.post_chunk(upload_id, chunk_index, chunk).status_code == 200
        assert api.complete(upload_id).json()["status"] == "completed"

    def test_curl_example_posts_json_as_a_form_type(self, api: Api) -> None:
        body = '{"filename":"test.jpg","total_size":1024,"mime_type":"image/jpeg","file_hash":"%s"}' % ("ab" * 32)
        answer = api.http.post(
            f"{api.url}/init", data=body, headers={"Content-Type": "application/x-www-form-urlencoded"}
        )
        assert answer.status_code == 201
        assert answer.json()["total_chunks"] == 1

    def test_the_placeholder_digest_is_refused_with_what_was_expected(self, api: Api) -> None:
        answer = api.post("init", {"filename": "test.jpg", "total_size": 1024, "file_hash": "abc123"})
        problem = assert_problem(answer, 400, "bad_field")
        assert "64 hexadecimal digits" in problem["detail"]
        assert "sha256sum" in problem["detail"]

    def test_monitoring_example(self, api: Api) -> None:
        upload_id = api.init(b"x" * 10, chunk_size=65536)
        session = UploadSession.objects.get(upload_id=upload_id)
        assert session.status == "active"
        assert session.progress_percentage == 0
        assert session.missing_chunks == [0]
        assert session.is_expired is False


@pytest.mark.integration
class TestInit:
    def test_answers_the_session(self, api: Api) -> None:
        answer = api.post("init", {"filename": "a.bin", "total_size": 3_000_000})
        assert answer.status_code == 201
        session = answer.json()
        assert set(session) >= {"upload_id", "status", "chunk_size", "total_chunks", "total_size", "expires_at"}
        assert session["status"] == "active"
        assert session["progress"]["missing_chunks"] == [0, 1, 2]

    def test_the_same_file_again_is_the_same_session_with_what_it_has(self, api: Api, small_chunks: None) -> None:
        upload_id = api.init(b"12345678")
        api.send(upload_id, b"12345678", 4, indices=[1])
        again = api.post("init", {"filename": "data.bin", "total_size": 8, "file_hash": sha256(b"12345678")})
        assert again.status_code == 200
        assert again.json()["upload_id"] == upload_id
        assert again.json()["progress"]["missing_chunks"] == [0]

    def test_without_a_hash_every_init_is_a_new_session(self, api: Api) -> None:
        first, second = (api.post("init", {"filename": "a.bin", "total_size": 8}).json() for _ in range(2))
        assert first["upload_id"] != second["upload_id"]

    def test_another_owner_gets_a_session_of_their_own(self, api: Api, strangers_api: Api) -> None:
        assert api.init(b"same") != strangers_api.init(b"same")

    def test_chunk_size_is_a_wish(self, api: Api) -> None:
        answer = api.post("init", {"filename": "a.bin", "total_size": 10**9, "chunk_size": 8 * 1024 * 1024}).json()
        assert answer["chunk_size"] == 8 * 1024 * 1024
        tiny = api.post("init", {"filename": "a.bin", "total_size": 10**9, "chunk_size": 1}).json()
        assert tiny["total_chunks"] <= 10_000

    def test_metadata_comes_back(self, api: Api) -> None:
        upload_id = api.init(b"x", metadata={"album": "Été", "n": 1})
        assert api.status(upload_id).json()["metadata"] == {"album": "Été", "n": 1}

    def test_no_rows_are_made_for_chunks_in_advance(self, api: Api) -> None:
        api.post("init", {"filename": "a.bin", "total_size": 10**10})
        assert ChunkReceipt.objects.count() == 0


@pytest.mark.integration
@pytest.mark.usefixtures("small_chunks")
class TestChunk:
    def test_answers_progress(self, api: Api) -> None:
        upload_id = api.init(b"0123456789")
        answer = api.post_chunk(upload_id, 1, b"4567")
        assert answer.json() == {
            "upload_id": upload_id,
            "chunk_index": 1,
            "progress": {"percentage": 40.0, "received_chunks": 1, "total_chunks": 3, "received_bytes": 4},
        }

    def test_the_same_bytes_again_succeed_and_count_once(self, api: Api) -> None:
        upload_id = api.init(b"0123456789")
        for _ in range(3):
            assert api.put(upload_id, 0, b"0123").json()["progress"]["received_chunks"] == 1

    def test_other_bytes_for_a_recorded_chunk_are_a_conflict(self, api: Api) -> None:
        upload_id = api.init(b"0123456789")
        api.put(upload_id, 0, b"0123")
        problem = assert_problem(api.put(upload_id, 0, b"abcd"), 409, "chunk_conflict")
        assert problem["chunk_index"] == 0
        assert_problem(api.post_chunk(upload_id, 0, b"abcd"), 409, "chunk_conflict")

    def test_a_wrong_checksum_stores_nothing(self, api: Api) -> None:
        upload_id = api.init(b"0123456789")
        assert_problem(api.post_chunk(upload_id, 0, b"0123", checksum="0" * 64), 400, "checksum_mismatch")
        assert_problem(api.put(upload_id, 0, b"0123", content_digest(b"else")), 400, "checksum_mismatch")
        assert api.status(upload_id).json()["progress"]["received_chunks"] == 0

    def test_a_recorded_chunk_repeated_after_completion_still_succeeds(self, api: Api) -> None:
        session = api.upload(b"0123456789")
        assert api.put(session["upload_id"], 2, b"89").status_code == 200


@pytest.mark.integration
@pytest.mark.usefixtures("small_chunks")
class TestReceipts:
    """On request, so that a client compares what is stored with the file it has."""

    def test_are_in_the_status_where_they_are_asked_for(self, api: Api) -> None:
        upload_id = api.init(b"0123456789")
        api.put(upload_id, 2, b"89")
        api.put(upload_id, 0, b"0123")
        assert "receipts" not in api.status(upload_id).json()
        document = api.get(f"status/{upload_id}?receipts_from=0").json()
        assert document["receipts"] == [
            {"index": 0, "size": 4, "sha256": sha256(b"0123")},
            {"index": 2, "size": 2, "sha256": sha256(b"89")},
        ]
        assert document["receipts_next"] is None

    def test_come_in_pages(self, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("apps.core.protocols.session_document.RECEIPTS_PAGE", 2)
        upload_id = api.init(b"0123456789")
        api.send(upload_id, b"0123456789", 4)
        first = api.get(f"status/{upload_id}?receipts_from=0").json()
        second = api.get(f"status/{upload_id}?receipts_from={first['receipts_next']}").json()
        assert [receipt["index"] for receipt in first["receipts"]] == [0, 1]
        assert ([receipt["index"] for receipt in second["receipts"]], second["receipts_next"]) == ([2], None)

    @pytest.mark.parametrize("start", ["-1", "x", "1e3", str(2**31)])
    def test_from_nowhere_are_refused(self, api: Api, start: str) -> None:
        upload_id = api.init(b"0123456789")
        assert_problem(api.get(f"status/{upload_id}?receipts_from={start}"), 400, "bad_field")

    def test_of_strangers_do_not_exist(self, api: Api, strangers_api: Api) -> None:
        upload_id = api.init(b"0123456789")
        assert_problem(strangers_api.get(f"status/{upload_id}?receipts_from=0"), 404, "not_found")


@pytest.mark.integration
@pytest.mark.usefixtures("small_chunks")
class TestComplete:
    def test_names_the_missing_chunks(self, api: Api) -> None:
        upload_id = api.init(b"0123456789")
        api.put(upload_id, 1, b"4567")
        problem = assert_problem(api.complete(upload_id), 409, "missing_chunks")
        assert problem["missing_chunks"] == [0, 2]

    def test_is_idempotent(self, api: Api) -> None:
        session = api.upload(b"0123456789")
        again = api.complete(session["upload_id"])
        assert again.status_code == 200
        assert again.json()["file"] == session["file"]

    def test_a_wrong_file_hash_fails_for_good(self, api: Api) -> None:
        answer = api.post("init", {"filename": "a.bin", "total_size": 4, "file_hash": sha256(b"else")})
        upload_id = answer.json()["upload_id"]
        api.put(upload_id, 0, b"0123")
        assert_problem(api.complete(upload_id), 422, "hash_mismatch")
        assert_problem(api.complete(upload_id), 422, "hash_mismatch")
        assert api.status(upload_id).json()["status"] == "failed"

    def test_the_hash_may_come_with_complete(self, api: Api) -> None:
        upload_id = api.post("init", {"filename": "a.bin", "total_size": 4}).json()["upload_id"]
        api.put(upload_id, 0, b"0123")
        assert_problem(api.complete(upload_id), 400, "hash_required")
        assert api.complete(upload_id, file_hash=sha256(b"0123")).status_code == 200

    def test_the_composite_hash_proves_it_too(self, api: Api) -> None:
        upload_id = api.post("init", {"filename": "a.bin", "total_size": 10}).json()["upload_id"]
        pieces = [b"0123", b"4567", b"89"]
        composite = composite_of(hashlib.sha256(piece).digest() for piece in pieces)
        assert_problem(api.complete(upload_id, composite_hash="abc"), 400, "bad_field")
        for index, piece in enumerate(pieces):
            api.put(upload_id, index, piece)
        wrong = assert_problem(api.complete(upload_id, composite_hash=composite_of([])), 409, "composite_mismatch")
        assert composite in wrong["detail"]
        assert api.status(upload_id).json()["status"] == "active"
        file = api.complete(upload_id, composite_hash=composite.upper()).json()["file"]
        assert (file["composite_hash"], file["sha256"]) == (composite, sha256(b"0123456789"))

    def test_who_can_compute_no_hash_says_so(self, api: Api) -> None:
        upload_id = api.post("init", {"filename": "a.bin", "total_size": 4}).json()["upload_id"]
        api.put(upload_id, 0, b"0123")
        assert_problem(api.complete(upload_id, unverified=False), 400, "hash_required")
        assert api.complete(upload_id, unverified=True).json()["file"]["sha256"] == sha256(b"0123")

    def test_without_the_sha256_of_the_whole_the_composite_is_its_tag(self, api: Api, uploads: Any) -> None:
        uploads(WHOLE_FILE_SHA256=False)
        upload_id = api.post("init", {"filename": "a.bin", "total_size": 4}).json()["upload_id"]
        api.put(upload_id, 0, b"0123")
        file = api.complete(upload_id, unverified=True).json()["file"]
        assert file["sha256"] is None
        assert api.get(f"file/{upload_id}").headers["ETag"] == f'"{file["composite_hash"]}"'

    def test_another_hash_than_declared_is_a_conflict(self, api: Api) -> None:
        upload_id = api.init(b"0123")
        api.put(upload_id, 0, b"0123")
        assert_problem(api.complete(upload_id, file_hash=sha256(b"else")), 409, "hash_conflict")

    def test_an_empty_file_is_completed_by_init(self, api: Api) -> None:
        answer = api.post("init", {"filename": "a.bin", "total_size": 0})
        document = answer.json()
        assert (answer.status_code, document["status"], document["total_chunks"]) == (201, "completed", 0)
        assert document["progress"]["percentage"] == document["progress"]["assembled_percentage"] == 100
        assert api.http.get(api.base_url + document["file"]["url"]).content == b""
        assert api.complete(document["upload_id"]).status_code == 200
        wrong = api.post("init", {"filename": "a.bin", "total_size": 0, "file_hash": "a" * 64})
        assert_problem(wrong, 422, "hash_mismatch")

    def test_the_size_may_come_with_complete(self, api: Api) -> None:
        upload_id = api.post("init", {"filename": "a.bin"}).json()["upload_id"]
        api.put(upload_id, 1, b"4567")
        api.put(upload_id, 0, b"0123")
        api.put(upload_id, 2, b"89")
        digest = sha256(b"0123456789")
        assert_problem(api.complete(upload_id, file_hash=digest), 400, "size_required")
        assert_problem(api.complete(upload_id, file_hash=digest, total_size=9), 409, "size_conflict")
        answer = api.complete(upload_id, file_hash=digest, total_size=10)
        assert answer.status_code == 200, answer.text
        assert api.http.get(api.base_url + answer.json()["file"]["url"]).content == b"0123456789"

    def test_damaged_bytes_are_found_and_only_they_are_asked_for(self, api: Api, store_root: Any) -> None:
        data = bytes(range(40))
        upload_id = api.init(data)
        api.send(upload_id, data, 4)
        part = next((store_root / "staging").glob("*.part"))
        with part.open("r+b") as file:
            for index in (3, 7):
                file.seek(index * 4)
                file.write(b"!")
        problem = assert_problem(api.complete(upload_id), 409, "missing_chunks")
        assert problem["missing_chunks"] == [3, 7]
        assert api.status(upload_id).json()["progress"]["missing_chunks"] == [3, 7]
        api.send(upload_id, data, 4, indices=[3, 7])
        answer = api.complete(upload_id)
        assert answer.status_code == 200
        assert api.http.get(api.base_url + answer.json()["file"]["url"]).content == data

    def test_lost_staging_files_are_asked_for_again(self, api: Api, store_root: Any) -> None:
        upload_id = api.init(b"0123456789")
        api.send(upload_id, b"0123456789", 4)
        for file in (store_root / "staging").iterdir():
            file.unlink()
        problem = assert_problem(api.complete(upload_id), 409, "missing_chunks")
        assert problem["missing_chunks"] == [0, 1, 2]
        api.send(upload_id, b"0123456789", 4)
        assert api.complete(upload_id).status_code == 200


@pytest.mark.integration
@pytest.mark.usefixtures("small_chunks")
class TestCancel:
    def test_removes_the_bytes(self, api: Api, store_root: Any) -> None:
        upload_id = api.init(b"0123456789")
        api.put(upload_id, 0, b"0123")
        answer = api.post("cancel", {"upload_id": upload_id})
        assert answer.json()["status"] == "cancelled"
        assert list((store_root / "staging").iterdir()) == []

    def test_twice_is_a_success(self, api: Api) -> None:
        upload_id = api.init(b"0123456789")
        for _ in range(2):
            assert api.post("cancel", {"upload_id": upload_id}).status_code == 200

    def test_ends_everything(self, api: Api) -> None:
        upload_id = api.init(b"0123456789")
        api.post("cancel", {"upload_id": upload_id})
        assert_problem(api.put(upload_id, 0, b"0123"), 410, "session_cancelled")
        assert_problem(api.post_chunk(upload_id, 0, b"0123"), 410, "session_cancelled")
        assert_problem(api.complete(upload_id), 410, "session_cancelled")

    def test_a_completed_upload_cannot_be_cancelled(self, api: Api) -> None:
        session = api.upload(b"0123456789")
        assert_problem(api.post("cancel", {"upload_id": session["upload_id"]}), 409, "not_active")


@pytest.mark.integration
@pytest.mark.usefixtures("small_chunks")
class TestExpiry:
    def test_an_overdue_session_answers_410_and_its_bytes_go(self, api: Api, store_root: Any) -> None:
        upload_id = api.init(b"0123456789")
        api.put(upload_id, 0, b"0123")
        UploadSession.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        assert_problem(api.put(upload_id, 1, b"4567"), 410, "session_expired")
        assert_problem(api.complete(upload_id), 410, "session_expired")
        assert api.status(upload_id).json()["status"] == "expired"
        assert list((store_root / "staging").iterdir()) == []

    def test_a_session_lives_24_hours(self, api: Api) -> None:
        left = session_of(api.init(b"x")).expires_at - timezone.now()
        assert timedelta(hours=23, minutes=59) < left <= timedelta(hours=24)

    def test_a_chunk_prolongs_it(self, api: Api) -> None:
        upload_id = api.init(b"0123456789")
        UploadSession.objects.update(expires_at=timezone.now() + timedelta(minutes=1))
        api.put(upload_id, 0, b"0123")
        assert session_of(upload_id).expires_at > timezone.now() + timedelta(hours=23)

    def test_never_beyond_the_oldest_age(self, api: Api) -> None:
        upload_id = api.init(b"0123456789")
        UploadSession.objects.update(created_at=timezone.now() - timedelta(hours=7 * 24 - 1))
        api.put(upload_id, 0, b"0123")
        assert session_of(upload_id).expires_at < timezone.now() + timedelta(hours=2)

    def test_the_same_file_can_begin_again(self, api: Api) -> None:
        first = api.init(b"0123456789")
        UploadSession.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        assert api.init(b"0123456789") != first


@pytest.mark.integration
class TestList:
    def test_shows_my_sessions_the_newest_first(self, api: Api, strangers_api: Api) -> None:
        mine = [api.init(bytes([n])) for n in range(3)]
        strangers_api.init(b"not mine")
        listed = api.get("").json()["results"]
        assert [session["upload_id"] for session in listed] == mine[::-1]

    def test_filters_by_status_and_hash(self, api: Api) -> None:
        kept = api.init(b"partial")
        cancelled = api.init(b"cancelled")
        api.post("cancel", {"upload_id": cancelled})
        assert [row["upload_id"] for row in api.get("?status=active").json()["results"]] == [kept]
        found = api.get(f"?file_hash={sha256(b'cancelled')}").json()["results"]
        assert [row["upload_id"] for row in found] == [cancelled]
        assert_problem(api.get("?status=nonsense"), 400, "bad_field")

    def test_finds_by_a_part_of_the_name_in_any_case(self, api: Api) -> None:
        found = api.init(b"1", filename="Invoice 2026.bin")
        api.init(b"2", filename="letter.bin")
        for search in ("invoice", "2026", "CE 20"):
            rows = api.get("", params={"search": search}).json()["results"]
            assert [row["upload_id"] for row in rows] == [found]
        assert api.get("?search=%25").json()["results"] == []
        assert_problem(api.get("?search=%00"), 400, "bad_field")

    def test_comes_in_pages(self, api: Api) -> None:
        for n in range(3):
            api.init(bytes([n]))
        first = api.get("?page_size=2").json()
        assert len(first["results"]) == 2
        second = api.http.get(first["next"]).json()
        assert len(second["results"]) == 1
        assert second["next"] is None


class TestRemove:
    def delete(self, api: Api, upload_id: str) -> Any:
        return api.http.delete(f"{api.url}/{upload_id}", timeout=10)

    def test_an_upload_goes_with_its_file_as_often_as_one_asks(self, api: Api, store_root: Any) -> None:
        upload_id = api.upload(b"0123456789")["upload_id"]
        for _ in range(2):
            answer = self.delete(api, upload_id)
            assert (answer.status_code, answer.content) == (204, b"")
            assert "Content-Length" not in answer.headers
        assert_problem(api.status(upload_id), 404, "not_found")
        assert_problem(api.get(f"file/{upload_id}"), 404, "not_found")
        assert api.get("").json()["results"] == []
        assert not [path for path in (store_root / "files").rglob("*") if path.is_file()]

    def test_a_strangers_upload_answers_like_an_unknown_one_and_stays(self, api: Api, strangers_api: Api) -> None:
        upload_id = api.upload(b"0123456789")["upload_id"]
        answers = [self.delete(strangers_api, id_) for id_ in (upload_id, "00000000-0000-4000-8000-000000000000")]
        assert [answer.status_code for answer in answers] == [204, 204]
        assert api.status(upload_id).json()["status"] == "completed"

    def test_it_asks_for_a_token(self, api: Api) -> None:
        upload_id = api.init(b"0123456789")
        api.http.headers.pop("Authorization")
        assert_problem(self.delete(api, upload_id), 401, "not_authenticated")

    def test_what_is_no_id_is_no_address(self, api: Api) -> None:
        assert_problem(self.delete(api, "nonsense"), 404, "not_found")


def test_a_client_key_makes_init_idempotent(api: Api) -> None:
    first = api.post("init", {"filename": "a.bin", "total_size": 10, "client_key": "k"})
    again = api.post("init", {"filename": "a.bin", "total_size": 10, "client_key": "k"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["upload_id"] == again.json()["upload_id"]
    other = api.post("init", {"filename": "a.bin", "total_size": 11, "client_key": "k"})
    assert_problem(other, 409, "client_key_conflict")
    assert_problem(api.post("init", {"filename": "a.bin", "client_key": "k" * 32_769}), 400, "bad_field")
    long = {"filename": "a.bin", "total_size": 10, "client_key": "k" * 32_768}
    assert api.post("init", long).json()["upload_id"] == api.post("init", long).json()["upload_id"]


def test_a_chunked_body_of_a_view_is_read_where_the_server_hands_it_over(api: Api) -> None:
    body = [json.dumps({"filename": "a.bin", "total_size": 1}).encode()]
    answer = api.http.post(f"{api.url}/init", data=iter(body), timeout=10)
    assert (answer.status_code, answer.json().get("code")) in [(201, None), (411, "length_required")]


class TestRequestLimit:
    """What clients find out about proxies on the way."""

    def test_it_is_told_to_the_operator_once(
        self, api: Api, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(request_limits, "_told", set())
        for _ in range(2):
            assert api.post("init", {"filename": "a.bin", "request_limit": 1_000_000}).status_code == 201
        assert [record.message for record in caplog.records if "1000000 bytes" in record.message] != []
        assert len([record for record in caplog.records if "1000000 bytes" in record.message]) == 1

    def test_who_tells_many_is_not_believed(
        self, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(request_limits, "_told", set())
        for size in range(100):
            request_limits.note_request_limit(size)
        assert len(caplog.records) == request_limits.MOST_TOLD

    @pytest.mark.parametrize("limit", [0, -1, "1", 1.5, True])
    def test_a_malformed_one_is_refused(self, api: Api, limit: Any) -> None:
        assert_problem(api.post("init", {"filename": "a.bin", "request_limit": limit}), 400, "bad_field")
