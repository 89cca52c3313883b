"""The driver for ASGI servers: stands in front of Django and feeds protocols with bodies as they arrive.

Django's own ASGI handler spools a whole body before any view runs and drops it when the client disconnects, so
requests whose URL leads to a protocol never reach it. Everything else does.
"""

from __future__ import annotations

import asyncio
import time
from functools import cached_property
from io import BytesIO

from django.core.handlers.asgi import ASGIRequest
from django.urls import ResolverMatch, set_script_prefix

from ..conf import upload_settings
from .asgi_messages import Application, Receive, Scope, Send, encoded, send_answer
from .exchange import Exchange
from .fast_body import ASGI_EXTENSION as FAST_BODY_EXTENSION
from .fast_body import FastBody
from .feeding import Feeder, SendInterim
from .informational import ASGI_EXTENSION
from .protocol import Answer, Pending, UploadProtocol
from .routing import protocol_of, resolve_path
from .small_bodies import serve_small_body
from .threads import WorkerThreads

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 1.0
"""Seconds between two looks at work that goes on."""


class UploadApplication:
    """An ASGI application that serves protocols itself and hands everything else to ``django_application``.

    Args:
        body_limit: most bytes of a body that a view outside of this app takes; None leaves it to the views, before
            which Django spools the whole of it to disk.
    """

    def __init__(self, django_application: Application, *, body_limit: int | None = None) -> None:
        self._django = django_application
        self._body_limit = body_limit

    @cached_property
    def threads(self) -> WorkerThreads:
        return WorkerThreads(upload_settings().worker_threads)

    @cached_property
    def _feeder(self) -> Feeder:
        return Feeder(self.threads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        match = _resolve(scope)
        protocol = protocol_of(match)
        if match is not None and protocol is not None:
            await self._serve(protocol, match, scope, receive, send)
        elif (limit := getattr(match and match.func, "body_limit", self._body_limit)) is not None:
            await serve_small_body(self._django, limit, scope, receive, send)
        else:
            await self._django(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await asyncio.to_thread(self.threads.close)
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return

    async def _serve(
        self, protocol: UploadProtocol, match: ResolverMatch, scope: Scope, receive: Receive, send: Send
    ) -> None:
        request = ASGIRequest(scope, BytesIO())
        exchange = Exchange(protocol, request, match.kwargs)
        answer = await self._feeder.serve(exchange, receive, _fast_body(scope), _interim_sender(scope, send))
        if isinstance(answer, Pending):
            answer = await self._wait_for(exchange, answer)
        if answer is not None:
            exchange.log(answer)
            await send_answer(send, answer, exchange.headers(answer))

    async def _wait_for(self, exchange: Exchange, pending: Pending) -> Answer:
        """Who waits holds a socket, and a thread only while it asks."""
        pause = FIRST_PAUSE
        deadline = time.monotonic() + pending.seconds
        while (left := deadline - time.monotonic()) > 0:
            if (answer := await self.threads.run(exchange.poll, pending)) is not None:
                return answer
            await asyncio.sleep(min(pause, left))
            pause = min(2 * pause, LONGEST_PAUSE)
        return await self.threads.run(exchange.give_up, pending)


def _fast_body(scope: Scope) -> FastBody | None:
    extension = (scope.get("extensions") or {}).get(FAST_BODY_EXTENSION)
    return extension["body"] if extension else None


def _resolve(scope: Scope) -> ResolverMatch | None:
    root = scope.get("root_path", "").rstrip("/")
    set_script_prefix(f"{root}/")
    return resolve_path(scope["path"].removeprefix(root))


def _interim_sender(scope: Scope, send: Send) -> SendInterim:
    offered = ASGI_EXTENSION in (scope.get("extensions") or {})

    async def send_interim(answer: Answer) -> None:
        if offered:
            await send({"type": ASGI_EXTENSION, "status": answer.status, "headers": encoded(answer.headers)})

    return send_interim
