"""The whole API in the OpenAPI schema, in the order in which it is read: the protocols, which are no DRF views, the
examples, and the tags."""

from __future__ import annotations

from typing import Any

from django.urls import NoReverseMatch

from . import examples
from .chunks import CHUNK_SCHEMAS, chunk_paths
from .operations import path_of
from .s3 import S3, s3_paths
from .sequential import DRAFT, TUS, sequential_paths

TAGS = [
    {"name": "upload", "description": "Send a file: begin, send its chunks in any order, complete."},
    {"name": "files", "description": "What was sent: list, download, delete."},
    {"name": TUS, "description": "tus 1.0.0, for clients that speak it."},
    {"name": DRAFT, "description": "Resumable Uploads for HTTP (IETF draft), at the same addresses as tus."},
    {"name": S3, "description": "What Uppy's S3 plugin expects of its server."},
]


def add_protocols(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """drf-spectacular postprocessing hook: adds what it cannot find by itself, with the app's paths in their order.

    The paths of other apps of the project stay where they are.
    """
    try:
        ordered = _ordered_paths(result["paths"])
    except NoReverseMatch:
        return result
    result["components"]["schemas"].update(CHUNK_SCHEMAS)
    others = {path: item for path, item in result["paths"].items() if path not in ordered}
    before = {path: item for path, item in others.items() if path < min(ordered)}
    result["paths"] = {**before, **ordered, **others}
    tags = result.setdefault("tags", [])
    known = {tag["name"] for tag in tags}
    tags.extend(tag for tag in TAGS if tag["name"] not in known)
    return result


def _ordered_paths(found: dict[str, Any]) -> dict[str, Any]:
    """The app's paths in the order of a reader, views completed with examples."""
    described = {**found, **chunk_paths(), **sequential_paths(), **s3_paths()}
    order = [
        path_of("init"),
        *chunk_paths(),
        path_of("complete"),
        path_of("status", "upload_id"),
        path_of("cancel"),
        path_of("list"),
        path_of("file", "upload_id"),
        path_of("upload", "upload_id"),
        *sequential_paths(),
        *s3_paths(),
    ]
    ordered = {path: described[path] for path in order if path in described}
    security = ordered.get(path_of("init"), {}).get("post", {}).get("security")
    for path, item in ordered.items():
        for operation in item.values():
            if path in found:
                examples.complete(operation)
            elif security is not None and "401" in operation["responses"]:
                operation["security"] = security
    return ordered
