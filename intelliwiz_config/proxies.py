"""Whose forwarded headers are believed: only those of the proxies that ``FORWARDED_ALLOW_IPS`` names.

The servers' own handling of these headers is off, since each has its own defaults and leaves to the application what it
does not use itself. From anybody else the headers are taken away, before anything can read them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

FORWARDED = frozenset(
    {
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-prefix",
        "x-forwarded-proto",
        "x-forwarded-scheme",
        "x-forwarded-ssl",
        "x-real-ip",
        "x-script-name",
    }
)

Scope = MutableMapping[str, Any]
AsgiApplication = Callable[[Scope, Any, Any], Awaitable[None]]
WsgiApplication = Callable[[dict[str, Any], Any], Iterable[bytes]]


class TrustedProxies:
    """
    Args:
        text: addresses and networks, comma-separated; ``*`` is everybody.

    Raises:
        ValueError: something in it is neither.
    """

    def __init__(self, text: str) -> None:
        names = [name.strip() for name in text.split(",") if name.strip()]
        self._everybody = "*" in names
        self._networks = [ipaddress.ip_network(name) for name in names if name != "*"]

    def __contains__(self, address: str) -> bool:
        if self._everybody:
            return True
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self._networks)

    def origin(self, peer: str, forwarded_for: str) -> str:
        """The address that a request came from through the proxy ``peer``: the last one before the trusted ones."""
        for hop in reversed(forwarded_for.split(",")):
            address = _parsed(hop.strip())
            if address is None:
                return peer
            peer = str(address)
            if peer not in self:
                return peer
        return peer


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address; one of IPv4 that a socket for both shows as one of IPv6 is what it was."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


def _scheme(forwarded: str) -> str | None:
    """The scheme that the nearest proxy was asked with."""
    scheme = forwarded.rpartition(",")[2].strip().lower()
    return scheme if scheme in ("http", "https") else None


class AsgiBehindProxies:
    def __init__(self, application: AsgiApplication, trusted: TrustedProxies) -> None:
        self._application = application
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] in ("http", "websocket"):
            scope = self._believed(scope)
        await self._application(scope, receive, send)

    def _believed(self, scope: Scope) -> Scope:
        headers: list[tuple[bytes, bytes]] = list(scope["headers"])
        peer = (scope.get("client") or ("",))[0]
        if peer not in self._trusted:
            kept = [(name, value) for name, value in headers if name.decode("latin-1") not in FORWARDED]
            return {**scope, "headers": kept}

        def given(wanted: bytes) -> str:
            return ",".join(value.decode("latin-1") for name, value in headers if name == wanted)

        client = (self._trusted.origin(peer, given(b"x-forwarded-for")), 0)
        return {**scope, "client": client, "scheme": _scheme(given(b"x-forwarded-proto")) or scope["scheme"]}


class WsgiBehindProxies:
    def __init__(self, application: WsgiApplication, trusted: TrustedProxies) -> None:
        self._application = application
        self._trusted = trusted

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        peer = environ.get("REMOTE_ADDR", "")
        if peer in self._trusted:
            environ["REMOTE_ADDR"] = self._trusted.origin(peer, environ.get("HTTP_X_FORWARDED_FOR", ""))
            environ["wsgi.url_scheme"] = (
                _scheme(environ.get("HTTP_X_FORWARDED_PROTO", "")) or environ["wsgi.url_scheme"]
            )
        else:
            for name in FORWARDED:
                environ.pop(f"HTTP_{name.upper().replace('-', '_')}", None)
        return self._application(environ, start_response)
