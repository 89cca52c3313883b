"""The form field: takes the reference to a finished upload, or an ordinary file that came with the form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from ..errors import ReferenceRefused, UploadError
from ..http.current_user import current_user, use_once
from ..models import UploadSession
from ..services.accepted_types import accepted
from ..services.purposes import Purpose, field_token
from ..services.secure_file_upload_service import SecureFileUploadService
from ..storage.destinations import upload_field
from ..units import decimal_size, parse_size
from .uploaded_file import UploadedReference
from .widget import ResumableUploadInput


class ResumableFileField(forms.FileField):
    """A file, or several, for a model's ``ResumableFileField``.

    ``cleaned_data`` has an :class:`~.uploaded_file.UploadedReference` (a Django ``File``), or Django's ``UploadedFile``
    where the file came with the form; a list of them with ``multiple``.

    Args:
        model_field: the model field that the files are for, or its label, ``app.model.field``. ``ModelForm`` gives it.
        max_size: less than the model field takes, in bytes or as ``"50 GB"``.
        accept: less than the model field takes.
        multiple: several files.
    """

    widget = ResumableUploadInput
    default_error_messages = {
        "already_saved": _("This file is already saved."),
        "reference_expired": _("This page is too old. Choose the file again; what is uploaded is not sent again."),
        "reference_invalid": _("This is no uploaded file of this server. Upload it again."),
        "reference_other_field": _("This file was uploaded for another field. Upload it here."),
        "reference_other_user": _("This file was uploaded by somebody else."),
        "reference_removed": _("The uploaded file was removed. Upload it again."),
        "reference_too_large": _("The file is too large: at most %(max_size)s."),
        "reference_wrong_type": _("This type of file is not accepted here."),
    }

    def __init__(
        self,
        *,
        model_field: Any,
        max_size: int | str | None = None,
        accept: Sequence[str] | str = (),
        multiple: bool = False,
        **kwargs: Any,
    ) -> None:
        self._model_field = model_field
        self.user: Any = None
        """Who may use references; by default, the user of the request at work."""
        self.multiple = multiple
        self._max_size = None if max_size is None else parse_size(max_size)
        self._accept = tuple(accepted(accept))
        super().__init__(**_with_own_widget(kwargs))
        self.widget.field = self
        if multiple:
            self.widget.allow_multiple_selected = True
            self.widget.attrs["multiple"] = True

    def __deepcopy__(self, memo: Any) -> Any:
        result = super().__deepcopy__(memo)
        result.widget.field = result
        return result

    @property
    def model_field(self) -> Any:
        if isinstance(self._model_field, str):
            self._model_field = upload_field(self._model_field)
        return self._model_field

    @property
    def purpose(self) -> Purpose:
        model_field = self.model_field
        limits = [limit for limit in (self._max_size, model_field.max_size) if limit is not None]
        return Purpose(model_field.label, min(limits, default=None), self._accept or model_field.accept)

    @property
    def max_form_size(self) -> int:
        """Bytes that a file in the form itself may have."""
        limits = [limit for limit in (self.purpose.smallest_limit, self.model_field.max_form_size) if limit is not None]
        return int(min(limits))

    @property
    def token(self) -> str:
        """What lets an upload begin."""
        purpose = self.purpose
        return field_token(purpose.label, max_size=purpose.max_size, accept=purpose.accept)

    def find(self, reference: str) -> UploadedReference:
        """
        Raises:
            ReferenceRefused: whoever sent the form may not use it here.
        """
        return UploadedReference.from_reference(reference, self.purpose, self.user or current_user())

    def clean(self, data: Any, initial: Any = None) -> Any:
        if not self.multiple or not isinstance(data, list):
            return super().clean(data, initial)
        if not data:
            return super().clean(None, initial)
        return _once_each(super(ResumableFileField, self).clean(each, initial) for each in data)

    def to_python(self, data: Any) -> Any:
        if isinstance(data, str) and data:
            return self._referenced(data)
        file = super().to_python(data)
        if file is not None:
            self._require_acceptable(file)
        return file

    def bound_data(self, data: Any, initial: Any) -> Any:
        """References are shown again; the bytes of a file that came with the form are gone."""
        shown = data if isinstance(data, list) else [data]
        return data if data and all(isinstance(each, str) for each in shown) else initial

    def has_changed(self, initial: Any, data: Any) -> bool:
        return not self.disabled and data not in (None, [])

    def _referenced(self, reference: str) -> UploadedReference:
        try:
            file = self.find(reference)
        except ReferenceRefused as error:
            largest = self.purpose.smallest_limit
            params = {"max_size": decimal_size(largest) if largest else ""}
            raise ValidationError(self.error_messages[error.code], code=error.code, params=params) from None
        if not use_once(file.upload_id, getattr(self.widget, "posted_as", "")):
            raise ValidationError(self.error_messages["already_saved"], code="already_saved")
        if not file.size and not self.allow_empty_file:
            raise ValidationError(self.error_messages["empty"], "empty")
        return file

    def _require_acceptable(self, file: Any) -> None:
        """What came with the form is judged as what was uploaded before it."""
        purpose = self.purpose
        size = file.size or 0
        if size > self.max_form_size:
            params = {"max_size": decimal_size(self.max_form_size)}
            raise ValidationError(self.error_messages["reference_too_large"], code="too_large", params=params)
        try:
            name, mime_type = SecureFileUploadService.admit(file.name or "", file.content_type, purpose.allowed_types())
            session = UploadSession(filename=name, mime_type=mime_type, total_size=size, purpose=purpose.label)
            user = self.user or current_user()
            if getattr(user, "is_authenticated", False):
                session.owner = user
            SecureFileUploadService.check_stored(session, file.file)
        except UploadError as error:
            raise ValidationError(error.detail, code=error.code) from None
        file.seek(0)


def _once_each(files: Iterable[Any]) -> list[Any]:
    """The same upload, posted twice by one field, is one file."""
    return list({getattr(file, "upload_id", id(file)): file for file in files}.values())


def _with_own_widget(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Whoever passes a widget of Django's for files (the admin does) gets ours with its attributes."""
    widget = kwargs.get("widget")
    given = widget if isinstance(widget, type) else type(widget)
    if not issubclass(given, forms.FileInput) or issubclass(given, ResumableUploadInput):
        return kwargs
    return {**kwargs, "widget": ResumableUploadInput(attrs=getattr(widget, "attrs", None))}
