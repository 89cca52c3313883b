"""What the repository says about itself in several places is the same in all of them."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from apps.core.http import bounded_http1

from .server_process import PROJECT

pytestmark = pytest.mark.unit

GITHUB = PROJECT / ".github"
YAML = sorted([*GITHUB.rglob("*.yml"), PROJECT / ".pre-commit-config.yaml"])
REPOSITORY = "https://github.com/resumable-uploads/django-resumable-uploads"


def project(folder: str = ".") -> dict[str, Any]:
    metadata: dict[str, Any] = tomllib.loads((PROJECT / folder / "pyproject.toml").read_text())["project"]
    return metadata


def package(name: str = "package.json") -> dict[str, Any]:
    document: dict[str, Any] = json.loads((PROJECT / "clients/javascript" / name).read_text())
    return document


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def released() -> list[str]:
    """The versions of the changelog, newest first."""
    headings = re.findall(r"^## (.+)$", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings.pop(0) == "Unreleased"
    matches = [re.fullmatch(r"(\d+\.\d+\.\d+)(?: - \d{4}-\d\d-\d\d)?", heading) for heading in headings]
    assert all(matches), headings
    return [match[1] for match in matches if match]


def test_all_packages_have_the_version_that_is_the_changelogs_newest() -> None:
    lock = package("package-lock.json")
    newest = released()[0]
    assert newest == project()["version"]
    assert newest == project("clients/python")["version"]
    assert newest == package()["version"]
    assert newest == lock["version"] == lock["packages"][""]["version"]


def test_the_changelog_goes_from_new_to_old() -> None:
    versions = [tuple(map(int, version.split("."))) for version in released()]
    assert versions == sorted(set(versions), reverse=True)


@pytest.mark.parametrize("path", YAML, ids=lambda path: path.name)
def test_yaml_parses(path: Path) -> None:
    assert isinstance(load(path), dict)


@pytest.mark.parametrize("path", sorted((GITHUB / "workflows").glob("*.yml")), ids=lambda path: path.name)
def test_workflows_may_only_read_and_end_in_time(path: Path) -> None:
    workflow = load(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert "concurrency" in workflow
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 35
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step)
            if "uses" in step:
                assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"])


def test_ci_runs_what_runs_everywhere() -> None:
    steps = load(GITHUB / "workflows/ci.yml")["jobs"]["everything"]["steps"]
    assert "bash .ci/run" in [step.get("run") for step in steps]
    assert (PROJECT / ".ci/run").exists()


def test_the_matrix_has_the_pythons_and_djangos_of_the_classifiers() -> None:
    matrix = load(GITHUB / "workflows/ci.yml")["jobs"]["matrix"]["strategy"]["matrix"]
    classifiers = "\n".join(project()["classifiers"])
    assert matrix["python"] == re.findall(r"^Programming Language :: Python :: (3\.\d+)$", classifiers, re.MULTILINE)
    assert f">={matrix['python'][0]}" == project()["requires-python"]

    oldest, newest = matrix["django"]
    (floor,) = (line for line in project()["dependencies"] if line.startswith("Django>="))
    assert oldest.removeprefix("~=") == floor.removeprefix("Django>=")
    djangos = re.findall(r"^Framework :: Django :: (\d+\.\d+)$", classifiers, re.MULTILINE)
    assert oldest.startswith(f"~={djangos[0]}.")
    assert newest.removeprefix(">=") in djangos
    assert matrix["exclude"] == [{"python": "3.11", "django": newest}]


def test_the_hooks_call_tools_that_make_lint_calls() -> None:
    (local,) = load(PROJECT / ".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local"
    lint = (PROJECT / "Makefile").read_text() + json.dumps(package()["scripts"])
    shipped = (PROJECT / "apps/core/static").glob("[!j]*/*.js")
    (biome,) = (hook for hook in local["hooks"] if hook["id"] == "biome")
    assert all(re.search(biome["files"], path.relative_to(PROJECT).as_posix()) for path in shipped)
    for hook in local["hooks"]:
        assert hook["language"] == "system"
        tool, command = hook["entry"].removeprefix(".venv/bin/").split()[:2]
        assert Path(tool).name in lint
        if tool == "mypy":
            assert f"$(BIN)/{hook['entry'].removeprefix('.venv/bin/')}\n" in lint
        elif tool == "ruff":
            assert f"$(BIN)/ruff {command}" in lint


def test_addresses_are_the_repositorys() -> None:
    npm = package()
    assert npm["repository"]["url"] == f"git+{REPOSITORY}.git"
    assert (PROJECT / npm["repository"]["directory"] / "package.json").exists()
    in_repository = re.compile(rf"{re.escape(REPOSITORY)}/blob/main/([^\s)#\"]+)")
    texts = [
        (PROJECT / "clients/javascript/README.md").read_text(),
        json.dumps(npm),
        (GITHUB / "ISSUE_TEMPLATE/config.yml").read_text(),
        json.dumps(project()["urls"]),
    ]
    for text in texts:
        assert REPOSITORY in text
        for target in in_repository.findall(text):
            assert (PROJECT / target).exists(), target


def test_the_extra_installs_a_uvicorn_that_its_class_was_tested_with() -> None:
    first, last = (".".join(map(str, version)) for version in bounded_http1.TESTED)
    assert f"uvicorn>={first},<{last}" in project()["optional-dependencies"]["server"]
