"""Compare-and-set: one UPDATE of one row, conditional on all that its decision was made from."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from ..models import UploadSession
from .transactions import retried, transactional


def row_of(session: UploadSession) -> QuerySet[UploadSession]:
    """The row of a session, to be changed on a condition."""
    return UploadSession.objects.filter(pk=session.pk)


def update_if(row: QuerySet[Any, Any], condition: Q, **changes: Any) -> bool:
    """Change the one row that ``row`` names, if ``condition`` holds for it now. False if it does not.

    On MariaDB and MySQL the row is locked first. Under READ COMMITTED, Django's default, MariaDB 10.11 may answer an
    UPDATE that had to wait for another one of the same row that nothing matched, although it does. Locked by its key
    alone, the row is compared as it is.
    """
    if connection.vendor == "mysql":
        return _lock_and_update_if(row, condition, changes)
    return retried(lambda: bool(row.filter(condition).update(**changes)))


@transactional()
def _lock_and_update_if(row: QuerySet[Any, Any], condition: Q, changes: dict[str, Any]) -> bool:
    list(row.select_for_update().values_list("pk"))
    return bool(row.filter(condition).update(**changes))
