"""Uppy's S3 contract in the OpenAPI schema."""

from __future__ import annotations

from typing import Any

from . import values
from .operations import BYTES, UPLOAD_ID, answer, json_content, operation, parameter, path_of

S3 = "S3"

_ETAG = f'"{values.SHA256}"'
_HOST = "https://uploads.example.com"
_PERMIT = parameter("permit", "WyIxIix7fV0:1xWcKL:O9i6-3Irpzm", "Part of the signed address.", place="query")
_NUMBER = {**parameter("part_number", 1, "From 1 on.", place="path"), "schema": {"type": "integer", "minimum": 1}}
_KEYS = {"uploadId": values.UPLOAD_ID, "key": values.UPLOAD_ID}


def _strings(*names: str) -> dict[str, Any]:
    return {"type": "object", "required": list(names), "properties": {name: {"type": "string"} for name in names}}


_PART = {
    "type": "object",
    "required": ["PartNumber", "ETag"],
    "properties": {"PartNumber": {"type": "integer"}, "Size": {"type": "integer"}, "ETag": {"type": "string"}},
}
_PARTS = {"type": "object", "required": ["parts"], "properties": {"parts": {"type": "array", "items": _PART}}}
_CREATE = {**_strings("filename", "type"), "required": ["filename"]}
_SIGNED = {
    "type": "object",
    "required": ["url", "expires"],
    "properties": {"url": {"type": "string"}, "expires": {"type": "integer", "description": "Seconds."}},
}


def s3_paths() -> dict[str, dict[str, Any]]:
    """What is below ``s3/``, and where the signed addresses lead."""
    part = f"{_HOST}{path_of('s3-part', 'upload_id', 'part_number')}?permit={_PERMIT['example']}".format(
        upload_id=values.UPLOAD_ID, part_number=1
    )
    file = f"{_HOST}{path_of('s3-object')}?permit={_PERMIT['example']}"
    return {
        path_of("s3-multipart"): {
            "post": _operation(
                "s3_create",
                "Begin a multipart upload.",
                body=json_content(_CREATE, {"filename": values.FILENAME, "type": values.MIME_TYPE}),
                content=json_content(_strings("uploadId", "key"), _KEYS),
                problems=(400, 401, 413, 429, 507),
            )
        },
        path_of("s3-sign", "upload_id", "part_number"): {
            "get": _operation(
                "s3_sign_part",
                "Ask where to send a part.",
                parameters=[UPLOAD_ID, _NUMBER],
                content=json_content(_SIGNED, {"url": part, "expires": 3600}),
            )
        },
        path_of("s3-batch", "upload_id"): {
            "get": _operation(
                "s3_sign_parts",
                "Ask where to send several parts.",
                parameters=[UPLOAD_ID, parameter("partNumbers", "1,2", place="query", required=True)],
                content=json_content(
                    {"type": "object", "required": ["presignedUrls", "expires"]},
                    {"presignedUrls": {"1": part}, "expires": 3600},
                ),
            )
        },
        path_of("s3-part", "upload_id", "part_number"): {
            "put": operation(
                "s3_put_part",
                "Send a part.",
                "To the signed address, without any other credentials.",
                [S3],
                parameters=[UPLOAD_ID, _NUMBER, _PERMIT],
                body=BYTES,
                answers={"200": answer("The part is stored.", ETag=_ETAG)},
                problems=(400, 403, 404, 409, 410, 413, 422, 503, 507),
            )
        },
        path_of("s3-complete", "upload_id"): {
            "post": _operation(
                "s3_complete",
                "Verify and publish the file.",
                parameters=[UPLOAD_ID],
                body=json_content(
                    {
                        "type": "object",
                        "required": ["parts"],
                        "properties": {"parts": {"type": "array", "items": _PART}},
                    },
                    {"parts": [{"PartNumber": 1, "ETag": _ETAG}]},
                ),
                content=json_content(
                    _strings("location", "key"),
                    {"location": f"{_HOST}{values.session('completed')['file']['url']}", "key": values.UPLOAD_ID},
                ),
                problems=(400, 401, 404, 409, 410, 413, 422, 503),
            )
        },
        path_of("s3-upload", "upload_id"): {
            "get": _operation(
                "s3_parts",
                "List the parts that are stored.",
                parameters=[UPLOAD_ID],
                content=json_content(
                    {"type": "array", "items": _PART},
                    [{"PartNumber": 1, "Size": len(values.CONTENT), "ETag": _ETAG}],
                ),
            ),
            "delete": _operation(
                "s3_abort",
                "Give up a multipart upload.",
                parameters=[UPLOAD_ID],
                content=json_content({"type": "object"}, {}),
                problems=(401, 404, 409, 410),
            ),
        },
        path_of("s3-params"): {
            "get": _operation(
                "s3_parameters",
                "Ask where to send a whole file.",
                parameters=[
                    parameter("filename", values.FILENAME, place="query", required=True),
                    parameter("type", values.MIME_TYPE, place="query"),
                ],
                content=json_content(
                    _strings("method", "url"),
                    {
                        "method": "POST",
                        "url": file,
                        "fields": {"key": values.UPLOAD_ID},
                        "headers": {},
                        "expires": 3600,
                    },
                ),
                problems=(400, 401),
            )
        },
        path_of("s3-object"): {
            "post": _whole_file("s3_post_file", {"multipart/form-data": {"schema": _FORM}}),
            "put": _whole_file("s3_put_file", BYTES),
        },
    }


_FORM = {"type": "object", "required": ["file"], "properties": {"file": {"type": "string", "format": "binary"}}}


def _operation(
    operation_id: str,
    summary: str,
    *,
    parameters: list[dict[str, Any]] | None = None,
    body: dict[str, Any] | None = None,
    content: dict[str, Any],
    problems: tuple[int, ...] = (400, 401, 404),
) -> dict[str, Any]:
    return operation(
        operation_id,
        summary,
        "As Uppy's Companion answers it.",
        [S3],
        parameters=parameters,
        body=body,
        answers={"200": answer("Done.", content)},
        problems=problems,
    )


def _whole_file(operation_id: str, body: dict[str, Any]) -> dict[str, Any]:
    return operation(
        operation_id,
        "Send a whole file.",
        "To the signed address, without any other credentials.",
        [S3],
        parameters=[_PERMIT],
        body=body,
        answers={
            "204": answer("The file is published.", Location=values.session("completed")["file"]["url"], ETag=_ETAG)
        },
        problems=(400, 403, 408, 413, 422, 429, 503, 507),
    )
