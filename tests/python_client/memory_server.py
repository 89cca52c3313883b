"""The smallest server that the client can upload to, for systems that the real one does not run on."""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

CHUNK_SIZE = 2**18


class Sessions:
    """Uploads in memory."""

    def __init__(self) -> None:
        self.chunks: dict[str, dict[int, bytes]] = {}
        self.documents: dict[str, dict[str, Any]] = {}

    def init(self, fields: dict[str, Any]) -> dict[str, Any]:
        for document in self.documents.values():
            if document["client_key"] == fields["client_key"] and document["status"] == "active":
                return self.document(document["upload_id"])
        upload_id = str(uuid.uuid4())
        self.chunks[upload_id] = {}
        self.documents[upload_id] = {
            "upload_id": upload_id,
            "status": "active",
            "filename": fields["filename"],
            "client_key": fields["client_key"],
            "purpose": fields.get("purpose"),
            "metadata": fields.get("metadata", {}),
            "total_size": fields["total_size"],
            "chunk_size": CHUNK_SIZE,
            "total_chunks": -(-fields["total_size"] // CHUNK_SIZE),
            "created_at": "2026-01-02T03:04:05+00:00",
            "file": None,
        }
        return self.document(upload_id)

    def document(self, upload_id: str) -> dict[str, Any]:
        document, chunks = self.documents[upload_id], self.chunks[upload_id]
        missing = [index for index in range(document["total_chunks"]) if index not in chunks]
        received = sum(map(len, chunks.values()))
        progress = {
            "percentage": 0,
            "received_chunks": len(chunks),
            "received_bytes": received,
            "missing_chunks": missing,
        }
        return {**document, "progress": progress}

    def complete(self, fields: dict[str, Any]) -> dict[str, Any]:
        document, chunks = self.documents[fields["upload_id"]], self.chunks[fields["upload_id"]]
        digests = b"".join(hashlib.sha256(chunks[index]).digest() for index in sorted(chunks))
        composite = f"{hashlib.sha256(digests).hexdigest()}-{len(chunks)}"
        assert fields["composite_hash"] == composite
        file = {"name": document["filename"], "size": document["total_size"], "mime_type": "", "url": "/file"}
        file["reference"] = document["purpose"] and f"to a file for {document['purpose']}"
        document |= {"status": "completed", "file": {**file, "sha256": None, "composite_hash": composite}}
        return self.document(fields["upload_id"])

    def receipts(self, upload_id: str) -> dict[str, Any]:
        chunks = sorted(self.chunks[upload_id].items())
        receipts = [
            {"index": index, "size": len(chunk), "sha256": hashlib.sha256(chunk).hexdigest()} for index, chunk in chunks
        ]
        return {"receipts": receipts, "receipts_next": None}


@contextmanager
def memory_server() -> Iterator[tuple[str, Sessions]]:
    """The address of one, and what it has."""
    sessions = Sessions()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            fields = json.loads(self._body())
            self._answer(sessions.init(fields) if self.path.endswith("/init") else sessions.complete(fields))

        def do_PUT(self) -> None:
            _, _, _, upload_id, index = self.path.split("/")
            sessions.chunks[upload_id][int(index)] = self._body()
            self._answer(sessions.document(upload_id))

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            kind, _, upload_id = address.path.removeprefix("/api/").partition("/")
            if kind == "file":
                self._send(b"".join(chunk for _, chunk in sorted(sessions.chunks[upload_id].items())))
            elif kind == "status":
                more = sessions.receipts(upload_id) if "receipts_from" in parse_qs(address.query) else {}
                self._answer({**sessions.document(upload_id), **more})
            else:
                found = [sessions.document(each) for each in sessions.documents]
                self._answer({"results": [each for each in found if each["status"] == "completed"], "next": None})

        def _body(self) -> bytes:
            if "Content-Length" in self.headers:
                return self.rfile.read(int(self.headers["Content-Length"]))
            return b""

        def _answer(self, document: dict[str, Any]) -> None:
            self._send(json.dumps(document).encode())

        def _send(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api", sessions
    finally:
        server.shutdown()
        server.server_close()
