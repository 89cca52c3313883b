"""Headers that Django answers with 500 do not reach it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from intelliwiz_config.odd_headers import AsgiWithoutOddHeaders, WsgiWithoutOddHeaders, content_type, cookie

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "given",
    ["text/plain", "application/json; charset=utf-8", 'text/plain; charset="UTF-8"', "multipart/form-data; boundary=b"],
)
def test_types_as_browsers_send_them_stay(given: str) -> None:
    assert content_type(given) == given


@pytest.mark.parametrize("charset", ["hex", "idna", "undefined", "unicode_escape", "latin-1", '"hex"', "utf-8x"])
def test_of_another_charset_it_is_no_form(charset: str) -> None:
    assert content_type(f"multipart/form-data; boundary=b; charset={charset}") == "application/octet-stream"


@pytest.mark.parametrize("parameter", ["x*=bogus''x", "boundary*=undefined''b", "x*0*=bogus''x", "charset*=utf-8''x"])
def test_with_extended_parameters_it_is_no_form(parameter: str) -> None:
    assert content_type(f"multipart/form-data; boundary=b; {parameter}") == "application/octet-stream"


def test_a_session_cookie_in_quotes_goes_and_others_stay() -> None:
    given = r'csrftoken=abc; sessionid="\000a"; messages="a\054b"'
    assert cookie(given) == r'csrftoken=abc; messages="a\054b"'
    assert cookie("sessionid=abc; csrftoken=abc") == "sessionid=abc; csrftoken=abc"


def test_both_servers_hand_them_over_mended() -> None:
    seen: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append(dict(scope["headers"]))

    odd = [(b"content-type", b"a/b; charset=hex"), (b"cookie", b'sessionid="x"'), (b"x", b"\xff")]
    asyncio.run(AsgiWithoutOddHeaders(application)({"type": "http", "headers": odd}, None, None))
    assert seen == [{b"content-type": b"application/octet-stream", b"cookie": b"", b"x": b"\xff"}]
    environ = {"CONTENT_TYPE": "a/b; charset=hex", "HTTP_COOKIE": 'sessionid="x"'}

    def wsgi_application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append(environ)
        return []

    WsgiWithoutOddHeaders(wsgi_application)(environ, None)
    assert seen[1] == {"CONTENT_TYPE": "application/octet-stream", "HTTP_COOKIE": ""}
