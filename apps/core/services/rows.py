"""The rows of other people's models, asked which of them name a file.

The row may be in any database that has the model's table: ``save(using=...)`` and managers choose one, whatever the
router would say. An upload whose row is known is looked up by its primary key, everything else by the name: on a large
table ``db_index=True`` on the field makes that quick.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connections, router, transaction

from ..models import UploadSession
from ..storage.destinations import upload_field


@dataclass(frozen=True, slots=True)
class FoundRow:
    using: str
    """Alias of its database."""
    pk: Any


def row_naming(session: UploadSession, name: str) -> FoundRow | None:
    """The row that names an upload's file, locked where the model is usually written; None if there is none.

    Raises:
        LookupError: the field is gone from the code.
    """
    field: Any = upload_field(session.purpose)
    known = {"pk": session.claimed_pk} if session.claimed_pk else {}
    usual = router.db_for_write(field.model)
    for using in _databases(field.model):
        rows = field.model._base_manager.using(using).filter(**{field.name: name}, **known).values_list("pk", flat=True)
        if using == usual:  # Others may be replicas, which lock nothing.
            with transaction.atomic(using=using):
                pk = rows.select_for_update().first()
        else:
            pk = rows.first()
        if pk is not None:
            return FoundRow(using, pk)
    return None


def is_named(field: Any, name: str) -> bool:
    """Whether any row at all names this file."""
    databases = _databases(field.model)
    return any(field.model._base_manager.using(using).filter(**{field.name: name}).exists() for using in databases)


def rename(field: Any, row: FoundRow, old: str, new: str) -> bool:
    """Give a row's file another name, if it still has the old one."""
    rows = field.model._base_manager.using(row.using).filter(pk=row.pk, **{field.name: old})
    return bool(rows.update(**{field.name: new}))


def rename_all(field: Any, old: str, new: str) -> None:
    for using in _databases(field.model):
        rows = field.model._base_manager.using(using).filter(**{field.name: old})
        if rows.exists():
            rows.update(**{field.name: new})


def instance_of(field: Any, row: FoundRow) -> Any:
    return field.model._base_manager.using(row.using).get(pk=row.pk)


def _databases(model: Any) -> Iterator[str]:
    """Those that have the model's table, its usual one first."""
    usual = router.db_for_write(model)
    yield usual
    for using in connections:
        if using == usual or not router.allow_migrate_model(using, model):
            continue
        if model._meta.db_table in connections[using].introspection.table_names():
            yield using
