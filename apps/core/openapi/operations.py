"""How operations that are no DRF views are put together for the OpenAPI schema."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from . import values
from .problems import problem_response

_PLACEHOLDERS = {"upload_id": values.UPLOAD_ID, "index": "987654", "part_number": "9876"}

JSON = "application/json"
BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


def path_of(name: str, *parameters: str) -> str:
    """The path of one of the app's addresses as OpenAPI writes it, with ``{parameters}``.

    Raises:
        NoReverseMatch: the project does not serve the app's addresses.
    """
    path = reverse(f"resumable_uploads:{name}", kwargs={each: _PLACEHOLDERS[each] for each in parameters})
    for each in parameters:
        path = path.replace(_PLACEHOLDERS[each], "{" + each + "}")
    return path


def json_content(schema: dict[str, Any], example: Any) -> dict[str, Any]:
    """A JSON body with an example."""
    return {JSON: {"schema": schema, "example": example}}


def reference(schema: str) -> dict[str, str]:
    """A schema of the components."""
    return {"$ref": f"#/components/schemas/{schema}"}


def parameter(name: str, example: Any, description: str = "", *, place: str = "header", required: bool = False) -> Any:
    """A parameter with an example, a header unless ``place`` says otherwise."""
    kind = "integer" if isinstance(example, int) else "string"
    return {
        "name": name,
        "in": place,
        "required": required or place == "path",
        "schema": {"type": kind},
        "example": example,
        **({"description": description} if description else {}),
    }


UPLOAD_ID: dict[str, Any] = {
    **parameter("upload_id", values.UPLOAD_ID, place="path"),
    "schema": {"type": "string", "format": "uuid"},
}


def answer(description: str, content: dict[str, Any] | None = None, **headers: str) -> dict[str, Any]:
    """A response; ``headers`` by their names with underscores, each with an example of its value."""
    return {
        "description": description,
        **({"content": content} if content else {}),
        **(
            {
                "headers": {
                    name.replace("_", "-"): {"schema": {"type": "string"}, "example": value}
                    for name, value in headers.items()
                }
            }
            if headers
            else {}
        ),
    }


def operation(
    operation_id: str,
    summary: str,
    description: str,
    tags: list[str],
    *,
    parameters: list[dict[str, Any]] | None = None,
    body: dict[str, Any] | None = None,
    answers: dict[str, dict[str, Any]],
    problems: tuple[int, ...] = (),
) -> dict[str, Any]:
    """An operation with its good answers and, by their statuses, its errors."""
    return {
        "operationId": operation_id,
        "summary": summary,
        "description": description,
        "tags": tags,
        "parameters": parameters or [],
        **({"requestBody": {"required": True, "content": body}} if body else {}),
        "responses": {**answers, **{str(status): problem_response(operation_id, str(status)) for status in problems}},
    }
