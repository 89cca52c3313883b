"""Doing things at the same time, with a database connection each."""

from __future__ import annotations

import threading
from collections.abc import Callable

from django.db import connection


def together(count: int, work: Callable[[int], None]) -> None:
    """Run ``work(number)`` on as many threads and wait for all; the first failure is raised."""
    failures: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
