"""Pages of other origins, under both drivers."""

from __future__ import annotations

from typing import Any

import pytest
from requests import Response

from .api import Api

pytestmark = pytest.mark.integration

APP = "https://app.example.com"
PREFLIGHT = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization,content-digest"}


def allowed_origin(answer: Response) -> str | None:
    return answer.headers.get("Access-Control-Allow-Origin")


@pytest.fixture
def _one_origin(uploads: Any) -> None:
    uploads(CORS_ALLOWED_ORIGINS=(APP,))


@pytest.mark.usefixtures("_one_origin")
def test_a_named_origin_may_read_every_answer(api: Api) -> None:
    api.http.headers["Origin"] = APP
    upload_id = api.init(b"0123")
    answers = [
        api.put(upload_id, 0, b"0123"),
        api.put(upload_id, 7, b"0123"),
        api.post_chunk(upload_id, 0, b"0123"),
        api.get(f"status/{upload_id}"),
        api.post("complete", {"upload_id": upload_id}),
        api.get(f"file/{upload_id}"),
        api.get("status/nonsense"),
        api.post("init", {}),
    ]
    assert [answer.status_code for answer in answers] == [200, 400, 200, 200, 200, 200, 404, 400]
    for answer in answers:
        assert allowed_origin(answer) == APP
        assert "Origin" in answer.headers["Vary"]
        assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"


@pytest.mark.usefixtures("_one_origin")
@pytest.mark.parametrize("path", ["init", "chunk/8c8f2a3e-6a4c-4a9e-9d3b-111111111111/0", "complete"])
def test_preflights_are_answered_without_a_token(api: Api, path: str) -> None:
    del api.http.headers["Authorization"]
    answer = api.http.options(f"{api.url}/{path}", headers={"Origin": APP, **PREFLIGHT}, timeout=10)
    assert (answer.status_code, allowed_origin(answer)) == (204, APP)
    is_chunk = "/" in path
    assert ("PUT" if is_chunk else "DELETE") in answer.headers["Access-Control-Allow-Methods"]
    allowed = set(answer.headers["Access-Control-Allow-Headers"].split(", "))
    assert {"Authorization", "Content-Digest" if is_chunk else "Range"} <= allowed


@pytest.mark.usefixtures("_one_origin")
@pytest.mark.parametrize("origin", ["https://evil.example", "https://app.example.com.evil.example", "null"])
def test_other_origins_are_told_nothing(api: Api, origin: str) -> None:
    upload_id = api.init(b"0123")
    headers = {"Origin": origin}
    for answer in (
        api.put(upload_id, 0, b"0123", headers=headers),
        api.get(f"status/{upload_id}", headers=headers),
        api.http.options(f"{api.url}/init", headers={**headers, **PREFLIGHT}, timeout=10),
    ):
        assert allowed_origin(answer) is None
        assert "Origin" in answer.headers["Vary"]


@pytest.mark.usefixtures("_one_origin")
def test_only_the_upload_api_is_opened(api: Api) -> None:
    answer = api.http.get(f"{api.base_url}/healthz", headers={"Origin": APP}, timeout=10)
    assert allowed_origin(answer) is None


def test_all_origins_are_let_in_without_cookies(api: Api, uploads: Any) -> None:
    uploads(CORS_ALLOWED_ORIGINS=("*",))
    answer = api.get("", headers={"Origin": APP})
    assert allowed_origin(answer) == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers
