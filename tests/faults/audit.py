"""What rows, counters and bytes say in the end: ``python -m tests.faults.audit`` in the server's environment.

Prints one JSON object: for each figure of a report, what is wrong, in words.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator

from .report import DRIFT, LOST, STUCK, WRONG, Report
from .server import FaultServer


def audit(server: FaultServer, report: Report, *, forgive: Collection[str] = ()) -> None:
    """Sweep, then compare everything with everything; what differs is a defect, but for these figures."""
    swept = server.cleanup()
    if swept.returncode:
        report.defect(f"cleanup failed: {swept.stderr[-300:]}")
    done = server.command("-m", "tests.faults.audit")
    if done.returncode:
        report.defect(f"the audit failed: {done.stderr[-300:]}")
        return
    for figure, findings in json.loads(done.stdout).items():
        for finding in findings if figure not in forgive else ():
            report.defect(f"audit, {figure}: {finding}", figure)


def main() -> None:
    import django

    django.setup()
    compared = differences()
    counters = [line for line in compared if line.startswith("owner ")]
    files = [line for line in compared if line not in counters]
    print(json.dumps({DRIFT: [*drifts(), *counters], LOST: [*lost()], STUCK: [*stuck()], WRONG: files}))


def drifts() -> Iterator[str]:
    """Sessions whose counters are not those of their receipts."""
    from django.db.models import Count, Sum

    from apps.core.models import UploadSession

    for session in UploadSession.objects.filter(status__in=UploadSession.OPEN):
        receipts = session.receipts.aggregate(count=Count("pk"), size=Sum("size"))
        counted = (session.received_chunks, session.received_bytes)
        if counted != (receipts["count"], receipts["size"] or 0):
            yield f"{session.upload_id} counts {counted}, its receipts say {receipts}"


def lost() -> Iterator[str]:
    """Receipts whose bytes are not staged."""
    from apps.core.models import UploadSession
    from apps.core.storage import StagingMissing, get_store

    for session in UploadSession.objects.filter(status=UploadSession.Status.ACTIVE, received_chunks__gt=0):
        try:
            staged = get_store(session.store).open(session.staged)
        except (StagingMissing, FileNotFoundError):
            yield f"{session.upload_id} has {session.received_chunks} receipts and no staged file"
            continue
        with staged:
            for index, size, recorded in session.receipts.values_list("index", "size", "sha256"):
                staged.seek(index * session.chunk_size)
                if hashlib.sha256(staged.read(size)).digest() != bytes(recorded):
                    yield f"chunk {index} of {session.upload_id} is not as it was recorded"


def stuck() -> Iterator[str]:
    """Sessions that a sweep should have brought to an end."""
    from apps.core.models import UploadSession

    under_way = (UploadSession.Status.ASSEMBLING, UploadSession.Status.REMOVING)
    for session in UploadSession.objects.filter(status__in=under_way):
        yield f"{session.upload_id} is {session.status}, lease {session.lease_expires_at}"


def differences() -> list[str]:
    """What ``check_uploads --rehash`` tells, of files of this very minute too."""
    from datetime import timedelta

    from apps.core.services import audit as comparing

    comparing.UNKNOWN_AGE = timedelta()
    told: list[str] = []
    comparing.Audit(rehash=True, tell=told.append).run()
    return told


if __name__ == "__main__":
    main()
