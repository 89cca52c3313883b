"""The invariants, compared with each committed state in turn."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import Any
from uuid import UUID

from apps.core.conf import upload_settings
from apps.core.models import UploadSession
from apps.core.storage import Staged, StagingMissing, get_store

from ..memory_store import BUCKETS
from .rows import missing_files
from .state import read_state
from .world import World

_MOVES: dict[str, set[str | None]] = {
    "active": {"assembling", "cancelled", "expired", "removing"},
    "assembling": {"active", "completed", "failed", "removing"},
    "completed": {"removing"},
    "cancelled": {"removing"},
    "expired": {"removing"},
    "failed": {"removing"},
    "removing": {None},
}
_OPEN = ("active", "assembling")


class Violation(AssertionError):
    """An invariant does not hold."""


class Observer:
    """Looks at each new state, and remembers the one before.

    Args:
        rows_go: whether the program deletes rows by other ways than the engine's.
    """

    def __init__(self, world: World, *, rows_go: bool) -> None:
        self._world = world
        self._rows_go = rows_go
        self._leases: dict[str, str] = {}
        self._state = read_state()

    def look(self, actor: str) -> None:
        """Compare the state that the last steps of ``actor`` led to."""
        before, self._state = self._state, read_state()
        for key in before.sessions.keys() | self._state.sessions.keys():
            self._check_move(actor, before.sessions.get(key), self._state.sessions.get(key))
        for key, session in self._state.sessions.items():
            receipts = self._state.receipts[key]
            self._check_receipts(session, before.sessions.get(key), before.receipts[key], receipts)
            if session["status"] in _OPEN:
                self._check_counters(session, receipts)
                self._check_grid(session, receipts)
                self._check_acknowledged(session, receipts)
                self._check_bytes(session, receipts)
            if session["status"] == "completed":
                self._check_file(session)
        self._check_usage()
        _require(not (missing := missing_files()), f"every row has its file, but: {missing}")

    def _check_move(self, actor: str, before: dict[str, Any] | None, now: dict[str, Any] | None) -> None:
        if before is None:
            _require(now is None or now["status"] == "active", "a session begins as active")
            return
        old, new = before["status"], now and now["status"]
        if now is not None and now["lease_token"] != before["lease_token"] and now["lease_token"]:
            self._leases[now["lease_token"]] = actor
        if old == new:
            return
        _require(new in _MOVES[old] or (new is None and self._rows_go), f"no move leads from {old} to {new}")
        if new == "expired":
            _require(before["expires_at"] <= self._world.clock.now(), "a session expires when its time is over")
        if old == "assembling" and new in ("active", "completed", "failed"):
            _require(
                self._leases.get(before["lease_token"]) == actor,
                f"who holds the lease ends the assembly, and nobody else: {actor}",
            )

    def _check_receipts(
        self,
        session: dict[str, Any],
        session_before: dict[str, Any] | None,
        before: dict[int, tuple[int, bytes]],
        now: dict[int, tuple[int, bytes]],
    ) -> None:
        for index in before.keys() | now.keys():
            spot = (session["upload_id"], index)
            if index not in before:
                _require(session["status"] == "active", f"chunk {index} is recorded while the session is active")
                self._world.damaged.discard(spot)
            elif index not in now:
                may_be_damaged = spot in self._world.damaged
                is_repair = session_before is not None and session_before["status"] == "assembling"
                _require(
                    session["status"] not in _OPEN or (is_repair and may_be_damaged),
                    f"the receipt of chunk {index} stays",
                )
                if session["status"] in _OPEN:
                    self._world.recorded.pop(spot, None)
                    self._world.repairs[spot] += 1
            else:
                _require(before[index] == now[index], f"the receipt of chunk {index} never changes")

    def _check_acknowledged(self, session: dict[str, Any], receipts: dict[int, tuple[int, bytes]]) -> None:
        for (upload_id, index), digest in self._world.recorded.items():
            if upload_id == session["upload_id"]:
                _require(
                    index in receipts and receipts[index][1] == digest, f"the acknowledged chunk {index} is recorded"
                )

    def _check_counters(self, session: dict[str, Any], receipts: dict[int, tuple[int, bytes]]) -> None:
        contiguous = next(index for index in range(len(receipts) + 1) if index not in receipts)
        received = sum(size for size, _ in receipts.values())
        _require(session["received_chunks"] == len(receipts), "received_chunks counts the receipts")
        _require(session["received_bytes"] == received, "received_bytes sums the receipts up")
        _require(session["contiguous_chunks"] <= contiguous, "contiguous_chunks promises no more than there is")
        if session["total_size"] is None:
            _require(session["reserved_bytes"] >= received, "what is received is reserved")
            short: list[int | None] = [index for index, (size, _) in receipts.items() if size < session["chunk_size"]]
            _require(session["chunks_end"] == max(receipts, default=-1) + 1, "chunks_end is behind the last chunk")
            _require([session["end_index"]] == (short or [None]), "end_index is the one short chunk")
        else:
            _require(session["reserved_bytes"] == session["total_size"], "a file of known size has reserved it")

    def _check_grid(self, session: dict[str, Any], receipts: dict[int, tuple[int, bytes]]) -> None:
        grid = UploadSession(chunk_size=session["chunk_size"], total_size=session["total_size"]).grid
        for index, (size, _) in receipts.items():
            if grid.total_chunks is None:
                _require(size == grid.chunk_size or index + 1 == len(receipts) or index == max(receipts), "short last")
            else:
                _require(index < grid.total_chunks and size == grid.span(index).size, f"chunk {index} fits the file")

    def _check_bytes(self, session: dict[str, Any], receipts: dict[int, tuple[int, bytes]]) -> None:
        staged = Staged(session["upload_id"], session["store_handle"])
        if _is_object_store():
            if session["status"] == "active":
                self._check_parts(session["upload_id"], BUCKETS["model"].multipart.get(staged.handle, {}), receipts)
            return
        try:
            stored = get_store("default").open(staged)
        except StagingMissing:
            _require(not receipts, "the bytes of recorded chunks are stored")
            return
        with stored:
            data = stored.read()
        for index, (size, digest) in receipts.items():
            offset = index * session["chunk_size"]
            if (session["upload_id"], index) not in self._world.damaged:
                is_same = hashlib.sha256(data[offset : offset + size]).digest() == digest
                _require(is_same, f"the bytes of the recorded chunk {index} stay what they were")

    def _check_parts(self, upload_id: UUID, parts: dict[int, bytes], receipts: dict[int, tuple[int, bytes]]) -> None:
        for index, (_, digest) in receipts.items():
            if (upload_id, index) not in self._world.damaged:
                is_same = hashlib.sha256(parts.get(index, b"")).digest() == digest
                _require(is_same, f"the part of the recorded chunk {index} stays what it was")

    def _check_file(self, session: dict[str, Any]) -> None:
        if any(upload_id == session["upload_id"] for upload_id, _ in self._world.damaged):
            return  # By a disk, after it was verified.
        if session["destination"]:
            return  # Whether rows have it is asked below.
        try:
            with get_store("default").published.open(session["file"]) as published:
                data = published.read()
        except FileNotFoundError:
            raise Violation("a completed upload has its file") from None
        digest = hashlib.sha256(data).hexdigest()
        _require(digest == session["sha256"], "a completed upload's SHA-256 is that of its file")
        _require(session["file_hash"] in ("", digest), "a completed upload has the declared SHA-256")
        _require(session["total_size"] == len(data), "a completed upload has the declared size")
        for (upload_id, index), acknowledged in self._world.recorded.items():
            if upload_id == session["upload_id"]:
                offset = index * session["chunk_size"]
                part = hashlib.sha256(data[offset : offset + session["chunk_size"]]).digest()
                _require(part == acknowledged, f"the file has the acknowledged chunk {index}")

    def _check_usage(self) -> None:
        counted: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        for session in self._state.sessions.values():
            sums = counted[session["owner_id"]]
            if session["status"] in _OPEN:
                sums[0] += 1
                sums[1] += session["reserved_bytes"] + session["spooled_bytes"]
            sums[2] += session["counted_bytes"]
            sums[3] += session["status"] == "completed" and session["claimed_at"] is None
        limits = upload_settings()
        for owner, usage in self._state.usage.items():
            _require(
                list(usage) == counted[owner], f"an owner's usage {usage} is that of the sessions {counted[owner]}"
            )
            sessions, reserved, stored, _ = usage
            _require(
                sessions <= int(limits.max_open_sessions)  # type: ignore[arg-type]
                and reserved <= int(limits.max_reserved_bytes)  # type: ignore[arg-type]
                and reserved + stored <= int(limits.max_stored_bytes),  # type: ignore[arg-type]
                f"quotas are never exceeded: {usage}",
            )


def _is_object_store() -> bool:
    return not hasattr(get_store("default"), "root")


def _require(holds: bool, invariant: str) -> None:
    if not holds:
        raise Violation(invariant)
