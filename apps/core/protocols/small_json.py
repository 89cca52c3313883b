"""Bodies that are one JSON object, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from ..errors import BadRequest, TooLarge
from ..http.protocol import Answer, Body, Pending
from ..services.principal import Principal
from .json_memory import held_bodies


def parse_object(body: bytes | bytearray) -> dict[str, Any]:
    """
    Raises:
        BadRequest: it is no JSON, or no object.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The body is not JSON: {error}.", code="bad_json") from None
    if not isinstance(document, dict):
        raise BadRequest("The body must be a JSON object.", code="bad_json")
    return document


def bad_field(name: str, requirement: str) -> BadRequest:
    """The error for a field that does not meet a requirement."""
    return BadRequest(f"{name} {requirement}.", code="bad_field", errors={name: [requirement]})


class SmallJson(Body):
    """Holds the object until it is whole, then lets ``answer`` see it.

    Args:
        principal: who sends it; counted in the memory for JSON bodies.
        limit: bytes it may have.
        most_members: of all arrays and objects in it together; structure takes many times the memory of its text.
    """

    def __init__(
        self,
        principal: Principal,
        answer: Callable[[dict[str, Any]], Answer | Pending],
        *,
        limit: int,
        most_members: int = 256,
    ) -> None:
        self._principal = principal
        self._answer = answer
        self._limit = limit
        self._most_members = most_members
        self._body = bytearray()

    def receive(self, block: bytes) -> None:
        if len(self._body) + len(block) > self._limit:
            raise TooLarge(f"The body may have at most {self._limit} bytes.", limit=self._limit)
        held_bodies.take(self._principal.key, len(block))
        self._body += block

    def finish(self) -> Answer | Pending:
        try:
            return self._answer(self._parse())
        finally:
            self.abort()

    def _parse(self) -> dict[str, Any]:
        if sum(self._body.count(mark) for mark in (b",", b"[", b"{")) > self._most_members:
            raise BadRequest("The JSON has more members than this request needs.", code="bad_json")
        return parse_object(self._body)

    def abort(self) -> None:
        held_bodies.release(self._principal.key, len(self._body))
        self._body.clear()
