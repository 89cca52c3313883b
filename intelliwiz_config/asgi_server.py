"""uvicorn as this project runs it: with bounds on heads, pipelined requests and unread answers.

A command of its own, because uvicorn's takes no HTTP class but its own two.
"""

from __future__ import annotations

import argparse
import gc
from typing import Any

import uvicorn

from apps.core.http.bounded_http1 import http1_class

from .orphans import end_with_supervisor


def main() -> None:
    arguments = _parse()
    uvicorn.run(
        "intelliwiz_config.asgi_server:worker",
        factory=True,
        host=arguments.host,
        port=arguments.port,
        workers=arguments.workers,
        http=http1_class(),
        ws="none",
        timeout_keep_alive=30,
        timeout_graceful_shutdown=arguments.stop_timeout,
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,  # See proxies.
    )


def worker() -> Any:
    """The application, in each process that serves."""
    from .asgi import application

    end_with_supervisor()
    _keep_beating()
    # What is loaded by now stays. The collector looked at all of it again and again: a tenth of what thousands of
    # connections cost.
    gc.collect()
    gc.freeze()
    return application


def _keep_beating() -> None:
    from apps.core.services import nodes  # It needs the app registry, which the application has filled.

    nodes.watch.keep_beating()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Serve the project with uvicorn; intelliwiz_config.serve starts it.")
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--stop-timeout", type=int, required=True, help="seconds")
    return parser.parse_args()


if __name__ == "__main__":
    main()
