"""Whether others can read a token on its way."""

from __future__ import annotations

import warnings
from ipaddress import ip_address

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url


class InsecureTransport(UserWarning):
    """A token goes to another machine over plain HTTP, where everybody on the way can read and use it."""


def warn_where_tokens_can_be_read(url: str, proxy: str | None) -> None:
    """Warn whoever makes the caller. A proxy too is told the token where the address is plain HTTP."""
    try:
        address, *proxies = (parse_url(each) for each in (url, proxy) if each)
    except LocationParseError:
        return  # Nothing is sent to what is no address; whoever tries is told.
    if address.scheme != "http":
        return
    hosts = [each.host or "" for each in (address, *proxies)]
    elsewhere = [host for host in hosts if not _is_loopback(host)]
    if elsewhere:
        warnings.warn(
            f"The token is sent to {elsewhere[0]} over plain HTTP: everybody on the way can read it. Use https.",
            InsecureTransport,
            stacklevel=3,
        )


def _is_loopback(host: str) -> bool:
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
