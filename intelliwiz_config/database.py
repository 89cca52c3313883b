"""Whether the database can be served from: it answers, and is up to date."""

from __future__ import annotations

import sys
import time
from typing import Any

PATIENCE = 30.0
"""Seconds in which a database is up that starts with this machine, or answers again that is busy."""


def await_database(patience: float = PATIENCE, *, pause: float = 0.5) -> None:
    """Returns once the database answers; ends the process with a clear message if it does not."""
    from django.db import OperationalError, connection

    deadline = time.monotonic() + patience
    is_told = False
    while True:
        try:
            connection.ensure_connection()
        except OperationalError as error:
            if time.monotonic() >= deadline:
                sys.exit(f"The database does not answer: {_reason() or str(error).strip()}")
            if not is_told:
                sys.stderr.write(f"Waiting up to {patience:.0f} s for the database.\n")
            is_told = True
            time.sleep(pause)
        else:
            return


def _reason() -> str:
    """What the driver says; a pool of connections tells only that it has none."""
    from django.db import connection

    driver: Any = connection
    try:
        driver.Database.connect(**driver.get_connection_params()).close()
    except driver.Database.Error as error:
        return str(error).strip()
    return ""


def require_migrated() -> None:
    """End the process with a clear message if the database lacks a migration."""
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        sys.exit("The database is not up to date. Run 'python manage.py migrate' once, or start with --migrate.")
