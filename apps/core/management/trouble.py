"""What passes by itself, told to whoever runs a command as a sentence and not as a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError

from ..errors import UploadError
from ..troubles import trouble_behind


@contextmanager
def told(what_is_left: str) -> Iterator[None]:
    """
    Args:
        what_is_left: begins the sentence.

    Raises:
        CommandError: database, store or settings are in trouble.
    """
    try:
        yield
    except Exception as error:
        trouble = error if isinstance(error, UploadError) else trouble_behind(error)
        if trouble is None:
            raise
        reason = error.__cause__ if isinstance(error, UploadError) else error
        raise CommandError(f"{what_is_left} {trouble.detail}" + (f" ({reason})" if reason else "")) from None
