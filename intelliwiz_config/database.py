"""Whether the database can be served from: it answers, and is up to date."""

from __future__ import annotations

import sys
import time

PATIENCE = 30.0
"""Seconds in which a database is up that starts with this machine, or answers again that is busy."""


def await_database(patience: float = PATIENCE, *, pause: float = 0.5) -> None:
    """Returns once the database answers; ends the process with a clear message if it does not."""
    from django.db import OperationalError, connection

    deadline = time.monotonic() + patience
    while True:
        try:
            connection.ensure_connection()
        except OperationalError as error:
            if time.monotonic() >= deadline:
                sys.exit(f"The database does not answer: {str(error).strip()}")
            time.sleep(pause)
        else:
            return


def require_migrated() -> None:
    """End the process with a clear message if the database lacks a migration."""
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        sys.exit("The database is not up to date. Run 'python manage.py migrate' once, or start with --migrate.")
