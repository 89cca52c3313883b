"""The ASGI messages that make an answer, and the types of an ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from .protocol import Answer

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


async def send_answer(send: Send, answer: Answer, headers: Mapping[str, str]) -> None:
    """Send a final answer. ``headers`` are all of them."""
    await send({"type": "http.response.start", "status": answer.status, "headers": encoded(headers)})
    has_content = "Content-Length" in headers  # None to HEAD, whose answer could have some.
    await send({"type": "http.response.body", "body": answer.body if has_content else b""})


def encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers as ASGI wants them."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
