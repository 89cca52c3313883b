"""The clients of others that npm installs here."""

import shutil
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


def require_installed(path: str) -> None:
    """Skip a test whose client is not there."""
    if not (shutil.which("node") and (HERE / path).exists()):
        pytest.skip(f"needs Node.js 20 or later and npm; then make setup-dev installs {path}")
