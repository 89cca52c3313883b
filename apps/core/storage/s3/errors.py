"""What an object store answers, as the errors of stores and of the engine."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from ...conf import PACKAGE
from ...errors import StorageFull, Unavailable
from ..errors import StagingMissing

logger = logging.getLogger(f"{PACKAGE}.storage.s3")

_GONE = {"NoSuchUpload", "NoSuchKey", "404"}
_FULL = {"QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "ServiceQuotaExceededException", "507"}


def code_of(error: ClientError) -> str:
    """The store's own word for an error; the status, where it has none (as for HEAD)."""
    return str(error.response.get("Error", {}).get("Code") or status_of(error))


def status_of(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


@contextmanager
def s3_errors() -> Iterator[None]:
    """
    Raises:
        StagingMissing: what was asked for is gone.
        StorageFull: there is no room.
        Unavailable: anything else: it passes, or the operator mends it while clients wait.
    """
    try:
        yield
    except ClientError as error:
        code = code_of(error)
        if code in _GONE:
            raise StagingMissing from error
        if code in _FULL or status_of(error) == 507:
            raise StorageFull from error
        logger.warning("the object store answered %s", code, extra={"operation": error.operation_name})
        raise trouble() from error
    except BotoCoreError as error:
        logger.warning("the object store does not answer: %s", error)
        raise trouble() from error


def trouble() -> Unavailable:
    """What those are told who cannot mend it."""
    return Unavailable("The server's object store does not answer as it should. Nothing that was stored is lost.")
