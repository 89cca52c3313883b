"""The files in ``deploy/`` that no process here can be started from: they name what there is."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from apps.core.errors import StorageFull, Unavailable
from apps.core.metrics import exposition, observe_assembly
from apps.core.models import UploadSession

from .server_process import PROJECT
from .two_nodes import DEPLOY, environment_file, unit

pytestmark = pytest.mark.unit

_METRIC = re.compile(r"\bresumable_upload_\w+")
_LABEL = re.compile(r"(\w+)=~?\"([^\"]+)\"")


def metrics_there_are() -> set[str]:
    """Names of all samples that the server gives."""
    observe_assembly("completed", 1.0)
    exposed = exposition(dict.fromkeys(UploadSession.Status.values, 0))
    assert exposed is not None
    families = re.findall(r"^# TYPE (\w+) (\w+)$", exposed[0].decode(), re.MULTILINE)
    suffixes = {"histogram": ("_bucket", "_count", "_sum")}
    return {name + suffix for name, kind in families for suffix in suffixes.get(kind, ("",))}


def alerts() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((DEPLOY / "prometheus-alerts.yml").read_text())["groups"]
    return list(group["rules"])


def dashboard_queries() -> list[str]:
    panels = json.loads((DEPLOY / "grafana-dashboard.json").read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


@pytest.mark.parametrize("query", [*(alert["expr"] for alert in alerts()), *dashboard_queries()])
def test_queries_ask_for_metrics_and_labels_that_there_are(query: str) -> None:
    assert query.count("(") == query.count(")")
    assert set(_METRIC.findall(query)) <= metrics_there_are()
    known = {
        "job": {"uploads"},
        "code": {StorageFull.code, Unavailable.code, "internal_error"},
        "outcome": {"damaged"},
        "status": set(UploadSession.Status.values),
    }
    for label, value in _LABEL.findall(query):
        assert set(value.split("|")) <= known[label], (label, value)


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: str(alert["alert"]))
def test_an_alert_says_what_it_is_about(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in ("warning", "critical")
    assert alert["annotations"]["summary"].endswith(".")


def test_the_environment_names_variables_that_the_settings_read() -> None:
    read = "\n".join(
        (PROJECT / "intelliwiz_config" / name).read_text() for name in ("settings.py", "serve.py", "paths.py")
    )
    for name in environment_file():
        assert name.startswith("AWS_") or f'"{name}"' in read, name


def test_the_environment_is_documented() -> None:
    documented = (PROJECT / "docs/OPERATIONS.md").read_text()
    for name in environment_file():
        assert f"`{name}" in documented or f"{name}`" in documented, name


@pytest.mark.parametrize("name", ["uploads.service", "uploads-cleanup.service"])
def test_the_units_start_what_there_is(name: str) -> None:
    service = unit(name)["Service"]
    python, *arguments = shlex.split(service["ExecStart"])
    assert python == f"{service['WorkingDirectory']}/.venv/bin/python"
    if arguments[0] == "-m":
        assert (PROJECT / f"{arguments[1].replace('.', '/')}.py").exists()
    else:
        assert (PROJECT / arguments[0]).exists()
    assert service["EnvironmentFile"].removeprefix("-").startswith("/etc/uploads/")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze: apt install systemd")
@pytest.mark.parametrize("name", ["uploads.service", "uploads-cleanup.service", "uploads-cleanup.timer"])
def test_systemd_understands_the_units(name: str, tmp_path: Path) -> None:
    for each in DEPLOY.glob("uploads*.*"):
        if each.suffix in (".service", ".timer"):
            text = each.read_text().replace("/srv/uploads/.venv/bin/python", shutil.which("python3") or "")
            (tmp_path / each.name).write_text(text)
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / name)]
    verified = subprocess.run(command, capture_output=True, text=True)
    assert verified.returncode == 0, verified.stderr


def test_the_container_has_what_the_server_needs() -> None:
    lines = [line.split() for line in (DEPLOY / "Containerfile").read_text().splitlines() if line]
    copied = {source for line in lines if line[0] == "COPY" for source in line[1:-1]}
    assert all((PROJECT / source).exists() for source in copied)
    assert {"apps", "intelliwiz_config", "manage.py", "requirements.lock"} <= copied
    (command,) = (json.loads(" ".join(line[1:])) for line in lines if line[0] == "CMD")
    assert command == ["python", *shlex.split(unit("uploads.service")["Service"]["ExecStart"])[1:]]


def test_the_policy_of_the_bucket_is_one() -> None:
    page = (PROJECT / "docs/OPERATIONS.md").read_text()
    statement = json.loads(page.partition("```json\n")[2].partition("```")[0])
    assert statement["Condition"]["StringEquals"] == {"s3:ExistingObjectTag/verified": "true"}


def test_it_is_built_from_no_more_than_the_sources() -> None:
    ignored = (PROJECT / ".dockerignore").read_text().split()
    assert {".venv", "data", "**/node_modules", ".git"} <= set(ignored)
