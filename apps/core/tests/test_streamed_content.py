"""Content on its way into a storage of Django's, whoever reads it."""

from __future__ import annotations

import hashlib
import io
import threading
from unittest import mock

import pytest

from apps.core.services import streamed_content
from apps.core.services.streamed_content import StreamedContent

pytestmark = pytest.mark.unit

DATA = b"moving pictures"


@pytest.mark.parametrize("fails", [False, True])
def test_connections_of_a_storages_own_threads_are_closed(fails: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = mock.Mock()
    monkeypatch.setattr(streamed_content, "connection", connection)
    at_block = mock.Mock(side_effect=[None, LookupError] if fails else None)
    sha256 = hashlib.sha256(DATA).hexdigest()
    content = StreamedContent(io.BytesIO(DATA), len(DATA), sha256, name="a.bin", at_block=at_block)
    content.read(5)
    connection.close.assert_not_called()
    raised: list[type[BaseException] | None] = []

    def read() -> None:
        try:
            content.read(5)
        except LookupError as error:
            raised.append(type(error))

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    connection.close.assert_called_once_with()
    assert raised == ([LookupError] if fails else [])
