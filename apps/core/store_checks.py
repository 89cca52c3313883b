"""System checks of the stores: what cannot work, and with ``check --deploy`` what the stores themselves say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, InterfaceError
from django.utils.module_loading import import_string

from .conf import PACKAGE, UploadSettings, upload_settings
from .errors import UploadError
from .storage import CheckedStore, StagingMissing, get_store


def smallest_chunk(limits: UploadSettings) -> int:
    """What the store for new uploads takes at least; what is wrong with it is said elsewhere."""
    try:
        return get_store(limits.store).min_chunk_size
    except ImproperlyConfigured:
        return 1


def check_stores(limits: UploadSettings) -> list[CheckMessage]:
    """Whether each can be made, and the one for new uploads is there."""
    if limits.store not in limits.stores:
        return [
            Error(
                f"RESUMABLE_UPLOADS['STORE'] is {limits.store!r}, which STORES does not have.",
                id="resumable_uploads.E008",
            )
        ]
    messages: list[CheckMessage] = []
    for alias, given in limits.stores.items():
        try:
            import_string(given["BACKEND"])
        except (ImportError, KeyError, TypeError) as error:
            is_missing = isinstance(error, ModuleNotFoundError) and error.name in ("boto3", "botocore")
            messages.append(
                Error(
                    f"RESUMABLE_UPLOADS['STORES'][{alias!r}]: {error!r}",
                    hint="Install the extra 's3'." if is_missing else None,
                    id="resumable_uploads.E009",
                )
            )
            continue
        messages += _check_store_options(alias, given)
        is_local = given["BACKEND"] == f"{PACKAGE}.storage.local.LocalStore"
        location = given.get("OPTIONS", {}).get("location") or limits.root
        if is_local and not settings.MEDIA_ROOT and not Path(location).is_absolute():
            messages.append(
                Error(
                    f"The store {alias!r} is below MEDIA_ROOT, which is not set: files would land wherever the server "
                    "was started.",
                    hint="Set MEDIA_ROOT, or an absolute RESUMABLE_UPLOADS['ROOT'].",
                    id="resumable_uploads.E010",
                )
            )
    return messages


def _check_store_options(alias: str, given: dict[str, Any]) -> list[CheckMessage]:
    """Whether it can be made, and what it says of its own settings."""
    try:
        store = get_store(alias)
    except ImproperlyConfigured as error:
        return [Error(str(error), id="resumable_uploads.E009")]
    if not isinstance(store, CheckedStore):
        return []
    return [Error(f"The store {alias!r}: {problem}", id="resumable_uploads.E025") for problem in store.wrong_settings()]


@register("resumable_uploads", deploy=True)
def check_deployed_stores(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """``manage.py check --deploy`` asks the stores themselves: what they can do, and what is wrong there."""
    messages: list[CheckMessage] = []
    for alias in upload_settings().stores:
        try:
            store = get_store(alias)
            if isinstance(store, CheckedStore):
                messages.append(Info(f"The store {alias!r}: {store.what_it_can()}", id="resumable_uploads.I004"))
                messages += [
                    Warning(f"The store {alias!r}: {worry}", id="resumable_uploads.W020") for worry in store.worries()
                ]
        except ImproperlyConfigured:
            continue  # Said by the check of the settings.
        except (UploadError, StagingMissing) as error:
            messages.append(
                Error(
                    f"The store {alias!r} does not work: {error.__cause__ or error}",
                    hint="Are bucket, endpoint, region and credentials right, and may they write?",
                    id="resumable_uploads.E026",
                )
            )
    return messages + _check_known_stores()


def _check_known_stores() -> list[CheckMessage]:
    """Whether the stores are those that the database knows, by their aliases and by what is in them."""
    # Checks are imported before the models are there.
    from .models import UploadSession
    from .services.audit import has_seen

    messages: list[CheckMessage] = []
    try:
        aliases = sorted(UploadSession.objects.order_by().values_list("store", flat=True).distinct())
        messages += [_without_store(alias) for alias in aliases if alias not in upload_settings().stores]
        messages += [
            Warning(
                f"The store {alias!r} is none that this database has seen, and the database has uploads in it.",
                hint="Are bucket, prefix, or directory those of this database?",
                id="resumable_uploads.W022",
            )
            for alias in aliases
            if alias in upload_settings().stores and not has_seen(alias)
        ]
    except (DatabaseError, InterfaceError, UploadError, StagingMissing, ImproperlyConfigured, OSError):
        return messages  # Said elsewhere, or by whoever migrates.
    return messages


def _without_store(alias: str) -> CheckMessage:
    return Error(
        f"There are uploads in the store {alias!r}, which RESUMABLE_UPLOADS['STORES'] does not have.",
        hint="STORE says where new uploads go; an alias stays as long as there are uploads in it.",
        id="resumable_uploads.E027",
    )
