"""The widget: an ordinary file input, inside an element that uploads while the form is filled in."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.forms.widgets import FILE_INPUT_CONTRADICTION, ClearableFileInput
from django.urls import NoReverseMatch, reverse
from django.utils.datastructures import MultiValueDict

from ..errors import ReferenceRefused
from ..units import decimal_size
from .widget_texts import widget_texts

SCRIPT = "js/resumable-upload-field.js"
STYLES = "resumable_uploads/upload-field.css"


class ResumableUploadInput(ClearableFileInput):
    """Renders ``<resumable-upload>`` around a file input, which is what remains without JavaScript.

    Args:
        when_sending: what the form does while a file is on its way: ``"wait"`` disables its submit buttons, ``"save"``
            takes the click and sends the form when the upload is done.
    """

    template_name = "resumable_uploads/upload_field.html"
    field: Any = None
    """The form field; it sets itself."""
    posted_as = ""
    """The name under which a value came that is to be saved."""

    def __init__(self, attrs: dict[str, Any] | None = None, *, when_sending: str = "wait") -> None:
        super().__init__(attrs)
        self.when_sending = when_sending

    @property
    def media(self) -> forms.Media:
        return forms.Media(css={"all": [STYLES]}, js=[forms.Script(SCRIPT, defer=True)])  # type: ignore[list-item]

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        """A reference, or a file, or a list of them if there may be several; a reference wins over a file."""
        is_deleted = f"{name.rpartition('-')[0]}-DELETE" in data  # A form of a form set that is not saved.
        self.posted_as = "" if is_deleted else name
        references = [each for each in _all_of(data, name) if isinstance(each, str) and each]
        if self.allow_multiple_selected:
            return references or _all_of(files, name) or None
        if not references:
            return super().value_from_datadict(data, files, name)
        if not self.is_required and forms.CheckboxInput().value_from_datadict(
            data, files, self.clear_checkbox_name(name)
        ):
            return FILE_INPUT_CONTRADICTION
        return references[-1]

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return name not in data and super().value_omitted_from_data(data, files, name)

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, None, attrs)
        widget = context["widget"]
        purpose = self.field.purpose
        current = None if isinstance(value, (str, list, UploadedFile)) or not value else value
        kept = [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str)]
        widget["attrs"].setdefault("accept", ",".join(purpose.accept))
        widget.update(
            api=_api(),
            purpose=self.field.token,
            max_size=purpose.smallest_limit,
            max_form_size_text=decimal_size(self.field.max_form_size),
            allow_empty=self.field.allow_empty_file,
            accept=",".join(purpose.accept),
            when_sending=self.when_sending,
            texts=json.dumps(widget_texts(), ensure_ascii=False),
            references=self._finished(kept),
            current=self._described(current) if current is not None else None,
            clear=self._clear_checkbox(name) if current is not None and not self.is_required else None,
        )
        if current is not None or widget["references"]:
            widget["required_without_references"] = current is None and widget["attrs"].get("required")
            widget["attrs"].pop("required", None)
        if not widget["attrs"]["accept"]:
            del widget["attrs"]["accept"]
        return context

    def _finished(self, references: list[str]) -> list[dict[str, Any]]:
        """The uploads of a form that comes back with an error elsewhere. What may not be used is not shown."""
        found = []
        for reference in references:
            try:
                file = self.field.find(reference)
            except ReferenceRefused:
                continue
            size = {"size": file.size, "size_text": decimal_size(file.size)}
            found.append({"value": reference, "filename": file.filename, "upload_id": file.upload_id, **size})
        return found

    def _described(self, file: Any) -> dict[str, str]:
        """What the row has now."""
        try:
            size = decimal_size(file.size)
        except (OSError, ValueError, NotImplementedError):
            size = ""  # It is gone from its storage; the form must still be there to replace it.
        digest_field = self.field.model_field.sha256_field
        digest = getattr(getattr(file, "instance", None), digest_field, "") if digest_field else ""
        return {
            "name": str(file).rpartition("/")[2],
            "url": getattr(file, "url", ""),
            "size_text": size,
            "sha256": digest,
        }

    def _clear_checkbox(self, name: str) -> dict[str, str]:
        checkbox = self.clear_checkbox_name(name)
        return {"name": checkbox, "id": self.clear_checkbox_id(checkbox), "label": str(self.clear_checkbox_label)}


def _all_of(given: Any, name: str) -> list[Any]:
    if isinstance(given, MultiValueDict):
        return given.getlist(name)
    value = given.get(name)
    return value if isinstance(value, list) else [] if value is None else [value]


def _api() -> str:
    """Where the API's URLs are included; empty where they are not, which a system check says."""
    try:
        return reverse("resumable_uploads:init").rpartition("/")[0]
    except NoReverseMatch:
        return ""
