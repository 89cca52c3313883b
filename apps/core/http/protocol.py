"""What a protocol is, to the drivers that feed it.

A protocol gets the *head* of a request and returns a finished :class:`Answer`, or a :class:`Receiver` that is fed the
body block by block and then gives the answer. All calls may block on disk and database; drivers keep them off an event
loop. To add a protocol: subclass :class:`UploadProtocol`, and route ``protocol_view(YourProtocol())`` in
``urls_resumable_uploads.py``. Both drivers find it there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..errors import UnsupportedEncoding, UploadError
from .problems import Problem, problem_for


@dataclass(frozen=True, slots=True)
class RequestHead:
    """The head of a request, authenticated.

    ``headers`` has lower-case names. ``content_length`` is None for a chunked body.
    """

    method: str
    path_parameters: Mapping[str, Any]
    headers: Mapping[str, str]
    user: Any
    content_length: int | None


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer. ``body`` is complete: answers of protocols are small."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    code: str = ""
    """The problem's code if this is a refusal, for logs and metrics."""


class Receiver(ABC):
    """Takes the body of one request."""

    @abstractmethod
    def receive(self, block: bytes) -> None:
        """Take the next bytes of the body. May raise an ``UploadError``, which ends the request."""

    @abstractmethod
    def finish(self) -> Answer:
        """The body ended as announced. May raise an ``UploadError``."""

    @abstractmethod
    def break_off(self) -> None:
        """The body broke off, or the request is ended early. Nobody waits for an answer."""


class UploadProtocol(ABC):
    """One way to speak HTTP to the engine."""

    name: ClassVar[str]
    methods: ClassVar[frozenset[str]]

    @abstractmethod
    def begin(self, head: RequestHead) -> Answer | Receiver:
        """Answer at once, or give the object that receives the body. May raise an ``UploadError``."""

    def refuse(self, problem: Problem) -> Answer:
        """A problem in this protocol's own form; the one error form unless the protocol has another."""
        return Answer(problem.status, problem.body(), problem.headers(), problem.code)

    def refuse_error(self, error: UploadError) -> Answer:
        """An engine's error in this protocol's own form."""
        return self.refuse(problem_for(error))


def require_identity_encoding(headers: Mapping[str, str]) -> None:
    """Refuse compressed bodies (RFC 9110, 8.4)."""
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise UnsupportedEncoding
