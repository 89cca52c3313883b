"""What a protocol is, to the drivers that feed it.

A protocol gets the *head* of a request and returns a finished :class:`Answer`, or a :class:`Body` that is fed the
request's body block by block and then gives the answer. It is transport-free: it knows no socket, server or driver. All
calls may block on disk and database; drivers keep them off an event loop.

To add a protocol: subclass :class:`UploadProtocol`, and route ``protocol_view(YourProtocol())`` in
``urls_resumable_uploads.py``. Both drivers find it there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar

from django.http import HttpRequest, QueryDict

from ..errors import UnsupportedEncoding, UploadError
from ..services.principal import Principal
from .authentication import authenticate
from .problems import Problem, problem_for


@dataclass(frozen=True, slots=True)
class RequestHead:
    """The head of a request.

    ``headers`` has case-insensitive names. ``principal`` is who sent it; None for a method that needs nobody.
    ``content_length`` is None for a chunked body. ``root`` is what addresses here begin with: scheme and host.
    """

    method: str
    path_parameters: Mapping[str, object]
    query: QueryDict
    headers: Mapping[str, str]
    principal: Principal | None
    content_length: int | None
    root: str

    def require_principal(self) -> Principal:
        """Who sent it; for methods that need authentication, where there always is somebody."""
        assert self.principal is not None
        return self.principal


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer, its body complete; or, with a status below 200, one that comes before it (RFC 9110, 15.2)."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    code: str = ""
    """The problem's code if this is a refusal, for logs and metrics."""

    @property
    def is_interim(self) -> bool:
        return self.status < 200


@dataclass(frozen=True, slots=True)
class CorsNeeds:
    """What pages of other origins need to be told to use a protocol: names of headers, besides those of its methods."""

    request_headers: frozenset[str] = frozenset()
    exposed_headers: frozenset[str] = frozenset()


class Pending(ABC):
    """An answer that is still to come, from work that goes on without the request.

    Drivers ask for it again and again, without holding anything in between, for ``seconds`` at most.
    """

    seconds: float

    @abstractmethod
    def poll(self) -> Answer | None:
        """The answer, if there is one by now. May raise an ``UploadError``."""

    @abstractmethod
    def give_up(self) -> Answer:
        """The answer to who has waited long enough. May raise an ``UploadError``."""


class Body(ABC):
    """Takes the body of one request: ``receive`` for each block, then either ``finish`` or ``abort``."""

    interim: Answer | None = None
    """Sent before the body is read, where the server can send it."""
    takes_lent_blocks: ClassVar[bool] = False
    """Whether blocks may be memory that is used again: the last one once ``finish`` has returned, those before it once
    ``receive`` has."""

    @abstractmethod
    def receive(self, block: bytes) -> Answer | None:
        """Take the next bytes; as a memoryview, if they are lent. May raise an ``UploadError``, which ends the request;
        an interim answer does not."""

    @abstractmethod
    def finish(self) -> Answer | Pending:
        """The body ended as announced. May raise an ``UploadError``."""

    @abstractmethod
    def abort(self) -> None:
        """The body was cut short, or the request is ended early. Nobody waits for an answer."""

    silence_seconds: float | None = None
    """Call :meth:`on_silence` once nothing came for so long; None: never."""

    def on_silence(self) -> None:  # noqa: B027  # Most hold nothing that would be lost.
        """The sender has stopped for now, and may go on: put what came where it costs less, or is safe."""

    def on_superseded(self, end: Callable[[], None]) -> None:  # noqa: B027  # Most are never superseded.
        """Call ``end``, from any thread, once a newer request makes it pointless to read on."""


class UploadProtocol(ABC):
    """One way to speak HTTP to the engine."""

    name: ClassVar[str]
    methods: ClassVar[frozenset[str]]
    public_methods: ClassVar[frozenset[str]] = frozenset()
    """Methods that are answered without authentication."""
    cors: ClassVar[CorsNeeds] = CorsNeeds()
    common_headers: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Headers of every answer, refusals included."""

    def chosen_for(self, request: HttpRequest) -> UploadProtocol:
        """The protocol that a request speaks, where several share an address."""
        return self

    def method_of(self, request: HttpRequest) -> str:
        """The method that a request means."""
        return request.method or ""

    def throttle(self, request: HttpRequest, method: str) -> None:  # noqa: B027  # Most begin nothing.
        """Refuse requests that come too often, before anything is looked at.

        Raises:
            Throttled: this one does.
        """

    def authenticate(self, request: HttpRequest, path_parameters: Mapping[str, object]) -> Principal:
        """Who sent the request: by default, what the configured DRF authenticators say.

        Raises:
            Refused: nobody who may.
        """
        return authenticate(request)

    @abstractmethod
    def begin(self, head: RequestHead) -> Answer | Body:
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
