"""What the command prints of names and sentences that others chose."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from resumable_uploads_client import Progress, Refused, Uploader
from resumable_uploads_client.cli import main
from resumable_uploads_client.cli.output import Output
from resumable_uploads_client.cli.showing import printable

pytestmark = pytest.mark.unit

HOSTILE = "\x7f\x1b]0;owned\x07\x1b[2J\r\nfaked\x9b31m \u202egnp.exe [link=http://evil.example]here[/link] :skull:"
SHOWN = r"\x7f\x1b]0;owned\x07\x1b[2J\r\nfaked\x9b31m \u202egnp.exe [link=http://evil.example]here[/link] :skull:"


@pytest.fixture(autouse=True)
def _logged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESUMABLE_UPLOADS_URL", "http://127.0.0.1:9/api")
    monkeypatch.setenv("RESUMABLE_UPLOADS_TOKEN", "token")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["resumable-uploads", *arguments])
    with pytest.raises(SystemExit):
        main()


def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Click leaves escapes out where there is none, and bars are drawn only there."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "400")
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)


def test_text_is_one_line_without_anything_that_a_terminal_obeys() -> None:
    assert printable(HOSTILE) == SHOWN
    assert printable("Füße 日本 🎉 \\x") == "Füße 日本 🎉 \\x"
    assert printable("\udcff\u2028") == r"\udcff\u2028"


def test_names_from_the_server_are_listed_escaped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on_a_terminal(monkeypatch)

    def sessions(uploader: Uploader, **filters: str) -> Iterator[dict[str, Any]]:
        yield {
            "upload_id": "id",
            "status": HOSTILE,
            "filename": HOSTILE,
            "progress": {"percentage": 1.0},
            "total_size": 7,
            "created_at": "2026-01-02T03:04:05Z",
        }

    monkeypatch.setattr(Uploader, "list", sessions)
    run(monkeypatch, "list")
    assert capsys.readouterr().out == f"id {SHOWN}   1.00%    7 B 2026-01-02 03:04 {SHOWN}\n"
    run(monkeypatch, "list", "--json")
    assert not [character for character in capsys.readouterr().out.rstrip("\n") if not " " <= character <= "~"]


def test_what_the_server_says_is_told_escaped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on_a_terminal(monkeypatch)

    def refuse(uploader: Uploader, *arguments: Any, **options: Any) -> None:
        raise Refused(HOSTILE)

    for method in ("status", "delete"):
        monkeypatch.setattr(Uploader, method, refuse)
    run(monkeypatch, "status", "id")
    run(monkeypatch, "rm", "--yes", "id")
    assert capsys.readouterr().err == f"{SHOWN}\nid: {SHOWN}\n"


def test_names_of_files_are_told_escaped_in_wrong_usage_and_when_they_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    on_a_terminal(monkeypatch)
    (directory := tmp_path / "\x1b[2J\ndirectory").mkdir()
    run(monkeypatch, "put", str(directory))
    run(monkeypatch, "put", str(tmp_path / "\x1b[2J\nmissing"))
    said = capsys.readouterr().err
    assert r"\x1b[2J\ndirectory is a directory" in said
    assert r"\x1b[2J\nmissing" in said
    assert "\x1b[2J" not in said


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_shows_names_and_reasons_without_markup_and_escapes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], terminal: bool
) -> None:
    if terminal:
        on_a_terminal(monkeypatch)
    with Output(as_json=False).progress(f"name {HOSTILE}") as on_progress:
        on_progress(Progress(50, 100, 1.0, None, f"reason {HOSTILE}"))
    shown = capsys.readouterr().err
    assert f"name {SHOWN}" in shown
    assert f"reason {SHOWN}" in shown
    assert "owned\x07" not in shown
