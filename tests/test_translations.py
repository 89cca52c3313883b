"""The catalogue has all texts, in all languages, and is compiled from its source."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .server_process import PROJECT

pytestmark = pytest.mark.integration

LOCALE = PROJECT / "apps" / "core" / "locale"
CATALOGUES = sorted(LOCALE.glob("*/LC_MESSAGES/django.po"))
SCRIPTS = PROJECT / "apps" / "core" / "static" / "resumable_uploads"
TEMPLATES = [PROJECT / "apps" / "core" / "templates", PROJECT / "intelliwiz_config" / "templates"]


def _messages(text: str) -> set[str]:
    return set(re.findall(r'^msgid "(.+)"$', text, re.MULTILINE))


@pytest.fixture
def gettext() -> None:
    if not shutil.which("msgfmt"):
        pytest.skip("needs gettext: apt-get install gettext")


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda path: path.parts[-3])
def test_a_catalogue_is_whole_and_compiled(gettext: None, catalogue: Path, tmp_path: Path) -> None:
    compiled = tmp_path / "django.mo"
    done = subprocess.run(
        ["msgfmt", "--check-format", "--statistics", "-o", compiled, catalogue],
        capture_output=True,
        check=True,
        text=True,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )
    assert "untranslated" not in done.stderr
    assert "fuzzy" not in done.stderr
    assert compiled.read_bytes() == catalogue.with_suffix(".mo").read_bytes(), "stale: run make messages"


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda path: path.parts[-3])
def test_a_catalogue_has_every_text_and_no_other(gettext: None, catalogue: Path, tmp_path: Path) -> None:
    sources = [
        PROJECT / "apps/core" / name for name in ("views/page_texts.py", "fields/widget_texts.py", "fields/forms.py")
    ]
    templates = [path for directory in TEMPLATES for path in directory.rglob("*.html")]
    found = _messages(_extracted(sources, tmp_path))
    for template in templates:
        text = template.read_text()
        found |= {match.replace('"', '\\"') for match in re.findall(r"""{% translate "([^"]+)" %}""", text)}
        found |= {match.replace('"', '\\"') for match in re.findall(r"""{% translate '([^']+)' %}""", text)}
        found |= {
            re.sub(r"{{ (\w+) }}", r"%(\1)s", match)
            for match in re.findall(r"{% blocktranslate.*?%}(.+?){% endblocktranslate %}", text)
        }
    assert _messages(catalogue.read_text()) == found


def _extracted(sources: list[Path], directory: Path) -> str:
    keywords = ["--keyword=_", "--keyword=ngettext:1,2"]
    subprocess.run(
        [
            "xgettext",
            "--language=Python",
            "--from-code=UTF-8",
            "--no-wrap",
            *keywords,
            "-o",
            directory / "all.po",
            *sources,
        ],
        check=True,
        capture_output=True,
    )
    return (directory / "all.po").read_text()


def test_scripts_say_only_what_there_are_texts_for() -> None:
    from apps.core.views.page_texts import PLURALS, TEXTS

    said = {
        key
        for script in SCRIPTS.glob("*.js")
        for key in re.findall(r"""say\(\s*(?:\w+ \? )?"([a-z0-9._]+)"[,)\s:]""", script.read_text())
    }
    assert said
    assert said <= {*TEXTS, *PLURALS}


def test_every_text_is_said_somewhere() -> None:
    from apps.core.views.page_texts import PLURALS, TEXTS

    scripts = "".join(script.read_text() for script in SCRIPTS.glob("*.js"))
    computed = ("error.", "button.")
    states = {"queued", "starting", "uploading", "paused", "verifying", "completed"}
    kinds = {"images", "videos", "audio", "documents", "archives", "others"}
    unsaid = {
        key for key in {*TEXTS, *PLURALS} - states - kinds if f'"{key}"' not in scripts and not key.startswith(computed)
    }
    assert unsaid == set()


def test_the_upload_field_says_only_what_there_are_texts_for_and_all_of_it() -> None:
    from apps.core.fields.widget_texts import TEXTS

    sources = (PROJECT / "clients/javascript/src/field").glob("*.ts")
    quoted = {key for source in sources for key in re.findall(r'"([a-z][a-z.]+)"', source.read_text())}
    computed = ("button.", "error.", "kind.")
    assert {key for key in TEXTS if not key.startswith(computed)} <= quoted | {"queued", "starting", "verifying"}
    said = {key for key in quoted if re.match(r"(announce|choose|drop|offered|refused|save|up|waiting)\.", key)}
    assert said <= set(TEXTS)
