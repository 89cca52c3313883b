"""Which uploads are unfinished, remembered between processes: one small file each, readable by its owner alone."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path

from platformdirs import user_state_path

KEPT_SECONDS = 8 * 24 * 3600
"""The server forgets sessions after a week at the latest."""


DEFAULT_STATE_DIRECTORY = user_state_path("resumable-uploads", appauthor=False)
"""``$XDG_STATE_HOME/resumable-uploads``, or what the platform has for it."""


class StateDirectory:
    """Remembers the session of a fingerprint.

    A directory that cannot be written is no reason to fail: then nothing is remembered.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def find(self, api_url: str, fingerprint: str) -> str | None:
        """The upload id of an earlier attempt."""
        try:
            upload_id = json.loads(self._path(api_url, fingerprint).read_text())["upload_id"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return upload_id if isinstance(upload_id, str) else None

    def remember(self, api_url: str, fingerprint: str, upload_id: str) -> None:
        path = self._path(api_url, fingerprint)
        fresh = path.with_suffix(f".{secrets.token_hex(4)}")
        with suppress(OSError):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump({"upload_id": upload_id, "api_url": api_url}, file)
            fresh.replace(path)
        self._forget_old()

    def forget(self, api_url: str, fingerprint: str) -> None:
        with suppress(OSError):
            self._path(api_url, fingerprint).unlink(missing_ok=True)

    def _path(self, api_url: str, fingerprint: str) -> Path:
        name = hashlib.sha256(f"{api_url}\n{fingerprint}".encode(errors="surrogateescape")).hexdigest()[:32]
        return self._directory / f"{name}.json"

    def _forget_old(self) -> None:
        oldest = time.time() - KEPT_SECONDS
        with suppress(OSError):
            for path in self._directory.iterdir():
                if path.stat().st_mtime < oldest:
                    path.unlink()
