"""What is uploaded to PyPI: the wheel and the sdist of the Python client."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from importlib.metadata import Distribution, distributions
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

import pytest

from apps.core.tests.noise import noise

from ..server_process import PROJECT, ServerProcess
from ..test_docs import snippets

pytestmark = pytest.mark.integration

CLIENT = PROJECT / "clients/python"
README = "clients/python/README.md"
PACKAGE = "resumable_uploads_client"
REPOSITORY = "https://github.com/resumable-uploads/django-resumable-uploads"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with both, as they are built for a release."""
    directory = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(directory)]
    done = subprocess.run(build, cwd=CLIENT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return directory


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def wheel_files(wheel: Path) -> dict[PurePosixPath, bytes]:
    with ZipFile(wheel) as archive:
        return {PurePosixPath(name): archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def sdist_files(built: Path) -> dict[PurePosixPath, bytes]:
    (path,) = built.glob("*.tar.gz")
    files: dict[PurePosixPath, bytes] = {}
    with tarfile.open(path) as archive:
        for member in archive:
            file = archive.extractfile(member)
            assert file is not None, member.name
            files[PurePosixPath(*PurePosixPath(member.name).parts[1:])] = file.read()
    return files


@pytest.fixture(scope="module")
def distribution(wheel: Path) -> Distribution:
    (found,) = distributions(path=[str(wheel)])
    return found


def sources() -> dict[PurePosixPath, bytes]:
    root = CLIENT / "src"
    return {
        PurePosixPath(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_is_one_package_and_all_of_it(wheel_files: dict[PurePosixPath, bytes]) -> None:
    tops = {path.parts[0] for path in wheel_files}
    assert {top for top in tops if not top.endswith(".dist-info")} == {PACKAGE}
    assert {path: data for path, data in wheel_files.items() if path.parts[0] == PACKAGE} == sources()
    assert PurePosixPath(PACKAGE, "py.typed") in wheel_files, "type checkers look for it"


def test_the_sdist_has_what_building_the_wheel_needs_and_nothing_of_the_developers(
    sdist_files: dict[PurePosixPath, bytes],
) -> None:
    inside = {PurePosixPath("src") / path: data for path, data in sources().items()}
    assert {path: data for path, data in sdist_files.items() if path.parts[0] == "src"} == inside
    others = {str(path) for path in sdist_files} - {str(path) for path in inside}
    # hatchling brings .gitignore by itself, so that building from the sdist leaves out the same.
    assert others == {".gitignore", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml"}


def test_both_have_the_projects_licence(
    wheel_files: dict[PurePosixPath, bytes], sdist_files: dict[PurePosixPath, bytes], distribution: Distribution
) -> None:
    licence = (PROJECT / "LICENSE").read_bytes()
    (in_wheel,) = (data for path, data in wheel_files.items() if path.name == "LICENSE")
    assert in_wheel == licence
    assert sdist_files[PurePosixPath("LICENSE")] == licence
    assert distribution.metadata["License-Expression"] == "BSD-3-Clause"
    assert distribution.metadata.get_all("License-File") == ["LICENSE"]


def test_the_metadata_say_what_it_is_and_where(distribution: Distribution) -> None:
    metadata = distribution.metadata
    assert metadata["Name"] == "resumable-uploads-client"
    assert {"upload", "resumable"} <= set(metadata["Keywords"].split(","))
    urls = dict(entry.split(", ") for entry in metadata.get_all("Project-URL") or [])
    assert urls.keys() == {"Documentation", "Source", "Changelog", "Issues"}
    assert all(exists(url) for url in urls.values()), urls


def test_the_metadata_name_the_pythons_that_it_supports(distribution: Distribution) -> None:
    classifiers = distribution.metadata.get_all("Classifier") or []
    versions = re.findall(r"^Programming Language :: Python :: (3\.\d+)$", "\n".join(classifiers), re.MULTILINE)
    assert versions == ["3.10", "3.11", "3.12", "3.13", "3.14"]
    assert distribution.metadata["Requires-Python"] == f">={versions[0]}"
    assert "Typing :: Typed" in classifiers


def test_the_links_of_the_readme_lead_somewhere_from_pypi_too(distribution: Distribution) -> None:
    description = (PROJECT / README).read_text()
    assert distribution.metadata.get_payload() == description  # type: ignore[attr-defined]
    assert distribution.metadata["Description-Content-Type"] == "text/markdown"
    targets = re.findall(r"\]\(([^)]+)\)", description)
    assert f"{REPOSITORY}/blob/main/docs/PYTHON_CLIENT.md" in targets
    assert all(exists(target) for target in targets), targets


def exists(url: str) -> bool:
    """Whether it is the repository, its list of issues, or something in it."""
    inside = re.fullmatch(rf"{re.escape(REPOSITORY)}/(blob|tree)/main/([^#]+)", url)
    if inside is None:
        return url in (REPOSITORY, f"{REPOSITORY}/issues")
    path = PROJECT / inside[2]
    return path.is_file() if inside[1] == "blob" else path.is_dir()


RUN = """
import sys
from importlib.metadata import distribution
import resumable_uploads_client
(command,) = distribution("resumable-uploads-client").entry_points
sys.argv = [command.name, "--version"]
print(resumable_uploads_client.__file__)
command.load()()
"""


def test_the_wheels_command_runs(wheel: Path, distribution: Distribution) -> None:
    (command,) = distribution.entry_points
    assert (command.group, command.name) == ("console_scripts", "resumable-uploads")
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        env={**os.environ, "PYTHONPATH": str(wheel)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    where, said = done.stdout.splitlines()
    assert where.startswith(str(wheel)), "not the package that is installed here"
    assert said == f"resumable-uploads, version {distribution.version}"


def test_the_readmes_python_and_commands_run(server: ServerProcess, tmp_path: Path) -> None:
    def here(snippet: str) -> str:
        return snippet.replace("https://example.com", server.base_url).replace("your_token", server.token)

    (tmp_path / "holiday.bin").write_bytes(noise(3_000_000))
    home = {
        "HOME": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }
    inherited = {name: value for name, value in server.environment.items() if not name.startswith("RESUMABLE_UPLOADS_")}
    environment = {**inherited, **home, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    (python,) = snippets(README, "python")
    _install, commands = snippets(README, "bash")
    printed = ""
    for command in ([sys.executable, "-c", here(python)], ["bash", "-euo", "pipefail", "-c", here(commands)]):
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
        printed += done.stdout
    assert printed.count("completed") >= 2
