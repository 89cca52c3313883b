"""Signatures over a payload whose SHA-256 is known already.

What makes a store verify a part is the signature: with SigV4 the SHA-256 of the body is signed, and every store that
was tried refuses a body that is another one (``XAmzContentSHA256Mismatch``), where several ignore
``x-amz-checksum-sha256``. botocore would compute it from the body once more, which costs as much as sending it; here
it is what the engine computed while the bytes arrived, given as ``ChecksumSHA256``. The header of that name goes only
to stores that know it.
"""

from __future__ import annotations

import base64
from typing import Any

import botocore.auth
from botocore.auth import S3SigV4Auth

_CHECKSUM = "x-amz-checksum-sha256"
_NAME = "s3v4-known-payload"
_LEAVE_OUT = "LeaveOutChecksum"


class KnownPayloadAuth(S3SigV4Auth):  # type: ignore[misc]  # botocore has no types.
    """Signs the digest that comes with a request."""

    def payload(self, request: Any) -> str:
        digest = request.headers.get(_CHECKSUM)
        if digest is None:
            return super().payload(request)  # type: ignore[no-any-return]
        if request.context.get(_LEAVE_OUT):
            del request.headers[_CHECKSUM]
        return base64.b64decode(digest).hex()


botocore.auth.AUTH_TYPE_MAPS.setdefault(_NAME, KnownPayloadAuth)


def sign_known_payloads(client: Any) -> None:
    """Make a client sign so what has a :func:`digest_of_body`."""
    for operation in ("UploadPart", "PutObject"):
        client.meta.events.register(f"choose-signer.s3.{operation}", lambda **kwargs: _NAME)
        client.meta.events.register(f"before-parameter-build.s3.{operation}", _note_what_to_leave_out)


def _note_what_to_leave_out(params: dict[str, Any], context: dict[str, Any], **kwargs: Any) -> None:
    context[_LEAVE_OUT] = params.pop(_LEAVE_OUT, False)


def digest_of_body(digest: bytes, *, is_kept: bool) -> dict[str, Any]:
    """Parameters that give the SHA-256 of a request's body.

    Args:
        digest: 32 bytes.
        is_kept: whether the store keeps it with what it makes, and compares it once more.
    """
    return {"ChecksumSHA256": checksum(digest), _LEAVE_OUT: not is_kept}


def checksum(digest: bytes) -> str:
    """A SHA-256 as S3 writes it."""
    return base64.b64encode(digest).decode()
