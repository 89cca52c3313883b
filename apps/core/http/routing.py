"""From a URL to the protocol behind it."""

from __future__ import annotations

from django.urls import Resolver404, ResolverMatch, resolve

from .protocol import UploadProtocol


def resolve_path(path: str) -> ResolverMatch | None:
    """What the URL configuration has at a path below the script name, if anything."""
    try:
        return resolve(path)
    except Resolver404:
        return None


def protocol_of(match: ResolverMatch | None) -> UploadProtocol | None:
    """The protocol behind a resolved URL, if there is one (see ``protocol_view``)."""
    return getattr(match.func, "upload_protocol", None) if match else None
