"""Bodies of ordinary views under ASGI: bounded in size and time before Django spools them, to disk if they are large.

Django reads a whole body before any view runs and anybody is asked for credentials.
"""

from __future__ import annotations

import asyncio
from io import BytesIO

from django.core.handlers.asgi import ASGIRequest

from ..metrics import count_refusal
from . import correlation
from .asgi_messages import Application, Message, Receive, Scope, Send, send_answer
from .cors import JSON_NEEDS, cors_headers
from .problems import TIMED_OUT, Problem, body_too_large
from .protocol import Answer
from .transport import transport_headers

MOST_DIGITS = 19
"""Of a length: more are no length that there is, and Python refuses to read thousands."""
TIMEOUT = 10.0
"""Seconds after which such a body must be whole."""


class _Refused(Exception):
    def __init__(self, problem: Problem) -> None:
        self.problem = problem


async def serve_small_body(application: Application, limit: int, scope: Scope, receive: Receive, send: Send) -> None:
    """Let the application answer a request whose body has at most ``limit`` bytes, or refuse it (413, 408)."""
    try:
        _require_short(scope, limit)
        await application(scope, _bounded(receive, limit), send)
    except _Refused as refusal:
        await _refuse(refusal.problem, scope, send)


def _require_short(scope: Scope, limit: int) -> None:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and _exceeds(value, limit):
            raise _Refused(body_too_large(limit))


def _exceeds(digits: bytes, limit: int) -> bool:
    return len(digits) > MOST_DIGITS or int(digits) > limit


def _bounded(receive: Receive, limit: int) -> Receive:
    left = limit
    is_whole = False
    deadline = asyncio.get_running_loop().time() + TIMEOUT

    async def bounded_receive() -> Message:
        nonlocal left, is_whole
        if is_whole:
            return await receive()  # Django listens for the end of the connection.
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise _Refused(TIMED_OUT) from None
        left -= len(message.get("body", b""))
        if left < 0:
            raise _Refused(body_too_large(limit))
        is_whole = not message.get("more_body", False)
        return message

    return bounded_receive


async def _refuse(problem: Problem, scope: Scope, send: Send) -> None:
    """Answer as Django and its middleware would, which this request does not reach."""
    count_refusal(problem.code)
    request = ASGIRequest(scope, BytesIO())
    headers = {
        **problem.headers(),
        "X-Content-Type-Options": "nosniff",
        "Connection": "close",
        correlation.HEADER: correlation.begin(request.headers.get(correlation.HEADER)),
        **transport_headers(request),
        **cors_headers(request, JSON_NEEDS),
    }
    answer = Answer(problem.status, problem.body(), headers, problem.code)
    await send_answer(send, answer, {**headers, "Content-Length": str(len(answer.body))})
