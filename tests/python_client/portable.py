"""Uploads, resumes and downloads as on any system: run as a program, by the tests here and on Windows and macOS.

With ``--as-elsewhere`` first what only POSIX has is taken away, and files behave as on Windows: what is open is neither
renamed nor removed.
"""

from __future__ import annotations

import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from .memory_server import CHUNK_SIZE, memory_server

POSIX_MODULES = ("fcntl", "grp", "pwd", "resource", "termios")
POSIX_NAMES = (
    "O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "fchmod", "fchown", "fdatasync", "fork", "geteuid",
    "getuid", "posix_fadvise", "pread", "preadv", "pwrite", "pwritev", "sendfile",
)  # fmt: skip


def take_away_posix() -> None:
    # What the client is made of has ports of its own.
    for dependency in ("click.shell_completion", "platformdirs", "rich.console", "rich.progress", "urllib3"):
        import_module(dependency)
    for module in POSIX_MODULES:
        sys.modules[module] = None  # type: ignore[assignment]
    for name in POSIX_NAMES:
        if hasattr(os, name):
            delattr(os, name)
    Path.replace = unless_open(Path.replace)  # type: ignore[method-assign]
    Path.unlink = unless_open(Path.unlink)  # type: ignore[method-assign]


def unless_open(change: Any) -> Any:
    def changed(path: Path, *arguments: Any, **options: Any) -> Any:
        opened = [Path("/proc/self/fd", fd) for fd in os.listdir("/proc/self/fd")]
        if any(fd.exists() and path.exists() and fd.samefile(path) for fd in opened):
            raise PermissionError(f"{path} is open")
        return change(path, *arguments, **options)

    return changed


def main() -> None:
    from resumable_uploads_client import Uploader
    from resumable_uploads_client.cli.commands import cli

    with tempfile.TemporaryDirectory() as name, memory_server() as (url, sessions):
        directory = Path(name)
        content = os.urandom(5 * CHUNK_SIZE + 7)
        (directory / "file.bin").write_bytes(content)
        with Uploader(url, state_directory=directory / "state") as uploader:
            begun = uploader.upload(directory / "file.bin")
            del sessions.chunks[begun.upload_id][3]
            sessions.documents[begun.upload_id]["status"] = "active"
            resumed = uploader.resume(begun.upload_id, directory / "file.bin")
            assert resumed.upload_id == begun.upload_id
            for overwrite in (False, True):
                uploader.download(begun.upload_id, directory / "copy.bin", overwrite=overwrite)
                assert (directory / "copy.bin").read_bytes() == content
        for _ in range(2):
            cli.main(["put", "--recursive", "--quiet", str(directory / "file.bin"), "--to", url], standalone_mode=False)
        stored = [each for each in sessions.documents.values() if each["metadata"].get("relative_path") == "file.bin"]
        assert len(stored) == 1, "the second time it was stored already"
    sys.stdout.write("1 passed\n")


if __name__ == "__main__":
    if "--as-elsewhere" in sys.argv:
        take_away_posix()
    main()
