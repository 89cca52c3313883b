"""How many records an owner may have, whatever they do all day.

Records of sessions that ended without a file tell their owner why, for a while; beyond a number the oldest go. Each
upload that begins can add only one, so it is enough to look whenever one begins. Completed uploads are theirs to
remove; beyond a number no other begins.
"""

from __future__ import annotations

from ..conf import upload_settings
from ..errors import QuotaExceeded
from ..models import UploadSession
from . import quotas, removal
from .principal import Principal

Status = UploadSession.Status

ENDED_WITHOUT_FILE = (Status.CANCELLED, Status.EXPIRED, Status.FAILED)
BATCH = 10
"""Records removed at a time: a bound that was lowered is reached step by step, and delays nobody."""


def make_room(principal: Principal) -> None:
    """Forget what ended longest ago, where there is more than the setting allows.

    Raises:
        QuotaExceeded: there are too many completed uploads.
    """
    _require_fewer_files(principal)
    most = upload_settings().max_ended_records
    ended = principal.sessions().filter(status__in=ENDED_WITHOUT_FILE).order_by("-ended_at", "-pk")
    for session in ended[most : most + BATCH]:
        removal.remove(session)


def _require_fewer_files(principal: Principal) -> None:
    most = quotas.limit_of(principal, "max_stored_files")
    if principal.sessions().filter(status=Status.COMPLETED).count() >= most:
        raise QuotaExceeded(f"You may have at most {most} files; remove some.", quota="stored_files")
