"""What is remembered between processes, in small files that their owner alone can read: which uploads are unfinished,
one file each, and how fast the line to a server is."""

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
        upload_id = self._load(self._path(api_url, fingerprint), "upload_id")
        return upload_id if isinstance(upload_id, str) else None

    def remember(self, api_url: str, fingerprint: str, upload_id: str) -> None:
        self._save(self._path(api_url, fingerprint), {"upload_id": upload_id, "api_url": api_url})
        self._forget_old()

    def forget(self, api_url: str, fingerprint: str) -> None:
        with suppress(OSError):
            self._path(api_url, fingerprint).unlink(missing_ok=True)

    def line(self, origin: str, key: str) -> float | None:
        """What earlier uploads found of the line to a server: ``bytes_per_second``, ``request_limit``."""
        found = self._load(self._line_path(origin), key)
        return float(found) if isinstance(found, (int, float)) and found > 0 else None

    def keep_line(self, origin: str, **found: float | None) -> None:
        self._save(self._line_path(origin), {"origin": origin, **found})

    def _path(self, api_url: str, fingerprint: str) -> Path:
        name = _short_digest(f"{api_url}\n{fingerprint}")
        return self._directory / f"{name}.json"

    def _line_path(self, origin: str) -> Path:
        return self._directory / f"line-{_short_digest(origin)}.json"

    @staticmethod
    def _load(path: Path, key: str) -> object:
        try:
            return json.loads(path.read_text())[key]
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _save(self, path: Path, document: dict[str, object]) -> None:
        fresh = path.with_suffix(f".{secrets.token_hex(4)}")
        with suppress(OSError):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump(document, file)
            fresh.replace(path)

    def _forget_old(self) -> None:
        oldest = time.time() - KEPT_SECONDS
        with suppress(OSError):
            for path in self._directory.iterdir():
                if path.stat().st_mtime < oldest:
                    path.unlink()


def _short_digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:32]
