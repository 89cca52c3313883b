"""The error answers in the OpenAPI schema: what a status means, with a problem as it is really answered."""

from __future__ import annotations

from typing import Any

from .. import errors
from ..http import problems
from ..http.problems import Problem, problem_for
from . import values

MEDIA_TYPE = problems.CONTENT_TYPE

_NOT_ACTIVE = Problem(409, "not_active", "The session is completed.", {"status_now": "completed"})

_EXAMPLES: dict[str, tuple[str, tuple[Problem, ...]]] = {
    "400": (
        "A field, the size or the checksum is wrong.",
        (
            Problem(
                400,
                "bad_field",
                "upload_id: Must be a valid UUID.",
                {"errors": {"upload_id": ["Must be a valid UUID."]}},
            ),
            problem_for(errors.ChecksumMismatch("The bytes that arrived have another SHA-256.")),
        ),
    ),
    "401": ("No valid token.", (problems.unauthenticated("Bearer", "Authentication credentials were not provided."),)),
    "403": ("Not allowed.", (Problem(403, "permit_expired", "The address has expired; ask for a new one."),)),
    "404": ("No such upload of yours.", (problem_for(errors.NotFound()),)),
    "408": ("The body stopped arriving.", (problems.TIMED_OUT,)),
    "409": ("It does not fit the state of the session.", (problem_for(errors.ChunkConflict(0)), _NOT_ACTIVE)),
    "410": ("The session expired or was cancelled.", (problem_for(errors.SessionGone("expired")),)),
    "412": (
        "This version of tus is not spoken here.",
        (Problem(412, "unsupported_version", "Send Tus-Resumable: 1.0.0."),),
    ),
    "413": ("Too many bytes.", (problems.body_too_large(256 * 1024),)),
    "415": ("The body is compressed, or of another type.", (problem_for(errors.UnsupportedEncoding()),)),
    "416": ("The file has no such range.", (Problem(416, "bad_range", f"The file has {len(values.CONTENT)} bytes."),)),
    "422": (
        "The content is refused for good.",
        (problem_for(errors.ContentRefused("The file does not have the declared SHA-256.", code="hash_mismatch")),),
    ),
    "423": ("All bytes are there and being verified.", (Problem(423, "assembling", "The file is being verified."),)),
    "429": (
        "Too many requests, or a quota is used up; wait for Retry-After seconds.",
        (
            Problem(429, "throttled", "Too many requests of this kind; wait."),
            problem_for(errors.QuotaExceeded("You have 100 open uploads already.", quota="open_sessions")),
        ),
    ),
    "460": (
        "The bytes do not have the checksum; send them again.",
        (Problem(460, "checksum_mismatch", "The bytes that arrived have another checksum."),),
    ),
    "503": (
        "Trouble that passes; send it again after Retry-After seconds.",
        (problem_for(errors.Unavailable("The database cannot be reached.")),),
    ),
    "507": ("No room.", (problem_for(errors.StorageFull()),)),
}

_OF_OPERATION: dict[tuple[str, str], tuple[Problem, ...]] = {
    ("init", "400"): (
        Problem(
            400,
            "bad_field",
            "total_size: A valid integer is required.",
            {"errors": {"total_size": ["A valid integer is required."]}},
        ),
        Problem(
            400,
            "extension_not_allowed",
            "Files ending in '.exe' are not accepted.",
            {"allowed": [".csv", ".pdf", ".txt"]},
        ),
    ),
    ("init", "409"): (
        Problem(409, "client_key_conflict", "An upload with this client_key is open, of another name or size."),
    ),
    ("complete", "409"): (
        problem_for(errors.MissingChunks([3, 5], "2 of 7 chunks are missing.")),
        Problem(409, "composite_mismatch", "The chunks that are stored have another composite hash."),
    ),
    ("cancel", "409"): (_NOT_ACTIVE,),
    ("tus_append", "409"): (problem_for(errors.OffsetMismatch(14, 0)),),
    ("s3_complete", "400"): (
        Problem(400, "invalid_part", "Part 1 is not stored, or with another ETag.", {"part_number": 1}),
    ),
}


def problem_response(operation_id: str, status: str) -> dict[str, Any]:
    """What an operation answers with an error status."""
    description, usual = _EXAMPLES[status]
    shown = _OF_OPERATION.get((operation_id, status), usual)
    return {
        "description": description,
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/ProblemDocument"},
                "examples": {problem.code: {"value": problem.document()} for problem in shown},
            }
        },
    }
