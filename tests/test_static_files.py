"""Static files of a server: compressed and hashed, collected once, and never the reason for a failed page."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from django.contrib.staticfiles.finders import get_finder
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.files.storage import storages

from intelliwiz_config import static_files

from .server_process import PROJECT, ServerProcess

pytestmark = pytest.mark.integration

CLIENT = "js/resumable-upload-client.js"
HASHED = re.compile(r"/static/[\w/.-]+\.[0-9a-f]{12}\.\w+")


@pytest.fixture
def root(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A STATIC_ROOT in which nothing was collected, for a project with two small files."""
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "one.js").write_text('import { two } from "./two.js";\n//# sourceMappingURL=nowhere.js.map\n')
    (sources / "two.js").write_text("export const two = 2;\n" * 20)
    settings.STATICFILES_DIRS = [sources]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATIC_ROOT = tmp_path / "static"
    monkeypatch.setenv("STATIC_COLLECTED", "")
    _forget_finders()
    yield tmp_path / "static"
    _forget_finders()


def _forget_finders() -> None:
    get_finder.cache_clear()  # type: ignore[attr-defined]


def test_modules_import_each_other_by_hashed_names(root: Path) -> None:
    static_files.collect_static_files()
    (one,) = root.glob("one.*.js")
    (two,) = root.glob("two.*.js")
    assert one.read_text().startswith(f'import {{ two }} from "./{two.name}";')
    assert (root / "one.js").read_text().startswith('import { two } from "./two.js";')
    assert gzip.decompress((root / f"{two.name}.gz").read_bytes()) == two.read_bytes()


def test_a_reference_that_leads_nowhere_is_no_error(root: Path) -> None:
    static_files.collect_static_files()
    (one,) = root.glob("one.*.js")
    assert "sourceMappingURL=nowhere.js.map" in one.read_text()


def test_nothing_is_collected_twice(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    static_files.collect_static_files()
    monkeypatch.setattr("django.core.management.call_command", pytest.fail)
    static_files.collect_static_files()


def test_what_changed_is_collected_again_even_if_it_became_older(root: Path, tmp_path: Path) -> None:

    static_files.collect_static_files()
    source = tmp_path / "sources" / "two.js"
    source.write_text("export const two = 22;\n")
    os.utime(source, (1_000_000_000, 1_000_000_000))
    static_files.collect_static_files()
    assert (root / "two.js").read_text() == source.read_text()


def test_files_are_served_as_they_are_where_nothing_can_be_collected(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root.write_text("not a directory")
    static_files.collect_static_files()
    assert "served as they are" in capsys.readouterr().err

    assert os.environ["STATIC_COLLECTED"] == ""


def test_uncollected_files_have_their_plain_names() -> None:
    assert staticfiles_storage.url(CLIENT) == f"/static/{CLIENT}"
    assert staticfiles_storage.url("no/such/file.js") == "/static/no/such/file.js"


def test_a_file_that_is_not_in_the_manifest_has_its_plain_name(root: Path, settings: Any) -> None:
    static_files.collect_static_files()
    settings.STATIC_COLLECTED = True
    storage = storages.create_storage(settings.STORAGES["staticfiles"])
    assert re.fullmatch(r"/static/two\.[0-9a-f]{12}\.js", storage.url("two.js"))
    assert storage.url("no/such/file.js") == "/static/no/such/file.js"


@pytest.mark.parametrize("kind", ["asgi", "wsgi"])
@pytest.mark.slow
def test_a_server_serves_them_compressed_and_for_ever(tmp_path: Path, kind: str) -> None:
    server = ServerProcess(tmp_path / "data", kind, STATIC_ROOT="")
    server.start()
    try:
        for path in ("/login/", "/api/v1/docs/"):
            page = requests.get(server.base_url + path, timeout=10).text
            assert len(re.findall(r"/static/", page)) == len(HASHED.findall(page)) > 0
            for name in HASHED.findall(page):
                file = requests.get(server.base_url + name, timeout=10)
                assert file.status_code == 200
                assert "immutable" in file.headers["Cache-Control"]
                assert file.headers.get("Content-Encoding") == (None if name.endswith(".png") else "gzip")
        plain = requests.get(f"{server.base_url}/static/{CLIENT}", timeout=10)
        assert plain.content == (PROJECT / "apps/core/static" / CLIENT).read_bytes()
        assert plain.headers["Content-Encoding"] == "gzip"
        assert "immutable" not in plain.headers["Cache-Control"]
        assert "max-age=60" in plain.headers["Cache-Control"]
        fresh = {"If-None-Match": plain.headers["ETag"]}
        assert requests.get(f"{server.base_url}/static/{CLIENT}", headers=fresh, timeout=10).status_code == 304
        assert (tmp_path / "data" / "static" / "staticfiles.json").exists()
    finally:
        server.stop()
