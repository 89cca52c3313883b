"""What a campaign did and saw: figures, answers, and each broken promise in words."""

from __future__ import annotations

import json
import threading
from collections import Counter
from pathlib import Path
from typing import Any

KILLS = "kills"
TRIALS = "trials"
ACKNOWLEDGED = "acknowledged chunks"
LOST = "lost chunks"
WRONG = "wrong files"
STUCK = "stuck sessions"
DRIFT = "drift"
FIGURES = (KILLS, TRIALS, ACKNOWLEDGED, LOST, WRONG, STUCK, DRIFT)

WORDS_PER_DEFECT = 500
DEFECTS_IN_WORDS = 40
MEANT_FAILURES = (503, 507)
"""The server's own trouble that it reports on purpose; any other 5xx is a defect."""


class Report:
    """Counts and defects of one campaign; its methods may be called from any thread."""

    def __init__(self, campaign: str) -> None:
        self.campaign = campaign
        self.figures: Counter[str] = Counter(dict.fromkeys(FIGURES, 0))
        self.answers: Counter[str] = Counter()
        self.defects: list[str] = []
        self.notes: list[str] = []
        self._defects_by_kind: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def defect_count(self) -> int:
        return self._defects_by_kind.total()

    def count(self, figure: str, number: int = 1) -> None:
        with self._lock:
            self.figures[figure] += number

    def note(self, text: str) -> None:
        """Something a reader should know that is no defect: what was skipped, how long something took."""
        with self._lock:
            self.notes.append(text)

    def defect(self, text: str, figure: str | None = None, number: int = 1) -> None:
        """A promise that was not kept; ``figure`` is what it counts as, besides."""
        kind = text.partition(":")[0]
        with self._lock:
            self._defects_by_kind[kind] += 1
            if figure is not None:
                self.figures[figure] += number
            # Of each kind some are enough, and a flood of one must not hide another.
            if self._defects_by_kind[kind] <= 5 and len(self.defects) < DEFECTS_IN_WORDS:
                self.defects.append(text[:WORDS_PER_DEFECT])

    def answer(self, operation: str, status: int, code: str, text: str, *, names_wait: bool) -> None:
        """Count an answer; a 5xx that is no considered refusal is a defect of its own."""
        with self._lock:
            self.answers[f"{operation} {status} {code}".strip()] += 1
        if status >= 500 and status not in MEANT_FAILURES:
            self.defect(f"{operation} answered {status}: {text}")
        elif status == 503 and not names_wait:
            self.defect(f"{operation} answered 503 without Retry-After: {text}")

    def document(self) -> dict[str, Any]:
        return {
            "campaign": self.campaign,
            "figures": dict(self.figures),
            "answers": dict(sorted(self.answers.items())),
            "notes": self.notes,
            "defect_count": self.defect_count,
            "defects": self.defects,
        }

    def save(self, directory: Path) -> None:
        (directory / f"{self.campaign}.json").write_text(json.dumps(self.document(), indent=2) + "\n")


def table(reports: list[Report]) -> str:
    """All reports side by side, then what each of them has to say."""
    width = max(len(figure) for figure in (*FIGURES, "campaign"))
    columns = [[report.campaign, *(f"{report.figures[figure]:,}" for figure in FIGURES)] for report in reports]
    columns = [[*column, f"{report.defect_count:,}"] for column, report in zip(columns, reports, strict=True)]
    lines = []
    for row, label in enumerate(("campaign", *FIGURES, "defects")):
        cells = (column[row].rjust(max(map(len, column)) + 2) for column in columns)
        lines.append(label.ljust(width) + "".join(cells))
    for report in reports:
        lines += [f"{report.campaign}: {note}" for note in report.notes]
        lines += [f"{report.campaign}: DEFECT {defect}" for defect in report.defects]
    return "\n".join(lines)
