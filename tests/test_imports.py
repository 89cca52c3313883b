"""Imports of the app run one way, and in no circle (docs/SPRINT3_IMPLEMENTATION_SUMMARY.md, "Rooms")."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from .server_process import PROJECT

pytestmark = pytest.mark.unit

APP = PROJECT / "apps/core"

# From the bottom up; what is on one line may import each other, as long as no circle comes of it.
ROOMS = [
    {"conf", "errors", "signals", "metrics", "memory", "grid", "hashing", "resumable_hash", "troubles", "units"},
    {"storage"},
    {"models"},
    {"services"},
    {"http"},
    {"fields"},
    {"protocols"},
    {"serializers"},
    {"views"},
    {"openapi", "checks", "store_checks"},
    {"testing", "pytest_plugin"},
    {"asgi", "middleware", "admin", "apps", "startup", "management", "migrations"}
    | {"urls_operations", "urls_page", "urls_resumable_uploads"},
]


def modules() -> dict[str, Path]:
    """Every module of the app but its tests, by its dotted name below the package."""
    paths = [path for path in APP.rglob("*.py") if "tests" not in path.relative_to(APP).parts and path.parent != APP]
    paths += [path for path in APP.glob("*.py") if path.name != "__init__.py"]
    return {".".join(path.relative_to(APP).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


def imports(name: str, path: Path, known: dict[str, Path]) -> Iterator[str]:
    """The modules of the app that a module imports, wherever in it the statement stands."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        base = [*package[: len(package) - node.level + 1], *(node.module.split(".") if node.module else [])]
        for alias in node.names:
            as_module = ".".join([*base, alias.name])
            yield as_module if as_module in known else ".".join(base)


def graph() -> dict[str, set[str]]:
    known = modules()
    return {name: {found for found in imports(name, path, known) if found} for name, path in known.items()}


def rank(module: str) -> int:
    return next(number for number, names in enumerate(ROOMS) if module.split(".")[0] in names)


def test_every_module_has_a_room() -> None:
    assert {name.split(".")[0] for name in modules()} == set().union(*ROOMS)


def test_no_import_runs_upwards() -> None:
    upwards = [(name, found) for name, targets in graph().items() for found in targets if rank(found) > rank(name)]
    assert upwards == []


def test_no_imports_run_in_a_circle() -> None:
    # A package's own __init__ stands above its modules, which do not ask it back.
    try:
        tuple(TopologicalSorter(graph()).static_order())
    except CycleError as circle:
        pytest.fail(" -> ".join(circle.args[1]))


def test_storage_and_engine_know_nothing_of_http() -> None:
    for name, targets in graph().items():
        if name.split(".")[0] in ("storage", "services", "models"):
            assert not {target for target in targets if target.split(".")[0] in ("http", "protocols", "views")}, name


def test_the_app_names_itself_only_relatively() -> None:
    for path in modules().values():
        assert "apps.core" not in path.read_text(), path
