"""Sending a file holds nothing that others need, however slowly it is read."""

from __future__ import annotations

import asyncio
import errno
import gc
import io
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from django.core.files import File
from django.db import connection, transaction
from django.test import AsyncRequestFactory, RequestFactory

from apps.core.errors import Throttled, Unavailable
from apps.core.views.sending import BLOCK, on_their_way, sent_file

pytestmark = pytest.mark.integration

DATA = bytes(range(256)) * 4096  # More than one block.
WSGI = RequestFactory().get("/")
ASGI = AsyncRequestFactory().get("/")


@pytest.fixture
def stored(tmp_path: Path) -> File[bytes]:
    path = tmp_path / "file"
    path.write_bytes(DATA)
    return File(path.open("rb"))


def another(stored: File[bytes]) -> File[bytes]:
    return File(os.fdopen(os.open(str(stored.name), os.O_RDONLY), "rb"))


async def gathered(sent: Any) -> bytes:
    return b"".join([block async for block in sent])


def test_blocks_are_read_one_at_a_time(stored: File[bytes]) -> None:
    sent = sent_file(WSGI, stored, len(DATA), "a")
    blocks = iter(sent)
    assert next(blocks) == DATA[:BLOCK]
    assert stored.tell() == BLOCK
    sent.close()


def test_no_more_than_was_asked_for_is_sent(stored: File[bytes]) -> None:
    sent = sent_file(WSGI, stored, 300_000, "a")
    assert b"".join(sent) == DATA[:300_000]
    sent.close()


def test_an_event_loop_is_sent_the_same(stored: File[bytes]) -> None:
    sent = sent_file(ASGI, stored, 300_000, "a")
    assert asyncio.run(gathered(sent)) == DATA[:300_000]
    sent.close()


@pytest.mark.parametrize("request_", [WSGI, ASGI], ids=["wsgi", "asgi"])
def test_one_user_has_so_many_at_once(request_: Any, stored: File[bytes], uploads: Any) -> None:
    uploads(MAX_DOWNLOADS=1)
    first = sent_file(request_, stored, 1, "a")
    second = another(stored)
    with pytest.raises(Throttled):
        sent_file(request_, second, 1, "a")
    assert second.closed
    sent_file(request_, another(stored), 1, "b").close()
    first.close()
    sent_file(request_, another(stored), 1, "a").close()
    assert not on_their_way._by_user


@pytest.mark.parametrize("request_", [WSGI, ASGI], ids=["wsgi", "asgi"])
@pytest.mark.parametrize(("number", "raised"), [(errno.EIO, Unavailable), (errno.ENOENT, FileNotFoundError)])
def test_one_that_cannot_be_read_is_said_so_before_it_is_begun(
    request_: Any, number: int, raised: type[Exception]
) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(number, os.strerror(number))

    stored = File(Broken(), "file")
    with pytest.raises(raised):
        sent_file(request_, stored, 1, "a")
    assert stored.closed
    assert not on_their_way._by_user


def test_one_that_was_never_begun_is_given_back(stored: File[bytes]) -> None:
    sent_file(WSGI, stored, 1, "a")
    gc.collect()
    assert stored.closed
    assert not on_their_way._by_user


def test_no_database_connection_is_held(stored: File[bytes], transactional_db: None) -> None:
    connection.ensure_connection()
    sent = sent_file(WSGI, stored, 1, "a")
    assert connection.connection is None
    sent.close()


def test_nor_while_the_first_block_is_read(transactional_db: None) -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            assert connection.connection is None
            return super().read(size)

    connection.ensure_connection()
    sent_file(WSGI, File(Slow(DATA), "file"), 1, "a").close()


def test_the_first_block_is_not_held_while_the_rest_is_sent(stored: File[bytes]) -> None:
    sent = sent_file(WSGI, stored, len(DATA), "a")
    assert b"".join(sent) == DATA
    assert sent._first == b""
    sent.close()


def test_but_what_a_caller_does_in_a_transaction_is_left_alone(stored: File[bytes], transactional_db: None) -> None:
    with transaction.atomic():
        sent = sent_file(WSGI, stored, 1, "a")
        assert connection.connection is not None
    sent.close()


def test_who_reads_nothing_is_cut_off_where_the_server_shows_its_socket(stored: File[bytes], uploads: Any) -> None:
    uploads(SEND_TIMEOUT=3)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        request = RequestFactory().get("/", **{"gunicorn.socket": ours})  # type: ignore[arg-type]
        sent = sent_file(request, stored, len(DATA), "a")
        blocks = iter(sent)
        next(blocks)
        assert ours.gettimeout() == 3
        assert sum(map(len, blocks)) == len(DATA) - BLOCK
        assert ours.gettimeout() is None
        sent.close()


def test_an_event_loop_that_ends_it_in_the_middle_gives_back(stored: File[bytes]) -> None:
    async def leave() -> None:
        blocks = aiter(sent_file(ASGI, stored, len(DATA), "a"))
        await anext(blocks)
        await blocks.aclose()

    asyncio.run(leave())
    assert stored.closed
    assert not on_their_way._by_user
