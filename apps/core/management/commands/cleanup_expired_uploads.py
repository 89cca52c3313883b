"""``manage.py cleanup_expired_uploads``: run it hourly."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ...services.cleanup import Cleanup, default_retention
from ..migrated import require_migrated
from ..trouble import told

LABELS = {
    "expired": "sessions expired",
    "resumed_assemblies": "abandoned assemblies resumed",
    "announced": "forgotten upload_completed signals sent",
    "removed_completed": "completed uploads removed, whose term was over",
    "finished_removals": "unfinished removals finished",
    "deleted_records": "old records deleted",
    "removed_orphans": "orphaned staging files removed",
    "later_orphans": "orphans left alone, begun after all that this database knows of (see --yes)",
    "unknown_files": "files without a record (see check_uploads)",
}


class Command(BaseCommand):
    help = (
        "Expires overdue upload sessions, removes bytes nobody needs and records of uploads that ended without a file, "
        "and takes over what a killed server left half done. Completed uploads stay, unless COMPLETED_TERM_HOURS gives "
        "them a term. Safe to run twice at once and during uploads."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--hours",
            type=float,
            help="delete records of uploads that ended without a file longer ago than this (default: setting)",
        )
        parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
        parser.add_argument("--verbose", action="store_true", help="name every session")
        parser.add_argument(
            "--yes",
            action="store_true",
            help="also remove orphans of an object store that are newer than all uploads of the database, as after a "
            "backup was restored",
        )
        parser.add_argument("--batch-size", type=int, default=500, help="rows per query (default: 500)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["batch_size"] < 1:
            raise CommandError("--batch-size must be at least 1.")
        if options["hours"] is not None and options["hours"] < 0:
            raise CommandError("--hours must not be negative.")
        require_migrated()
        hours = options["hours"]
        progress = _TerminalProgress(self)
        sweep = Cleanup(
            retention=default_retention() if hours is None else timedelta(hours=hours),
            batch_size=options["batch_size"],
            dry_run=options["dry_run"],
            is_sure=options["yes"],
            tell=self.stdout.write if options["verbose"] else progress.advance,
        )
        with told("Stopped; what is left will be done next time."):
            summary = sweep.run()
        progress.clear()
        prefix = "Would be: " if options["dry_run"] else ""
        for name, label in LABELS.items():
            self.stdout.write(f"{prefix}{asdict(summary)[name]} {label}")
        if summary.failures:
            raise CommandError("Some things failed and will be tried again:\n" + "\n".join(summary.failures))


class _TerminalProgress:
    """A running bar on a terminal, nothing in a pipe. The number of things to do is not known beforehand."""

    WIDTH = 30

    def __init__(self, command: BaseCommand) -> None:
        self._out = command.stdout
        self._done = 0

    def advance(self, line: str) -> None:
        self._done += 1
        if self._out.isatty():
            filled = self._done % (self.WIDTH + 1)
            self._out.write(f"\r[{'#' * filled}{' ' * (self.WIDTH - filled)}] {self._done} done", ending="")
            self._out.flush()

    def clear(self) -> None:
        if self._done and self._out.isatty():
            self._out.write("\r" + " " * (self.WIDTH + 20) + "\r", ending="")
