"""The asyncio face: the same core on worker threads, so that the event loop never waits for a disk or a socket."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

from .api import Session
from .progress import OnProgress, Progress
from .sources import PathOrFile
from .uploader import Uploader, UploadResult

T = TypeVar("T")


class AsyncUploader:
    """:class:`Uploader` for asyncio. Takes its arguments; ``on_progress`` is called on the loop.

    Cancelling a task stops its upload; the server keeps what it has.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._uploader = Uploader(*args, **kwargs)

    async def __aenter__(self) -> AsyncUploader:
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._uploader.close()

    async def upload(
        self, path_or_file: PathOrFile, *, on_progress: OnProgress | None = None, **options: Any
    ) -> UploadResult:
        """See :meth:`Uploader.upload`."""
        return await self._stoppable(self._uploader.upload, path_or_file, on_progress=on_progress, **options)

    async def resume(
        self, upload_id: str, path_or_file: PathOrFile, *, on_progress: OnProgress | None = None, **options: Any
    ) -> UploadResult:
        """See :meth:`Uploader.resume`."""
        return await self._stoppable(self._uploader.resume, upload_id, path_or_file, on_progress=on_progress, **options)

    async def download(
        self,
        upload_id: str,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        on_progress: OnProgress | None = None,
    ) -> Path:
        """See :meth:`Uploader.download`."""
        return await self._stoppable(
            self._uploader.download, upload_id, path, overwrite=overwrite, on_progress=on_progress
        )

    async def status(self, upload_id: str) -> Session:
        """See :meth:`Uploader.status`."""
        return await asyncio.to_thread(self._uploader.status, upload_id)

    async def cancel(self, upload_id: str) -> Session:
        """See :meth:`Uploader.cancel`."""
        return await asyncio.to_thread(self._uploader.cancel, upload_id)

    async def delete(self, upload_id: str) -> None:
        """See :meth:`Uploader.delete`."""
        await asyncio.to_thread(self._uploader.delete, upload_id)

    async def list(self, **filters: str) -> tuple[Session, ...]:
        """See :meth:`Uploader.list`; all pages at once."""
        return await asyncio.to_thread(lambda: tuple(self._uploader.list(**filters)))

    async def _stoppable(self, work: Callable[..., T], *args: Any, on_progress: OnProgress | None, **options: Any) -> T:
        loop = asyncio.get_running_loop()
        stop = Event()

        def tell(progress: Progress) -> None:
            if on_progress is not None:
                loop.call_soon_threadsafe(on_progress, progress)

        running = loop.run_in_executor(None, partial(work, *args, on_progress=tell, stop=stop, **options))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            stop.set()
            await asyncio.wait([running])
            if not running.cancelled():
                running.exception()
            raise
