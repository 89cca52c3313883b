"""The command ``resumable-uploads``.

Exit codes: 0 done; 1 a file could not be read or something else failed; 2 wrong usage; 3 not logged in; 4 the server
refused the file; 5 the server could not be reached or failed; 130 interrupted.
"""

from __future__ import annotations

import sys
import warnings

import click

from ..errors import (
    Conflict,
    ConnectionFailed,
    NotAuthenticated,
    ProxyLimit,
    QuotaExceeded,
    Refused,
    ServerFailed,
    SessionEnded,
    Throttled,
    UploadError,
)
from .commands import cli
from .showing import say

EXIT_CODES: dict[type[UploadError], int] = {
    NotAuthenticated: 3,
    Conflict: 4,
    QuotaExceeded: 4,
    Refused: 4,
    SessionEnded: 4,
    ConnectionFailed: 5,
    ProxyLimit: 5,
    ServerFailed: 5,
    Throttled: 5,
}


def exit_code(error: Exception) -> int:
    return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), 1)


def main() -> None:
    """Run the command and exit."""
    with warnings.catch_warnings():
        warnings.showwarning = _tell
        _run()


def _tell(message: Warning | str, *where: object, **options: object) -> None:
    """For people who do not know the source, and need not see a line of it."""
    say(f"Warning: {message}", err=True)


def _run() -> None:
    try:
        failures: list[Exception] | None = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted. Run the same command again to resume.", err=True)
        sys.exit(130)
    except UploadError as error:
        say(error.detail, err=True)
        sys.exit(exit_code(error))
    except OSError as error:
        say(error, err=True)
        sys.exit(1)
    sys.exit(exit_code(failures[0]) if isinstance(failures, list) and failures else 0)
