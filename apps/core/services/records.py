"""How many records of ended sessions an owner may have, whatever they do all day.

They tell their owner why an upload ended without a file, for a while; beyond a number the oldest go. Each upload that
begins can add only one, so it is enough to look whenever one begins. (Files are a quota: ``MAX_STORED_FILES``.)
"""

from __future__ import annotations

from ..conf import upload_settings
from ..models import UploadSession
from . import removal
from .principal import Principal

Status = UploadSession.Status

ENDED_WITHOUT_FILE = (Status.CANCELLED, Status.EXPIRED, Status.FAILED)
BATCH = 10
"""Records removed at a time: a bound that was lowered is reached step by step, and delays nobody."""


def make_room(principal: Principal) -> None:
    """Forget what ended longest ago, where there is more than the setting allows."""
    most = upload_settings().max_ended_records
    ended = principal.sessions().filter(status__in=ENDED_WITHOUT_FILE).order_by("-ended_at", "-pk")
    for session in ended[most : most + BATCH]:
        removal.remove(session)
