"""Several machines that serve the same uploads: what they must have in common, and how one finds out that it has not.

Nodes hold no state and do not talk to each other. What makes them one service is that they share the database, the
store, the secret key and the cache. A node that has another secret refuses what the others signed; one whose store is
another one looks for bytes where there are none; one with a cache of its own counts throttles for itself; one whose
clock is off takes leases that are still held. All of it looks fine on each of them alone.

So each node says every :data:`BEAT_SECONDS`, in a row of its own (a *heartbeat*), what it is; and compares itself with
those that were heard of lately. Each process of a node does it, on a thread that a server starts, or the first who
asks whether it is ready (:meth:`_Watch.keep_beating`). A node that does not fit says so in ``/readyz``, so that a load
balancer sends it nothing, and in the log; and does not start, where whoever starts it asks :func:`problems_at_start`.

A row outlives its node by a while: a machine that was replaced, or this one before it got other settings. So one that
differs counts once it was heard of *again* since that was noticed.

A node with another version is no problem but a stage of an upgrade: it is told as a warning (see ``docs/OPERATIONS.md``
for how long that may last).
"""

from __future__ import annotations

import logging
import secrets
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from threading import Lock, Thread
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, InterfaceError, OperationalError, connection, connections
from django.db.migrations.loader import MigrationLoader
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from ..conf import upload_settings
from ..errors import UploadError
from ..models import Node, UploadSession
from ..storage import get_store

logger = logging.getLogger(__name__)

BEAT_SECONDS = 20.0
_AGAIN_SECONDS = 1.0
"""Until it is tried again, if database or store did not answer."""
ALIVE = timedelta(seconds=90)
"""A node that was heard of later than this is taken for one that serves."""
FORGOTTEN_AFTER = timedelta(days=1)
LARGEST_SKEW = 2.0
"""Seconds by which a clock may differ from the database's: leases are a few times as long."""
DISTRIBUTION = "django-resumable-uploads"


def name_of_this_node() -> str:
    """The ``node`` setting, or the machine's name."""
    return upload_settings().node or socket.gethostname()


@lru_cache(maxsize=1)
def version_of_this_node() -> str:
    """The app's version where it is installed as a package, and the newest migration of its code."""
    label = UploadSession._meta.app_label
    migrations = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    newest = max(name for app, name in migrations if app == label)
    try:
        return f"{version(DISTRIBUTION)} {newest}"
    except PackageNotFoundError:
        return newest


@lru_cache(maxsize=1)
def _cache_token() -> str:
    return secrets.token_hex(16)


def beat() -> None:
    """Say that this node serves, and what it is."""
    alias = upload_settings().store
    token = _cache_token()
    cache.set(_cache_key(name_of_this_node(), token), token, timeout=FORGOTTEN_AFTER.total_seconds())
    said = {
        "seen_at": Now(),
        "version": version_of_this_node(),
        "secret_digest": _digest_of(settings.SECRET_KEY),
        "store_alias": alias,
        "store_identity": get_store(alias).identity(),
        "cache_token": token,
    }
    Node.objects.update_or_create(name=name_of_this_node(), defaults=said)


def _cache_key(name: str, token: str) -> str:
    # A node's processes have a token each; what counts is that any of them is found.
    return f"resumable_uploads:node:{_digest_of(name)[:16]}:{token}"


def _digest_of(secret: Any) -> str:
    return salted_hmac("resumable_uploads.nodes", "what is told of it", secret=secret, algorithm="sha256").hexdigest()


def others() -> list[Node]:
    """The other nodes that were heard of lately."""
    return list(Node.objects.filter(seen_at__gte=Now() - ALIVE).exclude(name=name_of_this_node()))


def problems() -> list[str]:
    """Why this node must not serve: what it has not in common with the others, and its clock."""
    found = []
    alive = others()
    for name in _differing.keys() - {node.name for node in alive}:
        del _differing[name]
    for node in alive:
        differences = _differences(node)
        if not differences:
            _differing.pop(node.name, None)
        elif node.seen_at > _differing.setdefault(node.name, node.seen_at):
            found += differences
    return found + _problems_of_clock()


_differing: dict[str, datetime] = {}
"""When each node that differs had been heard of, as that was noticed first."""


def _problems_of_clock() -> list[str]:
    if abs(skew := seconds_off()) <= LARGEST_SKEW:
        return []
    return [
        f"The clock of this machine is {skew:+.1f} s off that of the database: where clocks differ a node takes "
        "leases that another one still holds."
    ]


def _problems_of_name() -> list[str]:
    """Whether another machine has this node's name and is not what this one is. To be asked before :func:`beat`, by a
    process that has said what it is before: then whoever changed that is another node."""
    namesake = Node.objects.filter(name=name_of_this_node()).first()
    found = _differences_of_settings(namesake) if namesake else []
    return [f"Another machine has this one's name (NODE_NAME), and {problem}" for problem in found]


def _is_for_one_machine() -> bool:
    return connection.vendor == "sqlite"


def other_versions() -> list[str]:
    """What others should know, and nobody need act upon at once."""
    mine = version_of_this_node()
    return [f"{node.name} runs {node.version}, this node {mine}." for node in others() if node.version != mine]


def _differences(node: Node) -> list[str]:
    found = _differences_of_settings(node)
    if _is_for_one_machine():
        found.append(f"SQLite serves one machine, and there is another one: {node.name}. Use PostgreSQL.")
    if cache.get(_cache_key(node.name, node.cache_token)) != node.cache_token:
        found.append(f"{node.name} has another cache: throttles are counted on each node for itself. Set CACHE_URL.")
    return found


def _differences_of_settings(node: Node) -> list[str]:
    found = []
    known = [_digest_of(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    if not any(constant_time_compare(node.secret_digest, digest) for digest in known):
        found.append(f"{node.name} has another SECRET_KEY: what one of them signs, the other one refuses.")
    alias = upload_settings().store
    if (node.store_alias, node.store_identity) != (alias, get_store(alias).identity()):
        found.append(f"{node.name} puts new uploads into another store ({node.store_alias!r}, here {alias!r}).")
    return found


def problems_at_start(
    patience: float = BEAT_SECONDS + 10, *, pause: float = 1.0, tell: Callable[[str], None] = lambda line: None
) -> list[str]:
    """As :func:`problems`, and waits up to ``patience`` seconds to hear again of those that differ.

    Args:
        tell: called with a line of text if there is somebody to be waited for.
    """
    deadline = time.monotonic() + patience
    is_told = False
    while not (found := problems()) and _differing and time.monotonic() < deadline:
        if not is_told:
            tell(f"This node differs from {', '.join(_differing)}: waiting up to {patience:.0f} s for a sign of life.")
        is_told = True
        time.sleep(pause)
    return found


def seconds_off() -> float:
    """By how much this machine's clock is ahead of the database's."""
    before = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_NOW[connection.vendor]}")  # One of ours.
        (said,) = cursor.fetchone()
    after = timezone.now()
    theirs = datetime.fromisoformat(said) if isinstance(said, str) else said
    theirs = theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)
    # It was asked at any moment in between.
    if theirs < before:
        return (before - theirs).total_seconds()
    return min((after - theirs).total_seconds(), 0.0)


_NOW = {
    "postgresql": "clock_timestamp()",
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f', 'now')",
    "mysql": "UTC_TIMESTAMP(6)",
}


def forget_old() -> None:
    """Drop the rows of nodes that are no more."""
    Node.objects.filter(seen_at__lt=Now() - FORGOTTEN_AFTER).delete()


class _Watch:
    """What this process knows of how its node fits, looked at now and then."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._thread: Thread | None = None
        self.forget()

    def forget(self) -> None:
        self._has_beaten = False
        self._looked_at = -BEAT_SECONDS
        self._problems = ["It was not compared with the other nodes yet."]

    def problems(self) -> list[str]:
        """Say that the node serves, and why it must not, if it is time to; what was found last, if not."""
        if time.monotonic() - self._looked_at >= BEAT_SECONDS and self._lock.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._lock.release()
        return self._problems

    def keep_beating(self) -> None:
        """Say so from now on, as long as the process lives: a node that nobody asks must be heard of too."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = Thread(target=self._beat_on, daemon=True, name="node")
            self._thread.start()

    def _beat_on(self) -> None:
        while True:
            left = self._looked_at + BEAT_SECONDS - time.monotonic()
            if left > 0:
                time.sleep(left)
            else:
                self._beat_once()

    def _beat_once(self) -> None:
        try:
            with self._lock:
                self._look()
        finally:
            with suppress(DatabaseError, InterfaceError):
                connections.close_all()

    def _look(self) -> None:
        try:
            found = _problems_of_name() if self._has_beaten else []
            beat()
            self._has_beaten = True
            found += problems()
            for difference in other_versions() if not found else ():
                logger.warning("nodes differ: %s", difference)
        except (UploadError, OperationalError, InterfaceError) as error:
            # It passes, others say so, and what was found before still holds.
            logger.warning("comparing with other nodes failed: %s", str(error).strip())
            self._looked_at = time.monotonic() - BEAT_SECONDS + _AGAIN_SECONDS
            return
        except Exception:
            logger.exception("comparing with other nodes failed")
            found = ["It could not be compared with the other nodes."]
        for problem in found:
            logger.error("this node does not fit: %s", problem)
        self._problems = found
        self._looked_at = time.monotonic()


watch = _Watch()
"""Of this process."""
