"""A thin client of the API for tests."""

from __future__ import annotations

import base64
import hashlib
from types import TracebackType
from typing import TYPE_CHECKING, Any
from uuid import UUID

import requests
from requests import Response

if TYPE_CHECKING:
    from apps.core.models import UploadSession

LONG = 300
"""Seconds in which everything is answered, however busy the machine is."""


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def content_digest(data: bytes) -> dict[str, str]:
    return {"Content-Digest": f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"}


class PatientSession(requests.Session):
    """Waits ``LONG`` for what is not said to come sooner."""

    def request(self, *arguments: Any, **options: Any) -> Response:
        return super().request(*arguments, **{"timeout": LONG, **options})


class Api:
    """The endpoints, with a Bearer token."""

    def __init__(self, base_url: str, token: str | None) -> None:
        self.base_url = base_url
        self.url = f"{base_url}/api/v1/upload"
        self.http = PatientSession()
        if token:
            self.http.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> Api:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def post(self, path: str, document: Any) -> Response:
        return self.http.post(f"{self.url}/{path}", json=document)

    def get(self, path: str, **options: Any) -> Response:
        return self.http.get(f"{self.url}/{path}", **options)

    def init(self, data: bytes, filename: str = "data.bin", **fields: Any) -> str:
        """Begin an upload of ``data``; returns its id."""
        answer = self.post("init", {"filename": filename, "total_size": len(data), "file_hash": sha256(data), **fields})
        assert answer.status_code in (200, 201), answer.text
        return str(answer.json()["upload_id"])

    def put(self, upload_id: str, index: int | str, data: Any, headers: dict[str, str] | None = None) -> Response:
        return self.http.put(f"{self.url}/chunk/{upload_id}/{index}", data=data, headers=headers)

    def post_chunk(self, upload_id: str, index: Any, data: bytes, **fields: Any) -> Response:
        return self.post(
            "chunk",
            {
                "upload_id": upload_id,
                "chunk_index": index,
                "chunk_data": base64.b64encode(data).decode(),
                "checksum": sha256(data),
                **fields,
            },
        )

    def send(self, upload_id: str, data: bytes, chunk_size: int, indices: Any = None) -> None:
        """Send chunks of ``data``, all of them by default."""
        total = -(-len(data) // chunk_size)
        for index in range(total) if indices is None else indices:
            chunk = data[index * chunk_size : (index + 1) * chunk_size]
            answer = self.put(upload_id, index, chunk, content_digest(chunk))
            assert answer.status_code == 200, answer.text

    def complete(self, upload_id: str, **fields: Any) -> Response:
        return self.post("complete", {"upload_id": upload_id, **fields})

    def status(self, upload_id: str) -> Response:
        return self.get(f"status/{upload_id}")

    def upload(self, data: bytes, filename: str = "data.bin", **fields: Any) -> dict[str, Any]:
        """A whole upload; returns the completed session."""
        upload_id = self.init(data, filename, **fields)
        self.send(upload_id, data, self.status(upload_id).json()["chunk_size"])
        answer = self.complete(upload_id)
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document


def session_of(upload_id: str) -> UploadSession:
    from apps.core.models import UploadSession

    return UploadSession.objects.get(upload_id=UUID(upload_id))


def assert_problem(answer: Response, status: int, code: str) -> dict[str, Any]:
    """The answer is the one error form with this status and code."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert document["code"] == code, document
    assert document["detail"]
    assert document["type"].startswith("urn:resumable-uploads:problem:")
    return document
