"""Runs the campaigns: ``make faults``, or ``python -m tests.faults --help``."""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from importlib import import_module

import django

from intelliwiz_config.paths import data_directory

from .context import Context
from .report import Report, table

CAMPAIGNS = ("kill", "damage", "disk", "database", "expiry", "concurrency", "network", "nodes", "object_store")


def main() -> int:
    arguments = _parse()
    # Some campaigns share clients with the app's own tests.
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "intelliwiz_config.settings")
    django.setup()
    directory = data_directory() / "faults"
    reports = []
    for name in arguments.only:
        print(f"{name} ...", flush=True)
        context = Context(directory / name, arguments.seconds, arguments.server, arguments.seed)
        report = run(name, context)
        report.save(directory)
        reports.append(report)
    print(table(reports))
    print(f"In full: {directory}/*.json (seed {arguments.seed})")
    return int(any(report.defect_count for report in reports))


def run(name: str, context: Context) -> Report:
    """Run one campaign; one that falls over is a defect too, and keeps the others from nothing."""
    started = time.monotonic()
    try:
        report: Report = import_module(f".{name}", __package__).run(context)
    except Exception as error:
        traceback.print_exc()
        report = Report(name)
        report.defect(f"the campaign fell over: {type(error).__name__} {error}")
    report.note(f"took {time.monotonic() - started:.0f} s")
    return report


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seconds", type=float, default=os.environ.get("SECONDS") or "60", help="per campaign")
    parser.add_argument("--server", choices=("asgi", "wsgi"), default=os.environ.get("SERVER") or "asgi")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="repeats the choices of a run")
    parser.add_argument("--only", type=_names, default=os.environ.get("ONLY") or ",".join(CAMPAIGNS))
    return parser.parse_args()


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(CAMPAIGNS):
        raise argparse.ArgumentTypeError(f"no campaign is called {', '.join(sorted(unknown))}")
    return names


if __name__ == "__main__":
    sys.exit(main())
