"""Who meets whom: an upload that was prepared, and a few actors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .mishaps import (
    cleanup,
    damage,
    delete_row,
    late_part,
    lose_claims,
    recount,
    wait_for_expiry,
    wait_for_lease,
)
from .requests import (
    Operation,
    append,
    begin_sending,
    break_off,
    cancel,
    complete,
    create,
    declare,
    finish_sending,
    in_order,
    offset,
    remove,
    send,
    status,
)
from .rows import create_for_rows, replace_file, save_again, save_row, save_row_and_die, wait_for_claims, wait_for_moves
from .world import OTHER


@dataclass(frozen=True)
class Program:
    name: str
    before: Sequence[Operation]
    """Done in order before the actors come."""
    actors: Sequence[Operation]
    settings: dict[str, Any] = field(default_factory=dict)
    rows_go: bool = False
    """Whether rows are deleted by other ways than the engine's."""
    claims_lapse: bool = False
    """Whether a claim may be over before its row is saved."""

    def __str__(self) -> str:
        return self.name.replace(" ", "_")


_UNKNOWN = create(None)
_KNOWN = create()
_FULL = (_KNOWN, send(0), send(1), send(2))
_FOR_ROWS = (create_for_rows(), send(0), send(1), send(2), complete())
_ON_OBJECT_STORE = {
    "STORES": {"default": {"BACKEND": "apps.core.tests.model.steps.SteppedMemoryStore", "OPTIONS": {"bucket": "model"}}}
}

PROGRAMS = (
    Program("one sender", [_KNOWN, send(1)], [in_order(send(0), send(2), complete())]),
    Program(
        "one sender to an object store", [_KNOWN, send(1)], [in_order(send(0), send(2), complete())], _ON_OBJECT_STORE
    ),
    Program("one sender in order", [_UNKNOWN, append(5)], [in_order(append(10), complete(size=10))]),
    Program("the same upload begun twice", [], [create(client_key="k"), create(client_key="k"), cancel()]),
    Program("the same chunk twice", [_KNOWN, send(0)], [send(1), send(1), complete(None)]),
    Program("other bytes for a chunk", [_KNOWN], [send(0), send(0, OTHER), in_order(break_off(0), send(0, OTHER))]),
    Program(
        "other bytes for a chunk on an object store",
        [_KNOWN, send(1), send(2)],
        [send(0), send(0, OTHER), complete(None)],
        _ON_OBJECT_STORE,
    ),
    Program(
        "the same chunk twice on an object store",
        [_KNOWN, send(1), send(2)],
        [send(0), send(0), complete(None)],
        _ON_OBJECT_STORE,
    ),
    Program(
        "one sender in order to an object store",
        [_UNKNOWN, append(5)],
        [in_order(append(7), append(10), complete(size=10))],
        _ON_OBJECT_STORE,
    ),
    Program(
        "newer sequential requests on an object store", [_UNKNOWN], [append(6), append(10), offset()], _ON_OBJECT_STORE
    ),
    Program(
        "in order and by chunk on an object store",
        [_KNOWN],
        [append(10), in_order(send(0), send(1)), complete(None)],
        _ON_OBJECT_STORE,
    ),
    Program(
        "an assembly taken over by another server on an object store",
        _FULL,
        [complete(), in_order(wait_for_lease(), status())],
        _ON_OBJECT_STORE,
    ),
    Program(
        "removed while it is assembled on an object store", _FULL, [complete(), remove(), cleanup()], _ON_OBJECT_STORE
    ),
    Program(
        "a late part while it is assembled again on an object store",
        _FULL,
        [complete(None), late_part(0), in_order(wait_for_lease(), complete(None), send(0), complete(None))],
        _ON_OBJECT_STORE,
    ),
    Program(
        "the last chunk while two complete",
        [_KNOWN, send(0), send(1), begin_sending(2)],
        [finish_sending(2), complete(), complete()],
    ),
    Program(
        "a chunk in the moment of expiry",
        [_KNOWN, send(0), begin_sending(1), wait_for_expiry()],
        [finish_sending(1), status(), cleanup()],
    ),
    Program(
        "a chunk while its upload is cancelled", [_KNOWN, send(0), begin_sending(1)], [finish_sending(1), cancel()]
    ),
    Program("a chunk while its upload is removed", [_KNOWN, send(0), begin_sending(1)], [finish_sending(1), remove()]),
    Program(
        "a chunk while the size is declared", [_UNKNOWN, send(0), begin_sending(1)], [finish_sending(1), declare(10)]
    ),
    Program("the first chunk while the size is declared", [_UNKNOWN], [send(0), declare(10)]),
    Program(
        "a chunk behind the size that is declared",
        [_UNKNOWN, send(0), begin_sending(2)],
        [finish_sending(2), declare(8), send(1)],
    ),
    Program(
        "a short chunk while a larger size is declared",
        [_UNKNOWN, send(0), begin_sending(2)],
        [finish_sending(2), declare(12)],
    ),
    Program("two sizes declared", [_UNKNOWN, send(0)], [declare(8), declare(10), complete(size=10)]),
    Program("newer sequential requests", [_UNKNOWN], [append(6), append(10), offset()]),
    Program("in order and by chunk", [_KNOWN], [append(10), in_order(send(0), send(1)), complete(None)]),
    Program("a kept part becomes the last chunk", [_UNKNOWN, append(10)], [complete(size=10), append(10), declare(10)]),
    Program("an assembly taken over by another server", _FULL, [complete(), in_order(wait_for_lease(), status())]),
    Program(
        "an assembly taken over while cleanup runs",
        _FULL,
        [complete(), in_order(wait_for_lease(), status()), cleanup()],
    ),
    Program(
        "damage repaired while it is assembled again",
        [*_FULL, damage(1)],
        [complete(), in_order(wait_for_lease(), complete(), send(1), complete())],
    ),
    Program(
        "damage while it is assembled", _FULL, [complete(), in_order(wait_for_lease(), damage(1), complete(), send(1))]
    ),
    Program("damage before and after", _FULL, [damage(1), complete(), in_order(send(1), complete())]),
    Program("removed while it is assembled", _FULL, [complete(), remove(), cleanup()]),
    Program("removed by two", [*_FULL, complete()], [remove(), remove(), cleanup()]),
    Program("its row deleted while it is assembled", _FULL, [complete(), delete_row()], rows_go=True),
    Program("cancelled while it is assembled", _FULL, [complete(), cancel(), cleanup()]),
    Program("cleanup by two in the moment of expiry", [_KNOWN, send(0), wait_for_expiry()], [cleanup(), cleanup()]),
    Program("a claims file that is lost", [_KNOWN, send(0)], [lose_claims(emptied=False), send(0, OTHER), send(1)]),
    Program("a claims file that was emptied", [_KNOWN, send(0)], [lose_claims(emptied=True), send(0, OTHER), send(0)]),
    Program("room for one upload", [], [create(), create(), in_order(create(), remove())], {"MAX_OPEN_SESSIONS": 1}),
    Program(
        "room for one file of unknown size",
        [_UNKNOWN, send(0)],
        [in_order(send(1), send(2)), create(4), declare(10)],
        {"MAX_RESERVED_BYTES": 12},
    ),
    Program("two rows for one file", _FOR_ROWS, [save_row(1), save_row(2)]),
    Program(
        "two rows for one file in transactions",
        _FOR_ROWS,
        [save_row(1, in_transaction=True), save_row(2, in_transaction=True), remove()],
    ),
    Program("a row for a file that is removed", _FOR_ROWS, [save_row(1), remove(), cleanup()]),
    Program(
        "a row that is slow",
        _FOR_ROWS,
        [save_row(1), in_order(wait_for_claims(), save_row(2)), cleanup()],
        claims_lapse=True,
    ),
    Program(
        "a file that is moved by two",
        [*_FOR_ROWS, save_row_and_die(1), wait_for_moves()],
        [cleanup(), cleanup()],
    ),
    Program(
        "a row that is saved again while its file is moved",
        [*_FOR_ROWS, save_row_and_die(1), wait_for_moves()],
        [save_again(1), cleanup()],
    ),
    Program(
        "a file that is moved while its row gets another",
        _FOR_ROWS,
        [save_row(1), in_order(wait_for_moves(), cleanup()), replace_file(1)],
        claims_lapse=True,
    ),
    Program("counted anew meanwhile", [_UNKNOWN, send(0)], [recount(), in_order(send(1), cancel()), declare(10)]),
)
