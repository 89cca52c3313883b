"""Few wait for an assembly, however many ask."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from apps.core.models import UploadSession
from apps.core.services import transitions, waiting

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("small_chunks")]


@pytest.fixture
def assembling(service: Any) -> UploadSession:
    """A session that somebody else is assembling."""
    session: UploadSession = service.create(filename="a.bin", total_size=4)[0]
    sink = service.receive_chunk(session, 0)
    sink.receive(b"0123")
    sink.finish()
    assert transitions.begin_assembling(session)
    assert transitions.take_lease(session)
    session.refresh_from_db()
    return session


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []
    monkeypatch.setattr("time.sleep", taken.append)
    return taken


def test_who_finds_a_place_waits(service: Any, assembling: UploadSession, naps: list[float]) -> None:
    assert service.complete(assembling, wait=0.05).status == "assembling"
    assert naps


def test_who_finds_none_is_told_at_once(
    service: Any, assembling: UploadSession, naps: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_places", threading.BoundedSemaphore(1))
    assert waiting._places.acquire(blocking=False)
    assert service.complete(assembling, wait=60).status == "assembling"
    assert not naps
    waiting._places.release()
    assert service.complete(assembling, wait=0.05).status == "assembling"
    assert naps


def test_a_place_is_free_again_whatever_ends_the_wait(
    service: Any, assembling: UploadSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(seconds: float) -> None:
        raise ConnectionError

    monkeypatch.setattr(waiting, "_places", threading.BoundedSemaphore(1))
    monkeypatch.setattr("time.sleep", fail)
    for _ in range(2):
        with pytest.raises(ConnectionError):
            service.complete(assembling, wait=60)


def test_who_waits_is_told_as_soon_as_it_has_ended(assembling: UploadSession, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(seconds: float) -> None:
        raise AssertionError("it has ended")

    monkeypatch.setattr("time.sleep", fail)
    UploadSession.objects.update(status=UploadSession.Status.COMPLETED)
    waiting.wait_for_assembly(assembling, None, 60)
    assert assembling.status == UploadSession.Status.COMPLETED
