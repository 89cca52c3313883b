"""The serializer field: what Django REST framework's ``ModelSerializer`` makes of a ``ResumableFileField``."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from .forms import ResumableFileField as FormField


class ResumableFileField(serializers.FileField):
    """In: the reference to a finished upload, or a file in a multipart request, as clients of a ``FileField`` send it.
    Out: the URL, as ``FileField`` gives it.

    Args:
        model_field: the model field, or its label, ``app.model.field``. ``ModelSerializer`` gives it.
        detail: out comes an object instead: ``url``, ``name``, ``size`` in bytes and ``sha256`` (if the model field has
            a ``sha256_field``).
    """

    def __init__(self, *, model_field: Any = None, detail: bool = False, **kwargs: Any) -> None:
        self.detail = detail
        super().__init__(**kwargs)
        self._form_field = self._judge(model_field) if model_field is not None else None

    def bind(self, field_name: str, parent: Any) -> None:
        super().bind(field_name, parent)
        if self._form_field is None:
            model = parent.Meta.model
            self._form_field = self._judge(model._meta.get_field(self.source))

    def _judge(self, model_field: Any) -> FormField:
        return FormField(model_field=model_field, allow_empty_file=self.allow_empty_file)

    @property
    def token(self) -> str:
        """What lets an upload begin: the ``purpose`` of ``init``."""
        assert self._form_field is not None
        return self._form_field.token

    def to_internal_value(self, data: Any) -> Any:
        """
        Raises:
            ValidationError: with the codes of the form field.
        """
        assert self._form_field is not None
        if isinstance(data, str):
            if not data:
                self.fail("invalid")
            request = self.context.get("request")
            self._form_field.user = getattr(request, "user", None)
        else:
            super().to_internal_value(data)  # For its errors.
        return self._form_field.to_python(data)

    def to_representation(self, value: Any) -> Any:
        url = super().to_representation(value)
        if not self.detail or not value:
            return url
        digest_field = value.field.sha256_field
        digest = getattr(value.instance, digest_field) if digest_field else None
        try:
            size = value.size
        except OSError:
            size = None  # It is gone from its storage; the others of a list are not.
        return {"url": url, "name": value.name.rpartition("/")[2], "size": size, "sha256": digest or None}


def connect() -> None:
    """Have every ``ModelSerializer`` map the model field to this one."""
    from .model_field import ResumableFileField as ModelField

    serializers.ModelSerializer.serializer_field_mapping[ModelField] = ResumableFileField
