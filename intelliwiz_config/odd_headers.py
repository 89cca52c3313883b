"""Headers that are legal, that nobody needs, and that Django answers with 500: mended before it sees them.

* ``charset`` of a request: Django decodes the query and forms by any codec that Python knows, ``hex`` among them.
  Browsers send UTF-8, so a request of another one is taken for no form. Nor is one whose type has extended parameters
  (RFC 2231), which name a charset too.
* A session cookie in quotes: by octal escapes it may have a NUL, which PostgreSQL refuses. No session's key needs them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from django.conf import settings

from .proxies import AsgiApplication, Scope, WsgiApplication

_UTF8 = re.compile(r"charset=\"?utf-8\"?\s*(;|$)", re.IGNORECASE)


def content_type(given: str) -> str:
    parameters = given.partition(";")[2]
    if "*" not in parameters and ("charset" not in given.lower() or _UTF8.search(given)):
        return given
    return "application/octet-stream"


def cookie(given: str) -> str:
    wanted = [part for part in given.split(";") if not part.strip().startswith(f'{settings.SESSION_COOKIE_NAME}="')]
    return ";".join(wanted)


class AsgiWithoutOddHeaders:
    def __init__(self, application: AsgiApplication) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope = {**scope, "headers": [(name, _mended(name, value)) for name, value in scope["headers"]]}
        await self._application(scope, receive, send)


def _mended(name: bytes, value: bytes) -> bytes:
    mend = {b"content-type": content_type, b"cookie": cookie}.get(name)
    return mend(value.decode("latin-1")).encode("latin-1") if mend else value


class WsgiWithoutOddHeaders:
    def __init__(self, application: WsgiApplication) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        for name, mend in (("CONTENT_TYPE", content_type), ("HTTP_COOKIE", cookie)):
            if name in environ:
                environ[name] = mend(environ[name])
        return self._application(environ, start_response)
