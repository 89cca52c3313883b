"""What is wrong with the settings of a bucket, as far as it can be seen before an upload meets it."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from ...conf import MIB, upload_settings
from .bucket import Bucket

MOST_PARTS = 10_000
LARGEST_PART = 5 * 1024 * MIB
"""Amazon S3, "Multipart upload limits", as :data:`MOST_PARTS`."""


def require_address(endpoint_url: str | None) -> None:
    """
    Raises:
        ValueError: it is none.
    """
    if not endpoint_url:
        return
    parts = urlsplit(endpoint_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"endpoint_url is {endpoint_url!r}; it begins with https:// or http://, and a host follows.")


def wrong_spool(directory: str) -> list[str]:
    if os.path.isdir(directory) and os.access(directory, os.W_OK | os.X_OK):
        return []
    return [f"its spool {directory} is no directory that can be written; bytes of slow senders wait there."]


def wrong_limits() -> list[str]:
    """Settings of the app that no bucket can keep to."""
    limits = upload_settings()
    wrong = []
    if limits.max_chunks > MOST_PARTS:
        wrong.append(f"MAX_CHUNKS is {limits.max_chunks}; an object has at most {MOST_PARTS} parts.")
    if limits.max_chunk_size > LARGEST_PART:
        wrong.append(f"MAX_CHUNK_SIZE is {limits.max_chunk_size}; a part has at most {LARGEST_PART} bytes.")
    return wrong


def worries(bucket: Bucket, *, needed: timedelta) -> list[str]:
    """What is set up in the bucket as it should not be.

    Args:
        needed: how old a multipart upload can be and still be wanted.
    """
    found = []
    if not bucket.capabilities.verifies_payloads:
        found.append("it takes parts whose bytes are not those that were signed, so every upload is read once more.")
    if bucket.capabilities.keeps_versions is None:
        found.append(
            "we may not ask whether the bucket keeps versions (s3:GetBucketVersioning): if it does, what is removed or "
            "refused stays as a version."
        )
    if _is_public(bucket):
        found.append("the bucket is public: what was never verified could be read. Make it private.")
    days = _days_until_aborted(bucket)
    if days is not None and timedelta(days=days) < needed:
        found.append(
            f"the bucket's rule AbortIncompleteMultipartUpload ends uploads after {days} days, while sessions live for "
            f"up to {needed / timedelta(days=1):.0f}. Make it longer than SESSION_MAX_AGE_HOURS."
        )
    return found


def _is_public(bucket: Bucket) -> bool:
    try:
        status: Any = bucket.client.get_bucket_policy_status(Bucket=bucket.name)
    except ClientError:
        return False  # There is no policy, or we may not ask.
    return bool(status.get("PolicyStatus", {}).get("IsPublic"))


def _days_until_aborted(bucket: Bucket) -> int | None:
    """Of the strictest rule that reaches our keys."""
    try:
        rules = bucket.client.get_bucket_lifecycle_configuration(Bucket=bucket.name).get("Rules", ())
    except ClientError:
        return None  # There is none, or we may not ask.
    days = [
        rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"]
        for rule in rules
        if rule.get("Status") == "Enabled" and "AbortIncompleteMultipartUpload" in rule and _reaches(rule, bucket)
    ]
    return min(days, default=None)


def _reaches(rule: Any, bucket: Bucket) -> bool:
    chosen = rule.get("Filter", {})
    prefix = str({**rule, **chosen, **chosen.get("And", {})}.get("Prefix", ""))
    return bucket.keys.files.startswith(prefix) or prefix.startswith(bucket.keys.files)
