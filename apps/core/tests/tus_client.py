"""A thin client of tus 1.0.0 for tests: each method is one request."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from requests import Response

from .api import Api

OFFSET_STREAM = "application/offset+octet-stream"


def metadata(**values: str | bytes) -> str:
    """An ``Upload-Metadata``."""
    encoded = {key: value.encode() if isinstance(value, str) else value for key, value in values.items()}
    return ",".join(f"{key} {base64.b64encode(value).decode()}" for key, value in encoded.items())


class Tus:
    """The requests of tus, with the token of an :class:`Api`. A header that is None is left out."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.files = f"{api.url}/files/"

    def request(
        self, method: str, url: str, data: Any = None, headers: Mapping[str, str | None] | None = None
    ) -> Response:
        sent = {"Tus-Resumable": "1.0.0", **(headers or {})}
        return self.api.http.request(method, self.absolute(url), data=data, headers=sent, allow_redirects=False)

    def absolute(self, location: str) -> str:
        return location if location.startswith("http") else self.api.base_url + location

    def post(self, length: int | None = None, data: Any = None, **headers: str | None) -> Response:
        """Create, with these headers (``Upload_Metadata``) besides."""
        return self.request("POST", self.files, data, {**_length(length), **_body(data), **_named(headers)})

    def create(self, length: int | None = None, **headers: str | None) -> str:
        """The address of a new upload; of unknown length without one."""
        if length is None:
            headers["Upload_Defer_Length"] = "1"
        answer = self.post(length, **headers)
        assert answer.status_code == 201, answer.text
        return answer.headers["Location"]

    def patch(self, url: str, offset: Any, data: Any = b"", **headers: str | None) -> Response:
        sent = {"Content-Type": OFFSET_STREAM, "Upload-Offset": str(offset), **_named(headers)}
        return self.request("PATCH", url, data, sent)

    def head(self, url: str, **headers: str | None) -> Response:
        return self.request("HEAD", url, headers=_named(headers))

    def offset(self, url: str) -> int:
        answer = self.head(url)
        assert answer.status_code == 200, answer.status_code
        return int(answer.headers["Upload-Offset"])

    def delete(self, url: str) -> Response:
        return self.request("DELETE", url)

    def id_of(self, url: str) -> str:
        return url.rpartition("/")[2]


def _length(length: int | None) -> dict[str, str]:
    return {} if length is None else {"Upload-Length": str(length)}


def _body(data: Any) -> dict[str, str]:
    return {} if data is None else {"Content-Type": OFFSET_STREAM}


def _named(headers: Mapping[str, str | None]) -> dict[str, str | None]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
