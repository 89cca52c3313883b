"""Sending a file for as long as its reader takes, without holding what others need.

A reader may be slow, or stop. Meanwhile no database connection is held, each user has a bounded number of files on
their way, and who reads nothing is cut off: by the server's own send timeout under ASGI (see ``http.bounded_http1``),
and here where gunicorn shows its socket.

Under ASGI, Django would gather a synchronous iterator in memory as a whole; so there the blocks come from an
asynchronous one.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from threading import Lock
from typing import Any

from asgiref.sync import sync_to_async
from django.core.files import File
from django.core.handlers.asgi import ASGIRequest
from django.db import connections
from django.http import HttpRequest

from ..conf import KIB, upload_settings
from ..errors import Throttled
from ..troubles import translated

BLOCK = 256 * KIB


class _OnTheirWay:
    """Files that this process is sending, by user."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._by_user: Counter[str] = Counter()

    def begin(self, user: str) -> None:
        """
        Raises:
            Throttled: the user has as many on their way as the setting allows.
        """
        with self._lock:
            if self._by_user[user] >= upload_settings().max_downloads:
                raise Throttled("You are downloading too many files at once; wait for one to end.", wait=1)
            self._by_user[user] += 1

    def end(self, user: str) -> None:
        with self._lock:
            self._by_user[user] -= 1
            if not self._by_user[user]:
                del self._by_user[user]


on_their_way = _OnTheirWay()


class _SentFile:
    """Blocks of a file, to be iterated once. What it holds it gives back when it is closed, or was never used."""

    def __init__(self, stored: File[bytes], first: bytes, size: int, user: str) -> None:
        self._stored = stored
        self._first = first
        self._left = size - len(first)
        # A server may drop a response that it never began to send.
        self.close = weakref.finalize(self, _give_back, stored, user)

    def _take_first(self) -> bytes:
        """Not to be held for as long as the rest takes."""
        first, self._first = self._first, b""
        return first


class _SentInThread(_SentFile):
    def __init__(self, stored: File[bytes], first: bytes, size: int, user: str, socket: Any) -> None:
        super().__init__(stored, first, size, user)
        self._socket = socket

    def __iter__(self) -> Iterator[bytes]:
        before = self._socket and self._socket.gettimeout()
        if self._socket:
            self._socket.settimeout(upload_settings().send_timeout)
        yield self._take_first()
        while self._left and (block := self._stored.read(min(BLOCK, self._left))):
            self._left -= len(block)
            yield block
        if self._socket:
            self._socket.settimeout(before)


class _SentByLoop(_SentFile):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = sync_to_async(self._stored.read, thread_sensitive=False)
        try:
            yield self._take_first()
            while self._left and (block := await read(min(BLOCK, self._left))):
                self._left -= len(block)
                yield block
        finally:
            self.close()


def sent_file(request: HttpRequest, stored: File[bytes], size: int, user: str) -> Any:
    """The next ``size`` bytes of an open file, which is closed in the end, as content of a streaming response.

    The first block is read at once, while there can be another answer still.

    Raises:
        Throttled: this user has too many on their way.
        FileNotFoundError, Unavailable: the file cannot be read. It is closed, as it is whatever is raised.
    """
    try:
        _let_databases_go()  # Before the first block, which a store may take minutes for.
        on_their_way.begin(user)
    except BaseException:
        stored.close()
        raise
    try:
        with translated():
            first = stored.read(min(BLOCK, size))
    except BaseException:
        _give_back(stored, user)
        raise
    if isinstance(request, ASGIRequest):
        return _SentByLoop(stored, first, size, user)
    return _SentInThread(stored, first, size, user, request.META.get("gunicorn.socket"))


def _give_back(stored: File[bytes], user: str) -> None:
    stored.close()
    on_their_way.end(user)


def _let_databases_go() -> None:
    """Django would keep this request's connections until the last byte is sent."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
