"""Two nodes on one PostgreSQL and one bucket behind nginx, from the files in ``deploy/``, as far as processes go."""

from __future__ import annotations

import os
import secrets
import shlex
import sys
from collections.abc import Iterator
from configparser import RawConfigParser
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from apps.core.tests.s3_engine import engine

from .server_process import PROJECT, ServerProcess
from .test_nginx import NGINX, Nginx

DEPLOY = PROJECT / "deploy"


def unit(name: str) -> RawConfigParser:
    """A systemd unit; of keys that are there twice the last counts."""
    parsed = RawConfigParser(strict=False)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read(DEPLOY / name)
    return parsed


def environment_file() -> dict[str, str]:
    lines = (DEPLOY / "uploads.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def require_parts() -> None:
    if "POSTGRESQL_URL" not in os.environ:
        pytest.skip("needs PostgreSQL: set POSTGRESQL_URL (.ci/postgres starts one)")
    if NGINX is None:
        pytest.skip("needs nginx: apt install nginx-light")
    engine()


def make_bucket(name: str) -> dict[str, str]:
    """A bucket of the engine's, as the environment file names it."""
    import boto3

    endpoint, access_key, secret_key = engine()
    keys = {"aws_access_key_id": access_key, "aws_secret_access_key": secret_key}
    boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **keys).create_bucket(Bucket=name)
    return {
        "S3_BUCKET": name,
        "S3_ENDPOINT_URL": endpoint,
        "S3_REGION": "us-east-1",
        "S3_ADDRESSING_STYLE": "path",
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
    }


class Cluster:
    """The nodes, and nginx in front of them."""

    def __init__(self, nodes: list[ServerProcess], nginx: Nginx) -> None:
        self.nodes = nodes
        self.nginx = nginx

    @property
    def base_url(self) -> str:
        return self.nginx.base_url

    @property
    def token(self) -> str:
        return self.nodes[0].token


def node_command() -> list[str]:
    """What the unit starts, in this environment."""
    _, *arguments = shlex.split(unit("uploads.service")["Service"]["ExecStart"])
    return [sys.executable, *arguments]


@contextmanager
def cluster(directory: Path, **environment: str) -> Iterator[Cluster]:
    """Two nodes that are up; ``environment`` overrides what is in their files."""
    directory.chmod(0o755)
    bucket = make_bucket(f"nodes-{secrets.token_hex(6)}")
    shared = {
        **environment_file(),
        **bucket,
        "SECRET_KEY": secrets.token_hex(32),
        "ALLOWED_HOSTS": "127.0.0.1",
        "FORWARDED_ALLOW_IPS": "127.0.0.1",
        "SECURE_PROXY": "",
        "DATABASE_URL": os.environ["POSTGRESQL_URL"],
        "WORKERS": "1",
        **environment,
    }
    for name in ("HOST", "PORT", "DATA_DIR", "S3_SPOOL"):
        del shared[name]
    nodes = []
    for number in (1, 2):
        node = ServerProcess(directory / f"node{number}", "asgi", **shared, NODE_NAME=f"node{number}")
        shared["DATABASE_URL"] = ""  # Made for the first one.
        node.environment["S3_SPOOL"] = str(directory / f"node{number}")
        node.switches = []
        nodes.append(node)
    first, second = nodes
    second.environment["DATABASE_URL"] = first.environment["DATABASE_URL"]
    first.directory.mkdir(parents=True)
    for command in ("migrate", "createcachetable"):
        first.run("manage.py", command)
    first.run("-m", "intelliwiz_config.demo")
    second.directory.mkdir(parents=True)
    (second.directory / "demo-token").write_text(first.token)
    assert node_command()[1:] == ["-m", "intelliwiz_config.serve"]
    with ExitStack() as stack:
        for node in nodes:
            node.start()
            stack.callback(node.kill)
        upstream = (DEPLOY / "two-nodes/upstream.conf").read_text()
        for address, node in zip(("10.0.0.11:8000", "10.0.0.12:8000"), nodes, strict=True):
            assert address in upstream
            upstream = upstream.replace(address, f"127.0.0.1:{node.port}")
        nginx = Nginx(directory / "nginx", first, upstream=upstream)
        stack.callback(nginx.stop)
        yield Cluster(nodes, nginx)
