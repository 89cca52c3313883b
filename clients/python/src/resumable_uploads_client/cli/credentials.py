"""Where to, and as whom: from options, the environment, or what ``login`` stored."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import click
from platformdirs import user_config_path

CREDENTIALS = user_config_path("resumable-uploads", appauthor=False) / "credentials.json"


@dataclass(frozen=True)
class Credentials:
    """A server's API address and a token for it."""

    url: str
    token: str


def store(credentials: Credentials) -> Path:
    """Keep them in a file that only its owner can read."""
    CREDENTIALS.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = CREDENTIALS.with_suffix(f".{secrets.token_hex(4)}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({"url": credentials.url, "token": credentials.token}, file)
    fresh.replace(CREDENTIALS)
    return CREDENTIALS


def forget() -> bool:
    """Whether there was something to forget."""
    try:
        CREDENTIALS.unlink()
    except FileNotFoundError:
        return False
    return True


def find(url: str | None) -> Credentials:
    """The credentials to use. A stored token goes only to the server it was stored for.

    Raises:
        click.UsageError: there is no address, or it is none.
    """
    stored = _stored()
    url = url or (stored.url if stored else None)
    if url is None:
        raise click.UsageError("Say where to: --to URL, RESUMABLE_UPLOADS_URL, or resumable-uploads login.")
    if not url.startswith(("http://", "https://")):
        raise click.UsageError(f"{url} is no address of an API: it begins with http:// or https://.")
    token = os.environ.get("RESUMABLE_UPLOADS_TOKEN")
    if token is None:
        token = stored.token if stored and stored.url.rstrip("/") == url.rstrip("/") else ""
    return Credentials(url, token)


def _stored() -> Credentials | None:
    try:
        document = json.loads(CREDENTIALS.read_text())
        return Credentials(document["url"], document["token"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
