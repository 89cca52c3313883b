"""A client of the API whose every answer goes into the report."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import requests

from .content import Content
from .report import ACKNOWLEDGED, Report
from .server import FaultServer

Broken = requests.RequestException
"""A request that got no answer."""


@dataclass(frozen=True)
class Answer:
    status: int
    document: dict[str, Any]

    @property
    def code(self) -> str:
        return str(self.document.get("code", ""))

    @property
    def missing(self) -> set[int]:
        """Chunks that must be sent again, as a refused ``complete`` names them."""
        return set(self.document.get("missing_chunks", ()))

    def __str__(self) -> str:
        return f"{self.status} {self.document.get('detail') or self.document.get('status') or self.document}"


class Client:
    """One connection of one user; for one thread.

    Args:
        patient: send a request again, once, when its connection turns out to be closed.
        label: put before each operation in the report, to tell the phases of a campaign apart.
    """

    def __init__(
        self, server: FaultServer, report: Report, *, token: str = "", patient: bool = False, label: str = ""
    ) -> None:
        self.report = report
        self._base = f"{server.base_url}/api/v1/upload"
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.headers["Authorization"] = f"Bearer {token or server.token}"
        self._patient = patient
        self.label = label

    def call(
        self, operation: str, method: str, path: str, *, expect: Collection[int] | None = None, **options: Any
    ) -> Answer:
        """Send one request.

        Args:
            expect: statuses; any other one is a defect.

        Raises:
            Broken: there was no answer.
        """
        response = self._send(method, f"{self._base}/{path}", {"timeout": 60, **options})
        try:
            document = response.json() if response.content else {}
        except requests.JSONDecodeError:
            document = {}
        answer = Answer(response.status_code, document)
        operation = f"{self.label}{operation}"
        names_wait = "Retry-After" in response.headers
        self.report.answer(operation, answer.status, answer.code, response.text[:300], names_wait=names_wait)
        if expect is not None and answer.status not in expect:
            self.report.defect(f"{operation}, unexpected answer: {answer}, expected one of {sorted(expect)}")
        return answer

    def _send(self, method: str, url: str, options: dict[str, Any]) -> requests.Response:
        try:
            return self._http.request(method, url, **options)
        except requests.ConnectionError:
            if not self._patient:
                raise
            self.report.count("connections found closed")
            return self._http.request(method, url, **options)

    def init(self, content: Content, *, expect: Collection[int] | None = None, **fields: Any) -> Answer:
        """Begin an upload; a field that is None is left out."""
        document = {
            "filename": content.name,
            "total_size": content.size,
            "file_hash": content.sha256,
            "chunk_size": content.chunk_size,
            **fields,
        }
        return self.call("init", "POST", "init", json=document, expect=expect)

    def begin(self, content: Content, **fields: Any) -> str:
        """Begin an upload that nothing should keep from beginning; returns its id."""
        return str(self.init(content, expect=(200, 201), **fields).document["upload_id"])

    def put(
        self,
        upload_id: str,
        index: int,
        data: bytes,
        *,
        operation: str = "put",
        digest: bytes | None = None,
        expect: Collection[int] | None = None,
    ) -> Answer:
        """Send a raw chunk, with the digest of its data unless another is given."""
        encoded = base64.b64encode(digest or hashlib.sha256(data).digest()).decode()
        headers = {"Content-Type": "application/octet-stream", "Content-Digest": f"sha-256=:{encoded}:"}
        path = f"chunk/{upload_id}/{index}"
        return self._chunk(self.call(operation, "PUT", path, data=data, headers=headers, expect=expect))

    def post_chunk(self, upload_id: str, index: int, data: bytes) -> Answer:
        """Send a chunk as JSON."""
        document = {
            "upload_id": upload_id,
            "chunk_index": index,
            "chunk_data": base64.b64encode(data).decode(),
            "checksum": hashlib.sha256(data).hexdigest(),
        }
        return self._chunk(self.call("post chunk", "POST", "chunk", json=document))

    def _chunk(self, answer: Answer) -> Answer:
        if answer.status == 200:
            self.report.count(ACKNOWLEDGED)
        return answer

    def status(self, upload_id: str, *, expect: Collection[int] | None = None) -> Answer:
        return self.call("status", "GET", f"status/{upload_id}", expect=expect)

    def missing(self, upload_id: str) -> set[int]:
        """The chunks that an active upload still needs."""
        return set(self.status(upload_id, expect=(200,)).document["progress"]["missing_chunks"])

    def complete(self, upload_id: str, *, expect: Collection[int] | None = None, **fields: Any) -> Answer:
        return self.call("complete", "POST", "complete", json={"upload_id": upload_id, **fields}, expect=expect)

    def finish(self, upload_id: str, *, seconds: float = 60, **fields: Any) -> Answer:
        """Ask to complete until the answer is final."""
        deadline = time.monotonic() + seconds
        while (answer := self.complete(upload_id, **fields)).status in (202, 503) and time.monotonic() < deadline:
            time.sleep(0.1)
        return answer

    def cancel(self, upload_id: str, *, expect: Collection[int] | None = None) -> Answer:
        return self.call("cancel", "POST", "cancel", json={"upload_id": upload_id}, expect=expect)

    def delete(self, upload_id: str, *, expect: Collection[int] | None = None) -> Answer:
        return self.call("delete", "DELETE", upload_id, expect=expect)
