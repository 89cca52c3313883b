"""What happens around ``save()`` of a row with resumable fields: claims are confirmed, and files get their names.

Django calls ``pre_save`` of a field without the database's alias, and nothing of a field after the row is there; so
these are receivers of the signals of all models, which pass over rows without such fields.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

from django.db import connections, models, router, transaction
from django.db.models.signals import post_save, pre_save

from ..errors import ReferenceAlreadyClaimed
from ..models import UploadSession
from ..services import claiming, moving
from ..services.claiming import Claim

logger = logging.getLogger(__name__)

_CLAIMS = "_resumable_claims"


def connect() -> None:
    """Receive the signals."""
    pre_save.connect(_before_save, dispatch_uid="resumable_uploads.fields")
    post_save.connect(_after_save, dispatch_uid="resumable_uploads.fields")


def claims_of(instance: models.Model) -> dict[str, Claim]:
    """What the last saves of an instance claimed, by the fields' names."""
    claims: dict[str, Claim] = instance.__dict__.setdefault(_CLAIMS, {})
    return claims


@contextmanager
def naming(field: models.Field[Any, Any]) -> Iterator[None]:
    """Say of which field an upload was claimed already."""
    try:
        yield
    except ReferenceAlreadyClaimed as error:
        error.field_name = field.name
        raise


@cache
def _resumable_fields(model: type[models.Model]) -> tuple[Any, ...]:
    return tuple(field for field in model._meta.concrete_fields if getattr(field, "takes_uploads", False))


def _before_save(sender: Any, instance: models.Model, raw: bool, update_fields: Any = None, **kwargs: Any) -> None:
    fields = _resumable_fields(sender)
    if not fields or raw:
        return
    for field in fields:
        # Now, for the field of the digest may come before that of the file.
        if field.sha256_field and (update_fields is None or field.name in update_fields):
            file = field.pre_save(instance, add=False)
            if not file:
                setattr(instance, field.sha256_field, "")


def _after_save(
    sender: Any, instance: models.Model, raw: bool, using: str, update_fields: Any = None, **kwargs: Any
) -> None:
    if raw:
        return
    for field in _resumable_fields(sender):
        _save_digest(field, instance, using, update_fields)
        held = instance.__dict__.get(_CLAIMS, {}).get(field.name)
        if held is None or (update_fields is not None and field.name not in update_fields):
            continue
        if getattr(instance, field.attname).name != held.session.file.name:
            del claims_of(instance)[field.name]  # Another file was assigned since.
            continue
        pk = _pk_of(instance, field)
        is_confirmed = _is_in_ledgers_transaction(using)
        if is_confirmed and not claiming.confirm(held, pk):
            raise ReferenceAlreadyClaimed(field.name)
        transaction.on_commit(partial(_after_commit, field, instance, pk, held, using, is_confirmed), using=using)


def _save_digest(field: Any, instance: models.Model, using: str, update_fields: Any) -> None:
    """Where the file was saved without it: ``update_or_create``, ``save(update_fields=...)``, a digest that is
    deferred."""
    digest = field.sha256_field
    if not digest or update_fields is None or field.name not in update_fields or digest in update_fields:
        return
    if digest in instance.__dict__:
        rows = field.model._base_manager.using(using).filter(pk=_pk_of(instance, field))
        rows.update(**{digest: instance.__dict__[digest]})


def _pk_of(instance: models.Model, field: Any) -> Any:
    """In the table that has the field, which may be a parent's."""
    return getattr(instance, field.model._meta.pk.attname)


def _is_in_ledgers_transaction(using: str) -> bool:
    return using == router.db_for_write(UploadSession) and connections[using].in_atomic_block


def _after_commit(field: Any, instance: models.Model, pk: Any, held: Claim, using: str, is_confirmed: bool) -> None:
    if not is_confirmed and not claiming.confirm(held, pk):
        rows = field.model._base_manager.using(using)
        nothing = {name: "" for name in (field.name, field.sha256_field) if name}
        rows.filter(pk=pk, **{field.name: held.session.file.name}).update(**nothing)
        for name, value in nothing.items():
            setattr(instance, name, value)
        raise ReferenceAlreadyClaimed(field.name)
    if claims_of(instance).get(field.name) is held:
        del claims_of(instance)[field.name]
    if held.session.is_name_provisional:
        _move(field, instance, held)


def _move(field: Any, instance: models.Model, held: Claim) -> None:
    """What goes wrong here cleanup does again: the row is saved, and its file can be read."""
    before = held.session.file.name
    try:
        moving.move(held.session)
    except Exception:
        logger.exception("the file keeps its provisional name", extra={"upload_id": str(held.session.upload_id)})
        return
    if getattr(instance, field.attname).name == before:
        setattr(instance, field.attname, held.session.file.name)
