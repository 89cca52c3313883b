"""Comparing what the database says with what the stores have, and repairing the difference.

Four things can differ, after a restored backup, a crash, or a disk that rots: a completed upload without its file, a
file without a record, a file whose bytes changed, and a counter of an owner. What is mended is put where it can be
taken back: files go to the store's trash for some days.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.core.files import File
from django.db.models import Count, F, Q, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from ..conf import MIB, upload_settings
from ..hashing import composite_of
from ..models import OwnerUsage, StoreIdentity, UploadSession
from ..storage import PublishedObject, get_store
from . import quotas
from .transactions import transactional

Status = UploadSession.Status
Concat = UploadSession.Concat

UNKNOWN_AGE = timedelta(hours=1)
"""A published file is older than this before it counts as one without a record: publishing comes before recording."""
TRASH_AGE = timedelta(days=14)
"""How long files stay in a store's trash."""


class RefusedToFix(Exception):
    """Repairing would remove more than can be right."""


@dataclass
class Findings:
    """What an audit found, in words."""

    missing_files: list[str] = field(default_factory=list)
    wrong_files: list[str] = field(default_factory=list)
    unknown_files: list[tuple[str, PublishedObject]] = field(default_factory=list)
    wrong_counters: list[str] = field(default_factory=list)
    known_files: Counter[str] = field(default_factory=Counter)
    """Files with a record, by the alias of their store."""

    def __bool__(self) -> bool:
        return bool(self.missing_files or self.wrong_files or self.unknown_files or self.wrong_counters)


def remember_store(alias: str) -> None:
    """Note that this database has seen the store; called when it gets an upload."""
    StoreIdentity.objects.get_or_create(identifier=get_store(alias).identity(), defaults={"alias": alias})


def has_seen(alias: str) -> bool:
    """Whether this database ever put an upload into the store; if not, it is probably the wrong database."""
    return StoreIdentity.objects.filter(identifier=get_store(alias).identity()).exists()


def unknown_files(now: datetime) -> Iterator[tuple[str, PublishedObject]]:
    """Published files that no session names, with their store's alias."""
    for alias in upload_settings().stores:
        batch: list[PublishedObject] = []
        for found in get_store(alias).objects():
            if found.modified > now - UNKNOWN_AGE:
                continue
            batch.append(found)
            if len(batch) == 500:
                yield from _without_record(alias, batch)
                batch = []
        yield from _without_record(alias, batch)


def _has_record(alias: str, name: str) -> bool:
    return UploadSession.objects.filter(file=name, store=alias).exists()


def _without_record(alias: str, batch: list[PublishedObject]) -> Iterator[tuple[str, PublishedObject]]:
    # An assembly publishes before it records the name, so those are looked for first: one that ends meanwhile is found
    # by its name then.
    is_sealed = Q(status__in=(Status.ASSEMBLING, Status.REMOVING)) | Q(status=Status.ACTIVE, concat=Concat.PARTIAL)
    at_work = UploadSession.objects.filter(is_sealed, store=alias)
    known = {get_store(alias).name_of(session.staged) for session in at_work}
    names = [found.name for found in batch]
    known.update(UploadSession.objects.filter(file__in=names, store=alias).values_list("file", flat=True))
    for found in batch:
        if found.name not in known:
            yield alias, found


class Audit:
    """One comparison.

    Args:
        rehash: read every file and compare its SHA-256 (all bytes of all files are read).
        tell: called with a line of text for each finding.
    """

    def __init__(self, *, rehash: bool = False, tell: Callable[[str], None] = lambda line: None) -> None:
        self._now = timezone.now()
        self._rehash = rehash
        self._tell = tell
        self.findings = Findings()

    def run(self) -> Findings:
        self._compare_files()
        for alias, found in unknown_files(self._now):
            self.findings.unknown_files.append((alias, found))
            self._tell(f"{alias}: no record of {found.name} ({found.size} bytes)")
        self._compare_counters()
        return self.findings

    def _compare_files(self) -> None:
        # What a row claimed is the row's, to be replaced or deleted with it.
        completed = UploadSession.objects.filter(status=Status.COMPLETED, claimed_at=None)
        for session in completed.order_by("pk").iterator(chunk_size=500):
            try:
                problem = self._compare(session)
            except FileNotFoundError:
                self.findings.missing_files.append(str(session.upload_id))
                self._tell(f"{session.upload_id}: its file {session.file.name} is missing")
                continue
            self.findings.known_files[session.store] += 1
            if problem:
                self.findings.wrong_files.append(str(session.upload_id))
                self._tell(f"{session.upload_id}: {problem}")

    def _compare(self, session: UploadSession) -> str:
        if not session.file.name:
            raise FileNotFoundError
        with session.file.open("rb") as stored:
            return self._difference(session, stored)

    def _difference(self, session: UploadSession, stored: File[bytes]) -> str:
        size = stored.seek(0, 2)
        if size != session.total_size:
            return f"its file has {size} bytes, not {session.total_size}"
        if not self._rehash:
            return ""
        is_same = _digest_of(session, stored) == session.published_digest
        return "" if is_same else "its file has another SHA-256 than at completion"

    def _compare_counters(self) -> None:
        for usage in OwnerUsage.objects.order_by("pk").iterator(chunk_size=500):
            counted = counted_usage(usage.owner_id)
            for name, value in counted.items():
                if getattr(usage, name) != value:
                    self.findings.wrong_counters.append(f"{usage.owner_id}: {name}")
                    self._tell(f"owner {usage.owner_id}: {name} is {getattr(usage, name)}, the uploads say {value}")

    def fix(self, *, max_share: float) -> None:
        """Put files without a record into the trash, recount every owner, and empty the trash of what is old.

        Raises:
            RefusedToFix: this database has never seen a store, or more than ``max_share`` of its files would go.
        """
        unknown = self.findings.unknown_files
        for alias, count in Counter(alias for alias, _ in unknown).items():
            self._require_plausible(alias, count, max_share)
        for alias, found in unknown:
            # Asked once more: hours may have passed.
            for _ in _without_record(alias, [found]):
                get_store(alias).trash(found.name)
        for alias in upload_settings().stores:
            get_store(alias).empty_trash(TRASH_AGE, lambda name, alias=alias: _has_record(alias, name))  # type: ignore[misc]
        for owner_id in OwnerUsage.objects.values_list("owner_id", flat=True):
            recount(owner_id)

    def _require_plausible(self, alias: str, count: int, max_share: float) -> None:
        if not has_seen(alias):
            raise RefusedToFix(
                f"This database has never put an upload into the store {alias!r}: is it the right database?"
            )
        share = count / (self.findings.known_files[alias] + count)
        if share > max_share:
            raise RefusedToFix(
                f"{count} files of the store {alias!r} ({share:.0%} of all) have no record, more than the "
                f"{max_share:.0%} that may be removed at once: is it the right database, or an old backup of it? "
                "See --max-share."
            )


def _digest_of(session: UploadSession, stored: File[bytes]) -> str:
    """The whole file's SHA-256, or the composite of one that has none."""
    stored.seek(0)
    grid = session.grid
    if session.sha256:
        return _sha256_of(stored, grid.end).hex()
    return composite_of(_sha256_of(stored, grid.span(index).size) for index in range(grid.total_chunks or 0))


def _sha256_of(stored: File[bytes], size: int) -> bytes:
    """Of the next ``size`` bytes."""
    digest = hashlib.sha256()
    while size and (block := stored.read(min(size, MIB))):
        digest.update(block)
        size -= len(block)
    return digest.digest()


def counted_usage(owner_id: Any) -> dict[str, int]:
    """An owner's counters, as the sessions say."""
    reserved = F("reserved_bytes") + F("spooled_bytes")
    is_open = Q(status__in=UploadSession.OPEN)
    counted = UploadSession.objects.filter(owner_id=owner_id).aggregate(
        open_sessions=Count("pk", filter=is_open),
        reserved_bytes=Coalesce(Sum(reserved, filter=is_open), 0),
        stored_bytes=Coalesce(Sum("counted_bytes"), 0),
        stored_files=Count("pk", filter=Q(status=UploadSession.Status.COMPLETED, claimed_at=None)),
    )
    return {name: int(value) for name, value in counted.items()}


@transactional()
def recount(owner_id: Any) -> None:
    """Make an owner's counters what the sessions say; no session of theirs changes meanwhile."""
    quotas.lock(owner_id)
    OwnerUsage.objects.filter(owner=owner_id).update(**counted_usage(owner_id))
