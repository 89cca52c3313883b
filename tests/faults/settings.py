"""The project's settings, with keys of RESUMABLE_UPLOADS from the environment: leases that last seconds."""

from __future__ import annotations

import json
import os

from intelliwiz_config.settings import *  # noqa: F403
from intelliwiz_config.settings import RESUMABLE_UPLOADS as _PROJECT

OVERRIDES = "FAULT_SETTINGS"

RESUMABLE_UPLOADS = {
    **_PROJECT,
    # A campaign is one user with more requests than any real one has.
    "INIT_RATE": "",
    "INIT_RATE_PER_ADDRESS": "",
    "FAILED_CHECKSUM_RATE": "",
    "MAX_OPEN_SESSIONS": 100_000,
    **json.loads(os.environ.get(OVERRIDES) or "{}"),
}
