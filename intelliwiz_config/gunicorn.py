"""gunicorn's configuration where command-line options do not reach."""

from __future__ import annotations

from typing import Any

from apps.core.conf import UploadSettings

# A stalled client must not hold a thread for ever.
_RECEIVE_TIMEOUT = UploadSettings().receive_timeout


def post_request(worker: Any, request: Any, environ: dict[str, Any], response: Any) -> None:
    """Keep-alive connections wait without the timeout of a body."""


def child_exit(server: Any, worker: Any) -> None:
    """Let the metrics of a dead process go where counters are kept."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
