"""The production server: ``python -m intelliwiz_config.serve``.

Looks whether it may start, and becomes the server process. What a real deployment must not do at each start of each
node has a switch, and ``make run`` sets both: ``--migrate`` prepares the database, ``--demo`` makes a demo user and
prints how to try it.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import resource
import shlex
import shutil
import sys
from pathlib import Path
from threading import Thread

import environ

from . import running
from .database import await_database, require_migrated
from .paths import data_directory
from .proxies import TrustedProxies
from .static_files import choose_static_root, collect_static_files

# glibc gives blocks of this size back to the kernel at once and takes them anew each time; keeping them is what
# doubles to triples the rate of a server that allocates a block per read.
MALLOC_SETTINGS = {
    "MALLOC_MMAP_THRESHOLD_": str(64 * 1024 * 1024),
    "MALLOC_TRIM_THRESHOLD_": str(256 * 1024 * 1024),
    "MALLOC_TOP_PAD_": str(16 * 1024 * 1024),
    # Each arena keeps what it freed; a thread each would have its own.
    "MALLOC_ARENA_MAX": "2",
}
STORE_PATIENCE = 10.0
"""Seconds in which a store is asked at the start whether it works."""
STOP_TIMEOUT = 6
"""Seconds that requests get to end after SIGTERM, unless the variable of this name says otherwise."""


def main() -> None:
    arguments = _parse()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "intelliwiz_config.settings")
    _require_private_debug(arguments.host)
    _require_known_proxies(arguments.host)
    # Before anything is touched: another server may be at work with it.
    running.require_free_port(arguments.host, arguments.port)
    running.lock_data_directory(data_directory())
    for name, value in MALLOC_SETTINGS.items():
        os.environ.setdefault(name, value)
    if arguments.demo:
        os.environ.setdefault("METRICS_OPEN", "1")
    choose_static_root()
    _raise_open_files()
    _prepare(migrate=arguments.migrate)
    if arguments.demo:
        _print_banner(arguments.host, arguments.port)
    command = _asgi_command(arguments) if arguments.server == "asgi" else _wsgi_command(arguments)
    os.execv(command[0], command)  # noqa: S606  # becomes the server: signals reach it directly


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Serve the project.")
    parser.add_argument("--server", default=os.environ.get("SERVER") or "asgi", help="asgi or wsgi")
    parser.add_argument("--host", default=os.environ.get("HOST") or "127.0.0.1")
    parser.add_argument("--port", type=int, default=os.environ.get("PORT") or "8000")
    parser.add_argument("--migrate", action="store_true", help="bring the database up to date first")
    parser.add_argument("--demo", action="store_true", help="make a demo user once, and print how to try it")
    parser.add_argument("--workers", type=int, default=os.environ.get("WORKERS") or str(os.cpu_count() or 1))
    parser.add_argument(
        "--stop-timeout", type=int, default=os.environ.get("STOP_TIMEOUT") or str(STOP_TIMEOUT), help="seconds"
    )
    arguments = parser.parse_args()
    if arguments.server not in ("asgi", "wsgi"):
        parser.error(f"SERVER must be asgi or wsgi, not {arguments.server!r}.")
    if not 0 < arguments.port < 2**16:
        parser.error(f"PORT must be from 1 to 65535, not {arguments.port}.")
    return arguments


def _require_private_debug(host: str) -> None:
    """DEBUG shows whoever meets an error the source, the settings and the values around it."""
    if environ.Env().bool("DEBUG", default=False) and not _is_loopback(host):
        sys.exit(
            f"DEBUG is for this machine alone: it shows strangers source and settings. Unset it, or HOST ({host})."
        )


def _require_known_proxies(host: str) -> None:
    given = os.environ.get("FORWARDED_ALLOW_IPS", "")
    try:
        TrustedProxies(given)
    except ValueError as error:
        sys.exit(f"FORWARDED_ALLOW_IPS must be addresses and networks, comma-separated: {error}.")
    if environ.Env().bool("SECURE_PROXY", default=False) and not given and not _is_loopback(host):
        sys.exit("SECURE_PROXY needs FORWARDED_ALLOW_IPS: the addresses of the proxy, whose word on HTTPS is believed.")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _raise_open_files() -> None:
    """A connection is an open file, and thousands of slow clients are welcome."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _prepare(*, migrate: bool) -> None:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connections

    from .demo import preparing

    # Files of an earlier server's processes; they would be counted for ever.
    directory = Path(settings.DATA_DIR) / "metrics"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700, parents=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
    call_command("check")
    if not settings.DEBUG:
        collect_static_files()
    await_database()
    if migrate:
        with preparing():
            call_command("migrate", verbosity=0)
    else:
        require_migrated()
    _require_fitting_node()
    _name_troubled_store()
    connections.close_all()


def _require_fitting_node() -> None:
    """What several machines must have in common; one whose store is away now starts, and finds out later."""
    from apps.core.errors import UploadError
    from apps.core.services import nodes

    try:
        found = nodes.problems_at_start(tell=lambda line: print(line, file=sys.stderr, flush=True))
    except UploadError as error:
        print(f"This machine was not compared with others: {error}", file=sys.stderr, flush=True)
        return
    if found:
        sys.exit(
            "This machine does not fit the others that serve these uploads:\n  "
            + "\n  ".join(found)
            + f"\nIts own name here is {nodes.name_of_this_node()!r} (NODE_NAME)."
        )


def _name_troubled_store() -> None:
    """A store that does not work now may later, so the server starts; whoever starts it should know."""
    asking = Thread(target=_ask_store, daemon=True)
    asking.start()
    asking.join(STORE_PATIENCE)
    if asking.is_alive():
        print("The store has not answered yet.", file=sys.stderr, flush=True)


def _ask_store() -> None:
    from apps.core.conf import upload_settings
    from apps.core.errors import UploadError
    from apps.core.storage import get_store

    alias = upload_settings().store
    try:
        get_store(alias).check()
    except (UploadError, OSError) as error:
        print(f"The store {alias!r} does not work yet: {error.__cause__ or error}", file=sys.stderr, flush=True)


def _print_banner(host: str, port: int) -> None:
    from django.db import connections

    from .demo import Deleted, demo_password, demo_token, preparing

    base = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    print(f"\nResumable uploads at {base}/\n  API reference   {base}/api/v1/docs/", flush=True)
    try:
        with preparing():
            token, password = demo_token(), demo_password()
    except Deleted:
        print(
            "  The demo user was deleted, and stays so. 'python manage.py createsuperuser' makes another.", flush=True
        )
        return
    finally:
        connections.close_all()
    if not sys.stdout.isatty():  # It goes to where logs are kept, and secrets stay in their files.
        token, password = f"$({_token_command()})", f"in {data_directory() / 'demo-password'}"
    print(
        f"""  Log in          demo, password {password}
  Token           {token}

Try it:
  curl -X POST {base}/api/v1/upload/init \\
    -H "Authorization: Bearer {token}" \\
    -d '{{"filename": "test.bin", "total_size": 1024}}'
""",
        flush=True,
    )


def _token_command() -> str:
    """What prints the token in another terminal, where the environment is not this one."""
    directory = os.environ.get("DATA_DIR")
    return f"DATA_DIR={shlex.quote(str(data_directory()))} make -s token" if directory else "make -s token"


def _asgi_command(arguments: argparse.Namespace) -> list[str]:
    return [
        sys.executable,
        "-m",
        "intelliwiz_config.asgi_server",
        f"--host={arguments.host}",
        f"--port={arguments.port}",
        f"--workers={arguments.workers}",
        f"--stop-timeout={arguments.stop_timeout}",
    ]


def _wsgi_command(arguments: argparse.Namespace) -> list[str]:
    return [
        sys.executable,
        "-m",
        "gunicorn",
        "intelliwiz_config.wsgi:application",
        f"--bind={arguments.host}:{arguments.port}",
        f"--workers={arguments.workers}",
        "--worker-class=gthread",
        f"--threads={os.environ.get('THREADS') or 32}",
        f"--graceful-timeout={arguments.stop_timeout}",
        "--keep-alive=30",
        "--log-level=warning",
        "--config=python:intelliwiz_config.gunicorn",
    ]


if __name__ == "__main__":
    main()
