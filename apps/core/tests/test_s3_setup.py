"""What is found out about a bucket, and said of it: by answers that real engines give, or Amazon's documentation."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from django.core.checks import run_checks

from apps.core.errors import StorageFull, Unavailable
from apps.core.storage import StagingMissing, get_store
from apps.core.storage.s3 import S3Store
from apps.core.storage.s3.capabilities import Capabilities, probe
from apps.core.storage.s3.errors import s3_errors
from apps.core.storage.s3.keys import Handle

pytestmark = pytest.mark.unit


def refusal(code: str, status: int) -> ClientError:
    return ClientError(
        {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}},
        "Any",
    )


class Client:
    """A store that answers each operation with a document, or an error."""

    def __init__(self, **answers: Any) -> None:
        self._answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, operation: str) -> Any:
        def ask(**arguments: Any) -> Any:
            self.asked.append((operation, arguments))
            answer = self._answers.get(operation, {})
            if isinstance(answer, Exception):
                raise answer
            return answer

        return ask


def found(**answers: Any) -> Capabilities:
    begun = {"create_multipart_upload": {"UploadId": "1"}}
    return probe(Client(**{**begun, **answers}), "bucket", "key", encryption={})


class TestCapabilities:
    @pytest.mark.parametrize("code", ["XAmzContentSHA256Mismatch", "BadDigest"])
    def test_one_that_refuses_other_bytes_verifies(self, code: str) -> None:
        assert found(put_object=refusal(code, 400)).verifies_payloads

    def test_one_that_takes_them_does_not(self) -> None:
        assert not found().verifies_payloads

    @pytest.mark.parametrize("code", ["RequestTimeout", "InvalidRequest", "ExpiredToken"])
    def test_any_other_refusal_says_nothing(self, code: str) -> None:
        with pytest.raises(ClientError):
            found(put_object=refusal(code, 400))

    def test_digests_are_kept_where_they_are_echoed(self) -> None:
        assert found(create_multipart_upload={"UploadId": "1", "ChecksumAlgorithm": "SHA256"}).echoes_checksums
        assert not found().echoes_checksums

    @pytest.mark.parametrize(
        ("answer", "keeps"),
        [
            ({"Status": "Enabled"}, True),
            ({"Status": "Suspended"}, True),
            ({}, False),
            (refusal("NotImplemented", 501), False),
            (refusal("AccessDenied", 403), None),
        ],
    )
    def test_versions(self, answer: Any, keeps: bool | None) -> None:
        assert found(get_bucket_versioning=answer).keeps_versions is keeps

    def test_what_a_policy_demands_of_objects_is_given(self) -> None:
        client = Client(create_multipart_upload={"UploadId": "1"})
        probe(client, "bucket", "key", encryption={"ServerSideEncryption": "aws:kms"})
        making = {name: asked for name, asked in client.asked if name in ("put_object", "create_multipart_upload")}
        assert len(making) == 2
        assert all(asked["ServerSideEncryption"] == "aws:kms" for asked in making.values())


GOOD = Capabilities(verifies_payloads=True, echoes_checksums=True, keeps_versions=False)


class TestWorries:
    def worries(self, monkeypatch: pytest.MonkeyPatch, capabilities: Capabilities = GOOD, **answers: Any) -> list[str]:
        store = S3Store("bucket", region_name="us-east-1")
        store.bucket.__dict__["client"] = Client(**answers)
        store.bucket.__dict__["_capabilities"] = capabilities
        return store.worries()

    def test_a_good_bucket_gives_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.worries(monkeypatch) == []

    def test_what_nobody_may_ask_for_is_no_worry(self, monkeypatch: pytest.MonkeyPatch) -> None:
        denied = refusal("AccessDenied", 403)
        answers = {"get_bucket_policy_status": denied, "get_bucket_lifecycle_configuration": denied}
        assert self.worries(monkeypatch, **answers) == []

    def test_it_says_what_it_can(self) -> None:
        store = S3Store("bucket", region_name="us-east-1", prefix="mine")
        store.bucket.__dict__["_capabilities"] = Capabilities(True, False, None)
        said = store.what_it_can()
        assert "keys below mine/files/" in said
        assert "those signed: yes; keeps a SHA-256 with each part: no; keeps versions: not known" in said

    def test_one_that_takes_any_bytes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        (worry,) = self.worries(monkeypatch, Capabilities(False, True, False))
        assert "read once more" in worry

    def test_one_whose_versions_nobody_may_ask_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        (worry,) = self.worries(monkeypatch, Capabilities(True, True, None))
        assert "s3:GetBucketVersioning" in worry

    def test_one_that_is_public(self, monkeypatch: pytest.MonkeyPatch) -> None:
        (worry,) = self.worries(monkeypatch, get_bucket_policy_status={"PolicyStatus": {"IsPublic": True}})
        assert "public" in worry

    @pytest.mark.parametrize(
        "chosen",
        [
            {"Prefix": "uploads/"},
            {"Filter": {"Prefix": "uploads/files/ab"}},
            {"Filter": {"And": {"Prefix": "", "Tags": []}}},
            {},
        ],
    )
    def test_a_rule_that_ends_uploads_too_early(self, monkeypatch: pytest.MonkeyPatch, chosen: dict[str, Any]) -> None:
        (worry,) = self.worries(monkeypatch, get_bucket_lifecycle_configuration=rules(3, **chosen))
        assert "after 3 days" in worry

    @pytest.mark.parametrize(
        ("days", "chosen"),
        [
            (15, {}),
            (3, {"Filter": {"Prefix": "elsewhere/"}}),
            (3, {"Filter": {"And": {"Prefix": "elsewhere/"}}}),
            (3, {"Status": "Disabled"}),
        ],
    )
    def test_one_that_does_not(self, monkeypatch: pytest.MonkeyPatch, days: int, chosen: dict[str, Any]) -> None:
        assert self.worries(monkeypatch, get_bucket_lifecycle_configuration=rules(days, **chosen)) == []


def rules(days: int, **chosen: Any) -> dict[str, Any]:
    rule = {"Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": days}, **chosen}
    return {"Rules": [rule]}


class TestChecks:
    @pytest.fixture(autouse=True)
    def _in_a_bucket(self, uploads: Any) -> None:
        options = {"bucket": "bucket", "region_name": "us-east-1"}
        uploads(STORES={"default": {"BACKEND": "apps.core.storage.s3.S3Store", "OPTIONS": options}})

    def ids(self, *, deployed: bool = False) -> set[str | None]:
        return {m.id for m in run_checks(tags=["resumable_uploads"], include_deployment_checks=deployed)}

    def test_limits_that_no_object_can_keep_to(self, uploads: Any) -> None:
        assert "resumable_uploads.E025" not in self.ids()
        uploads(MAX_CHUNKS=20_000)
        assert "resumable_uploads.E025" in self.ids()
        uploads(MAX_CHUNKS=10_000, MAX_CHUNK_SIZE=6 * 2**30)
        assert "resumable_uploads.E025" in self.ids()

    def test_json_chunks_of_the_smallest_part_need_room(self, settings: Any) -> None:
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 2**20
        assert self.ids() & {"resumable_uploads.E004", "resumable_uploads.W021"} == {"resumable_uploads.W021"}
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = None
        assert "resumable_uploads.W021" not in self.ids()

    @pytest.mark.parametrize("address", ["127.0.0.1:9000", "store.example.com", "ftp://store.example.com", "http://"])
    def test_an_endpoint_that_is_no_address(self, uploads: Any, address: str) -> None:
        options = {"bucket": "bucket", "endpoint_url": address}
        uploads(STORES={"default": {"BACKEND": "apps.core.storage.s3.S3Store", "OPTIONS": options}})
        (problem,) = [m for m in run_checks(tags=["resumable_uploads"]) if m.id == "resumable_uploads.E009"]
        assert f"endpoint_url is {address!r}" in problem.msg

    def test_a_spool_that_is_not_there(self, uploads: Any, tmp_path: Path) -> None:
        options = {"bucket": "bucket", "region_name": "us-east-1", "spool": tmp_path / "none"}
        uploads(STORES={"default": {"BACKEND": "apps.core.storage.s3.S3Store", "OPTIONS": options}})
        assert "resumable_uploads.E025" in self.ids()
        (tmp_path / "none").mkdir()
        assert "resumable_uploads.E025" not in self.ids()

    def test_options_that_there_are_not(self, uploads: Any) -> None:
        options = {"bucket": "bucket", "no_such_option": 1}
        uploads(STORES={"default": {"BACKEND": "apps.core.storage.s3.S3Store", "OPTIONS": options}})
        assert "resumable_uploads.E009" in self.ids()

    def test_without_boto3_the_extra_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in [name for name in sys.modules if name.startswith("apps.core.storage.s3")]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "boto3", None)
        get_store.cache_clear()
        messages = [m for m in run_checks(tags=["resumable_uploads"]) if m.id == "resumable_uploads.E009"]
        assert [message.hint for message in messages] == ["Install the extra 's3'."]

    @pytest.mark.integration
    @pytest.mark.django_db
    def test_nobody_is_asked_but_for_a_deployment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(S3Store, "what_it_can", lambda store: "it can.")
        monkeypatch.setattr(S3Store, "worries", lambda store: ["it is public."])
        said = {"resumable_uploads.I004", "resumable_uploads.W020"}
        assert not said & self.ids()
        assert said <= self.ids(deployed=True)

    @pytest.mark.integration
    @pytest.mark.django_db
    def test_a_store_that_does_not_answer_is_an_error_with_its_reason(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(store: S3Store) -> str:
            with s3_errors():
                raise refusal("NoSuchBucket", 404)

        monkeypatch.setattr(S3Store, "what_it_can", fail)
        messages = run_checks(tags=["resumable_uploads"], include_deployment_checks=True)
        (error,) = [message for message in messages if message.id == "resumable_uploads.E026"]
        assert "NoSuchBucket" in error.msg


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        (refusal("NoSuchUpload", 404), StagingMissing),
        (refusal("NoSuchKey", 404), StagingMissing),
        (refusal("404", 404), StagingMissing),
        (refusal("QuotaExceeded", 403), StorageFull),
        (refusal("Any", 507), StorageFull),
        (refusal("SlowDown", 503), Unavailable),
        (refusal("AccessDenied", 403), Unavailable),
        (EndpointConnectionError(endpoint_url="http://nowhere"), Unavailable),
    ],
    ids=str,
)
def test_what_answers_mean(answer: Exception, meaning: type[Exception]) -> None:
    with pytest.raises(meaning), s3_errors():
        raise answer


def test_without_a_multipart_upload_there_is_nothing() -> None:
    with pytest.raises(StagingMissing):
        Handle.parse("")
