"""Fields of the serializers in the OpenAPI schema."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension

from .. import serializers
from ..fields.serializers import ResumableFileField


class _Field(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    schema: dict[str, Any]

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        limits = {
            name: value
            for name, value in (
                ("minimum", getattr(self.target, "min_value", None)),
                ("maximum", getattr(self.target, "max_value", None)),
            )
            if value is not None
        }
        return {**self.schema, **limits}


class StrictIntegerField(_Field):  # type: ignore[no-untyped-call]
    target_class = serializers.StrictInteger
    schema = {"type": "integer", "format": "int64"}


class Sha256Field(_Field):  # type: ignore[no-untyped-call]
    target_class = serializers.Sha256Field
    schema = {"type": "string", "pattern": "^[0-9a-fA-F]{64}$", "description": "SHA-256, 64 hexadecimal digits"}


class UploadIdField(_Field):  # type: ignore[no-untyped-call]
    target_class = serializers.UploadIdField
    schema = {"type": "string", "format": "uuid"}


class MetadataField(_Field):  # type: ignore[no-untyped-call]
    target_class = serializers.MetadataField
    schema = {"type": "object", "additionalProperties": True, "description": "A small JSON object of your own."}


class ResumableFieldOfModel(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """In: a reference, or a file in a multipart request. Out: a URL, or with ``detail`` an object."""

    target_class = ResumableFileField

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        url = {"type": "string", "format": "uri"}
        if direction == "request":
            reference = "The `file.reference` of a completed upload for this field; or the file itself, in multipart."
            return {"type": "string", "description": reference}
        if not self.target.detail:
            return url
        properties = {
            "url": url,
            "name": {"type": "string"},
            "size": {"type": "integer", "format": "int64", "description": "Bytes."},
            "sha256": {"type": "string", "nullable": True},
        }
        return {"type": "object", "properties": properties, "required": list(properties)}
