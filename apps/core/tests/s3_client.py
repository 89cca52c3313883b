"""A thin client of Uppy's S3 contract for tests: each method is one request."""

from __future__ import annotations

from typing import Any

from requests import Response

from .api import Api


class S3:
    """The requests of the contract, with the token of an :class:`Api`, or to an endpoint of one's own."""

    def __init__(self, api: Api, endpoint: str | None = None) -> None:
        self.api = api
        self.url = f"{endpoint or api.url}/s3"

    def post(self, path: str, document: Any, **options: Any) -> Response:
        return self.api.http.post(f"{self.url}/{path}", json=document, **options)

    def get(self, path: str, **options: Any) -> Response:
        return self.api.http.get(f"{self.url}/{path}", **options)

    def create(self, filename: str = "a.bin", **fields: Any) -> str:
        """The id of a new multipart upload."""
        answer = self.post("multipart", {"filename": filename, **fields})
        assert answer.status_code == 200, answer.text
        assert answer.json()["key"]
        return str(answer.json()["uploadId"])

    def sign(self, upload_id: str, number: Any) -> str:
        """Where to send a part."""
        answer = self.get(f"multipart/{upload_id}/{number}")
        assert answer.status_code == 200, answer.text
        return str(answer.json()["url"])

    def send(self, url: str, data: Any, method: str = "PUT", **options: Any) -> Response:
        """To a signed address, as somebody with nothing but that."""
        headers = {"Authorization": None, **options.pop("headers", {})}
        return self.api.http.request(method, url, data=data, headers=headers, **options)

    def put(self, upload_id: str, number: Any, data: Any) -> Response:
        return self.send(self.sign(upload_id, number), data)

    def parts(self, upload_id: str) -> list[dict[str, Any]]:
        answer = self.get(f"multipart/{upload_id}")
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()
        return found

    def complete(self, upload_id: str, parts: Any = None) -> Response:
        """With the parts that are stored, by default."""
        if parts is None:
            parts = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in self.parts(upload_id)]
        return self.post(f"multipart/{upload_id}/complete?key={upload_id}", {"parts": parts})

    def abort(self, upload_id: str) -> Response:
        return self.api.http.delete(f"{self.url}/multipart/{upload_id}?key={upload_id}")

    def parameters(self, filename: str = "a.bin", **query: str) -> Response:
        return self.get("params", params={"filename": filename, **query})
