"""Where things are. Reads the environment and nothing else, so that it can be asked before the settings are loaded."""

from __future__ import annotations

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent


def data_directory() -> Path:
    """``DATA_DIR``: database, files, cache, secret key."""
    return Path(os.environ.get("DATA_DIR") or BASE_DIR / "data").resolve()


def make_private_directory(path: Path) -> None:
    """``mkdir -p`` with every new directory for its owner alone."""
    if path.is_dir():
        return
    make_private_directory(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
