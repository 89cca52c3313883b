"""What uvicorn's request cycle lacks: bytes that came before a disconnect, interim answers, and fast bodies.

uvicorn tells an application that its client is gone before it hands over what had arrived; to who keeps half a body
these bytes are progress. And it sends nothing before a final answer, where the application has answers below 200 to
send (see :mod:`.informational`), such as 104 of the IETF draft on resumable uploads. For fast bodies see
:mod:`.fast_body`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .fast_body import ASGI_EXTENSION as FAST_BODY_EXTENSION
from .fast_body import FastBody
from .informational import ASGI_EXTENSION, encode


def extend(cycle: Any, fast_body: FastBody) -> None:
    """Give a cycle, before it runs, what it lacks."""
    cycle.fast_body = fast_body
    extensions = {**(cycle.scope.get("extensions") or {}), FAST_BODY_EXTENSION: {"body": fast_body}}
    cycle.receive = partial(_receive, cycle, cycle.receive)
    if cycle.scope["http_version"] != "1.0":  # "A server MUST NOT send a 1xx response to an HTTP/1.0 client."
        extensions[ASGI_EXTENSION] = {}
    cycle.send = partial(_send, cycle, cycle.send, [])
    cycle.scope["extensions"] = extensions


async def _receive(cycle: Any, receive: Callable[[], Any]) -> Any:
    message = await receive()
    if message["type"] == "http.disconnect" and cycle.body and not cycle.response_complete:
        message = {"type": "http.request", "body": bytes(cycle.body), "more_body": cycle.more_body}
        cycle.body = bytearray()
    return message


async def _send(cycle: Any, send: Callable[[Any], Any], held: list[Any], message: Any) -> None:
    """Send a message; the head of an answer goes out with the first bytes of its body, for a write costs a packet."""
    if message["type"] == ASGI_EXTENSION:
        if not (cycle.disconnected or cycle.response_started):
            cycle.transport.write(encode(message["status"], message["headers"]))
    elif message["type"] == "http.response.start" and not cycle.response_started:
        held[:] = [message]  # In place of one before: uvicorn answers 500 who failed before the body.
    elif held:
        await _send_in_one_write(cycle, send, [held.pop(), message])
    else:
        await send(message)


async def _send_in_one_write(cycle: Any, send: Callable[[Any], Any], messages: list[Any]) -> None:
    transport, on_response = cycle.transport, cycle.on_response
    cycle.transport = collected = _Collected(transport)
    cycle.on_response = collected.end
    try:
        for message in messages:
            await send(message)
    finally:
        cycle.transport, cycle.on_response = transport, on_response
        if collected.parts:
            transport.write(b"".join(collected.parts))
        if collected.is_closed:
            transport.close()
        if collected.is_ended:
            on_response()  # Behind the close: what follows is not begun then.


class _Collected:
    """A transport that writes nothing yet."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self.parts: list[bytes] = []
        self.is_closed = self.is_ended = False

    def write(self, data: bytes) -> None:
        self.parts.append(data)

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed or bool(self._transport.is_closing())

    def end(self) -> None:
        """The answer is whole."""
        self.is_ended = True
