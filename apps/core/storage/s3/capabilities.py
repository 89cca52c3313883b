"""What the store behind a bucket can do, found by trying: compatible stores differ in what they leave out."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from .errors import code_of, status_of
from .signing import digest_of_body

_PROBE = b"probe"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one process found out about its store."""

    verifies_payloads: bool
    """A part whose bytes are not those of the signature is refused. If not, the bytes are read once at the end."""
    echoes_checksums: bool
    """It keeps a SHA-256 for each part, and compares it (``x-amz-checksum-sha256``)."""
    keeps_versions: bool | None
    """Removing an object hides it: its versions are to be removed. None: we may not ask."""


_REFUSALS = {"XAmzContentSHA256Mismatch", "BadDigest", "InvalidDigest", "SignatureDoesNotMatch"}
"""What stores say of a body that is not the one that was signed."""


def probe(client: Any, bucket: str, key: str, *, encryption: dict[str, str]) -> Capabilities:
    """Try it out under a key that nobody else uses.

    Args:
        encryption: arguments of what makes an object, without which a bucket's policy may refuse it.

    Raises:
        ClientError, BotoCoreError: it does not answer, or we may not write.
    """
    return Capabilities(
        verifies_payloads=_verifies_payloads(client, bucket, key, encryption),
        echoes_checksums=_echoes_checksums(client, bucket, key, encryption),
        keeps_versions=_keeps_versions(client, bucket),
    )


def _verifies_payloads(client: Any, bucket: str, key: str, encryption: dict[str, str]) -> bool:
    other = digest_of_body(hashlib.sha256(b"other").digest(), is_kept=False)
    try:
        client.put_object(Bucket=bucket, Key=key, Body=_PROBE, **other, **encryption)
    except ClientError as error:
        if code_of(error) in _REFUSALS:
            return True
        raise
    client.delete_object(Bucket=bucket, Key=key)
    return False


def _echoes_checksums(client: Any, bucket: str, key: str, encryption: dict[str, str]) -> bool:
    begun = client.create_multipart_upload(Bucket=bucket, Key=key, ChecksumAlgorithm="SHA256", **encryption)
    with suppress(ClientError):
        client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=begun["UploadId"])
    return bool(begun.get("ChecksumAlgorithm") == "SHA256")


def _keeps_versions(client: Any, bucket: str) -> bool | None:
    try:
        return "Status" in client.get_bucket_versioning(Bucket=bucket)
    except ClientError as error:
        return None if status_of(error) == 403 else False
