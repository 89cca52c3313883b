"""gunicorn's configuration where command-line options do not reach."""

from __future__ import annotations

import logging
import re
from typing import Any

from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from . import unread_bodies

# Forwarded headers are judged by the application (see proxies), the same under every server; gunicorn believes loopback
# by default, and there SCRIPT_NAME and PATH_INFO as headers too.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""

_QUERY = re.compile(r"\?[^\s'\"]*")


class _WithoutQueries(logging.Filter):
    """gunicorn names the whole target of a request that fails, and a query string may hold a secret."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = _QUERY.sub("?...", record.getMessage()), ()
        return True


class QuietLogger(Logger):  # type: ignore[misc]
    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.addFilter(_WithoutQueries())


logger_class = QuietLogger


def pre_request(worker: Any, request: Any) -> None:
    unread_bodies.remember(request)


def post_worker_init(worker: Any) -> None:
    from apps.core.services import nodes

    nodes.watch.keep_beating()


def child_exit(server: Any, worker: Any) -> None:
    """Let the metrics of a dead process go where counters are kept."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
