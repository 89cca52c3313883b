"""Sweeping: overdue sessions, bytes nobody needs, old records, abandoned assemblies and removals, unsent signals.

Every step is a compare-and-set or can be repeated, so it may run twice at once and during uploads. A completed upload
goes only when the ``completed_term_hours`` setting gives it a term. Published files without a record are reported,
never removed: a sweep with the wrong database, or with a restored backup of it, would remove everything
(``check_uploads`` does it, with guards).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from ..conf import upload_settings
from ..errors import Conflict, NotFound
from ..models import UploadSession
from ..storage import Staged, Store, get_store, locks_chunks
from . import assembly, claiming, concatenation, moving, nodes, transitions
from .audit import has_seen, unknown_files
from .removal import expire, finish_removing, forget_claimed, remove

Status = UploadSession.Status
Concat = UploadSession.Concat

MOVING_TIME = timedelta(minutes=5)
"""A file that a row claimed longer ago, and that was not moved, belongs to a server that was killed."""


@dataclass
class Summary:
    """What a sweep did, or would do."""

    expired: int = 0
    resumed_assemblies: int = 0
    announced: int = 0
    freed_claims: int = 0
    removed_completed: int = 0
    finished_removals: int = 0
    deleted_records: int = 0
    removed_orphans: int = 0
    later_orphans: int = 0
    unknown_files: int = 0
    failures: list[str] = field(default_factory=list)


class Cleanup:
    """One sweep.

    Args:
        retention: age at which records of ended sessions go.
        batch_size: rows looked at in one query.
        dry_run: only count.
        is_sure: also remove what was begun in an object store after all that the database knows of: a restored backup
            knows of less than the store.
        tell: called with a line of text for each thing done.
    """

    def __init__(
        self,
        *,
        retention: timedelta,
        batch_size: int,
        dry_run: bool,
        is_sure: bool = False,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._now = timezone.now()
        self._retention = retention
        self._batch_size = batch_size
        self._dry_run = dry_run
        self._is_sure = is_sure
        self._tell = tell
        self.summary = Summary()

    def run(self) -> Summary:
        self._expire_overdue()
        self._join_done()
        self._resume_assemblies()
        self._announce_forgotten()
        self._settle_claims()
        self._move_claimed()
        self._delete_moved()
        self._forget_claimed()
        self._remove_completed()
        self._finish_removals()
        self._delete_records()
        self._forget_receipts()
        self._remove_orphans()
        self._report_unknown_files()
        if not self._dry_run:
            nodes.forget_old()
        return self.summary

    def _expire_overdue(self) -> None:
        for session in self._batches(UploadSession.objects.filter(status=Status.ACTIVE, expires_at__lte=self._now)):
            # Not if a chunk arrived meanwhile, or another sweep was here.
            if not self._dry_run and not self._attempt(session, expire):
                continue
            self.summary.expired += 1
            self._tell(f"expired {session.upload_id}")

    def _join_done(self) -> None:
        """Finals whose partials are done, or have ended, where the server died before it looked."""
        for final in self._batches(UploadSession.objects.filter(status=Status.ACTIVE, concat=Concat.FINAL)):
            if not self._dry_run and self._attempt(final, concatenation.advance):
                self._tell(f"joins the parts of {final.upload_id}")

    def _resume_assemblies(self) -> None:
        for session in self._batches(
            UploadSession.objects.filter(
                # Without a lease: its server was killed before it took one, or released it after an error.
                Q(lease_expires_at=None) | Q(lease_expires_at__lte=self._now),
                status=Status.ASSEMBLING,
            )
        ):
            if not self._dry_run and not self._attempt(session, assembly.take_over):
                continue
            self.summary.resumed_assemblies += 1
            self._tell(f"resumed the assembly of {session.upload_id}")

    def _attempt(self, session: UploadSession, action: Callable[[UploadSession], bool]) -> bool:
        """Do one thing; what goes wrong with one upload is told at the end, and keeps no other one waiting."""
        try:
            return action(session)
        except NotFound:
            return False  # Another sweep was faster.
        except Exception as error:
            self.summary.failures.append(f"{session.upload_id}: {error}")
            return False

    def _announce_forgotten(self) -> None:
        for session in self._batches(
            UploadSession.objects.filter(
                status=Status.COMPLETED, announced_at=None, ended_at__lte=self._now - transitions.ANNOUNCE_TIME
            )
        ):
            if not self._dry_run and not self._attempt(session, assembly.announce):
                continue
            self.summary.announced += 1
            self._tell(f"announced {session.upload_id}")

    def _settle_claims(self) -> None:
        for session in self._batches(UploadSession.objects.filter(claim_expires_at__lte=self._now)):
            if not self._dry_run and not self._attempt(session, claiming.settle):
                continue
            self.summary.freed_claims += 1
            self._tell(f"freed {session.upload_id}, which no row took")

    def _move_claimed(self) -> None:
        """Where the server was killed before, or while, it gave a file the name that its row gives it."""
        begun_before = self._now - MOVING_TIME
        waiting = UploadSession.objects.filter(is_name_provisional=True, claim_expires_at=None)
        for session in self._batches(waiting.filter(claimed_at__lte=begun_before)):
            if not self._dry_run and self._attempt(session, moving.move):
                self._tell(f"moved {session.upload_id} to the name that its row gives it")

    def _delete_moved(self) -> None:
        grace = timedelta(seconds=upload_settings().moved_grace_seconds)
        for session in self._batches(UploadSession.objects.filter(moved_at__lte=self._now - grace)):
            if not self._dry_run:
                self._attempt(session, moving.delete_old_name)

    def _forget_claimed(self) -> None:
        """Records of files that belong to rows by now; the files stay."""
        settled = UploadSession.objects.filter(
            status=Status.COMPLETED, claim_expires_at=None, moved_at=None, is_name_provisional=False
        )
        for session in self._batches(settled.filter(claimed_at__lte=self._now - self._retention)):
            if not self._dry_run and not self._attempt(session, forget_claimed):
                continue
            self.summary.deleted_records += 1
            self._tell(f"deleted the record of {session.upload_id}, whose file is in use")

    def _remove_completed(self) -> None:
        """What nobody claimed and whose term is over. What is for a field has a term of its own."""
        limits = upload_settings()
        completed = UploadSession.objects.filter(status=Status.COMPLETED, claimed_at=None)
        self._remove_ended(completed.filter(purpose=""), limits.completed_term_hours)
        self._remove_ended(completed.exclude(purpose=""), limits.unclaimed_term_hours)

    def _remove_ended(self, completed: QuerySet[UploadSession], term_hours: float | None) -> None:
        if term_hours is None:
            return
        for session in self._batches(completed.filter(ended_at__lte=self._now - timedelta(hours=term_hours))):
            if not self._dry_run and not self._attempt(session, _remove_unclaimed):
                continue
            self.summary.removed_completed += 1
            self._tell(f"removed {session.upload_id}, whose term was over")

    def _finish_removals(self) -> None:
        for session in self._batches(UploadSession.objects.filter(status=Status.REMOVING)):
            if not self._dry_run and not self._attempt(session, finish_removing):
                continue
            self.summary.finished_removals += 1
            self._tell(f"removed {session.upload_id}")

    def _delete_records(self) -> None:
        ended = UploadSession.objects.filter(status__in=(Status.CANCELLED, Status.EXPIRED, Status.FAILED))
        for session in self._batches(ended.filter(ended_at__lte=self._now - self._retention)):
            if not self._dry_run and not self._attempt(session, remove):
                continue
            self.summary.deleted_records += 1
            self._tell(f"deleted the record of {session.upload_id} ({session.status})")

    def _forget_receipts(self) -> None:
        if not self._dry_run:
            transitions.forget_receipts_of_ended(completed_before=self._now - self._retention)

    def _remove_orphans(self) -> None:
        for alias in upload_settings().stores:
            if not has_seen(alias):
                continue  # To the wrong database every upload under way looks like an orphan.
            store = get_store(alias)
            known_until = None if locks_chunks(store) or self._is_sure else _newest_session()
            for staged, written in store.staged():
                if written > self._now - store.orphan_age or self._is_open(staged.upload_id):
                    continue
                if known_until is not None and written > known_until:
                    self.summary.later_orphans += 1
                    continue
                if not self._dry_run and not self._discard_orphan(store, staged):
                    continue
                self.summary.removed_orphans += 1
                self._tell(f"removed orphaned bytes of {staged.upload_id}")

    def _discard_orphan(self, store: Store, staged: Staged) -> bool:
        try:
            store.discard_orphan(staged)
        except Exception as error:
            self.summary.failures.append(f"{staged.upload_id}: {error}")
            return False
        return True

    def _report_unknown_files(self) -> None:
        for alias, found in unknown_files(self._now):
            self.summary.unknown_files += 1
            self._tell(f"{alias}: no record of {found.name} ({found.size} bytes); see check_uploads")

    @staticmethod
    def _is_open(upload_id: UUID) -> bool:
        return UploadSession.objects.filter(upload_id=upload_id, status__in=UploadSession.OPEN).exists()

    def _batches(self, rows: QuerySet[UploadSession]) -> Iterator[UploadSession]:
        """The rows in batches by primary key, so that none is seen twice and no cursor stays open."""
        last = 0
        while batch := list(rows.filter(pk__gt=last).order_by("pk")[: self._batch_size]):
            yield from batch
            last = batch[-1].pk


def _newest_session() -> datetime:
    newest = UploadSession.objects.aggregate(newest=Max("created_at"))["newest"]
    return newest if newest is not None else datetime.min.replace(tzinfo=UTC)


def _remove_unclaimed(session: UploadSession) -> bool:
    try:
        return remove(session)
    except Conflict:
        return False  # A row claimed its file in this very moment.


def default_retention() -> timedelta:
    return timedelta(hours=upload_settings().record_retention_hours)
