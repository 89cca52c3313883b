"""A worker whose supervisor was killed ends too, and frees the port for the next server.

uvicorn's workers live on without their supervisor, and answer beside the server that is started in its place.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading


def end_with_supervisor() -> None:
    """Called in each process that serves; in one without a supervisor it does nothing."""
    supervisor = multiprocessing.parent_process()
    if supervisor is None:
        return

    def end() -> None:
        supervisor.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=end, name="end-with-supervisor", daemon=True).start()
