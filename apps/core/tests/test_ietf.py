"""Resumable Uploads for HTTP, line by line of the draft, on real sockets under both drivers."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson
import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone
from requests import Response

from apps.core.models import UploadSession
from apps.core.services import ledger

from .api import Api, assert_problem, session_of, sha256
from .test_tus import damage, refuse, stored
from .tus_client import Tus

Status = UploadSession.Status

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("small_chunks")]

DATA = b"0123456789"
PARTIAL = "application/partial-upload"


def digest(data: bytes, algorithm: str = "sha-256") -> str:
    found = hashlib.new(algorithm.replace("-", ""), data).digest()
    return f"{algorithm}=:{base64.b64encode(found).decode()}:"


class Draft:
    """Each method is one request, by a client of an interop version."""

    def __init__(self, api: Api, version: int = 8) -> None:
        self.api = api
        self.version = version
        self.files = f"{api.url}/files/"

    def request(
        self, method: str, url: str, data: Any = None, headers: Mapping[str, str | None] | None = None
    ) -> Response:
        sent: dict[str, str | None] = {"Upload-Draft-Interop-Version": str(self.version), **(headers or {})}
        if data is None and method in ("POST", "PATCH"):
            data = b""
        address = url if url.startswith("http") else self.api.base_url + url
        return self.api.http.request(method, address, data=data, headers=sent)

    def completeness(self, value: bool) -> dict[str, str | None]:
        if self.version == 3:
            return {"Upload-Incomplete": "?0" if value else "?1"}
        return {"Upload-Complete": "?1" if value else "?0"}

    def create(self, data: Any, *, ends: bool, **headers: str | None) -> Response:
        return self.request("POST", self.files, data, {**self.completeness(ends), **_named(headers)})

    def append(self, url: str, offset: Any, data: Any, *, ends: bool, **headers: str | None) -> Response:
        sent = {"Content-Type": PARTIAL, "Upload-Offset": str(offset), **self.completeness(ends), **_named(headers)}
        return self.request("PATCH", url, data, sent)

    def look(self, url: str, method: str = "HEAD") -> Response:
        return self.request(method, url)

    def is_complete(self, answer: Response) -> bool | None:
        if self.version == 3:
            return {"?0": True, "?1": False}.get(answer.headers.get("Upload-Incomplete", ""))
        return {"?1": True, "?0": False}.get(answer.headers.get("Upload-Complete", ""))


def _named(headers: Mapping[str, str | None]) -> dict[str, str | None]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.fixture(params=[3, 5, 6, 8])
def draft(request: pytest.FixtureRequest, api: Api) -> Draft:
    return Draft(api, request.param)


@pytest.fixture
def latest(api: Api) -> Draft:
    return Draft(api)


@pytest.fixture
def tus(api: Api) -> Tus:
    return Tus(api)


class TestCreation:
    def test_one_request_is_a_whole_upload(self, draft: Draft, tus: Tus) -> None:
        name = "attachment; filename*=UTF-8''%C3%A4.bin"
        answer = draft.create(DATA, ends=True, Content_Disposition=name, Content_Type="application/octet-stream")
        assert answer.status_code == 201
        assert draft.is_complete(answer) is True
        document = answer.json()
        assert (document["status"], document["filename"]) == ("completed", "ä.bin")
        assert document["file"]["sha256"] == sha256(DATA)
        assert stored(tus, document["upload_id"]) == DATA

    def test_the_first_bytes_make_an_upload_resource(self, draft: Draft, tus: Tus) -> None:
        answer = draft.create(DATA[:5], ends=False)
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, "5")
        assert draft.is_complete(answer) is False
        url = answer.headers["Location"]
        assert draft.append(url, 5, DATA[5:7], ends=False).status_code == 204
        answer = draft.append(url, 7, DATA[7:], ends=True)
        assert draft.is_complete(answer) is True
        assert answer.json()["status"] == "completed"
        assert stored(tus, url) == DATA

    def test_it_may_be_empty(self, draft: Draft, tus: Tus) -> None:
        answer = draft.create(b"", ends=False)
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, "0")
        answer = draft.append(answer.headers["Location"], 0, DATA, ends=True)
        assert stored(tus, answer.json()["upload_id"]) == DATA
        assert draft.create(b"", ends=True).json()["total_size"] == 0

    def test_each_is_an_upload_of_its_own(self, latest: Draft) -> None:
        answers = [latest.create(b"", ends=False, Upload_Length="10", Repr_Digest=digest(DATA)) for _ in range(2)]
        assert answers[0].headers["Location"] != answers[1].headers["Location"]

    def test_it_may_bring_metadata(self, latest: Draft, tus: Tus) -> None:
        field = f"path {base64.b64encode('a/ä'.encode()).decode()}, mark"
        document = latest.create(DATA, ends=True, Upload_Metadata=field).json()
        assert document["metadata"] == {"path": "a/ä", "mark": ""}
        assert_problem(latest.create(DATA, ends=True, Upload_Metadata="a b c"), 400, "bad_metadata")

    @pytest.mark.parametrize("value", ["true", "1", "?2", '"?1"', ""])
    def test_a_malformed_field_is_as_if_absent(self, latest: Draft, value: str) -> None:
        assert_problem(latest.create(DATA, ends=True, Upload_Complete=value), 400, "bad_field")

    @pytest.mark.parametrize("value", ["abc", "-1", "1.0", '"5"', "5, 6"])
    def test_a_malformed_length_is_as_if_absent(self, latest: Draft, value: str) -> None:
        url = latest.create(DATA[:5], ends=False, Upload_Length=value).headers["Location"]
        assert "Upload-Length" not in latest.look(url).headers

    def test_parameters_of_a_field_are_ignored(self, latest: Draft) -> None:
        answer = latest.create(DATA[:5], ends=False, Upload_Length="10;a=b", Upload_Complete="?0;x")
        assert latest.look(answer.headers["Location"]).headers["Upload-Length"] == "10"

    def test_lengths_must_agree(self, latest: Draft) -> None:
        answer = latest.create(DATA, ends=True, Upload_Length="11")
        assert answer.status_code == 400
        assert answer.json()["type"].endswith("#inconsistent-upload-length")
        assert latest.is_complete(answer) is False

    def test_what_is_too_large_is_refused_before_it_is_read(self, latest: Draft) -> None:
        answer = latest.create(b"", ends=False, Upload_Length="40001")
        assert_problem(answer, 413, "too_large")
        assert "max-size=40000" in answer.headers["Upload-Limit"]
        assert latest.is_complete(answer) is True

    def test_what_will_not_be_taken_shall_not_be_resumed(self, latest: Draft) -> None:
        answer = latest.create(DATA, ends=True, Content_Disposition='inline; filename="a.exe"')
        assert_problem(answer, 400, "extension_not_allowed")
        assert latest.is_complete(answer) is True

    def test_first_bytes_that_are_refused_leave_nothing(self, latest: Draft) -> None:
        refused = latest.create(b"\x7fELF".ljust(10), ends=True)
        assert_problem(refused, 422, "executable_refused")
        assert latest.is_complete(refused) is True
        assert not UploadSession.objects.exists()

    def test_an_empty_file_has_no_bytes(self, latest: Draft) -> None:
        refused = latest.create(DATA, ends=False, Upload_Length="0")
        assert_problem(refused, 413, "too_large")

    @pytest.mark.parametrize("name", ["xyz''a.bin", "idna''%ff.bin", "undefined''abc.bin"])
    def test_a_name_that_cannot_be_read_is_ignored(self, latest: Draft, name: str) -> None:
        binary = {"Content_Type": "application/octet-stream"}
        answer = latest.create(DATA, ends=True, Content_Disposition=f"attachment; filename*={name}", **binary)
        assert (answer.status_code, answer.json()["filename"]) == (201, "upload.bin")

    def test_the_type_names_a_file_without_a_name(self, latest: Draft, uploads: Any) -> None:
        uploads(CHUNK_SIZE=64)
        document = latest.create(b"%PDF-1.7 ", ends=True, Content_Type="application/pdf").json()
        assert (document["filename"], document["mime_type"]) == ("upload.pdf", "application/pdf")

    @pytest.mark.parametrize("base_url", ["asgi"], indirect=True)
    def test_a_body_of_unknown_length_may_be_the_whole(self, latest: Draft, tus: Tus) -> None:
        answer = latest.create(iter([DATA[:3], DATA[3:]]), ends=True)
        assert stored(tus, answer.json()["upload_id"]) == DATA


class TestRepeatedCreation:
    """Idempotency-Key: whoever did not hear the answer asks again."""

    KEY = '"8e03978e-40d5"'

    def whole(self, draft: Draft, data: bytes = DATA, key: str = KEY) -> Response:
        return draft.create(data, ends=True, Idempotency_Key=key, Repr_Digest=digest(data))

    def test_there_is_one_upload_in_the_end(self, draft: Draft, tus: Tus) -> None:
        answers = [self.whole(draft) for _ in range(3)]
        assert {answer.status_code for answer in answers} == {201}
        (upload_id,) = {answer.json()["upload_id"] for answer in answers}
        assert stored(tus, upload_id) == DATA
        assert self.whole(draft, key='"another"').json()["upload_id"] != upload_id

    def test_what_was_cut_is_begun_anew(self, latest: Draft, tus: Tus) -> None:
        cut = latest.create(DATA[:5], ends=False, Idempotency_Key=self.KEY, Upload_Length=str(len(DATA)))
        assert cut.headers["Upload-Offset"] == "5"
        again = self.whole(latest)
        assert again.json()["status"] == "completed"
        assert stored(tus, again.json()["upload_id"]) == DATA
        assert UploadSession.objects.count() == 1

    def test_what_was_refused_is_refused_again(self, latest: Draft) -> None:
        wrong = {"Idempotency_Key": self.KEY, "Repr_Digest": digest(b"else")}
        answers = [latest.create(DATA, ends=True, **wrong) for _ in range(2)]
        for answer in answers:
            assert_problem(answer, 422, "hash_mismatch")

    def test_a_key_stands_for_one_file(self, latest: Draft) -> None:
        self.whole(latest)
        assert_problem(self.whole(latest, b"another file"), 409, "client_key_conflict")
        assert_problem(self.whole(latest, DATA[::-1]), 409, "client_key_conflict")

    def test_a_key_is_its_owners(self, latest: Draft, strangers_api: Api) -> None:
        assert self.whole(latest).json()["upload_id"] != self.whole(Draft(strangers_api)).json()["upload_id"]

    def test_once_its_upload_is_removed_a_key_is_free(self, latest: Draft, api: Api) -> None:
        upload_id = self.whole(latest).json()["upload_id"]
        api.http.delete(f"{api.url}/{upload_id}")
        assert self.whole(latest).json()["status"] == "completed"

    @pytest.mark.parametrize("key", ["8e03978e", '""', f'"{"k" * 129}"', '"a', '"ä"'])
    def test_a_malformed_key_begins_nothing(self, latest: Draft, key: str) -> None:
        answer = latest.create(DATA, ends=True, Idempotency_Key=key.encode())  # type: ignore[arg-type]
        assert_problem(answer, 400, "bad_field")
        assert UploadSession.objects.count() == 0


class TestOffsetRetrieval:
    @pytest.mark.parametrize("method", ["HEAD", "GET"])
    def test_it_tells_how_far_it_is(self, draft: Draft, method: str) -> None:
        url = draft.create(DATA[:5], ends=False, Upload_Length="10").headers["Location"]
        answer = draft.look(url, method)
        assert (answer.status_code, answer.headers["Upload-Offset"], answer.headers["Upload-Length"]) == (
            204,
            "5",
            "10",
        )
        assert draft.is_complete(answer) is False
        assert answer.headers["Cache-Control"] == "no-store"
        limits = dict(member.split("=") for member in answer.headers["Upload-Limit"].split(", "))
        assert (limits["max-size"], limits["min-size"]) == ("40000", "0")
        assert 0 < int(limits["max-age"]) <= 24 * 3600

    @pytest.mark.parametrize("end", [Status.COMPLETED, Status.CANCELLED])
    def test_what_ends_while_somebody_asks_is_told_as_ended(
        self, latest: Draft, monkeypatch: pytest.MonkeyPatch, end: str
    ) -> None:
        url = latest.create(DATA[:5], ends=False, Upload_Length="10").headers["Location"]

        def end_meanwhile(session: UploadSession) -> None:
            UploadSession.objects.filter(pk=session.pk).update(status=end)
            ledger.supersede_append(session)

        monkeypatch.setattr("apps.core.services.resumable_upload_service.take_over", end_meanwhile)
        assert latest.look(url).status_code == (204 if end == Status.COMPLETED else 410)

    def test_all_bytes_are_not_yet_complete(self, latest: Draft) -> None:
        url = latest.create(DATA, ends=False, Upload_Length="10").headers["Location"]
        answer = latest.look(url)
        assert (answer.headers["Upload-Offset"], latest.is_complete(answer)) == ("10", False)
        assert latest.append(url, 10, b"", ends=True).json()["status"] == "completed"
        assert latest.is_complete(latest.look(url)) is True

    def test_what_is_not_there_is_not_found(self, latest: Draft) -> None:
        assert latest.look(f"{latest.files}nonsense").status_code == 404
        url = latest.create(b"", ends=False).headers["Location"]
        UploadSession.objects.update(expires_at=timezone.now())
        assert latest.look(url).status_code == 410


class TestAppend:
    @pytest.mark.parametrize("version", [3, 5, 6, 8])
    def test_the_type_is_asked_for_since_version_6(self, api: Api, version: int) -> None:
        draft = Draft(api, version)
        url = draft.create(b"", ends=False).headers["Location"]
        answer = draft.append(url, 0, DATA, ends=True, Content_Type="application/octet-stream")
        assert answer.status_code == (415 if version >= 6 else 201)

    @pytest.mark.parametrize("missing", ["Upload_Offset", "Upload_Complete"])
    def test_both_fields_are_needed(self, latest: Draft, missing: str) -> None:
        url = latest.create(b"", ends=False).headers["Location"]
        assert_problem(latest.append(url, 0, DATA, ends=True, **{missing: None}), 400, "bad_field")

    @pytest.mark.parametrize("offset", [0, 4, 6, 10])
    def test_another_offset_is_a_conflict(self, draft: Draft, offset: int) -> None:
        url = draft.create(DATA[:5], ends=False, Upload_Length="10").headers["Location"]
        answer = draft.append(url, offset, DATA[offset:], ends=True)
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (409, "5")
        assert draft.is_complete(answer) is False
        problem = answer.json()
        assert problem["type"].endswith("#mismatching-upload-offset")
        assert (problem["expected-offset"], problem["provided-offset"]) == (5, offset)
        assert draft.append(url, 5, DATA[5:], ends=True).json()["status"] == "completed"

    def test_lengths_must_agree(self, latest: Draft, tus: Tus) -> None:
        url = latest.create(DATA[:5], ends=False, Upload_Length="10").headers["Location"]
        for answer in (
            latest.append(url, 5, b"", ends=False, Upload_Length="11"),
            latest.append(url, 5, DATA[5:8], ends=True),
            latest.append(url, 5, DATA[5:], ends=True, Upload_Length="11"),
        ):
            assert answer.status_code == 400
            assert answer.json()["type"].endswith("#inconsistent-upload-length")
            assert latest.is_complete(answer) is False
        assert latest.append(url, 5, DATA[5:], ends=True).status_code == 201
        assert stored(tus, url) == DATA

    def test_a_length_before_the_offset_changes_nothing(self, latest: Draft) -> None:
        url = latest.create(DATA[:5], ends=False).headers["Location"]
        refused = latest.append(url, 5, b"", ends=False, Upload_Length="3")
        assert (refused.status_code, refused.json()["code"]) == (400, "inconsistent_length")
        assert "Upload-Length" not in latest.look(url).headers
        assert latest.append(url, 5, DATA[5:], ends=True).status_code == 201

    def test_the_last_append_again_ends_where_the_upload_does(self, latest: Draft) -> None:
        url = latest.create(DATA[:5], ends=False).headers["Location"]
        latest.append(url, 5, DATA[5:], ends=True)
        assert latest.append(url, 5, DATA[5:9], ends=True).status_code == 409
        chunked = latest.append(url, 10, iter([b"x"]), ends=True)
        assert chunked.status_code in (413, 411)

    def test_past_a_known_length_the_upload_ends(self, latest: Draft) -> None:
        url = latest.create(DATA[:5], ends=False, Upload_Length="10").headers["Location"]
        assert_problem(latest.append(url, 5, DATA, ends=False), 400, "past_the_end")
        assert latest.look(url).status_code == 410
        assert session_of(url.rpartition("/")[2]).status == "cancelled"

    @pytest.mark.parametrize("base_url", ["asgi"], indirect=True)
    def test_past_a_known_length_the_bytes_are_counted(self, latest: Draft) -> None:
        url = latest.create(DATA[:5], ends=False, Upload_Length="10").headers["Location"]
        assert_problem(latest.append(url, 5, iter([DATA, DATA]), ends=False), 400, "past_the_end")
        assert latest.look(url).status_code == 410

    def test_the_last_append_again_is_answered_alike(self, draft: Draft) -> None:
        url = draft.create(DATA[:5], ends=False).headers["Location"]
        first = draft.append(url, 5, DATA[5:], ends=True)
        for again in (draft.append(url, 5, DATA[5:], ends=True), draft.append(url, 10, b"", ends=True)):
            assert (again.status_code, again.json()["file"]) == (first.status_code, first.json()["file"])
            assert draft.is_complete(again) is True
        other = draft.append(url, 5, DATA[5:8], ends=True)
        assert other.status_code == 409
        assert draft.is_complete(other) is False

    def test_what_is_refused_at_the_end_is_told_and_gone(self, latest: Draft, uploads: Any) -> None:
        uploads(VALIDATORS=(f"{refuse.__module__}.refuse",))
        url = latest.create(DATA[:5], ends=False).headers["Location"]
        answer = latest.append(url, 5, DATA[5:], ends=True)
        assert_problem(answer, 422, "content_refused")
        assert latest.is_complete(answer) is True
        assert latest.look(url).status_code == 410

    def test_damage_closes_the_upload_and_is_mended_elsewhere(self, latest: Draft, tus: Tus, store_root: Any) -> None:
        url = latest.create(DATA[:9], ends=False).headers["Location"]
        damage(store_root, tus, url, 5)
        assert_problem(latest.append(url, 9, DATA[9:], ends=True), 410, "upload_closed")
        assert latest.look(url).status_code == 410
        upload_id = url.rpartition("/")[2]
        missing = tus.api.status(upload_id).json()["progress"]["missing_chunks"]
        assert missing == [1]
        tus.api.send(upload_id, DATA, 4, missing)
        assert tus.api.complete(upload_id, file_hash=sha256(DATA)).status_code == 200
        assert latest.is_complete(latest.look(url)) is True


class TestCancellation:
    def test_it_is_gone(self, draft: Draft) -> None:
        url = draft.create(DATA[:5], ends=False).headers["Location"]
        assert draft.request("DELETE", url).status_code == 204
        assert [draft.look(url).status_code, draft.request("DELETE", url).status_code] == [404, 404]


class TestDigests:
    @pytest.mark.parametrize("algorithm", ["sha-256", "sha-512"])
    def test_content_is_checked_before_it_counts(self, latest: Draft, tus: Tus, algorithm: str) -> None:
        url = latest.create(DATA[:5], ends=False, Content_Digest=digest(DATA[:5], algorithm)).headers["Location"]
        refused = latest.append(url, 5, DATA[5:8], ends=False, Content_Digest=digest(b"other", algorithm))
        assert_problem(refused, 400, "checksum_mismatch")
        assert latest.look(url).headers["Upload-Offset"] == "5"
        latest.append(url, 5, DATA[5:], ends=True, Content_Digest=digest(DATA[5:], algorithm))
        assert stored(tus, url) == DATA

    def test_a_malformed_one_begins_nothing(self, latest: Draft) -> None:
        refused = latest.create(DATA, ends=False, Content_Digest="sha-256=:AAAA:")
        assert_problem(refused, 400, "bad_digest")
        assert not UploadSession.objects.exists()

    def test_other_algorithms_are_ignored(self, latest: Draft) -> None:
        answer = latest.create(DATA, ends=True, Content_Digest="md5=:AAAA:", Repr_Digest="md5=:AAAA:")
        assert answer.status_code == 201

    def test_the_whole_is_checked_at_the_end(self, latest: Draft) -> None:
        good = latest.create(DATA, ends=True, Repr_Digest=digest(DATA), Want_Repr_Digest="sha-256=9")
        assert good.headers["Repr-Digest"] == digest(DATA)
        bad = latest.create(DATA, ends=True, Repr_Digest=digest(b"other"))
        assert_problem(bad, 422, "hash_mismatch")
        assert latest.is_complete(bad) is True


class TestSecurity:
    """The draft's *Security Considerations*. (Slow senders: ``test_asgi``; strangers and guesses: below and in tus.)"""

    @pytest.mark.parametrize("protocol", ["draft", "tus", "json"])
    def test_permission_is_asked_for_again_at_the_end(self, latest: Draft, tus: Tus, owner: Any, protocol: str) -> None:
        url = latest.create(b"", ends=False, Content_Type="application/octet-stream", Upload_Length="10").headers[
            "Location"
        ]

        def dismiss() -> None:
            get_user_model()._default_manager.update(is_active=False)

        if protocol == "draft":
            answer = latest.append(url, 0, Interrupted(DATA, dismiss), ends=True)
        elif protocol == "tus":
            answer = tus.patch(url, 0, Interrupted(DATA, dismiss))
        else:
            latest.append(url, 0, DATA, ends=False)
            body = orjson.dumps({"upload_id": tus.id_of(url), "file_hash": sha256(DATA)})
            answer = tus.api.http.post(f"{tus.api.url}/complete", data=Interrupted(body, dismiss))
        assert answer.status_code in (401, 403), answer.text
        assert session_of(tus.id_of(url)).status == "active"

    def test_the_quota_is_looked_at_again_at_the_end(self, latest: Draft, uploads: Any) -> None:
        url = latest.create(DATA[:5], ends=False).headers["Location"]
        uploads(MAX_STORED_BYTES=9)
        assert_problem(latest.append(url, 5, DATA[5:], ends=True), 429, "quota_exceeded")
        assert latest.look(url).headers["Upload-Offset"] == "10"
        uploads(MAX_STORED_BYTES=10)
        assert latest.append(url, 10, b"", ends=True).status_code == 201

    def test_the_whole_is_scanned_and_not_its_pieces(self, latest: Draft, uploads: Any) -> None:
        seen.clear()
        uploads(VALIDATORS=(f"{note.__module__}.note",))
        url = latest.create(DATA[:5], ends=False).headers["Location"]
        latest.append(url, 5, DATA[5:8], ends=False)
        assert seen == []
        latest.append(url, 8, DATA[8:], ends=True)
        assert seen == [DATA]

    def test_a_client_has_so_many_uploads_at_once(self, latest: Draft, uploads: Any) -> None:
        uploads(MAX_OPEN_SESSIONS=1)
        latest.create(DATA[:5], ends=False)
        refused = latest.create(DATA[:5], ends=False)
        assert_problem(refused, 429, "quota_exceeded")


class Interrupted:
    """A body in whose midst something happens."""

    def __init__(self, data: bytes, happens: Callable[[], None]) -> None:
        self._data = data
        self._happens = happens

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[bytes]:
        yield self._data[:5]
        self._happens()
        yield self._data[5:]


seen: list[bytes] = []


def note(file: Any, session: Any) -> None:
    """A validator that reads what it is given."""
    seen.append(file.read())


class TestDiscovery:
    def test_options_tells_the_limits(self, latest: Draft) -> None:
        answer = Draft(Api(latest.api.base_url, None)).request("OPTIONS", latest.files)
        assert answer.status_code == 204
        assert answer.headers["Upload-Limit"] == "max-size=40000, min-size=0"
        assert answer.headers["Tus-Version"] == "1.0.0"

    def test_what_speaks_neither_is_told_what_to_speak(self, api: Api) -> None:
        answer = api.http.post(f"{api.url}/files/", data=DATA)
        assert (answer.status_code, answer.headers["Tus-Version"]) == (412, "1.0.0")

    def test_a_strangers_upload_does_not_exist(self, latest: Draft, strangers_api: Api) -> None:
        url = latest.create(DATA[:5], ends=False).headers["Location"]
        stranger = Draft(strangers_api)
        answers = [stranger.look(url), stranger.append(url, 5, DATA[5:], ends=True), stranger.request("DELETE", url)]
        assert [answer.status_code for answer in answers] == [404, 404, 404]


class TestCrossingOver:
    def test_begun_with_tus_finished_here(self, latest: Draft, tus: Tus) -> None:
        url = tus.create(10)
        tus.patch(url, 0, DATA[:5])
        assert latest.look(url).headers["Upload-Offset"] == "5"
        assert latest.append(url, 5, DATA[5:], ends=True).json()["status"] == "completed"
        assert stored(tus, url) == DATA

    def test_begun_here_finished_with_tus(self, latest: Draft, tus: Tus) -> None:
        url = latest.create(DATA[:5], ends=False).headers["Location"]
        assert tus.patch(url, 5, DATA[5:], Upload_Length="10").status_code == 204
        assert stored(tus, url) == DATA
        assert latest.is_complete(latest.look(url)) is True
