"""A completed file as a response: one range or all of it, as an attachment that no browser runs.

Or the way to it, where the store says so: an address in the bucket that holds for a few minutes. It gives the same
attachment of the same type; ``nosniff``, the sandbox and a bound on downloads are the bucket's affair then.
"""

from __future__ import annotations

import re
from typing import Any

from django.core.files import File
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header, http_date, parse_etags

from ..errors import NotFound
from ..http.problems import Problem
from ..models import UploadSession
from ..services.principal import Principal
from ..storage import SignedDownloads, get_store
from .sending import sent_file

_HEADERS_OF_ADDRESS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})")


def file_response(request: HttpRequest, session: UploadSession) -> HttpResponseBase:
    """The file of a completed session, or the range of it that was asked for.

    Raises:
        NotFound: the file was removed.
        Throttled: its owner is downloading too many already.
        Unavailable: it cannot be read now.
    """
    size = session.total_size or 0
    etag = f'"{session.published_digest}"'
    headers = _headers(session, etag)
    if _none_match(request, etag):
        return HttpResponseNotModified(headers=headers)
    wanted = _wanted_range(request, size, etag)
    if wanted is None:
        problem = Problem(
            416, "bad_range", f"The file has {size} bytes.", more_headers={"Content-Range": f"bytes */{size}"}
        )
        return HttpResponse(problem.body(), status=416, headers=problem.headers())
    if request.method == "GET" and (elsewhere := _address_in_store(session)):
        return HttpResponse(status=302, headers={"Location": elsewhere, **_HEADERS_OF_ADDRESS})
    stored = _opened(session)
    if request.method == "HEAD":
        stored.close()
        return HttpResponse(headers={**headers, "Content-Length": str(size)})
    stored.seek(wanted.start)
    response = StreamingHttpResponse(
        _content(request, stored, len(wanted), session),
        status=200 if len(wanted) == size else 206,
        headers={**headers, "Content-Length": str(len(wanted))},
    )
    if response.status_code == 206:
        response["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{size}"
    return response


def _opened(session: UploadSession) -> File[bytes]:
    if not session.file.name:
        raise NotFound
    try:
        return session.file.open("rb")
    except FileNotFoundError:
        raise NotFound from None


def _content(request: HttpRequest, stored: File[bytes], size: int, session: UploadSession) -> Any:
    try:
        return sent_file(request, stored, size, Principal.owning(session).key)
    except FileNotFoundError:
        raise NotFound from None


def _address_in_store(session: UploadSession) -> str | None:
    store = get_store(session.store)
    if session.destination or not session.file.name or not isinstance(store, SignedDownloads):
        return None
    return store.download_url(session.file.name, filename=session.filename, mime_type=session.mime_type)


def _headers(session: UploadSession, etag: str) -> dict[str, str]:
    return {
        "Content-Type": session.mime_type,
        "Content-Disposition": content_disposition_header(True, session.filename) or "attachment",
        "ETag": etag,
        "Last-Modified": http_date((session.ended_at or session.updated_at).timestamp()),
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
    }


def _none_match(request: HttpRequest, etag: str) -> bool:
    given = parse_etags(request.headers.get("If-None-Match", ""))
    return "*" in given or etag in given or f"W/{etag}" in given


def _wanted_range(request: HttpRequest, size: int, etag: str) -> range | None:
    """The bytes to send; None if there are none. Anything but one plain range means all (RFC 9110, 14.2)."""
    match = _RANGE.fullmatch(request.headers.get("Range", ""))
    if match is None or request.headers.get("If-Range", etag) != etag:
        return range(size)
    first, last = match[1], match[2]
    if not first and not last:
        return range(size)
    if not first:
        return range(max(size - int(last), 0), size) if int(last) else None
    if last and int(last) < int(first):
        return range(size)
    start, stop = int(first), min(int(last) + 1 if last else size, size)
    return range(start, stop) if start < size else None
