"""The project's settings without the limits of one user, which a crowd of a benchmark is."""

import os

from intelliwiz_config.settings import *  # noqa: F403
from intelliwiz_config.settings import RESUMABLE_UPLOADS as _PROJECT

RESUMABLE_UPLOADS = {
    **_PROJECT,
    "MAX_OPEN_SESSIONS": 100_000,
    "INIT_RATE": "",
    "INIT_RATE_PER_ADDRESS": "",
    "WHOLE_FILE_SHA256": False if "WITHOUT_SHA256" in os.environ else None,
}
