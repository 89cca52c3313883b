"""``ResumableFileField``: Django's ``FileField``, whose files arrive by resumable uploads.

A form posts a reference; assigned to the field, saving the row claims the upload (:mod:`..services.claiming`). All else
is as with a ``FileField``: a plain file that is assigned is saved as always, ``.url`` and ``.delete()`` are Django's.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.checks import CheckMessage
from django.core.files import File
from django.db import models
from django.db.models.fields.files import FieldFile

from ..conf import MIB
from ..errors import ReferenceRefused
from ..hashing import sha256_of_blocks
from ..services import claiming
from ..services.accepted_types import accepted
from ..services.claiming import Claim
from ..services.destination_names import PROVISIONAL
from ..services.moving import present_name
from ..services.purposes import Purpose
from ..units import parse_size
from .field_checks import check_field
from .saving import claims_of, naming
from .uploaded_file import UploadedReference


class ResumableFieldFile(FieldFile):
    """A file of a row."""

    field: ResumableFileField
    instance: Any
    _committed: bool
    _file: File[Any] | None

    def save(self, name: str, content: File[Any], save: bool = True) -> None:
        """As ``FieldFile.save``; the file of an :class:`UploadedReference` is claimed where it is, under its name.

        Raises:
            ReferenceAlreadyClaimed: another row has it.
            ReferenceRefused: it was removed meanwhile, or was uploaded for another field.
        """
        if isinstance(content, UploadedReference):
            self._claim(content)
        elif self.field.sha256_field:
            with _rereadable(content) as content:
                self._set_sha256(sha256_of_blocks(content.chunks(MIB)))
                super().save(name, content, save=False)
        else:
            super().save(name, content, save=False)
        if save:
            self.instance.save()

    save.alters_data = True  # type: ignore[attr-defined]

    def delete(self, save: bool = True) -> None:
        """As ``FieldFile.delete``. A file that was assigned and not saved is only let go: it is nobody's yet."""
        self._set_sha256("")
        if self._committed:
            super().delete(save=save)
            return
        setattr(self.instance, self.field.attname, None)
        if save:
            self.instance.save()

    delete.alters_data = True  # type: ignore[attr-defined]

    def _claim(self, content: UploadedReference) -> None:
        if content.session.purpose != self.field.label:
            raise ReferenceRefused("This file was uploaded for another field.", "reference_other_field")
        with naming(self.field):
            held = claiming.claim(content.session)
        content.close()
        claims_of(self.instance)[self.field.name] = held
        self.name = content.session.file.name
        setattr(self.instance, self.field.attname, self.name)
        self._set_sha256(content.sha256)
        self._committed = True

    def _set_sha256(self, digest: str) -> None:
        if self.field.sha256_field:
            setattr(self.instance, self.field.sha256_field, digest)


@contextmanager
def _rereadable(content: File[Any]) -> Iterator[File[Any]]:
    """The content, to be read twice: of a pipe, a copy."""
    if content.seekable():
        yield content
        return
    with tempfile.TemporaryFile() as file:
        copy: File[Any] = File(file, content.name)
        for block in content.chunks(MIB):
            copy.write(block)
        yield copy


class ResumableFileField(models.FileField):
    """A file of any size, uploaded in pieces and verified before the form is sent.

    Args:
        max_size: bytes, or a text as ``"50 GB"``; the site's limit by default.
        accept: what it takes: ``["video/*", ".mkv"]``, or one text with commas, as in HTML; all that the site allows by
            default.
        replaces_allowed_types: ``accept`` says all, instead of narrowing what the site allows.
        sha256_field: name of a ``CharField`` of 64 characters that gets the file's SHA-256 in hex.
        max_form_size: bytes (or a text) of a file that arrives in the form itself, without JavaScript or from an older
            client of an API.

    The other arguments are those of ``FileField``.
    """

    attr_class = ResumableFieldFile
    takes_uploads = True
    # What changes without a change of the table.
    non_db_attrs = (
        *models.FileField.non_db_attrs,
        "accept",
        "max_form_size",
        "max_size",
        "replaces_allowed_types",
        "sha256_field",
        "storage",
        "upload_to",
    )

    def __init__(
        self,
        verbose_name: Any = None,
        name: str | None = None,
        *,
        max_size: int | str | None = None,
        accept: Sequence[str] | str = (),
        replaces_allowed_types: bool = False,
        sha256_field: str = "",
        max_form_size: int | str = "100 MB",
        **kwargs: Any,
    ) -> None:
        super().__init__(verbose_name, name, **kwargs)
        self._options = {
            "max_size": max_size,
            "accept": accepted(accept),
            "replaces_allowed_types": replaces_allowed_types,
            "sha256_field": sha256_field,
            "max_form_size": max_form_size,
        }
        self.max_size = None if max_size is None else parse_size(max_size)
        self.max_form_size = parse_size(max_form_size)
        self.accept = tuple(accepted(accept))
        self.replaces_allowed_types = replaces_allowed_types
        self.sha256_field = sha256_field

    @property
    def label(self) -> str:
        """``app.model.field``."""
        return f"{self.model._meta.label_lower}.{self.name}"

    @property
    def purpose(self) -> Purpose:
        return Purpose(self.label, self.max_size, self.accept)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        default: dict[str, Any] = {
            "max_size": None,
            "accept": [],
            "replaces_allowed_types": False,
            "sha256_field": "",
            "max_form_size": "100 MB",
        }
        kwargs.update({key: value for key, value in self._options.items() if value != default[key]})
        return name, re.sub(r"\.model_field\.", ".", path), args, kwargs

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        return [*super().check(**kwargs), *check_field(self)]

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        file = super().pre_save(model_instance, add)
        held: Claim | None = claims_of(model_instance).get(self.name)
        if held is not None and file and file.name == held.session.file.name:
            # Made by this very save, or by an earlier one that was rolled back.
            with naming(self):
                claims_of(model_instance)[self.name] = claiming.keep(held)
        elif file and file.name.startswith(PROVISIONAL):
            # The instance may have been read before its file was moved.
            file.name = present_name(file.name)
        return file

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        """
        Raises:
            ValueError: an upload is written without ``save()``, as by ``QuerySet.update`` or ``bulk_update``: nothing
                would claim it, and it would be removed at the end of its term.
        """
        is_field_file = isinstance(value, ResumableFieldFile) and not value._committed
        if isinstance(value._file if is_field_file else value, UploadedReference):
            raise ValueError("An uploaded file is taken over by save() alone: assign it to an instance, and save that.")
        return super().get_db_prep_save(value, connection)

    def formfield(self, **kwargs: Any) -> Any:
        from .forms import ResumableFileField as FormField

        return super().formfield(**{"form_class": FormField, "model_field": self, **kwargs})
