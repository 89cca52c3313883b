"""Collecting the static files before the server starts, where that was not done since they changed."""

from __future__ import annotations

import filecmp
import hashlib
import os
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from .paths import data_directory, make_private_directory
from .private_files import alone, write_private

STAMP = ".collected"
"""Below STATIC_ROOT: what was collected there."""


def choose_static_root() -> None:
    """``STATIC_ROOT`` in the environment, for the settings to read: below DATA_DIR, unless it is elsewhere."""
    if not os.environ.get("STATIC_ROOT"):
        os.environ["STATIC_ROOT"] = str(data_directory() / "static")


def collect_static_files() -> None:
    """Bring STATIC_ROOT up to date and tell the server's processes, by the environment, to serve from there.

    Where it cannot be written they serve the files from where they lie, neither compressed nor hashed.
    """
    from django.conf import settings

    root = Path(str(settings.STATIC_ROOT))
    try:
        _bring_up_to_date(root)
    except OSError as error:
        print(f"Static files are served as they are: {error}", file=sys.stderr)  # noqa: T201
        return
    os.environ["STATIC_COLLECTED"] = "1"


def _bring_up_to_date(root: Path) -> None:
    from django.core.management import call_command

    wanted = _fingerprint()
    if _collected(root) == wanted:
        return
    make_private_directory(root)
    with alone(root / STAMP):
        if _collected(root) == wanted:
            return
        (root / STAMP).unlink(missing_ok=True)
        # collectstatic keeps what is newer than its source, as it is after a downgrade.
        for name, source in _sources():
            target = root / name
            if target.exists() and not filecmp.cmp(source, target, shallow=False):
                target.unlink()
        call_command("collectstatic", interactive=False, verbosity=0)
        write_private(root / STAMP, wanted)


def _collected(root: Path) -> str | None:
    try:
        return (root / STAMP).read_text()
    except FileNotFoundError:
        return None


def _fingerprint() -> str:
    """Changes with any static file and with what makes their copies; reads none of them."""
    digest = hashlib.sha256(" ".join(map(version, ("django", "whitenoise"))).encode())
    makers = [("", Path(__file__)), ("", Path(__file__).with_name("static_storage.py"))]
    for name, path in sorted([*makers, *_sources()]):
        status = path.stat()
        digest.update(f"{name}\0{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _sources() -> Iterator[tuple[str, Path]]:
    """Every static file of the project: its name and where it lies. Of several with one name the first counts."""
    from django.contrib.staticfiles.finders import get_finders

    known: set[str] = set()
    for finder in get_finders():
        for path, storage in finder.list([]):
            name = os.path.join(getattr(storage, "prefix", None) or "", path)
            if name not in known:
                known.add(name)
                yield name, Path(storage.path(path))
