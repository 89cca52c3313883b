"""What was allowed when an upload began, asked again when it ends: it takes hours
(draft-ietf-httpbis-resumable-upload, Security Considerations)."""

from __future__ import annotations

from ..errors import Forbidden
from ..models import UploadSession
from . import quotas
from .principal import Principal


def require_still_allowed(session: UploadSession) -> None:
    """
    Raises:
        Forbidden: its owner may not log in any more.
        QuotaExceeded: it does not fit into what its owner may store by now.
    """
    if Principal.still_active(session.owner_id) is None:
        raise Forbidden("The owner of this upload may not log in any more.")
    quotas.require_storable(session)
