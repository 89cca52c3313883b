"""The OpenAPI schema: complete, without guesses, and true when strangers' requests are made from it."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import schemathesis
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from .api import Api

pytestmark = pytest.mark.integration

OPERATIONS = {
    ("/api/v1/upload/", "get"),
    ("/api/v1/upload/init", "post"),
    ("/api/v1/upload/chunk", "post"),
    ("/api/v1/upload/chunk/{upload_id}/{index}", "put"),
    ("/api/v1/upload/complete", "post"),
    ("/api/v1/upload/cancel", "post"),
    ("/api/v1/upload/{upload_id}", "delete"),
    ("/api/v1/upload/status/{upload_id}", "get"),
    ("/api/v1/upload/file/{upload_id}", "get"),
}


@pytest.fixture(scope="module")
def schema() -> Any:
    return SchemaGenerator().get_schema(request=None, public=True)


def test_it_is_valid_openapi_3_1_without_warnings(capsys: Any) -> None:
    schema = SchemaGenerator().get_schema(request=None, public=True)
    assert schema["openapi"] == "3.1.0"
    validate_schema(schema)
    assert "Warning" not in capsys.readouterr().err


def test_every_operation_is_there(schema: Any) -> None:
    found = {(path, method) for path, item in schema["paths"].items() for method in item if path in dict(OPERATIONS)}
    assert found == OPERATIONS


def test_every_operation_names_its_errors(schema: Any) -> None:
    for path, method in OPERATIONS:
        responses = schema["paths"][path][method]["responses"]
        assert {"400", "401", "413"} <= set(responses)
        for status, response in responses.items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"], (path, status)


def test_every_reference_leads_somewhere(schema: Any) -> None:
    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if "$ref" in node:
                assert node["$ref"].rpartition("/")[2] in schema["components"]["schemas"]
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(schema["paths"])


def test_it_is_built_once_whatever_is_asked_for(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = client.get("/api/v1/schema/")
    assert first.json()["openapi"] == "3.1.0"
    monkeypatch.delattr(SchemaGenerator, "get_schema")
    assert client.get("/api/v1/schema/?lang=de&version=2&format=yaml", HTTP_ACCEPT="text/yaml").content == first.content


def test_the_page_is_served_without_other_hosts(base_url: str, transactional_db: None) -> None:
    page = requests.get(f"{base_url}/api/v1/docs/", timeout=10)
    assert page.status_code == 200
    assert "http://" not in page.text.replace(base_url, "")
    assert "cdn" not in page.text
    script = requests.get(f"{base_url}/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js", timeout=10)
    assert script.status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("operation", sorted(OPERATIONS), ids=lambda operation: f"{operation[1]} {operation[0]}")
def test_no_request_made_from_it_breaks_the_server(
    schema: Any, api: Api, uploads: Any, operation: tuple[str, str]
) -> None:
    uploads(INIT_RATE="", INIT_RATE_PER_ADDRESS="", MAX_OPEN_SESSIONS=10**6)
    path, method = operation
    strategy = schemathesis.openapi.from_dict(schema)[path][method.upper()].as_strategy()

    @given(case=strategy)
    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def send(case: Any) -> None:
        answer = case.call(base_url=api.base_url, headers=dict(api.http.headers))
        assert answer.status_code < 500
        case.validate_response(
            answer, checks=[status_code_conformance, content_type_conformance, response_schema_conformance]
        )

    send()
