"""Proxies as Debian has them, with their defaults, in front of a server: nginx takes bodies up to 1 MiB."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests

from .server_process import free_port

PATH = f"{os.environ['PATH']}:/usr/sbin"
"""Some are where only root looks."""

_NGINX = """
daemon off; pid {directory}/nginx.pid; error_log {directory}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass http://127.0.0.1:{target}; proxy_set_header Host $http_host; }}
    }}
}}
"""
_CADDY = """
{{
    admin off
}}
http://127.0.0.1:{port} {{
    reverse_proxy 127.0.0.1:{target}
}}
"""
_HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 50s
    timeout server 50s
listen uploads
    bind 127.0.0.1:{port}
    server one 127.0.0.1:{target}
"""


def _nginx(directory: Path, port: int, target: int) -> list[str]:
    configuration = directory / "nginx.conf"
    configuration.write_text(_NGINX.format(directory=directory, port=port, target=target))
    user = ["-g", "user root;"] if os.geteuid() == 0 else []
    return ["nginx", "-p", str(directory), "-c", str(configuration), "-e", str(directory / "error.log"), *user]


def _caddy(directory: Path, port: int, target: int) -> list[str]:
    configuration = directory / "Caddyfile"
    configuration.write_text(_CADDY.format(port=port, target=target))
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(configuration)]


def _haproxy(directory: Path, port: int, target: int) -> list[str]:
    configuration = directory / "haproxy.cfg"
    configuration.write_text(_HAPROXY.format(port=port, target=target))
    return ["haproxy", "-db", "-f", str(configuration)]


PROXIES: dict[str, Callable[[Path, int, int], list[str]]] = {"nginx": _nginx, "caddy": _caddy, "haproxy": _haproxy}


@contextmanager
def proxy_in_front_of(name: str, target: int, directory: Path) -> Iterator[str]:
    """The address of a proxy that was just installed, in front of a port on loopback."""
    if shutil.which(name, path=PATH) is None:
        pytest.skip(f"needs {name}: apt-get install {'nginx-light' if name == 'nginx' else name}")
    directory.mkdir(mode=0o755)
    port = free_port()
    environment = {**os.environ, "PATH": PATH, "HOME": str(directory), "XDG_DATA_HOME": str(directory)}
    process = subprocess.Popen(
        PROXIES[name](directory, port, target),
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_it_answers(address)
        yield address
    finally:
        process.terminate()
        process.wait()


def _wait_until_it_answers(address: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(requests.ConnectionError):
            if requests.get(f"{address}/healthz", timeout=5).ok:
                return
        time.sleep(0.05)
    raise AssertionError(f"{address} does not answer")
