"""What the distributions of the server hold."""

from __future__ import annotations

import email
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.server_process import PROJECT

pytestmark = pytest.mark.integration


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_has_one_package_and_no_tests(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in names(wheel)}
    assert tops == {"resumable_uploads", "django_resumable_uploads-0.2.0.dist-info"}
    assert not [name for name in names(wheel) if "/tests/" in name]


def test_the_wheel_has_all_of_the_app(wheel: Path) -> None:
    app = PROJECT / "apps/core"
    listed = subprocess.run(["git", "ls-files", "apps/core"], cwd=PROJECT, capture_output=True, text=True, check=True)
    expected = {
        f"resumable_uploads/{(PROJECT / line).relative_to(app)}"
        for line in listed.stdout.splitlines()
        if "/tests/" not in line
    }
    assert {name for name in names(wheel) if name.startswith("resumable_uploads/")} == expected
    assert "resumable_uploads/py.typed" in expected


def test_the_wheel_speaks_of_no_apps_core(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.startswith("resumable_uploads/") and not name.endswith(".map"):
                assert b"apps.core" not in archive.read(name), name
                assert b"intelliwiz" not in archive.read(name), name


def test_nothing_of_a_hosts_own_is_shadowed(wheel: Path) -> None:
    for name in names(wheel):
        for kind in ("templates", "static"):
            _, found, rest = name.partition(f"resumable_uploads/{kind}/")
            assert not found or rest.startswith(("resumable_uploads/", "js/resumable-upload-")), name


def test_the_metadata_is_what_an_index_shows(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        metadata = email.message_from_bytes(
            archive.read("django_resumable_uploads-0.2.0.dist-info/METADATA"),
        )
        assert "django_resumable_uploads-0.2.0.dist-info/licenses/LICENSE" in archive.namelist()
    assert metadata["Name"] == "django-resumable-uploads"
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert set(metadata.get_all("Provides-Extra", [])) >= {"tokens", "openapi", "metrics", "server"}
    hard = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert [line.partition(">")[0].lower() for line in hard] == [
        "django",
        "djangorestframework",
        "orjson",
        "pybase64",
        "python-multipart",
    ]
    assert {line.partition(",")[0] for line in metadata.get_all("Project-URL", [])} == {
        "Changelog",
        "Documentation",
        "Issues",
        "Source",
    }
    text = str(metadata.get_payload())
    assert "](docs/" not in text
    assert "](https://github.com/" in text


def test_the_sdist_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build"]
    subprocess.run([*build, "-t", "sdist", "-d", str(tmp_path)], cwd=PROJECT, check=True, capture_output=True)
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert (unpacked / "LICENSE").exists()
    subprocess.run([*build, "-t", "wheel", "-d", str(tmp_path)], cwd=unpacked, check=True, capture_output=True)
    (again,) = tmp_path.glob("*.whl")
    assert names(again) == names(wheel)
