"""The subcommands."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import click
from click.shell_completion import get_completion_class

from ..errors import UploadError
from ..retrying import RETRY_DELAYS
from ..uploader import Uploader
from . import credentials
from .choosing import candidates
from .output import Output
from .putting import Putting, tell_completed
from .showing import printable, say
from .stored import StoredUploads
from .units import key_value, rate, size_text


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="resumable-uploads-client")
def cli() -> None:
    """Get files across: in pieces, verified, resumed where they stopped.

    The server comes from --to, RESUMABLE_UPLOADS_URL or login; the token from RESUMABLE_UPLOADS_TOKEN or login.
    Exit codes: 0 done, 1 a file could not be read or something else failed, 2 wrong usage, 3 not logged in, 4 refused,
    5 the server could not be reached, 130 interrupted.
    """


def connected(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of every command that talks to a server; gives it an ``uploader`` and its ``output``."""

    @click.option("--to", "url", envvar="RESUMABLE_UPLOADS_URL", metavar="URL", help="Where the API is.")
    @click.option("--json", "as_json", is_flag=True, help="JSON lines on standard output.")
    @click.option("--quiet", "-q", is_flag=True, help="Errors alone.")
    @click.option("--retries", type=click.IntRange(0), help="Further attempts of a request; 16 in ten minutes.")
    @click.option("--ca-certs", type=click.Path(exists=True), help="Trust these certificates instead of the system's.")
    @click.option("--proxy", envvar="RESUMABLE_UPLOADS_PROXY", metavar="URL", help="Go through this HTTP proxy.")
    @click.option("--stall-timeout", type=float, default=30.0, show_default=True, help="Seconds without progress.")
    @wraps(command)
    def with_uploader(
        url: str | None, as_json: bool, quiet: bool, retries: int | None, ca_certs: str | None, proxy: str | None,
        stall_timeout: float, bandwidth_limit: float | None = None, **options: Any,
    ) -> Any:  # fmt: skip
        found = credentials.find(url)
        uploader = Uploader(
            found.url, found.token, ca_certs=ca_certs, proxy=proxy, stall_timeout=stall_timeout,
            retry_delays=_retry_delays(retries), bandwidth_limit=bandwidth_limit, wait_for_server=retries is not None,
        )  # fmt: skip
        with uploader:
            return command(uploader=uploader, output=Output(as_json=as_json, quiet=quiet), **options)

    return with_uploader


def _retry_delays(retries: int | None) -> Sequence[float]:
    if retries is None:
        return RETRY_DELAYS
    return [*RETRY_DELAYS[:retries], *[RETRY_DELAYS[-1]] * (retries - len(RETRY_DELAYS))]


@cli.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path())
@click.option("--recursive", "-r", is_flag=True, help="Directories with all that is in them.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Leave out what matches in directories: '*.tmp'.")
@click.option("--checksum", is_flag=True, help="Compare the bytes with what is stored, not the time.")
@click.option("--dry-run", "-n", is_flag=True, help="Say what would be uploaded.")
@click.option("--transfers", type=click.IntRange(1, 64), default=4, show_default=True, help="Files at a time.")
@click.option("--parallel", type=click.IntRange(1, 64), default=4, show_default=True, help="Chunks in flight at once.")
@click.option("--bwlimit", "bandwidth_limit", type=rate, metavar="RATE", help="Bytes per second: 500k, 1.5M.")
@click.option("--name", help="What the file is called there; for one file or standard input.")
@click.option("--mime-type", help="The type; by default what the server takes the suffix for.")
@click.option("--metadata", multiple=True, type=key_value, metavar="KEY=VALUE", help="Kept with the upload.")
@click.option("--chunk-size", type=int, help="Bytes; a wish.")
@click.option("--sha256", is_flag=True, help="Declare the SHA-256 of the whole file too.")
@connected
def put(
    uploader: Uploader,
    output: Output,
    files: tuple[str, ...],
    recursive: bool,
    exclude: tuple[str, ...],
    checksum: bool,
    dry_run: bool,
    transfers: int,
    metadata: tuple[tuple[str, str], ...],
    name: str | None,
    **options: Any,
) -> list[Exception]:
    """Upload FILE..., or resume them; - is standard input. What is stored already, by its path, size and time, is left
    out."""
    if name and len(files) > 1:
        raise click.UsageError("--name is for one file.")
    chosen = list(candidates(files, recursive=recursive, exclude=exclude, name=name))
    return Putting(
        uploader=uploader,
        output=output,
        stored=StoredUploads(uploader, by_checksum=checksum),
        transfers=transfers,
        options={**options, "name": name},
        metadata=dict(metadata),
        dry_run=dry_run,
    ).run(chosen)


@cli.command()
@click.argument("upload_id")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--parallel", type=click.IntRange(1, 64), default=4, show_default=True)
@connected
def resume(uploader: Uploader, output: Output, upload_id: str, file: str, parallel: int) -> None:
    """Resume an upload that may have been begun elsewhere."""
    with output.progress(file) as on_progress:
        result = uploader.resume(upload_id, file, parallel=parallel, on_progress=on_progress)
    tell_completed(output, file, result)


@cli.command()
@click.argument("upload_id")
@connected
def status(uploader: Uploader, output: Output, upload_id: str) -> None:
    """What the server has of an upload."""
    session = uploader.status(upload_id)
    output.result(_line(session), **session)


@cli.command("list")
@click.option("--status", "state", help="active, completed, ...")
@connected
def list_(uploader: Uploader, output: Output, state: str | None) -> None:
    """My uploads, the newest first."""
    for session in uploader.list(**({"status": state} if state else {})):
        output.result(_line(session), **session)


def _line(session: dict[str, Any]) -> str:
    percentage = session["progress"]["percentage"]
    size, begun = size_text(session["total_size"]), session["created_at"][:16].replace("T", " ")
    return f"{session['upload_id']} {session['status']:<10} {percentage:6.2f}% {size:>6} {begun} {session['filename']}"


@cli.command()
@click.argument("upload_id")
@connected
def cancel(uploader: Uploader, output: Output, upload_id: str) -> None:
    """Have the server forget an unfinished upload."""
    session = uploader.cancel(upload_id)
    output.result(_line(session), **session)


@cli.command()
@click.argument("upload_ids", nargs=-1, required=True, metavar="UPLOAD_ID...")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@connected
def rm(uploader: Uploader, output: Output, upload_ids: tuple[str, ...], yes: bool) -> list[Exception]:
    """Delete uploads in any state, records and files, for good."""
    if not yes:
        _confirm_deleting(upload_ids)
    failures: list[Exception] = []
    for upload_id in upload_ids:
        try:
            uploader.delete(upload_id)
        except UploadError as error:
            output.error(upload_id, error, kind="upload_id")
            failures.append(error)
        else:
            output.result(f"{upload_id}: deleted", event="deleted", upload_id=upload_id)
    return failures


def _confirm_deleting(upload_ids: tuple[str, ...]) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask on; give --yes to delete.")
    what = printable(upload_ids[0]) if len(upload_ids) == 1 else f"{len(upload_ids)} uploads"
    if not click.confirm(f"Delete {what}, with the files, for good?", err=True):
        raise click.ClickException("Nothing was deleted.")


@cli.command()
@click.argument("upload_id")
@click.argument("path", type=click.Path(), default=".")
@click.option("--overwrite", is_flag=True, help="Replace what is there.")
@connected
def get(uploader: Uploader, output: Output, upload_id: str, path: str, overwrite: bool) -> None:
    """Download a completed file, or resume such a download, and verify it."""
    try:
        with output.progress(upload_id) as on_progress:
            found = uploader.download(upload_id, path, overwrite=overwrite, on_progress=on_progress)
    except FileExistsError as error:
        raise click.ClickException(f"{printable(error.filename)} exists; give --overwrite to replace it.") from None
    output.result(str(found), event="downloaded", upload_id=upload_id, path=str(found))


@cli.command()
@click.option("--to", "url", envvar="RESUMABLE_UPLOADS_URL", prompt="Where is the API", metavar="URL")
@click.option("--token", envvar="RESUMABLE_UPLOADS_TOKEN", prompt=True, hide_input=True)
def login(url: str, token: str) -> None:
    """Check a token and store it, readable by you alone."""
    with Uploader(url, token, retry_delays=()) as uploader:
        next(uploader.list(), None)
    path = credentials.store(credentials.Credentials(url, token))
    say(f"Logged in. The token is in {path}.")


@cli.command()
def logout() -> None:
    """Forget the stored token."""
    say("Logged out." if credentials.forget() else "Nobody was logged in.")


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes SHELL complete this command."""
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(cli, {}, "resumable-uploads", "_RESUMABLE_UPLOADS_COMPLETE").source())
