"""The JSON of the API: what comes in is checked here, what goes out is described here."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from .conf import KIB
from .hashing import parse_composite, parse_sha256
from .models import UploadSession
from .services.metadata import flaw_of
from .services.names import MAX_GIVEN_CHARACTERS

CLIENT_KEY_LIMIT = 32 * KIB
"""Characters; only a digest is kept. Metadata, which some clients make a part of it, may have half of that."""
LARGEST_NUMBER = 2**63 - 1
PUBLIC_STATUSES = [choice for choice in UploadSession.Status.choices if choice[0] != UploadSession.Status.REMOVING]
"""The states that an owner can see."""


class StrictInteger(serializers.IntegerField):
    """A JSON number without a fraction: no strings, floats or booleans."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictString(serializers.CharField):
    """A JSON string; numbers are not turned into one."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Sha256Field(StrictString):
    """A SHA-256 in hex; kept in lower case."""

    def to_internal_value(self, data: Any) -> str:
        try:
            return parse_sha256(super().to_internal_value(data))
        except ValueError as error:
            raise serializers.ValidationError(str(error), code="bad_digest") from None


class CompositeHashField(StrictString):
    """A composite SHA-256, ``<64 hex>-<number of chunks>``; kept in lower case."""

    def to_internal_value(self, data: Any) -> str:
        try:
            return parse_composite(super().to_internal_value(data))
        except ValueError as error:
            raise serializers.ValidationError(str(error), code="bad_digest") from None


class UploadIdField(serializers.UUIDField):
    """An upload id as text."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class MetadataField(serializers.JSONField):
    """A small JSON object."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise serializers.ValidationError("Must be a JSON object.")
        if (flaw := flaw_of(data)) is not None:
            raise serializers.ValidationError(flaw)
        return data


class InitRequest(serializers.Serializer[Any]):
    filename = StrictString(
        max_length=MAX_GIVEN_CHARACTERS, trim_whitespace=False, help_text="Name with a suffix from the allow-list."
    )
    total_size = StrictInteger(
        required=False, min_value=0, max_value=LARGEST_NUMBER, help_text="Bytes; leave out while unknown."
    )
    mime_type = StrictString(required=False, max_length=127, help_text="Default: the type of the suffix.")
    file_hash = Sha256Field(required=False)
    chunk_size = StrictInteger(
        required=False, min_value=1, max_value=LARGEST_NUMBER, help_text="A wish in bytes; the answer counts."
    )
    request_limit = StrictInteger(
        required=False,
        min_value=1,
        max_value=LARGEST_NUMBER,
        help_text="Bytes that something on the way takes in one request, as the client found; for the operator.",
    )
    metadata = MetadataField(required=False)
    client_key = StrictString(
        required=False,
        trim_whitespace=False,
        max_length=CLIENT_KEY_LIMIT,
        help_text="Whatever tells this upload from your others: while one with it is open, init answers that one.",
    )
    purpose = StrictString(required=False, max_length=4 * KIB, help_text="The token of the model field that it is for.")

    def to_internal_value(self, data: Any) -> Any:
        # A null is as good as nothing: clients in typed languages send it for what they do not know.
        if isinstance(data, dict):
            data = {key: value for key, value in data.items() if value is not None}
        return super().to_internal_value(data)


class StatusQuery(serializers.Serializer[Any]):
    receipts_from = serializers.IntegerField(required=False, min_value=0, max_value=2**31 - 1)


class UploadReference(serializers.Serializer[Any]):
    upload_id = UploadIdField()


class CompleteRequest(UploadReference):
    file_hash = Sha256Field(required=False, help_text="SHA-256 of the whole file, unless init had it.")
    composite_hash = CompositeHashField(
        required=False,
        help_text="Instead: the SHA-256 of all chunks' SHA-256 (32 bytes each, in order), a hyphen, their number.",
    )
    unverified = serializers.BooleanField(
        required=False, help_text="True from a sender that can compute neither: what arrived is then what is published."
    )
    total_size = StrictInteger(
        required=False, min_value=0, max_value=LARGEST_NUMBER, help_text="Required unless init had it."
    )


class ChunkProgress(serializers.Serializer[Any]):
    percentage = serializers.FloatField(read_only=True)
    received_chunks = serializers.IntegerField(read_only=True)
    total_chunks = serializers.IntegerField(read_only=True, allow_null=True)
    received_bytes = serializers.IntegerField(read_only=True)


class SummaryProgress(ChunkProgress):
    damaged_chunks = serializers.IntegerField(
        read_only=True, help_text="Arrived damaged, or were found so in the store, and had to be sent again."
    )


class Progress(SummaryProgress):
    missing_chunks = serializers.ListField(child=serializers.IntegerField(), read_only=True)
    assembled_bytes = serializers.IntegerField(read_only=True, help_text="Bytes verified so far, while assembling.")
    assembled_percentage = serializers.FloatField(read_only=True)


class UsedBy(serializers.Serializer[Any]):
    field = serializers.CharField(read_only=True)
    pk = serializers.CharField(read_only=True)


class CompletedFile(serializers.Serializer[Any]):
    name = serializers.CharField(read_only=True)
    size = serializers.IntegerField(read_only=True)
    mime_type = serializers.CharField(read_only=True)
    sha256 = serializers.CharField(read_only=True, allow_null=True)
    composite_hash = serializers.CharField(read_only=True, allow_null=True)
    url = serializers.CharField(read_only=True)
    completed_at = serializers.DateTimeField(read_only=True, allow_null=True)
    reference = serializers.CharField(
        read_only=True, allow_null=True, help_text="What a form posts for it, if it is for a model's field."
    )
    used_by = UsedBy(read_only=True, allow_null=True, help_text="The row of a model that claimed the file.")


class Refusal(serializers.Serializer[Any]):
    code = serializers.CharField(read_only=True)
    detail = serializers.CharField(read_only=True)


class Session(serializers.Serializer[Any]):
    """A session as ``status`` and ``complete`` answer it."""

    upload_id = serializers.UUIDField(read_only=True)
    status = serializers.ChoiceField(choices=PUBLIC_STATUSES, read_only=True)
    filename = serializers.CharField(read_only=True)
    mime_type = serializers.CharField(read_only=True)
    total_size = serializers.IntegerField(read_only=True, allow_null=True)
    chunk_size = serializers.IntegerField(read_only=True)
    total_chunks = serializers.IntegerField(read_only=True, allow_null=True)
    file_hash = serializers.CharField(read_only=True)
    metadata = serializers.DictField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    expires_at = serializers.DateTimeField(read_only=True)
    progress = Progress(read_only=True)
    file = CompletedFile(read_only=True, allow_null=True, help_text="Once completed.")
    error = Refusal(read_only=True, allow_null=True, help_text="Once failed.")


class Receipt(serializers.Serializer[Any]):
    index = serializers.IntegerField(read_only=True)
    size = serializers.IntegerField(read_only=True)
    sha256 = serializers.CharField(read_only=True)


class SessionWithReceipts(Session):
    """A session as ``status`` answers it; the receipts only where they were asked for."""

    receipts = Receipt(many=True, read_only=True, required=False)
    receipts_next = serializers.IntegerField(
        read_only=True, required=False, allow_null=True, help_text="The receipts_from of the next page."
    )


class SessionSummary(Session):
    """A session in a list: without the list of missing chunks, which ``status`` gives."""

    progress = SummaryProgress(read_only=True)  # type: ignore[assignment]


class SessionPage(serializers.Serializer[Any]):
    """One page of a list of sessions."""

    next = serializers.URLField(read_only=True, allow_null=True)
    previous = serializers.URLField(read_only=True, allow_null=True)
    results = SessionSummary(many=True, read_only=True)


class ProblemDocument(serializers.Serializer[Any]):
    """RFC 9457 problem details. Some codes have further members, named in the API reference."""

    type = serializers.CharField(read_only=True)
    title = serializers.CharField(read_only=True)
    status = serializers.IntegerField(read_only=True)
    code = serializers.CharField(read_only=True)
    detail = serializers.CharField(read_only=True)
