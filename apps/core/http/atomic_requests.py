"""What ``ATOMIC_REQUESTS`` of a host project must not do to this app.

It would open a transaction before a view runs and keep it while the view waits: for a client that sends, for an
assembly. It would also undo what was acknowledged. Every view here opens the short transactions that it needs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import connections, transaction

View = Callable[..., Any]


def non_atomic(view: View) -> View:
    """Exempt a view from ``ATOMIC_REQUESTS``, on whatever database it is set."""
    for alias in connections:
        view = transaction.non_atomic_requests(alias)(view)
    return view
