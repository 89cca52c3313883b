"""Bad input and bad intent. The numbers are the lines of the upload security checklist (docs/SECURITY_CHECKLIST.md)."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.version import Version

import apps.core
from apps.core.models import UploadSession

from .api import Api, assert_problem, content_digest, session_of, sha256

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("small_chunks")]

UNKNOWN = "00000000-0000-4000-8000-000000000000"
LENIENT = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def init(api: Api, **fields: Any) -> requests.Response:
    return api.post("init", {"filename": "a.bin", "total_size": 10, **fields})


def test_01_floors_of_security_hold() -> None:
    assert Version(importlib.metadata.version("Django")) >= Version("5.2.19")
    assert Version(importlib.metadata.version("djangorestframework")) >= Version("3.18.2")


@pytest.mark.parametrize("name", ["a.jpg.php", "a.PHP", "a.exe", "noextension", "a.svg", "a.html", "a."])
def test_02_the_last_suffix_must_be_on_the_allow_list(api: Api, name: str) -> None:
    assert_problem(init(api, filename=name), 400, "extension_not_allowed")
    assert not UploadSession.objects.exists()


@pytest.mark.parametrize("name", ["x.jpg.", "x.jpg ", "a.php.jpg"])
def test_02_the_last_suffix_decides(api: Api, name: str) -> None:
    assert init(api, filename=name).status_code == 201


@pytest.mark.parametrize(("name", "code"), [("a.php%00.jpg", "bad_filename"), ("a.php\x00.jpg", "bad_field")])
def test_03_hidden_suffixes_are_refused_not_cut(api: Api, name: str, code: str) -> None:
    assert_problem(init(api, filename=name), 400, code)


def test_04_bytes_that_contradict_the_type_are_refused(api: Api) -> None:
    upload_id = api.init(b"GIF89a!!", "a.png")
    assert_problem(api.put(upload_id, 0, b"GIF8"), 422, "type_mismatch")
    assert api.status(upload_id).json()["file"] is None
    assert api.get(f"file/{upload_id}").status_code == 404


def test_05_the_verdict_is_of_the_stored_bytes(api: Api, store_root: Any) -> None:
    good, bad = b"\xff\xd8\xff\xe0" + b"1234", b"\x89PNG" + b"1234"
    upload_id = api.post("init", {"filename": "a.jpg", "total_size": 8}).json()["upload_id"]
    api.send(upload_id, good, 4)
    next((store_root / "staging").glob("*.part")).write_bytes(bad)
    session_of(upload_id).receipts.filter(index=0).update(sha256=hashlib.sha256(bad[:4]).digest())
    assert_problem(api.complete(upload_id, file_hash=sha256(bad)), 422, "type_mismatch")


@pytest.mark.parametrize("name", ["a.bin", "a.txt", "a.zip"])
@pytest.mark.parametrize("head", [b"MZ\x90\0", b"\x7fELF", b"\xcf\xfa\xed\xfe", b"#!/b"])
def test_06_executables_are_refused_as_anything(api: Api, name: str, head: bytes) -> None:
    upload_id = api.init(head, name)
    assert_problem(api.put(upload_id, 0, head), 422, "executable_refused")


def test_06_unless_a_setting_allows_them(api: Api, uploads: Any) -> None:
    uploads(ALLOW_EXECUTABLES=True)
    assert api.upload(b"\x7fELF")["status"] == "completed"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.png", b"\x89PNG\r\n\x1a\n<script>alert(1)</script>"),
        ("a.gif", b"GIF89a=1;alert(1)//"),
        ("a.pdf", b"%PDF-1.7\nPK\x03\x04"),
        ("a.jpg", b"\xff\xd8\xff\xe0<?php system($_GET[0]);"),
    ],
)
def test_07_08_09_polyglots_are_only_ever_served_as_inert_attachments(
    api: Api, uploads: Any, name: str, content: bytes
) -> None:
    uploads(CHUNK_SIZE=64)
    session = api.upload(content, name)
    answer = api.http.get(api.base_url + session["file"]["url"] + "?inline=1&disposition=inline")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Content-Type"] == session["mime_type"]


@pytest.mark.parametrize("name", ['q"uote.bin', "semi;colon.bin", "a\r\nX-Evil: 1.bin", "Größe.bin", "x\u202egnp.bin"])
def test_10_names_make_one_header_line(api: Api, name: str) -> None:
    session = api.upload(b"0123", name)
    answer = api.http.get(api.base_url + session["file"]["url"])
    assert "X-Evil" not in answer.headers
    assert "\n" not in answer.headers["Content-Disposition"]
    assert answer.content == b"0123"


@pytest.mark.parametrize("name", ["../../etc/passwd.txt", "..\\..\\x.txt", "/abs.txt", "C:\\x.txt", "a/b.txt"])
def test_12_no_byte_of_a_name_reaches_a_path(api: Api, store_root: Any, name: str) -> None:
    upload_id = api.upload(b"0123", name)["upload_id"]
    files = [path.name for path in (store_root / "files").rglob("*") if path.is_file()]
    assert files == [upload_id.replace("-", "")]


@given(name=st.text(max_size=40).map(lambda text: text + ".bin") | st.text(max_size=1100))
@LENIENT
@pytest.mark.slow
def test_14_any_name_is_accepted_or_refused(api: Api, uploads: Any, name: str) -> None:
    uploads(INIT_RATE="", INIT_RATE_PER_ADDRESS="", MAX_OPEN_SESSIONS=10**6)
    try:
        name.encode()
    except UnicodeEncodeError:
        return
    assert init(api, filename=name).status_code in (201, 400)


def test_15_bodies_are_never_decompressed(api: Api) -> None:
    upload_id = api.init(b"0123456789")
    assert_problem(api.put(upload_id, 0, b"0123", {"Content-Encoding": "gzip"}), 415, "unsupported_encoding")
    for path in ("init", "chunk", "complete"):
        answer = api.http.post(f"{api.url}/{path}", data=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
        assert_problem(answer, 415, "unsupported_encoding")


def test_15_codecs_of_a_charset_are_ignored(api: Api) -> None:
    answer = api.http.post(
        f"{api.url}/init", data=b"BZh91AY", headers={"Content-Type": "application/json; charset=bz2_codec"}
    )
    assert_problem(answer, 400, "bad_json")


def test_17_too_large_files_are_refused_before_anything_exists(api: Api, uploads: Any, store_root: Any) -> None:
    uploads(MAX_FILE_SIZE=9)
    assert_problem(init(api), 413, "too_large")
    assert not UploadSession.objects.exists()
    assert not (store_root / "staging").exists() or not list((store_root / "staging").iterdir())


@pytest.mark.parametrize("size", [-1, 2**63, 1.5, 10.0, "10", True, [], {}])
def test_17_sizes_that_are_none_are_refused(api: Api, size: Any) -> None:
    assert_problem(init(api, total_size=size), 400, "bad_field")


def test_17_nan_is_no_json(api: Api) -> None:
    answer = api.http.post(f"{api.url}/init", data='{"filename": "a.bin", "total_size": NaN}')
    assert_problem(answer, 400, "bad_json")


def test_18_no_byte_beyond_the_size_is_ever_stored(api: Api, store_root: Any) -> None:
    upload_id = api.init(b"0123456789")
    assert_problem(api.put(upload_id, 2, b"89!"), 413, "too_large")
    assert_problem(api.post_chunk(upload_id, 2, b"89!"), 413, "too_large")
    assert_problem(api.put(upload_id, 0, b"012"), 400, "incomplete_body")
    assert_problem(api.post_chunk(upload_id, 0, b"012"), 400, "incomplete_body")
    assert next((store_root / "staging").glob("*.part")).stat().st_size == 0


@pytest.mark.parametrize("base_url", ["asgi"], indirect=True)
def test_19_a_chunked_body_is_cut_at_its_first_byte_too_many(api: Api) -> None:
    upload_id = api.init(b"0123456789")
    assert_problem(api.put(upload_id, 0, iter([b"0123", b"!"])), 413, "too_large")
    assert api.put(upload_id, 0, iter([b"01", b"23"])).status_code == 200


def test_20_an_oversize_json_body_is_the_one_error_form(api: Api, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10_000
    for path in ("chunk", "init", "complete"):
        answer = api.http.post(f"{api.url}/{path}", data=b" " * 400_000)
        assert_problem(answer, 413, "too_large")


@pytest.mark.parametrize("data", ["MDEyMw", "MDEyMw== ", "MDEy\nMw==", "MDE_Mw==", "MDEyMw==MDEy", "Größe", 5, None])
def test_21_base64_is_strict(api: Api, data: Any) -> None:
    upload_id = api.init(b"0123456789")
    assert_problem(api.post_chunk(upload_id, 0, b"0123", chunk_data=data), 400, "bad_field")


@given(data=st.binary(max_size=12), index=st.integers(-5, 12))
@LENIENT
@pytest.mark.slow
def test_21_any_base64_and_index_is_accepted_or_refused(api: Api, data: bytes, index: int) -> None:
    answer = api.post_chunk(api.init(b"0123456789"), index, data)
    assert answer.status_code in (200, 400, 409, 413, 422)


def test_22_the_number_of_chunks_is_bounded(api: Api, uploads: Any) -> None:
    uploads(MAX_FILE_SIZE=10**9)
    assert init(api, total_size=10**9, chunk_size=1).json()["total_chunks"] <= 10_000


@pytest.mark.parametrize("index", [-1, 3, 1.0, True, 2**63, "1", "1e3", None])
def test_23_an_index_is_a_whole_number_in_the_grid(api: Api, index: Any) -> None:
    upload_id = api.init(b"0123456789")
    answer = api.post_chunk(upload_id, index, b"0123")
    assert_problem(answer, 400, "bad_chunk_index" if index in (3, 2**63) and index is not True else "bad_field")
    if index is not None and index != "1":
        assert_problem(api.put(upload_id, index, b"0123"), 400, "bad_chunk_index")


def test_26_digests_are_whole_or_refused(api: Api) -> None:
    upload_id = api.init(b"0123456789")
    problem = assert_problem(api.post_chunk(upload_id, 0, b"0123", checksum="abc123"), 400, "bad_field")
    assert problem["detail"].endswith("sha256sum FILE).")
    for header in ("sha-256=abc", "sha-256=:abc:", "sha-256=:YWJj:", "sha-256"):
        answer = api.put(upload_id, 0, b"0123", {"Content-Digest": header})
        assert answer.status_code in (200, 400)
        if "=" in header:
            assert_problem(answer, 400, "bad_digest")
    unknown = {"Content-Digest": "md5=:YWJj:, " + content_digest(b"0123")["Content-Digest"]}
    assert api.put(upload_id, 0, b"0123", unknown).status_code == 200


ENDPOINTS = [
    ("GET", ""),
    ("POST", "init"),
    ("POST", "chunk"),
    ("PUT", f"chunk/{UNKNOWN}/0"),
    ("POST", "complete"),
    ("POST", "cancel"),
    ("GET", f"status/{UNKNOWN}"),
    ("GET", f"file/{UNKNOWN}"),
]


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
@pytest.mark.parametrize("credentials", [None, "Bearer", "Bearer nonsense", "Basic YTpi", "Bearer " + "a" * 64])
def test_28_every_endpoint_asks_for_a_token(
    base_url: str, owner: Any, method: str, path: str, credentials: Any
) -> None:
    headers = {"Authorization": credentials} if credentials else {}
    answer = requests.request(method, f"{base_url}/api/v1/upload/{path}", headers=headers, data=b"{}", timeout=10)
    assert_problem(answer, 401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_28_inactive_users_and_expired_tokens_are_refused(api: Api, owner: Any, uploads: Any) -> None:
    from knox.models import AuthToken

    uploads(AUTH_CACHE_SECONDS=0.0)
    upload_id = api.init(b"0123456789")
    owner.is_active = False
    owner.save()
    assert_problem(api.put(upload_id, 0, b"0123"), 401, "not_authenticated")
    assert_problem(api.status(upload_id), 401, "not_authenticated")
    owner.is_active = True
    owner.save()
    AuthToken.objects.update(expiry="2020-01-01T00:00Z")
    assert_problem(api.put(upload_id, 0, b"0123"), 401, "not_authenticated")


def test_28_a_revoked_token_ends_within_the_cache_time(api: Api, uploads: Any) -> None:
    from knox.models import AuthToken

    uploads(AUTH_CACHE_SECONDS=0.2)
    upload_id = api.init(b"0123456789")
    assert api.put(upload_id, 0, b"0123").status_code == 200
    AuthToken.objects.all().delete()
    time.sleep(0.25)
    assert_problem(api.put(upload_id, 1, b"4567"), 401, "not_authenticated")


def test_29_a_strangers_upload_answers_like_an_unknown_one(api: Api, strangers_api: Api) -> None:
    theirs = strangers_api.upload(b"0123456789")["upload_id"]

    def answers(upload_id: str) -> list[tuple[int, str]]:
        return [
            (answer.status_code, answer.text)
            for answer in (
                api.put(upload_id, 0, b"0123"),
                api.post_chunk(upload_id, 0, b"0123"),
                api.complete(upload_id),
                api.complete(upload_id, file_hash="a" * 64),
                api.post("cancel", {"upload_id": upload_id}),
                api.status(upload_id),
                api.get(f"file/{upload_id}"),
            )
        ]

    assert answers(theirs) == answers(UNKNOWN)
    assert {status for status, _ in answers(theirs)} == {404}
    assert session_of(theirs).status == "completed"


def test_31_a_session_cookie_needs_the_csrf_token(base_url: str, owner: Any) -> None:
    from django.test import Client

    browser = Client()
    browser.force_login(owner)
    cookies = {"sessionid": browser.cookies["sessionid"].value, "csrftoken": "a" * 32}
    body = json.dumps({"filename": "a.bin", "total_size": 4})
    init_url = f"{base_url}/api/v1/upload/init"
    assert_problem(requests.post(init_url, data=body, cookies=cookies, timeout=10), 403, "csrf_failed")
    token = {"X-CSRFToken": "a" * 32}
    begun = requests.post(init_url, data=body, cookies=cookies, headers=token, timeout=10)
    assert begun.status_code == 201
    chunk_url = f"{base_url}/api/v1/upload/chunk/{begun.json()['upload_id']}/0"
    assert_problem(requests.put(chunk_url, data=b"0123", cookies=cookies, timeout=10), 403, "csrf_failed")
    assert requests.put(chunk_url, data=b"0123", cookies=cookies, headers=token, timeout=10).status_code == 200


def test_31_csrf_exempt_appears_only_where_authenticators_check() -> None:
    root = Path(apps.core.__file__).parent
    users = {
        path.name for path in root.rglob("*.py") if "tests" not in path.parts and "@csrf_exempt" in path.read_text()
    }
    assert users == {"wsgi.py", "api_base.py"}


def test_32_no_other_origin_is_let_in(api: Api) -> None:
    answer = api.http.get(f"{api.url}/", headers={"Origin": "https://evil.example"})
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_33_the_method_cannot_be_overridden(api: Api) -> None:
    answer = api.http.post(f"{api.url}/status/{UNKNOWN}", headers={"X-HTTP-Method-Override": "GET"})
    assert_problem(answer, 405, "method_not_allowed")


def test_34_35_quotas_and_throttles_say_when_to_come_back(api: Api, uploads: Any) -> None:
    uploads(INIT_RATE="2/hour")
    assert [init(api).status_code for _ in range(2)] == [201, 201]
    throttled = init(api)
    assert_problem(throttled, 429, "throttled")
    assert int(throttled.headers["Retry-After"]) > 0


def test_35_forwarded_addresses_are_not_believed(api: Api, uploads: Any) -> None:
    uploads(INIT_RATE_PER_ADDRESS="1/hour")
    assert init(api).status_code == 201
    answer = api.http.post(
        f"{api.url}/init", json={"filename": "a.bin", "total_size": 1}, headers={"X-Forwarded-For": "203.0.113.7"}
    )
    assert_problem(answer, 429, "throttled")


def test_35_failed_checksums_are_throttled_and_good_chunks_are_not(api: Api, uploads: Any) -> None:
    uploads(FAILED_CHECKSUM_RATE="2/hour")
    upload_id = api.init(b"0123456789")
    for _ in range(2):
        assert_problem(api.put(upload_id, 0, b"0123", content_digest(b"else")), 400, "checksum_mismatch")
    throttled = api.put(upload_id, 0, b"0123", content_digest(b"else"))
    assert_problem(throttled, 429, "throttled")
    assert int(throttled.headers["Retry-After"]) > 0
    assert api.put(upload_id, 0, b"0123", content_digest(b"0123")).status_code == 200


def test_40_errors_hold_no_paths_sql_or_tokens(api: Api, store_root: Any) -> None:
    upload_id = api.init(b"0123456789")
    texts = [
        api.put(upload_id, 9, b"x").text,
        api.post("init", {"filename": "\x1b[31m\r\n"}).text,
        api.complete(upload_id).text,
        api.get("nowhere").text,
        api.http.post(f"{api.url}/init", data=b"\xff\xfe").text,
    ]
    for text in texts:
        assert not re.search(r"/tmp|/home|SELECT|Traceback|File \"|Bearer [0-9a-f]{20}", text), text
        assert str(store_root) not in text


def test_40_log_lines_stay_single(api: Api, caplog: Any) -> None:
    with caplog.at_level("INFO", logger="apps.core.requests"):
        upload_id = api.init(b"0123456789", "evil\r\n\x1b[31mname.bin")
        api.put(upload_id, 0, b"0123", {"X-Request-ID": "id-1"})
    assert caplog.records
    for record in caplog.records:
        assert "\n" not in record.getMessage()
        assert "evil" not in record.getMessage()


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [("GET", f"chunk/{UNKNOWN}/0", "PUT"), ("PUT", "chunk", "POST"), ("GET", "init", "POST"), ("PUT", "", "GET")],
)
def test_wrong_methods_are_told_the_right_ones(api: Api, method: str, path: str, allow: str) -> None:
    answer = api.http.request(method, f"{api.url}/{path}")
    assert_problem(answer, 405, "method_not_allowed")
    assert allow in answer.headers["Allow"]


def test_unknown_addresses_are_the_one_error_form(api: Api) -> None:
    for path in ("nowhere", "status/not-a-uuid", "file/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "../nowhere"):
        assert_problem(api.get(path), 404, "not_found")


@pytest.mark.parametrize("body", [b"", b"[]", b'"text"', b"{", b"null", b"\xff", b'{"filename": {"a": 1}}', b"{}"])
@pytest.mark.parametrize("path", ["init", "chunk", "complete", "cancel"])
def test_bodies_that_are_no_request_are_400(api: Api, path: str, body: bytes) -> None:
    assert api.http.post(f"{api.url}/{path}", data=body).status_code == 400


@pytest.mark.parametrize("metadata", [[], "text", 5, {"a": "x" * 20_000}, {"a": "\0"}])
def test_metadata_is_a_small_object(api: Api, metadata: Any) -> None:
    assert_problem(init(api, metadata=metadata), 400, "bad_field")


def test_the_correlation_id_is_taken_or_given(api: Api) -> None:
    upload_id = api.init(b"0123456789")
    for send in (lambda headers: api.put(upload_id, 0, b"0123", headers), lambda headers: api.get("", headers=headers)):
        assert send({"X-Request-ID": "abc-123"}).headers["X-Request-ID"] == "abc-123"
        assert re.fullmatch("[0-9a-f]{32}", send({"X-Request-ID": "bad id; x"}).headers["X-Request-ID"])


@pytest.mark.parametrize("position", ["p=abc", "p=%00", "r=1&p=abc", "p=9999999999-99-99", "o=x", "p="])
def test_52_a_made_up_cursor_is_not_found(api: Api, position: str) -> None:
    api.init(b"0123")
    answer = api.get("", params={"cursor": base64.b64encode(position.encode()).decode()})
    assert answer.status_code in (200, 404), answer.text


@pytest.mark.parametrize("depth", [10, 31, 32, 300, 900])
@pytest.mark.parametrize(("opening", "closing"), [(b'{"a":', b"}"), (b"[", b"]")])
def test_52_metadata_is_fewer_than_32_levels_deep(api: Api, depth: int, opening: bytes, closing: bytes) -> None:
    nested = opening * (depth - 1) + b"1" + closing * (depth - 1)
    body = b'{"filename": "a.bin", "total_size": 1, "metadata": {"a":' + nested + b"}}"
    assert api.http.post(f"{api.url}/init", data=body).status_code == (201 if depth < 32 else 400)


@given(position=st.binary(max_size=60) | st.from_regex(rb"[por]=.{0,20}(&[por]=.{0,20})?", fullmatch=True))
@LENIENT
@pytest.mark.slow
def test_52_no_cursor_is_an_error_of_ours(api: Api, position: bytes) -> None:
    answer = api.get("", params={"cursor": base64.b64encode(position).decode()})
    assert answer.status_code in (200, 404), answer.text


@given(
    name=st.sampled_from(["cursor", "page_size", "status", "file_hash", "format", "ordering"]),
    value=st.text(max_size=60) | st.integers().map(str) | st.sampled_from(["completed", "0" * 64, "xml", "-1", "1e9"]),
)
@LENIENT
@pytest.mark.slow
def test_52_no_query_is_an_error_of_ours(api: Api, name: str, value: str) -> None:
    for path in ("", f"status/{UNKNOWN}", f"file/{UNKNOWN}"):
        answer = api.get(path, params={name: value})
        assert answer.status_code in (200, 400, 404), answer.text


def test_52_a_token_that_is_no_text_is_no_token(api: Api) -> None:
    upload_id = api.init(b"0123")
    headers = {"Authorization": b"Bearer \xff\xfe"}
    answers = [
        api.http.put(f"{api.url}/chunk/{upload_id}/0", data=b"0123", headers=headers),
        api.http.get(f"{api.url}/status/{upload_id}", headers=headers),
    ]
    for answer in answers:
        assert_problem(answer, 401, "not_authenticated")
