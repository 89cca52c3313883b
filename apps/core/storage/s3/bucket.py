"""A bucket as the rest of the store uses it: objects by key, errors as the store's own. One client a store."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ...conf import PACKAGE
from ..errors import StagingMissing
from .capabilities import Capabilities, probe
from .errors import s3_errors, status_of, trouble
from .keys import Keys
from .signing import digest_of_body, sign_known_payloads

logger = logging.getLogger(f"{PACKAGE}.storage.s3")

TRIES = 4
"""Of a request, with growing pauses, before the client is told to come again."""
CONNECT_SECONDS = 5
MOST_CONNECTIONS = 64


@dataclass(frozen=True)
class BucketOptions:
    """Where a bucket is, and how to speak to it. Credentials are found by boto3's own chain."""

    bucket: str
    endpoint_url: str | None = None
    region_name: str | None = None
    addressing_style: str = "auto"
    profile_name: str | None = None
    read_seconds: float = 60.0
    request_checksum_calculation: str = "when_required"
    response_checksum_validation: str = "when_required"
    encryption: Mapping[str, str] = field(default_factory=dict)


class Bucket:
    """The bucket of one store. Safe to use from many threads."""

    def __init__(self, options: BucketOptions, keys: Keys) -> None:
        self.name = options.bucket
        self.keys = keys
        self._options = options

    @cached_property
    def client(self) -> Any:
        """A client of boto3's, whose requests with a known payload are signed over it."""
        options = self._options
        config = Config(
            signature_version="s3v4",
            connect_timeout=CONNECT_SECONDS,
            read_timeout=options.read_seconds,
            max_pool_connections=MOST_CONNECTIONS,
            retries={"mode": "standard", "total_max_attempts": TRIES},
            request_checksum_calculation=options.request_checksum_calculation,
            response_checksum_validation=options.response_checksum_validation,
            s3={"addressing_style": options.addressing_style, "payload_signing_enabled": True},
        )
        session = boto3.session.Session(profile_name=options.profile_name, region_name=options.region_name)
        client = session.client("s3", endpoint_url=options.endpoint_url, config=config)
        sign_known_payloads(client)
        return client

    @property
    def capabilities(self) -> Capabilities:
        """What the store behind the bucket can do; tried out once.

        Raises:
            Unavailable: it does not answer, or does not let us write.
        """
        with s3_errors():
            return self._capabilities

    @cached_property
    def _capabilities(self) -> Capabilities:
        # A wrong region fails for HEAD alone: after any other request botocore finds the right one, until it restarts.
        self._require_bucket()
        return probe(self.client, self.name, self.keys.probe(), encryption=self.encryption)

    @property
    def encryption(self) -> dict[str, str]:
        """Arguments of what makes an object."""
        return dict(self._options.encryption)

    def put(self, key: str, body: bytes | bytearray | Any, digest: bytes, **more: str) -> None:
        """Make an object. ``digest`` is the SHA-256 of its bytes.

        Raises:
            StorageFull, Unavailable: as :func:`s3_errors`.
        """
        signed = digest_of_body(digest, is_kept=self.capabilities.echoes_checksums)
        with s3_errors():
            self.client.put_object(Bucket=self.name, Key=key, Body=body, **signed, **self.encryption, **more)

    def get(self, key: str, **range_of: str) -> Any:
        """An object's bytes as they come, in the answer's ``Body``.

        Raises:
            StagingMissing: there is no such object.
            Unavailable: as :func:`s3_errors`.
        """
        with s3_errors():
            return self.client.get_object(Bucket=self.name, Key=key, **range_of)

    def size_of(self, key: str) -> int | None:
        """Bytes of an object; None if there is none."""
        with suppress(StagingMissing):
            return int(self.head(key)["ContentLength"])
        return None

    def head(self, key: str) -> Any:
        """
        Raises:
            StagingMissing, Unavailable: as :meth:`get`.
        """
        try:
            with s3_errors():
                return self.client.head_object(Bucket=self.name, Key=key)
        except StagingMissing:
            self._require_bucket()  # The answer to HEAD does not say what is missing.
            raise

    def _require_bucket(self) -> None:
        """
        Raises:
            Unavailable: there is none, or the store does not answer. That we may not ask (403) says nothing.
        """
        try:
            self.client.head_bucket(Bucket=self.name)
        except ClientError as error:
            if status_of(error) == 403:
                return
            logger.error("asking the object store for the bucket %s: %s", self.name, error)
            raise trouble() from error
        except BotoCoreError as error:
            raise trouble() from error

    def delete(self, key: str) -> None:
        """Remove an object, with its versions where the bucket keeps them. Removing what is gone is a success."""
        keeps_versions = self.capabilities.keeps_versions
        with suppress(StagingMissing), s3_errors():
            if keeps_versions:
                self._delete_versions(key)
            else:
                self.client.delete_object(Bucket=self.name, Key=key)

    def _delete_versions(self, key: str) -> None:
        pages = self.client.get_paginator("list_object_versions").paginate(Bucket=self.name, Prefix=key)
        for page in pages:
            for version in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]:
                if version["Key"] == key:
                    self.client.delete_object(Bucket=self.name, Key=key, VersionId=version["VersionId"])

    def listed(self, prefix: str) -> Iterator[Any]:
        """Every object whose key begins with ``prefix``, as ListObjectsV2 shows it."""
        with s3_errors():
            for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
                yield from page.get("Contents", ())

    def read(self, key: str) -> bytes:
        """The bytes of a small object.

        Raises:
            StagingMissing, Unavailable: as :meth:`get`.
        """
        with s3_errors():
            content: bytes = self.get(key)["Body"].read()
            return content

    def put_if_absent(self, key: str, body: bytes, digest: bytes) -> None:
        """Make an object unless there is one; where the store cannot tell, maybe over one of this very moment.

        Raises:
            StorageFull, Unavailable: as :func:`s3_errors`.
        """
        if self.size_of(key) is not None:
            return
        signed = digest_of_body(digest, is_kept=False)
        with s3_errors():
            try:
                self.client.put_object(
                    Bucket=self.name, Key=key, Body=body, IfNoneMatch="*", **signed, **self.encryption
                )
            except ClientError as error:
                if status_of(error) == 501:
                    self.put(key, body, digest)
                elif status_of(error) not in (409, 412):
                    raise
