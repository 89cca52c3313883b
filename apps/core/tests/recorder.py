"""A protocol that notes what happens to its requests, for tests of what drives it."""

from __future__ import annotations

import threading
from typing import ClassVar

from apps.core.http.protocol import Answer, Body, RequestHead, UploadProtocol


class Recording(Body):
    """Notes what happens to it, and answers early to a block that asks for it."""

    def __init__(self) -> None:
        self.happened: list[str] = []
        self.at_work = threading.Event()
        self.may_end = threading.Event()
        self.is_rested = threading.Event()
        self.trouble: Exception | None = None
        """What goes wrong when its sender is silent."""

    def receive(self, block: bytes) -> Answer | None:
        if block == b"slow":
            self.at_work.set()
            self.may_end.wait(10)
        self.happened.append(block.decode())
        return Answer(409) if block == b"enough" else None

    def on_silence(self) -> None:
        self.happened.append("silence")
        self.is_rested.set()
        if self.trouble is not None:
            raise self.trouble

    def finish(self) -> Answer:
        return Answer(200)

    def abort(self) -> None:
        self.happened.append("abort")


class Recorder(UploadProtocol):
    name = "recorder"
    methods: ClassVar[frozenset[str]] = frozenset({"PUT"})
    public_methods: ClassVar[frozenset[str]] = frozenset({"PUT"})

    def __init__(self) -> None:
        self.body = Recording()

    def begin(self, head: RequestHead) -> Body:
        return self.body
