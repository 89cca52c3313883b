"""A bucket of a real S3 engine, for tests that are marked ``s3``."""

from __future__ import annotations

import os
import uuid
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from apps.core.storage.s3 import S3Store


def engine() -> tuple[str, str, str]:
    """The engine's address, access key and secret key; skips the test without one."""
    url = urlsplit(os.environ.get("S3_URL", ""))
    if not url.hostname:
        pytest.skip("needs an S3 engine: set S3_URL (.ci/s3 starts one)")
    return f"http://{url.hostname}:{url.port}", url.username or "", url.password or ""


def made_bucket(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A new bucket, as options of the store; its keys are where boto3 looks for them."""
    endpoint, access_key, secret_key = engine()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret_key)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    options = {
        "bucket": f"uploads-{uuid.uuid4().hex}",
        "endpoint_url": endpoint,
        "region_name": "us-east-1",
        "addressing_style": "path",
    }
    boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1").create_bucket(Bucket=options["bucket"])
    return options


@lru_cache(maxsize=1)
def shared_bucket() -> dict[str, Any]:
    """A bucket for all tests of a process, each below a prefix of its own."""
    return made_bucket(pytest.MonkeyPatch())


def made_store(monkeypatch: pytest.MonkeyPatch, **options: Any) -> S3Store:
    """The store in a new bucket."""
    return S3Store(**made_bucket(monkeypatch), **options)
