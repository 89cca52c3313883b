"""Forwarded headers are believed from the proxies that are named, alike under both servers, and from nobody else."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from intelliwiz_config.proxies import AsgiBehindProxies, TrustedProxies, WsgiBehindProxies

from .server_process import ServerProcess

PROXY, CLIENT = "10.0.0.7", "192.0.2.1"
HEADERS = {"x-forwarded-for": f"203.0.113.9, {CLIENT}, 10.0.0.8", "x-forwarded-proto": "http, https", "host": "example"}


def over_asgi(peer: str, headers: dict[str, str], trusted: str) -> dict[str, Any]:
    seen: dict[str, Any] = {}

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.update(scope)

    scope = {
        "type": "http",
        "scheme": "http",
        "client": (peer, 1),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    asyncio.run(AsgiBehindProxies(application, TrustedProxies(trusted))(scope, None, None))
    names = {name.decode() for name, _ in seen["headers"]}
    return {"scheme": seen["scheme"], "address": seen["client"][0], "headers": names}


def over_wsgi(peer: str, headers: dict[str, str], trusted: str) -> dict[str, Any]:
    seen: dict[str, Any] = {}

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.update(environ)
        return []

    environ = {"REMOTE_ADDR": peer, "wsgi.url_scheme": "http"}
    environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    WsgiBehindProxies(application, TrustedProxies(trusted))(environ, None)
    names = {name[5:].lower().replace("_", "-") for name in seen if name.startswith("HTTP_")}
    return {"scheme": seen["wsgi.url_scheme"], "address": seen["REMOTE_ADDR"], "headers": names}


@pytest.mark.unit
@pytest.mark.parametrize("over", [over_asgi, over_wsgi])
class TestWhoIsBelieved:
    @pytest.mark.parametrize("trusted", ["10.0.0.0/24", "10.0.0.8, 10.0.0.7"])
    def test_a_named_proxy_says_where_a_request_came_from_and_how(self, over: Any, trusted: str) -> None:
        assert over(PROXY, HEADERS, trusted) == {"scheme": "https", "address": CLIENT, "headers": set(HEADERS)}

    def test_it_is_the_same_one_behind_a_socket_for_ipv6_too(self, over: Any) -> None:
        seen = over(f"::ffff:{PROXY}", HEADERS, "10.0.0.0/24")
        assert (seen["scheme"], seen["address"]) == ("https", CLIENT)

    @pytest.mark.parametrize("trusted", ["", "10.0.0.8", "2001:db8::/32"])
    def test_from_anybody_else_the_headers_are_taken_away(self, over: Any, trusted: str) -> None:
        assert over(PROXY, HEADERS, trusted) == {"scheme": "http", "address": PROXY, "headers": {"host"}}

    @pytest.mark.parametrize("headers", [{}, {"x-forwarded-for": "unknown", "x-forwarded-proto": "gopher"}])
    def test_what_a_proxy_does_not_say_stays(self, over: Any, headers: dict[str, str]) -> None:
        assert over(PROXY, headers, "*") == {"scheme": "http", "address": PROXY, "headers": set(headers)}

    def test_a_peer_without_an_address_is_nobody(self, over: Any) -> None:
        assert over("", HEADERS, PROXY)["scheme"] == "http"


@pytest.fixture(params=["asgi", "wsgi"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    process = ServerProcess(tmp_path / "data", request.param, SECURE_PROXY="1")
    yield process
    process.stop()


@pytest.mark.integration
@pytest.mark.slow
class TestBehindTls:
    @pytest.mark.parametrize(("proxy", "status"), [("127.0.0.1", 200), ("192.0.2.1", 301)])
    def test_only_the_named_proxy_makes_a_request_secure(self, server: Any, proxy: str, status: int) -> None:
        server.environment["FORWARDED_ALLOW_IPS"] = proxy
        server.start()
        headers = {"X-Forwarded-Proto": "https"}
        answer = requests.get(f"{server.base_url}/login/", headers=headers, timeout=10, allow_redirects=False)
        assert answer.status_code == status

    def test_protocols_are_served_over_https_alone(self, server: Any) -> None:
        server.start()
        url = f"{server.base_url}/api/v1/upload/chunk/{uuid4()}/0"
        headers = {"Authorization": f"Bearer {server.token}"}
        plain = requests.put(url, b"0123", headers=headers, timeout=10, allow_redirects=False)
        assert (plain.status_code, plain.headers["Location"]) == (301, url.replace("http:", "https:"))
        assert "Strict-Transport-Security" not in plain.headers
        secure = requests.put(url, b"0123", headers={**headers, "X-Forwarded-Proto": "https"}, timeout=10)
        assert secure.status_code == 404
        assert secure.headers["Strict-Transport-Security"] == "max-age=31536000"

    def test_no_header_moves_the_application(self, server: Any) -> None:
        server.start()
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(
                b"GET /login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-Proto: https\r\nSCRIPT_NAME: /moved\r\n"
                b"PATH_INFO: /admin/\r\nConnection: close\r\n\r\n"
            )
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert b" 200 " in answer
        assert b"/moved" not in answer

    def test_query_strings_are_not_logged(self, server: Any) -> None:
        server.start()
        for path in ("/login/", "/nowhere", "/api/v1/upload/", "/healthz"):
            requests.get(f"{server.base_url}{path}?token=sesame", headers={"X-Forwarded-Proto": "https"}, timeout=10)
            for rest in (b"HTTP/9.9", b"HTTP/1.1\r\nBad Header: x", b"HTTP/1.1\r\nHost: \0"):
                with socket.create_connection(("127.0.0.1", server.port)) as connection:
                    connection.sendall(b"GET " + path.encode() + b"?token=sesame " + rest + b"\r\n\r\n")
                    connection.recv(65536)
        assert "sesame" not in server.log.read_text()


@pytest.mark.unit
def test_gunicorns_lines_lose_their_query_strings() -> None:
    import logging

    from intelliwiz_config.gunicorn import _WithoutQueries

    record = logging.LogRecord("x", 40, "", 0, "Error handling request %s %s", ("GET", "/a?token=sesame"), None)
    _WithoutQueries().filter(record)
    assert record.getMessage() == "Error handling request GET /a?..."
