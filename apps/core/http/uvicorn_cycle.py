"""What uvicorn's request cycle lacks: bytes that came before a disconnect, and interim answers.

uvicorn tells an application that its client is gone before it hands over what had arrived; to who keeps half a body
these bytes are progress. And it sends nothing before a final answer, where the application has answers below 200 to
send (see :mod:`.informational`), such as 104 of the IETF draft on resumable uploads.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from .informational import ASGI_EXTENSION, encode


def extend(cycle: RequestResponseCycle) -> None:
    """Give a cycle, before it runs, what it lacks."""
    cycle.receive = partial(_receive, cycle, cycle.receive)  # type: ignore[method-assign]
    if cycle.scope["http_version"] != "1.0":  # "A server MUST NOT send a 1xx response to an HTTP/1.0 client."
        cycle.scope["extensions"] = {**(cycle.scope.get("extensions") or {}), ASGI_EXTENSION: {}}
        cycle.send = partial(_send, cycle, cycle.send)  # type: ignore[method-assign]


async def _receive(cycle: RequestResponseCycle, receive: Callable[[], Any]) -> Any:
    message = await receive()
    if message["type"] == "http.disconnect" and cycle.body and not cycle.response_complete:
        message = {"type": "http.request", "body": bytes(cycle.body), "more_body": cycle.more_body}
        cycle.body = bytearray()
    return message


async def _send(cycle: RequestResponseCycle, send: Callable[[Any], Any], message: Any) -> None:
    if message["type"] != ASGI_EXTENSION:
        await send(message)
    elif not (cycle.disconnected or cycle.response_started):
        cycle.transport.write(encode(message["status"], message["headers"]))
