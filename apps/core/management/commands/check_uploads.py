"""``manage.py check_uploads``: compares rows, files and quotas; ``--fix`` repairs what can be repaired."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ...services.audit import TRASH_AGE, Audit, RefusedToFix
from ..migrated import require_migrated
from ..trouble import told


class Command(BaseCommand):
    help = (
        "Compares completed uploads with their files, published files with their records, and counters with uploads. "
        f"With --fix, files without a record go to the store's trash for {TRASH_AGE.days} days, and owners are "
        "recounted; missing and changed files are only ever reported. Refuses to fix with a database that has never "
        "seen the store."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rehash", action="store_true", help="read every file and compare its SHA-256")
        parser.add_argument("--fix", action="store_true", help="repair what can be repaired")
        parser.add_argument(
            "--max-share",
            type=float,
            default=0.1,
            help="refuse to put aside more than this share of a store's files (default: 0.1)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0 <= options["max_share"] <= 1:
            raise CommandError("--max-share must be from 0 to 1.")
        require_migrated()
        audit = Audit(rehash=options["rehash"], tell=self.stdout.write)
        with told("Stopped, and nothing was changed."):
            findings = audit.run()
        self.stdout.write(
            f"{findings.known_files.total()} files with a record; {len(findings.missing_files)} missing, "
            f"{len(findings.wrong_files)} changed, {len(findings.unknown_files)} without a record; "
            f"{len(findings.wrong_counters)} counters wrong"
        )
        if options["fix"]:
            self._fix(audit, options["max_share"])
            if findings.missing_files or findings.wrong_files:
                raise CommandError("Missing and changed files cannot be repaired here; restore them from a backup.")
        elif findings:
            raise CommandError(
                "There are differences. --fix repairs counters, and moves files without a record to the trash."
            )

    def _fix(self, audit: Audit, max_share: float) -> None:
        try:
            with told("Stopped; what is left can be repaired by the same command."):
                audit.fix(max_share=max_share)
        except RefusedToFix as refusal:
            raise CommandError(f"Nothing was changed. {refusal}") from None
        repaired = audit.findings.unknown_files or audit.findings.wrong_counters
        self.stdout.write("Repaired." if repaired else "There was nothing to repair.")
