"""tus and the IETF draft in the OpenAPI schema: they share their addresses, and headers tell which one is spoken."""

from __future__ import annotations

from typing import Any

from . import values
from .operations import UPLOAD_ID, answer, json_content, operation, parameter, path_of, reference

TUS, DRAFT = "tus", "IETF draft"

_SIZE = str(len(values.CONTENT))
_BYTES = {"type": "string", "format": "binary"}
_VERSION = parameter("Tus-Resumable", "1.0.0", "Of tus: in every request.")
_COMPLETE = parameter("Upload-Complete", "?1", "Of the draft: whether the body ends the file.")
_OFFSET = parameter("Upload-Offset", 0, "Where the body begins.")
_OPENING = (400, 401, 408, 412, 413, 415, 422, 429, 460, 507)


def sequential_paths() -> dict[str, dict[str, Any]]:
    """``files/`` and ``files/{upload_id}``."""
    upload = path_of("resumable-file", "upload_id")
    return {
        path_of("resumable-files"): {
            "post": _create("tus_create", [TUS, DRAFT]),
            "put": _create("draft_create", [DRAFT]),
            "options": operation(
                "tus_options",
                "Ask what the server speaks.",
                "Versions, extensions and limits of both protocols, for anybody.",
                [TUS, DRAFT],
                answers={
                    "204": answer(
                        "What there is.",
                        Tus_Version="1.0.0",
                        Tus_Extension="creation,creation-with-upload,expiration,checksum,termination,concatenation",
                        Tus_Checksum_Algorithm="sha256,sha1,md5,crc32",
                        Upload_Limit="max-size=107374182400, min-size=0",
                    )
                },
            ),
        },
        upload: {"patch": _append(), "head": _look(), "delete": _end()},
    }


def _create(operation_id: str, tags: list[str]) -> dict[str, Any]:
    location = f"{path_of('resumable-files')}{values.UPLOAD_ID}"
    return operation(
        operation_id,
        "Create an upload.",
        "Of tus with Upload-Length (or Upload-Defer-Length: 1) and Upload-Metadata, of the draft with "
        "Content-Disposition and Content-Type; the body may bring the first bytes already, or all of them.",
        tags,
        parameters=[
            *([_VERSION, parameter("Upload-Metadata", values.UPLOAD_METADATA, "Of tus.")] if TUS in tags else []),
            parameter("Upload-Length", int(_SIZE), "Bytes of the whole file."),
            _COMPLETE,
            parameter("Content-Disposition", f'attachment; filename="{values.FILENAME}"', "Of the draft."),
            parameter("Idempotency-Key", '"f3a1c2"', "Of the draft: the same creation again is the same upload."),
        ],
        body={"application/octet-stream": {"schema": _BYTES}, values.MIME_TYPE: {"schema": _BYTES}},
        answers={
            **_of_whole("The upload is created; of a whole one of the draft, its session.", Location=location),
        },
        problems=_OPENING,
    )


def _of_whole(created: str, **headers: str) -> dict[str, dict[str, Any]]:
    """What the draft answers to the end of a file."""
    completed, assembling = values.session("completed", received=1), values.session("assembling", received=1)
    return {
        "201": answer(created, json_content(reference("Session"), completed), **headers),
        "202": answer("The draft, still being verified.", json_content(reference("Session"), assembling)),
    }


def _append() -> dict[str, Any]:
    return operation(
        "tus_append",
        "Append bytes.",
        "Content-Type is application/offset+octet-stream for tus, application/partial-upload for the draft.",
        [TUS, DRAFT],
        parameters=[UPLOAD_ID, _VERSION, {**_OFFSET, "required": True}, _COMPLETE],
        body={
            "application/offset+octet-stream": {"schema": _BYTES},
            "application/partial-upload": {"schema": _BYTES},
        },
        answers={
            "204": answer("They are kept.", Upload_Offset=_SIZE),
            **_of_whole("The last bytes of the draft: the session.", Upload_Complete="?1"),
        },
        problems=(*_OPENING, 404, 409, 410, 423),
    )


def _look() -> dict[str, Any]:
    return operation(
        "tus_offset",
        "Ask how much there is.",
        "The answer of tus is 200, that of the draft 204.",
        [TUS, DRAFT],
        parameters=[UPLOAD_ID, _VERSION],
        answers={
            "200": answer("The offset.", Upload_Offset="0", Upload_Length=_SIZE),
            "204": answer("The offset.", Upload_Offset="0", Upload_Complete="?0"),
        },
        problems=(400, 401, 404, 410, 412, 423),
    )


def _end() -> dict[str, Any]:
    return operation(
        "tus_terminate",
        "End an upload.",
        "Its bytes go.",
        [TUS, DRAFT],
        parameters=[UPLOAD_ID, _VERSION],
        answers={"204": answer("It is gone.")},
        problems=(400, 401, 404, 412),
    )
