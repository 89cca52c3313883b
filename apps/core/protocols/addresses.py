"""Where an upload is, for the protocols that send its bytes in order."""

from __future__ import annotations

from uuid import UUID

from django.urls import reverse

from ..errors import NotFound
from ..http.protocol import RequestHead
from ..models import UploadSession


def address_of(session: UploadSession) -> str:
    """The upload's own address, without an origin: it is right behind any proxy."""
    return reverse("resumable_uploads:resumable-file", args=[session.upload_id])


def id_in(head: RequestHead) -> UUID:
    """The id in the path of a request.

    Raises:
        NotFound: it is none, and so nobody's.
    """
    try:
        return UUID(str(head.path_parameters["upload_id"]))
    except ValueError:
        raise NotFound from None
