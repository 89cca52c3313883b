"""What clients ask of the engine.

Each function gives an operation: something to be done to a world. It ends with a result or one of the engine's own
errors; any other exception fails the run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any

from apps.core.errors import UploadError

from .scheduler import step
from .world import FILE, OTHER, World, chunk_of

Operation = Callable[[World], None]


def named(make: Callable[..., Callable[[World], object]]) -> Callable[..., Operation]:
    """Note how the operation ended; the engine's errors are answers too."""

    @wraps(make)
    def make_named(*arguments: Any, **options: Any) -> Operation:
        act = make(*arguments, **options)
        name = f"{make.__name__}{arguments or ''}"

        def operation(world: World) -> None:
            try:
                world.note(name, act(world))
            except UploadError as error:
                world.note(name, error)

        operation.__name__ = name
        return operation

    return make_named


def in_order(*operations: Operation) -> Operation:
    """One after the other, by one client."""

    def act(world: World) -> None:
        for operation in operations:
            operation(world)

    act.__name__ = ", then ".join(operation.__name__ for operation in operations)
    return act


@named
def create(size: int | None = len(FILE), **fields: Any) -> Callable[[World], object]:
    def act(world: World) -> object:
        session, is_new = world.service.create(filename="a.bin", total_size=size, **fields)
        step("answer", is_critical=True)
        if world.upload_id is None:
            world.upload_id = session.upload_id
        return session.upload_id, is_new

    return act


@named
def send(index: int, content: bytes = FILE) -> Callable[[World], object]:
    """One whole chunk, in two blocks."""

    def act(world: World) -> object:
        data = chunk_of(content, index)
        session = world.find()
        sink = world.service.receive_chunk(session, index)
        for block in (data[:1], data[1:]):
            step("receive")
            sink.receive(block)
        return world.finish(sink, data)

    return act


@named
def begin_sending(index: int, content: bytes = FILE) -> Callable[[World], object]:
    """The first bytes of a chunk that :func:`finish_sending` sends the rest of."""

    def act(world: World) -> None:
        sink = world.service.receive_chunk(world.find(), index)
        sink.receive(chunk_of(content, index)[:1])
        world.arriving[index, content] = sink

    return act


@named
def finish_sending(index: int, content: bytes = FILE) -> Callable[[World], object]:
    def act(world: World) -> object:
        sink = world.arriving[index, content]
        data = chunk_of(content, index)
        sink.receive(data[1:])
        return world.finish(sink, data)

    return act


@named
def break_off(index: int, content: bytes = OTHER) -> Callable[[World], object]:
    """A chunk whose sender goes away in the middle."""

    def act(world: World) -> None:
        sink = world.service.receive_chunk(world.find(), index)
        sink.receive(chunk_of(content, index)[:2])
        step("receive")
        sink.abort()

    return act


@named
def append(end: int = len(FILE), content: bytes = FILE) -> Callable[[World], object]:
    """Bytes in order, from where the upload continues, in blocks of three."""

    def act(world: World) -> object:
        session = world.find()
        offset = world.service.offset(session)
        sink = world.service.receive_from(session, offset)
        while offset < end:
            step("receive")
            sink.receive(content[offset : min(offset + 3, end)])
            offset += 3
        reached = sink.finish()
        world.acknowledge_offset(session, reached)
        return reached

    return act


@named
def offset() -> Callable[[World], object]:
    """A sequential sender asks where to go on, and so supersedes the one before."""
    return lambda world: world.service.offset(world.find(), supersede=True)


@named
def declare(size: int = len(FILE)) -> Callable[[World], object]:
    return lambda world: world.service.declare_size(world.find(), size)


@named
def complete(content: bytes | None = FILE, *, size: int | None = None) -> Callable[[World], object]:
    """With the SHA-256 of ``content``, or without any."""
    file_hash = None if content is None else hashlib.sha256(content).hexdigest()

    def act(world: World) -> object:
        return world.service.complete(world.find(), file_hash=file_hash, total_size=size, wait=0).status

    return act


@named
def status() -> Callable[[World], object]:
    def act(world: World) -> object:
        return world.service.status(world.find().upload_id).status

    return act


@named
def cancel() -> Callable[[World], object]:
    return lambda world: world.service.cancel(world.find()).status


@named
def remove() -> Callable[[World], object]:
    def act(world: World) -> None:
        if world.upload_id is not None:
            world.service.remove(world.upload_id)

    return act
