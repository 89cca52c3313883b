"""Fields of the serializers in the OpenAPI schema."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension

from .. import serializers


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
