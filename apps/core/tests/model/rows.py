"""Rows of a model that take the files of completed uploads, and what must hold for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest import mock

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import connection, transaction

from apps.core.conf import upload_settings
from apps.core.fields import UploadedReference, saving
from apps.core.models import UploadSession
from apps.core.services.cleanup import MOVING_TIME
from apps.core.services.purposes import field_token

from ..library.models import Paper
from ..library.uploading import PAPER
from .requests import named
from .world import FILE, World

TABLE = Paper._meta.db_table
DIRECTORIES = ("shelves", "uploads/provisional")
"""Where the files of rows are, below ``MEDIA_ROOT``."""


@named
def create_for_rows() -> Callable[[World], object]:
    def act(world: World) -> None:
        session, _ = world.service.create(filename="a.bin", total_size=len(FILE), purpose=field_token(PAPER))
        world.upload_id = session.upload_id

    return act


@named
def save_row(number: int, *, in_transaction: bool = False) -> Callable[[World], object]:
    """A form that was valid is saved."""

    def act(world: World) -> object:
        paper = Paper(number=number, file=UploadedReference(world.find()))
        with transaction.atomic() if in_transaction else nullcontext():
            paper.save()
        return paper.file.name

    return act


@named
def save_row_and_die(number: int) -> Callable[[World], object]:
    """By a server that is killed before it moves the file."""

    def act(world: World) -> object:
        with mock.patch.object(saving, "_move"):
            return Paper.objects.create(number=number, file=UploadedReference(world.find())).file.name

    return act


@named
def replace_file(number: int) -> Callable[[World], object]:
    """Somebody gives the row another file meanwhile, and deletes the one it had."""

    def act(world: World) -> None:
        paper = Paper.objects.filter(number=number).first()
        if paper is not None:
            paper.file = ContentFile(FILE, "other.bin")
            paper.save()

    return act


@named
def save_again(number: int) -> Callable[[World], object]:
    """Somebody reads the row, and saves it later."""

    def act(world: World) -> None:
        paper = Paper.objects.filter(number=number).first()
        if paper is not None:
            paper.save()

    return act


@named
def wait_for_claims() -> Callable[[World], object]:
    """So long that claims which nobody confirmed are over."""
    return lambda world: world.clock.sleep(upload_settings().claim_lease_seconds + 1)


@named
def wait_for_moves() -> Callable[[World], object]:
    """So long that whoever moves a file is thought dead, or had all the time to read an old name."""
    grace = max(MOVING_TIME.total_seconds(), upload_settings().moved_grace_seconds)
    return lambda world: world.clock.sleep(grace + 1)


def named_files() -> list[str]:
    """What the rows name."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT file FROM {TABLE} WHERE file <> ''")
        return [name for (name,) in cursor.fetchall()]


def stored_files() -> Iterator[Path]:
    for directory in DIRECTORIES:
        yield from (path for path in (Path(settings.MEDIA_ROOT) / directory).rglob("*") if path.is_file())


def missing_files() -> list[str]:
    """Names that rows have, and that are no whole files."""
    root = Path(settings.MEDIA_ROOT)
    return [name for name in named_files() if not (root / name).is_file() or (root / name).read_bytes() != FILE]


def untidy_rows(*, may_share: bool) -> str:
    """What is wrong once everything has ended; empty if nothing is.

    Args:
        may_share: whether a process may have been dead for longer than its claim held, between asking for it and
            saving the row: the one that is killed then shares the file of the next.
    """
    names = named_files()
    if not may_share and len(names) != len(set(names)):
        return f"two rows have one file: {names}"
    if provisional := [name for name in names if not name.startswith("shelves/")]:
        return f"rows have the names that they give, but: {provisional}"
    others = {str(path.relative_to(settings.MEDIA_ROOT)) for path in stored_files()} - set(names)
    others = {name for name in others if "other" not in name}
    kept = UploadSession.objects.filter(status="completed", purpose=PAPER).values_list("file", flat=True)
    # What a row had before it was given another file stays, as with every FileField.
    unknown: set[Any] = others - set(kept)
    return f"files that nobody knows of: {unknown}" if unknown else ""
