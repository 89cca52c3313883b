"""What uvicorn's request cycle lacks: bytes that came before a disconnect, interim answers, and bodies in blocks.

uvicorn tells an application that its client is gone before it hands over what had arrived; to who keeps half a body
these bytes are progress. And it sends nothing before a final answer, where the application has answers below 200 to
send (see :mod:`.informational`), such as 104 of the IETF draft on resumable uploads. For bodies in blocks see
:mod:`.fast_body`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .fast_body import ASGI_EXTENSION as BLOCKS_EXTENSION
from .fast_body import FastBody
from .informational import ASGI_EXTENSION, encode


def extend(cycle: Any, accept_blocks: Callable[[], FastBody | None]) -> None:
    """Give a cycle, before it runs, what it lacks.

    Args:
        accept_blocks: what an application calls that takes blocks; then ``cycle.fast_body`` may have some.
    """
    extensions = {**(cycle.scope.get("extensions") or {}), BLOCKS_EXTENSION: {"accept": accept_blocks}}
    cycle.receive = partial(_receive, cycle, cycle.receive)
    if cycle.scope["http_version"] != "1.0":  # "A server MUST NOT send a 1xx response to an HTTP/1.0 client."
        extensions[ASGI_EXTENSION] = {}
        cycle.send = partial(_send, cycle, cycle.send)
    cycle.scope["extensions"] = extensions


async def _receive(cycle: Any, receive: Callable[[], Any]) -> Any:
    fast_body: FastBody | None = cycle.fast_body
    if fast_body is not None and (message := await fast_body.receive()) is not None:
        return message
    message = await receive()
    if message["type"] == "http.disconnect" and cycle.body and not cycle.response_complete:
        message = {"type": "http.request", "body": bytes(cycle.body), "more_body": cycle.more_body}
        cycle.body = bytearray()
    return message


async def _send(cycle: Any, send: Callable[[Any], Any], message: Any) -> None:
    if message["type"] != ASGI_EXTENSION:
        await send(message)
    elif not (cycle.disconnected or cycle.response_started):
        cycle.transport.write(encode(message["status"], message["headers"]))
