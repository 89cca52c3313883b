"""Joining partial uploads: what is verified stays, what is not is never recorded, and one attempt rules."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.utils import timezone

from apps.core.errors import BadRequest
from apps.core.models import UploadSession
from apps.core.services import joined, transitions
from apps.core.services.concatenation import Joining, PartialDamaged
from apps.core.services.creation import Concatenation

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("small_chunks")]

PARTS = (b"abcde", b"fghijklmnop", b"q")
WHOLE = b"".join(PARTS)


def partial(service: Any, data: bytes, sent: int | None = None) -> UploadSession:
    session: UploadSession = service.create(
        filename="", total_size=len(data), concat=Concatenation(UploadSession.Concat.PARTIAL)
    )[0]
    sink = service.receive_from(session, 0)
    sink.receive(data[:sent])
    sink.finish()
    return session


@pytest.fixture
def parts(service: Any) -> list[UploadSession]:
    return [partial(service, PARTS[0]), partial(service, PARTS[1]), partial(service, PARTS[2], sent=0)]


@pytest.mark.parametrize("end", ["cancelled", "expired", "failed", "completed"])
def test_what_has_ended_is_no_part_of_a_new_one(service: Any, parts: list[UploadSession], end: str) -> None:
    UploadSession.objects.filter(pk=parts[1].pk).update(status=end)
    parts[1].refresh_from_db()
    concat = Concatenation(UploadSession.Concat.FINAL, "final;", tuple(parts))
    with pytest.raises(BadRequest, match=end):
        service.create(filename="whole.bin", total_size=len(WHOLE), concat=concat)


def test_a_part_does_not_expire_while_it_is_waited_for(
    service: Any, parts: list[UploadSession], final: UploadSession
) -> None:
    UploadSession.objects.filter(pk=parts[0].pk).update(expires_at=timezone.now())
    assert service.status(parts[0].upload_id).status == "active"
    service.cancel(final)
    assert service.status(parts[0].upload_id).status == "expired"


def test_it_is_not_joined_for_who_may_not_store_it_any_more(
    service: Any, owner: Any, parts: list[UploadSession], final: UploadSession
) -> None:
    owner.is_active = False
    owner.save()
    sink = service.receive_from(parts[2], 0)
    sink.receive(PARTS[2])
    sink.finish()
    service.advance_finals_of(parts[2])
    final.refresh_from_db()
    assert final.status == "active"
    owner.is_active = True
    owner.save()
    assert service.status(final.upload_id).status == "completed"


@pytest.fixture
def final(service: Any, parts: list[UploadSession]) -> UploadSession:
    """It waits for the last part."""
    session: UploadSession = service.create(
        filename="whole.bin",
        total_size=len(WHOLE),
        concat=Concatenation(UploadSession.Concat.FINAL, "final;", tuple(parts)),
    )[0]
    assert session.status == "active"
    return session


@pytest.fixture
def lease(service: Any, final: UploadSession, parts: list[UploadSession]) -> uuid.UUID:
    """All parts are done, and this test is the one that joins them."""
    sink = service.receive_from(parts[2], 0)
    sink.receive(PARTS[2])
    sink.finish()
    assert transitions.begin_joining(final)
    token = transitions.take_lease(final)
    assert token
    final.refresh_from_db()
    return token


def join(final: UploadSession, lease: uuid.UUID, blocks: int = 99) -> None:
    """Join until so many blocks were read."""
    left = iter(range(blocks))

    def keep_lease() -> None:
        if next(left, None) is None:
            raise InterruptedError

    Joining(final, lease, keep_lease).run()


def damage(session: UploadSession, store_root: Any, offset: int) -> None:
    with (store_root / "staging" / f"{session.upload_id.hex}.part").open("r+b") as file:
        file.seek(offset)
        file.write(b"#")


@pytest.mark.parametrize("blocks", range(6))
def test_a_successor_goes_on_behind_what_is_recorded(
    service: Any, final: UploadSession, lease: uuid.UUID, blocks: int, store_root: Any, parts: list[UploadSession]
) -> None:
    with pytest.raises(InterruptedError):
        join(final, lease, blocks)
    recorded = sorted(final.receipts.values_list("index", flat=True))
    final.refresh_from_db()
    assert final.received_chunks == len(recorded) < 5
    # What it has already is not read again: damaged by now, it harms nothing.
    if len(recorded) >= 2:
        damage(parts[0], store_root, 0)
    join(final, lease)
    final.refresh_from_db()
    assert (final.received_chunks, final.received_bytes) == (5, len(WHOLE))
    assert (store_root / "staging" / f"{final.upload_id.hex}.part").read_bytes() == WHOLE


@pytest.mark.parametrize("at", range(len(WHOLE)))
def test_nothing_is_recorded_of_a_damaged_chunk(
    final: UploadSession, lease: uuid.UUID, parts: list[UploadSession], store_root: Any, at: int
) -> None:
    part, offset = next((p, at - start) for p, start in ((2, 16), (1, 5), (0, 0)) if at >= start)
    damage(parts[part], store_root, offset)
    with pytest.raises(PartialDamaged) as damaged:
        join(final, lease)
    assert (damaged.value.partial, [*damaged.value.receipts]) == (parts[part], [offset // 4])
    for index, size in final.receipts.values_list("index", "size"):
        assert not index * 4 <= at < index * 4 + size
        assert index * 4 + size <= (0, 5, 16)[part] + offset // 4 * 4


def test_who_lost_the_lease_records_nothing(final: UploadSession, lease: uuid.UUID) -> None:
    UploadSession.objects.filter(pk=final.pk).update(lease_token=uuid.uuid4())
    with pytest.raises(joined.JoiningLost):
        join(final, lease)
    assert not final.receipts.exists()


def test_what_the_first_attempt_left_unrecorded_is_written_again(
    service: Any, final: UploadSession, lease: uuid.UUID, store_root: Any
) -> None:
    with pytest.raises(InterruptedError):
        join(final, lease, 1)
    damage(final, store_root, 5)
    join(final, lease)
    assert (store_root / "staging" / f"{final.upload_id.hex}.part").read_bytes() == WHOLE


def test_damage_of_the_joined_file_is_mended_from_its_parts(
    service: Any, final: UploadSession, lease: uuid.UUID, store_root: Any
) -> None:
    join(final, lease)
    damage(final, store_root, 9)
    transitions.release_lease(final, lease)
    service.advance(final)
    assert final.status == "active"
    service.advance(final)
    assert final.status == "completed"
    with final.file.open() as stored:
        assert stored.read() == WHOLE


def test_large_parts_go_by_blocks(service: Any, uploads: Any, store_root: Any) -> None:
    uploads(CHUNK_SIZE=3 * 2**20, MAX_FILE_SIZE=2**30)
    data = [bytes([n]) * (5 * 2**20 + n) for n in range(3)]
    parts = tuple(partial(service, each) for each in data)
    final, _ = service.create(
        filename="whole.bin",
        total_size=sum(map(len, data)),
        concat=Concatenation(UploadSession.Concat.FINAL, "final;", parts),
    )
    assert final.status == "completed"
    with final.file.open() as stored:
        assert stored.read() == b"".join(data)
