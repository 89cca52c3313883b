"""Real values for the examples: one small file on its way, so that who sends an example as it is uploads that file."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from django.urls import reverse

from ..hashing import composite_of

UPLOAD_ID = "7b2f45c6-ecbd-48a0-a621-9ce06a4b4215"
CONTENT = b"Hello, world!\n"
FILENAME, MIME_TYPE = "hello.txt", "text/plain"
DIGEST = hashlib.sha256(CONTENT)
SHA256 = DIGEST.hexdigest()
COMPOSITE_HASH = composite_of([DIGEST.digest()])
CONTENT_DIGEST = f"sha-256=:{base64.b64encode(DIGEST.digest()).decode()}:"
UPLOAD_METADATA = f"filename {base64.b64encode(FILENAME.encode()).decode()}"
CURSOR = "cD0yMDI2LTAzLTAxKzEwJTNBMDA="

_SIZE = len(CONTENT)
_BEGUN, _EXPIRES, _DONE = (
    "2026-03-01T10:00:00.120000+00:00",
    "2026-03-02T10:00:01.480000+00:00",
    "2026-03-01T10:00:01.730000+00:00",
)

INIT = {"filename": FILENAME, "total_size": _SIZE, "file_hash": SHA256, "metadata": {"album": "Greetings"}}
CHUNK = {
    "upload_id": UPLOAD_ID,
    "chunk_index": 0,
    "chunk_data": base64.b64encode(CONTENT).decode(),
    "checksum": SHA256,
}
COMPLETE = {"upload_id": UPLOAD_ID, "composite_hash": COMPOSITE_HASH}
REFERENCE = {"upload_id": UPLOAD_ID}
RECEIPTS = {"receipts": [{"index": 0, "size": _SIZE, "sha256": SHA256}], "receipts_next": None}


def _counters(received: int) -> dict[str, Any]:
    return {
        "percentage": 100.0 * received,
        "received_chunks": received,
        "total_chunks": 1,
        "received_bytes": _SIZE * received,
    }


CHUNK_STORED = {"upload_id": UPLOAD_ID, "chunk_index": 0, "progress": _counters(1)}


def session(status: str, *, received: int = 0, summary: bool = False) -> dict[str, Any]:
    """The session of the file in a state, with so many of its chunks (there is one) received."""
    completed = status == "completed"
    progress = {**_counters(received), "damaged_chunks": 0}
    if not summary:
        progress |= {
            "missing_chunks": [] if received or completed else [0],
            "assembled_bytes": _SIZE if completed else 0,
            "assembled_percentage": 100.0 if completed else 0.0,
        }
    return {
        "upload_id": UPLOAD_ID,
        "status": status,
        "filename": FILENAME,
        "mime_type": MIME_TYPE,
        "total_size": _SIZE,
        "chunk_size": 2**20,
        "total_chunks": 1,
        "file_hash": SHA256,
        "metadata": INIT["metadata"],
        "created_at": _BEGUN,
        "expires_at": _EXPIRES,
        "progress": progress,
        "file": _file() if completed else None,
        "error": None,
    }


def _file() -> dict[str, Any]:
    return {
        "name": FILENAME,
        "size": _SIZE,
        "mime_type": MIME_TYPE,
        "sha256": SHA256,
        "composite_hash": COMPOSITE_HASH,
        "url": reverse("resumable_uploads:file", kwargs={"upload_id": UPLOAD_ID}),
        "completed_at": _DONE,
        "reference": None,
        "used_by": None,
    }


def page() -> dict[str, Any]:
    """A page of a list, with a next one."""
    following = f"https://uploads.example.com{reverse('resumable_uploads:list')}?cursor={CURSOR}&page_size=1"
    return {"next": following, "previous": None, "results": [session("completed", received=1, summary=True)]}
