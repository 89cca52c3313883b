"""``manage.py fill_file_sha256``: the digests of files that were there before their field's ``sha256_field``."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ...conf import MIB
from ...hashing import sha256_of_blocks
from ...storage.destinations import upload_field


class Command(BaseCommand):
    help = (
        "Reads the files of rows whose digest is empty, and fills it in. May be interrupted and run again; a row whose "
        "file is replaced meanwhile is left alone."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("field", help="app.model.field, a ResumableFileField with a sha256_field")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            field: Any = upload_field(options["field"].lower())
        except LookupError as error:
            raise CommandError(str(error)) from None
        if not field.sha256_field:
            raise CommandError(f"{options['field']} has no sha256_field.")
        rows = field.model._base_manager
        empty = rows.filter(**{field.sha256_field: ""}).exclude(**{field.name: ""}).exclude(**{field.name: None})
        filled = missing = 0
        for row in empty.order_by("pk").iterator(chunk_size=100):
            file = getattr(row, field.name)
            try:
                with file.open("rb") as stored:
                    digest = sha256_of_blocks(stored.chunks(MIB))
            except FileNotFoundError:
                missing += 1
                self.stderr.write(f"{row.pk}: {file.name} is missing")
                continue
            same = rows.filter(pk=row.pk, **{field.name: file.name, field.sha256_field: ""})
            filled += same.update(**{field.sha256_field: digest})
        self.stdout.write(f"{filled} digests filled in, {missing} files missing.")
