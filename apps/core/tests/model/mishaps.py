"""What happens to uploads besides the requests of clients: the sweeper, the passing of time, faults of the machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from apps.core.conf import upload_settings
from apps.core.models import UploadSession
from apps.core.services import audit
from apps.core.services.cleanup import Cleanup
from apps.core.storage import get_store

from ..memory_store import BUCKETS
from .requests import named
from .scheduler import step
from .world import CHUNK, OTHER, World, chunk_of


@named
def delete_row() -> Callable[[World], object]:
    """As the admin does, or whoever deletes the user."""
    return lambda world: [session.delete() for session in UploadSession.objects.filter(owner=world.owner)]


@named
def cleanup() -> Callable[[World], object]:
    def act(world: World) -> object:
        summary = Cleanup(retention=timedelta(days=30), batch_size=10, dry_run=False).run()
        assert not summary.failures, summary.failures
        return summary

    return act


@named
def recount() -> Callable[[World], object]:
    return lambda world: audit.recount(world.owner.pk)


@named
def wait_for_lease() -> Callable[[World], object]:
    """So long that an assembly that was not renewed is taken over."""
    return lambda world: world.clock.sleep(upload_settings().lease_seconds + 1)


@named
def wait_for_expiry() -> Callable[[World], object]:
    return lambda world: world.clock.sleep(upload_settings().session_ttl_hours * 3600 + 1)


@named
def damage(index: int) -> Callable[[World], object]:
    """The disk spoils the stored bytes of a chunk."""

    def act(world: World) -> None:
        session = UploadSession.objects.filter(owner=world.owner).first()
        if session is None or session.status not in UploadSession.OPEN:
            return
        step("damage", is_critical=True)
        path = _staged_file(session, "part")
        if path.exists():
            world.damaged.add((session.upload_id, index))
            with path.open("r+b") as stored:
                stored.seek(index * CHUNK)
                stored.write(b"#")

    return act


@named
def late_part(index: int) -> Callable[[World], object]:
    """A request of a sender that is long dead reaches the object store, and replaces a part, if there is one still."""

    def act(world: World) -> None:
        step("late part", is_critical=True)
        session = UploadSession.objects.get()
        parts = BUCKETS["model"].multipart.get(session.store_handle, {})
        if index in parts:
            world.damaged.add((session.upload_id, index))
            parts[index] = chunk_of(OTHER, index)

    return act


@named
def lose_claims(*, emptied: bool) -> Callable[[World], object]:
    """What a power failure leaves of a file that was never flushed."""

    def act(world: World) -> None:
        session = world.find()
        step("lose claims", is_critical=True)
        path = _staged_file(session, "claims")
        if not path.exists():
            return
        if emptied:
            os.truncate(path, 0)
        else:
            path.unlink()

    return act


def _staged_file(session: UploadSession, kind: str) -> Path:
    root: Path = get_store(session.store).root  # type: ignore[attr-defined]
    return root / "staging" / f"{session.upload_id.hex}.{kind}"
