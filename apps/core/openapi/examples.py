"""Examples for the operations that are DRF views."""

from __future__ import annotations

from typing import Any

from . import values
from .operations import JSON
from .problems import MEDIA_TYPE, problem_response

_REQUESTS: dict[str, dict[str, Any]] = {
    "init": values.INIT,
    "complete": values.COMPLETE,
    "cancel": values.REFERENCE,
}
# Not those that narrow a list, which the page would send with every try.
_PARAMETERS: dict[str, Any] = {
    "upload_id": values.UPLOAD_ID,
    "page_size": 50,
    "receipts_from": 0,
    "Range": "bytes=0-1023",
}


def complete(operation: dict[str, Any]) -> None:
    """Give an operation of the schema its examples and the descriptions of its errors."""
    operation_id = operation["operationId"]
    if (request := _REQUESTS.get(operation_id)) is not None:
        # Whatever type is declared is taken (``*/*``), but who reads wants to be told one.
        (content,) = operation["requestBody"]["content"].values()
        operation["requestBody"]["content"] = {JSON: {**content, "example": request}}
    for parameter in operation.get("parameters", []):
        if (value := _PARAMETERS.get(parameter["name"])) is not None:
            parameter["example"] = value
    answers = _answers()
    for status, response in operation["responses"].items():
        if MEDIA_TYPE in response.get("content", {}):
            operation["responses"][status] = problem_response(operation_id, status)
        elif (answer := answers.get((operation_id, status))) is not None:
            response["content"][JSON]["example"] = answer


def _answers() -> dict[tuple[str, str], dict[str, Any]]:
    completed = values.session("completed", received=1)
    return {
        ("init", "201"): values.session("active"),
        ("init", "200"): values.session("active", received=1),
        ("status", "200"): {**values.session("active", received=1), **values.RECEIPTS},
        ("complete", "200"): completed,
        ("complete", "202"): values.session("assembling", received=1),
        ("cancel", "200"): values.session("cancelled", received=1),
        ("list", "200"): values.page(),
    }
