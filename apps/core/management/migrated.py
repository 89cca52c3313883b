"""Commands that work with the app's tables say in one line when those are not there, or of another version."""

from __future__ import annotations

from django.core.management.base import CommandError
from django.db import connections, router
from django.db.migrations.executor import MigrationExecutor

from ..models import UploadSession


def require_migrated() -> None:
    """
    Raises:
        CommandError: migrations of the app are still to be run.
    """
    executor = MigrationExecutor(connections[router.db_for_write(UploadSession)])
    newest = [node for node in executor.loader.graph.leaf_nodes() if node[0] == UploadSession._meta.app_label]
    if executor.migration_plan(newest):
        raise CommandError("The database is not up to date. Run 'python manage.py migrate' first.")
