"""The server's operations over pooled keep-alive connections: a method each."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from threading import Lock
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

import urllib3
from urllib3.exceptions import HTTPError

from .bandwidth import Bandwidth
from .errors import ConnectionFailed, NotFound, UploadError, error_of

Token = str | Callable[[], str]
Session = dict[str, Any]
"""A session as the API reference has it."""
Receipt = dict[str, Any]
"""``index``, ``size`` and ``sha256`` (in hex) of a stored chunk."""

DRAFT = {"Upload-Draft-Interop-Version": "8"}
# A block must leave within the stall timeout: small enough for slow lines, large enough for fast ones.
BLOCK_BYTES = 64 * 1024
_FOUND = 302


class UploadApi:
    """One server, seen by one user. Safe to use from many threads.

    Args:
        url: where the API's URLs are included.
        token: a Bearer token, or a callable that gets one; called again when the server answers 401.
        connections: kept open.
        bandwidth: bounds how fast the bytes of chunks leave.
        wait_for_server: False: while a server has not answered once, a connection that fails is no reason to try again.
        stall_timeout: seconds without progress after which a request is given up.
        ca_certs: a file of certificates to trust instead of the system's.
        proxy: the address of an HTTP proxy.
    """

    def __init__(
        self,
        url: str,
        token: Token,
        *,
        connections: int = 16,
        bandwidth: Bandwidth | None = None,
        wait_for_server: bool = True,
        stall_timeout: float = 30.0,
        ca_certs: str | None = None,
        proxy: str | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._bandwidth = bandwidth
        self._is_patient = wait_for_server
        self._current: str | None = None if callable(token) else token
        self._lock = Lock()
        options: dict[str, Any] = {
            "maxsize": connections,
            "block": False,
            "timeout": urllib3.Timeout(connect=stall_timeout, read=stall_timeout),
            "retries": False,
            **({"ca_certs": ca_certs} if ca_certs else {}),
        }
        self._pool = urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)

    def init(self, **fields: Any) -> Session:
        """Begin an upload; fields that are None are left out."""
        known = {name: value for name, value in fields.items() if value is not None}
        return self._json("POST", "init", json_body=known)

    def status(self, upload_id: str) -> Session:
        return self._json("GET", f"status/{upload_id}")

    def receipts(self, upload_id: str, start: int) -> tuple[list[Receipt], int | None]:
        """A page of the receipts of stored chunks, and the chunk that the next page starts with, if there is one."""
        page = self._json("GET", f"status/{upload_id}?receipts_from={start}")
        return page["receipts"], page["receipts_next"]

    def cancel(self, upload_id: str) -> Session:
        return self._json("POST", "cancel", json_body={"upload_id": upload_id})

    def delete(self, upload_id: str) -> None:
        """Remove an upload in any state, record and file. May be repeated.

        Raises:
            NotFound: this is no upload id.
        """
        check_upload_id(upload_id)
        self._request("DELETE", upload_id)

    def list(self, **filters: str) -> Iterator[Session]:
        """My sessions, the newest first, page by page."""
        path: str | None = "?" + urlencode({"page_size": 200, **filters})
        while path:
            page = self._json("GET", path)
            yield from page["results"]
            path = "?" + page["next"].partition("?")[2] if page["next"] else None

    def put_chunk(
        self, upload_id: str, index: int, data: memoryview, digest: bytes, on_sent: Callable[[int], None]
    ) -> dict[str, Any]:
        """Send one chunk as it is, with its SHA-256 (RFC 9530). ``on_sent`` is called with the bytes of each block."""
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Digest": f"sha-256=:{base64.b64encode(digest).decode()}:",
        }
        return self._send_bytes("PUT", f"chunk/{upload_id}/{index}", data, headers, on_sent)

    def offset(self, upload_id: str) -> int:
        """From which byte on an upload is continued in order; ends requests that still continue it."""
        answer = self._request("HEAD", f"files/{upload_id}", headers=DRAFT)
        return int(answer.headers["Upload-Offset"])

    def append(
        self, upload_id: str, offset: int, data: memoryview, digest: bytes, on_sent: Callable[[int], None]
    ) -> int:
        """Send the next bytes in order (RFC 9530 digest and all); returns from which byte on to continue."""
        headers = {
            **DRAFT,
            "Content-Type": "application/partial-upload",
            "Content-Digest": f"sha-256=:{base64.b64encode(digest).decode()}:",
            "Upload-Offset": str(offset),
            "Upload-Complete": "?0",
        }
        answer = self._request_bytes("PATCH", f"files/{upload_id}", data, headers, on_sent)
        return int(answer.headers["Upload-Offset"])

    def create_whole(self, data: memoryview, headers: Mapping[str, str], on_sent: Callable[[int], None]) -> Session:
        """Send a whole file with its creation, as the IETF draft has it; ``headers`` say what it is."""
        return self._send_bytes("POST", "files/", data, headers, on_sent)

    def _send_bytes(
        self, method: str, path: str, data: memoryview, headers: Mapping[str, str], on_sent: Callable[[int], None]
    ) -> dict[str, Any]:
        return _parse(self._request_bytes(method, path, data, headers, on_sent))

    def _request_bytes(
        self, method: str, path: str, data: memoryview, headers: Mapping[str, str], on_sent: Callable[[int], None]
    ) -> urllib3.BaseHTTPResponse:
        def blocks() -> Iterator[memoryview]:
            for start in range(0, len(data), BLOCK_BYTES):
                block = data[start : start + BLOCK_BYTES]
                if self._bandwidth is not None:
                    self._bandwidth.take(len(block))
                yield block
                on_sent(len(block))

        return self._request(method, path, body=blocks, headers={**headers, "Content-Length": str(len(data))})

    def complete(
        self, upload_id: str, *, total_size: int, composite_hash: str | None, file_hash: str | None
    ) -> Session | float:
        """The session once it is verified and published; otherwise the seconds to wait before asking again."""
        proof = {"composite_hash": composite_hash, "file_hash": file_hash}
        known = {name: value for name, value in proof.items() if value is not None}
        fields = {"upload_id": upload_id, "total_size": total_size, **known}
        answer = self._request("POST", "complete", json_body=fields)
        if answer.status == 202:
            return float(answer.headers.get("Retry-After", 1))
        return _parse(answer)

    def open_file(self, upload_id: str, *, start: int, etag: str) -> urllib3.BaseHTTPResponse:
        """The bytes of a completed file from an offset on, unread. 200 instead of 206 means: from the beginning.

        A server may send who downloads to its object store, which gets to see no token.
        """
        part = {"Range": f"bytes={start}-"} if start else {}
        condition = {"If-Range": f'"{etag}"'} if start else {}
        answer = self._request("GET", f"file/{upload_id}", headers={**part, **condition}, preload=False, may_lead=True)
        if answer.status != _FOUND:
            return answer
        answer.close()
        elsewhere = answer.headers.get("Location", "")
        if not elsewhere.startswith(("https://", "http://")):
            raise UploadError("The server sends to nowhere.", code="redirected")
        found = self._send_to("GET", elsewhere, part, None, preload=False)
        if not 200 <= found.status < 300:
            raise error_of(found.status, found.data, found.headers.get("Retry-After"))
        return found

    def close(self) -> None:
        """Close all idle connections."""
        self._pool.clear()

    def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        return _parse(self._request(method, path, **options))

    def _request(
        self,
        method: str,
        path: str,
        *,
        json_body: Any = None,
        body: Callable[[], Iterator[memoryview]] | None = None,
        headers: Mapping[str, str] | None = None,
        preload: bool = True,
        may_lead: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        url = f"{self.url}/{path}"
        headers = {"Accept": "application/json", **(headers or {})}
        if json_body is not None:
            headers["Content-Type"] = "application/json"
        used = self._bearer()
        answer = self._send(method, url, headers, used, json_body, body, preload)
        if answer.status == 401 and callable(self._token):
            self._renew(used)
            answer = self._send(method, url, headers, self._bearer(), json_body, body, preload)
        is_led = may_lead and answer.status == _FOUND
        if not is_led and not 200 <= answer.status < 300:
            raise error_of(answer.status, answer.data, answer.headers.get("Retry-After"))
        return answer

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        token: str,
        json_body: Any,
        body: Callable[[], Iterator[memoryview]] | None,
        preload: bool,
    ) -> urllib3.BaseHTTPResponse:
        payload: Any = json.dumps(json_body).encode() if json_body is not None else body() if body else None
        with_token = {**headers, **({"Authorization": f"Bearer {token}"} if token else {})}
        return self._send_to(method, url, with_token, payload, preload=preload)

    def _send_to(
        self, method: str, url: str, headers: Mapping[str, str], payload: Any, *, preload: bool
    ) -> urllib3.BaseHTTPResponse:
        try:
            answer = self._pool.request(
                method, url, body=payload, headers=headers, preload_content=preload, redirect=False
            )
        except (HTTPError, OSError) as error:
            failed = ConnectionFailed(f"The server cannot be reached: {_in_words(error).rstrip('.')}.")
            failed.retryable = self._is_patient
            raise failed from error
        self._is_patient = True
        return answer

    def _bearer(self) -> str:
        with self._lock:
            if self._current is None:
                self._current = cast("Callable[[], str]", self._token)()
            return self._current

    def _renew(self, used: str) -> None:
        """Whoever notices first asks for a fresh token; the other requests in flight use the same one."""
        with self._lock:
            if self._current == used:
                self._current = None


def _in_words(error: BaseException) -> str:
    """What the system says of it; urllib3 wraps that in representations of its objects."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror
        error, inner = inner, inner.__cause__ or inner.__context__
    return str(error)


def check_upload_id(text: str) -> None:
    """For where it must not be sent at all: what is no id may be the address of something else, or of another file.

    Raises:
        NotFound: this is no upload id.
    """
    try:
        if str(UUID(text)) == text:
            return
    except ValueError:
        pass
    raise NotFound(f"{text!r} is not an upload id.")


def _parse(answer: urllib3.BaseHTTPResponse) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(answer.data)
    except ValueError:
        raise UploadError("There is no upload service at this address.", code="not_an_upload_server") from None
    return document
