"""The fault campaigns stay alive: those that need little run for a moment, and find nothing."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from .faults.__main__ import CAMPAIGNS, run
from .faults.context import Context
from .faults.report import ACKNOWLEDGED, FIGURES, TRIALS, Report, table

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.mark.parametrize(("campaign", "figure"), [("kill", ACKNOWLEDGED), ("damage", TRIALS), ("expiry", TRIALS)])
def test_a_campaign_does_something_and_finds_no_defect(campaign: str, figure: str, tmp_path: Path) -> None:
    report = run(campaign, Context(tmp_path / "faults", seconds=3, seed=1))
    assert report.defects == []
    assert report.figures[figure] > 0


@pytest.mark.parametrize("campaign", CAMPAIGNS)
def test_every_campaign_is_there(campaign: str) -> None:
    assert callable(import_module(f"tests.faults.{campaign}").run)


def test_a_campaign_that_falls_over_is_a_defect(tmp_path: Path) -> None:
    report = run("no-such-campaign", Context(tmp_path / "faults"))
    assert report.defect_count == 1


def test_an_unmeant_failure_and_a_503_without_a_wait_are_defects() -> None:
    report = Report("any")
    for status, names_wait in ((200, False), (503, True), (507, False), (500, True), (503, False)):
        report.answer("put", status, "", "", names_wait=names_wait)
    assert report.defect_count == 2


def test_a_flood_of_one_defect_hides_no_other_and_is_counted_in_full() -> None:
    report = Report("any")
    for number in range(100):
        report.defect(f"lost: {number}", FIGURES[3])
    report.defect("wrong: one")
    assert report.defect_count == 101
    assert "wrong: one" in table([report])
