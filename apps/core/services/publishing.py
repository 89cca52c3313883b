"""Publishing where a file belongs: into the storage of a model's field, or one of the project's ``STORAGES``.

Django's storages neither lock nor tell what they hold, and an assembly can be killed at any moment, or lose its lease
and come to life again. So:

* The name is in the ledger before the first byte is in the storage (:func:`transitions.note_destination`, which only
  the holder of the lease can write), and it has a random part: nobody else chooses it, so what lies under it is this
  upload's, and may be deleted.
* On one file system publishing is a rename of bytes that were verified, under the store's seal, and there is nothing in
  between: where the staged bytes are gone and the name is there, an earlier attempt did it
  (:meth:`Publication.earlier`).
* Elsewhere the bytes are streamed, and size and SHA-256 are compared on the way. What a killed attempt left under its
  name is deleted by the next one, which takes another name: a former holder that is still at work cannot write into it.
  It finds out that it lost the lease at the next block, and deletes what it wrote.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.core.files import File
from django.core.files.storage import Storage
from django.db import DatabaseError

from ..errors import Unavailable, UploadError
from ..models import UploadSession
from ..storage import MovableFiles, SealLost, StagingMissing, Store
from ..storage.destinations import destination_storage
from ..storage.errors import storage_errors
from ..storage.on_disk import device_for, flush, local_path, take_group_of_directory
from . import transitions
from .destination_names import name_at_publication
from .streamed_content import StreamedContent


class Publication:
    """The way of one assembled upload into the storage that its destination names.

    Args:
        keep_lease: called at each block; raises if somebody else assembles the session by now.
        lost: what is raised then.
    """

    def __init__(
        self,
        session: UploadSession,
        lease: uuid.UUID,
        store: Store,
        *,
        keep_lease: Callable[[], None],
        lost: Exception,
    ) -> None:
        self._session = session
        self._lease = lease
        self._store = store
        self._keep_lease = keep_lease
        self._lost = lost
        self._size = session.total_size or 0
        self._storage = _storage_of(session)

    def earlier(self) -> str:
        """The name under which an earlier attempt published everything, and was killed before it could say so."""
        name = self._session.destination_name
        if not name or self._is_staged():
            return ""
        with self._in_storage():
            return name if self._storage.exists(name) and self._storage.size(name) == self._size else ""

    def delete_remains(self) -> None:
        """Delete what an earlier attempt left, if it is not all there is."""
        if self._session.destination_name and self._is_staged():
            with self._in_storage():
                self._storage.delete(self._session.destination_name)

    def run(self, sha256: str, composite_hash: str) -> str:
        """Publish the verified bytes; returns their name.

        Args:
            sha256: of the whole file.
        """
        self.delete_remains()
        name = name_at_publication(self._session, self._storage)
        self._note(name, sha256=sha256, composite_hash=composite_hash)
        path = local_path(self._storage, name)
        if path is not None and isinstance(self._store, MovableFiles) and self._store.device == device_for(path):
            saved = self._move(self._store, name)
        else:
            saved = self._stream(name, sha256)
        if saved != name:  # A storage that gives names of its own has the last word.
            self._note(saved)
        return saved

    def _note(self, name: str, **digests: str) -> None:
        if not transitions.note_destination(self._session, self._lease, name=name, **digests):
            raise self._lost

    def _move(self, store: MovableFiles, name: str) -> str:
        with store.moving(self._session.staged, self._size, self._lease) as source, self._in_storage():
            saved = self._storage.save(name, _MovedFile(source, name))
            path = Path(self._storage.path(saved))
            take_group_of_directory(path)
            flush(path)
        return saved

    def _stream(self, name: str, sha256: str) -> str:
        with self._store.open(self._session.staged) as stored:
            content = StreamedContent(stored, self._size, sha256, name=name, at_block=self._keep_lease)
            content.content_type = self._session.mime_type
            saved = name
            try:
                with self._in_storage():
                    saved = self._storage.save(name, content)
                    content.require_kept(self._storage, saved)
            except BaseException:
                with suppress(Exception):
                    self._storage.delete(saved)
                raise
        if (path := local_path(self._storage, saved)) is not None:
            flush(path)
        return saved

    @contextmanager
    def _in_storage(self) -> Iterator[None]:
        """Storages raise what they like: it passes, and nothing is lost."""
        try:
            with storage_errors():
                yield
        except (UploadError, DatabaseError, SealLost, StagingMissing, type(self._lost)):
            raise
        except Exception as error:
            raise Unavailable("The storage that the file is for is in trouble; try again.") from error

    def _is_staged(self) -> bool:
        try:
            self._store.open(self._session.staged).close()
        except StagingMissing:
            return False
        return True


def _storage_of(session: UploadSession) -> Storage:
    try:
        return destination_storage(session.destination)
    except LookupError as error:
        raise Unavailable(f"Where the file is to go is gone: {error}") from None


class _MovedFile(File):  # type: ignore[type-arg]
    """What Django's storages on disk move instead of copying it."""

    def __init__(self, path: Path, name: str) -> None:
        super().__init__(None, name)
        self._path = path
        self.size = path.stat().st_size

    def temporary_file_path(self) -> str:
        return str(self._path)

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """For storages on the same disk that do copy."""
        with self._path.open("rb") as file:
            yield from File(file).chunks(chunk_size)

    def close(self) -> None:
        """Nothing is open."""
