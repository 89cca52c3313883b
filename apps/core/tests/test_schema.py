"""The OpenAPI schema: complete, without guesses, and true when strangers' requests are made from it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import requests
import schemathesis
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from apps.core.openapi import add_protocols, values

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


READING_ORDER = [
    "init",
    "chunk",
    "raw_chunk",
    "complete",
    "status",
    "cancel",
    "list",
    "download",
    "remove",
    "tus_create",
    "draft_create",
    "tus_options",
    "tus_append",
    "tus_offset",
    "tus_terminate",
    "s3_create",
    "s3_sign_part",
    "s3_sign_parts",
    "s3_put_part",
    "s3_complete",
    "s3_parts",
    "s3_abort",
    "s3_parameters",
    "s3_post_file",
    "s3_put_file",
]


def operations(schema: Any) -> list[tuple[str, dict[str, Any]]]:
    """All operations, each with the name of its path and method."""
    return [
        (f"{method} {path}", operation) for path, item in schema["paths"].items() for method, operation in item.items()
    ]


def bodies(operation: dict[str, Any]) -> list[dict[str, Any]]:
    """The JSON contents of an operation, of its request and of its answers."""
    contents = [operation.get("requestBody", {}), *operation["responses"].values()]
    return [body for content in contents for kind, body in content.get("content", {}).items() if "json" in kind]


def shown(body: dict[str, Any]) -> list[Any]:
    """The examples of a content."""
    return [body["example"]] if "example" in body else [each["value"] for each in body.get("examples", {}).values()]


def test_operations_come_in_the_order_of_their_use(schema: Any) -> None:
    assert [operation["operationId"] for _, operation in operations(schema)] == READING_ORDER


def test_tags_have_descriptions_and_come_in_the_order_of_the_operations(schema: Any) -> None:
    used = list(dict.fromkeys(tag for _, operation in operations(schema) for tag in operation["tags"]))
    assert [tag["name"] for tag in schema["tags"]] == used
    assert all(tag["description"] for tag in schema["tags"])


def test_paths_and_tags_of_others_stay(schema: Any) -> None:
    other = {"get": {"operationId": "other", "tags": ["other"], "responses": {}}}
    found = {
        "tags": [{"name": "other"}],
        "components": {"schemas": {}},
        "paths": {"/a": other, **{path: {} for path in reversed(schema["paths"])}, "/z": other},
    }
    result = add_protocols(found)
    assert list(result["paths"]) == ["/a", *schema["paths"], "/z"]
    assert result["tags"][0] == {"name": "other"}


def test_every_operation_has_a_summary_that_is_a_sentence(schema: Any) -> None:
    for name, operation in operations(schema):
        assert re.fullmatch(r"[A-Z].{5,60}\.", operation["summary"]), name


def test_every_body_has_an_example_of_real_values(schema: Any) -> None:
    for name, operation in operations(schema):
        headers = [
            header for answer in operation["responses"].values() for header in answer.get("headers", {}).values()
        ]
        assert bodies(operation) or any("example" in each for each in [*operation["parameters"], *headers]), name
        for body in bodies(operation):
            assert shown(body), (name, body)
            assert '"string"' not in json.dumps(shown(body)), name


def test_examples_are_valid(schema: Any) -> None:
    for name, operation in operations(schema):
        for body in bodies(operation):
            validator = Draft202012Validator({**body["schema"], "components": schema["components"]})
            for example in shown(body):
                assert list(validator.iter_errors(example)) == [], name
        for parameter in operation.get("parameters", []):
            if "example" in parameter:
                Draft202012Validator(parameter["schema"]).validate(parameter["example"])


def test_the_examples_are_one_upload_that_works(client: Any, schema: Any, owner: Any) -> None:
    client.force_login(owner)
    items = {operation["operationId"]: (path, operation) for path, operation in operations(schema)}

    def send(name: str, upload_id: str) -> Any:
        address, operation = items[name]
        method, path = address.split()
        (body,) = operation["requestBody"]["content"].values()
        document = json.dumps(body["example"]).replace(values.UPLOAD_ID, upload_id)
        answer = getattr(client, method)(path, document, content_type="application/json")
        return answer.status_code, answer.json(), operation["responses"][str(answer.status_code)]["content"]

    status, begun, described = send("init", "")
    assert status == 201
    assert begun.keys() == shown(described["application/json"])[0].keys()
    assert begun["progress"] == shown(described["application/json"])[0]["progress"]
    assert send("chunk", begun["upload_id"])[0] == 200
    status, done, described = send("complete", begun["upload_id"])
    assert status == 200
    example = shown(described["application/json"])[0]
    assert done["progress"] == example["progress"]
    assert done["file"]["composite_hash"] == example["file"]["composite_hash"]


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
