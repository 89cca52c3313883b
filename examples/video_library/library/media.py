"""The files, for those who are logged in. A site of size has its web server send them: docs/FIELDS.md says how."""

import asyncio
from collections.abc import AsyncIterator
from typing import IO

from django.contrib.auth.decorators import login_required
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import default_storage
from django.core.handlers.asgi import ASGIRequest
from django.http import FileResponse, Http404, HttpRequest

BLOCK = 2**20


@login_required
def download(request: HttpRequest, name: str) -> FileResponse:
    """Never shown in the page: what people upload does not run there."""
    try:
        file = default_storage.open(name)
    except (OSError, SuspiciousFileOperation):
        raise Http404 from None
    response = FileResponse(file, as_attachment=True)
    if isinstance(request, ASGIRequest):
        response.streaming_content = _blocks(file)
    return response


async def _blocks(file: IO[bytes]) -> AsyncIterator[bytes]:
    """Under ASGI, Django would read all of an ordinary file before it sends any of it."""
    while block := await asyncio.to_thread(file.read, BLOCK):
        yield block
