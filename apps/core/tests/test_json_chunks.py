"""A JSON body while it arrives: judged by its first fields, counted, given back."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import orjson
import pytest
from django.http import QueryDict

from apps.core.errors import BadRequest, NotFound, SessionGone, TooLarge, UploadError
from apps.core.http.protocol import Answer, Body, RequestHead
from apps.core.protocols.json_chunks import JsonChunks
from apps.core.protocols.json_memory import held_bodies
from apps.core.services.principal import Principal

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("small_chunks")]


@pytest.fixture
def body(owner: Any) -> Iterator[Body]:
    head = RequestHead("POST", {}, QueryDict(), {}, Principal.of(owner), 1000, "")
    begun = JsonChunks().begin(head)
    assert isinstance(begun, Body)
    yield begun
    begun.abort()  # As every request ends that was refused.


def start(upload_id: Any, index: int = 0, **more: Any) -> bytes:
    """A body up to its data."""
    named = {"upload_id": str(upload_id), "chunk_index": index, **more}
    return orjson.dumps(named).removesuffix(b"}") + b', "chunk_data": "'


def document(session: Any, data: bytes) -> bytes:
    fields = {"chunk_data": base64.b64encode(data).decode(), "checksum": hashlib.sha256(data).hexdigest()}
    return orjson.dumps({"upload_id": str(session.upload_id), "chunk_index": 0, **fields})


def test_an_unknown_session_is_refused_before_its_data_comes(body: Body) -> None:
    with pytest.raises(NotFound):
        body.receive(start(uuid4()))


def test_so_is_one_that_ended(body: Body, service: Any) -> None:
    session, _ = service.create(filename="a.bin", total_size=4)
    service.cancel(session)
    with pytest.raises(SessionGone):
        body.receive(start(session.upload_id))


def test_so_is_a_chunk_that_there_is_not(body: Body, service: Any) -> None:
    session, _ = service.create(filename="a.bin", total_size=4)
    with pytest.raises(BadRequest) as refusal:
        body.receive(start(session.upload_id, 7, checksum="0" * 64))
    assert refusal.value.code == "bad_chunk_index"


@pytest.mark.parametrize(
    "beginning",
    [
        b'{"chunk_data": "AAAA',
        b'{"upload_id": 5, "chunk_data": "',
        b'[1, "chunk_data"',
        b"nonsense",
        b'{"a": "' + b"x" * 2000,
    ],
)
def test_a_body_that_names_nothing_early_is_held(body: Body, beginning: bytes) -> None:
    body.receive(beginning)
    assert held_bodies.total == len(beginning)
    body.abort()


def test_in_pieces_it_is_a_chunk_like_any_other(body: Body, service: Any) -> None:
    session, _ = service.create(filename="a.bin", total_size=4)
    whole = document(session, b"0123")
    for begin in range(0, len(whole), 100):
        body.receive(whole[begin : begin + 100])
    answer = body.finish()
    assert isinstance(answer, Answer)
    assert answer.status == 200
    session.refresh_from_db()
    assert session.received_chunks == 1
    assert held_bodies.total == 0


DATA = base64.b64encode(b"0123").decode()


@pytest.mark.parametrize(
    "spelled",
    [
        pytest.param('{"chunk_data": "%s", %s}', id="data first"),
        pytest.param('{"chunk_data"\n:\t"%s"  ,%s}', id="space around"),
        pytest.param('{"chunk_data": "AAAA", "chunk_data": "%s", %s}', id="the last of two counts"),
        pytest.param('{"chunk_data": 5, "chunk_data": "%s", %s}', id="the last of two counts, whatever the first is"),
        pytest.param(r'{"x\"chunk_data": "AAAA", "chunk_data": "%s", %s}', id="another field ends in its name"),
        pytest.param(r'{"x": "\"chunk_data\": \"AAAA", "chunk_data": "%s", %s}', id="a string holds its like"),
        pytest.param('{"x": {"chunk_data": "AAAA"}, "chunk_data": "%s", %s}', id="an inner object has one"),
        pytest.param(r'{"chunk\u005fdata": "%s", %s}', id="its name is escaped"),
    ],
)
def test_however_json_spells_it_the_data_are_found(body: Body, service: Any, spelled: str) -> None:
    session, _ = service.create(filename="a.bin", total_size=4)
    others = orjson.dumps(
        {"upload_id": str(session.upload_id), "chunk_index": 0, "checksum": hashlib.sha256(b"0123").hexdigest()}
    ).decode()
    body.receive((spelled % (DATA, others[1:-1])).encode())
    answer = body.finish()
    assert isinstance(answer, Answer)
    assert answer.status == 200


def test_data_with_escapes_in_them_are_data(body: Body, service: Any) -> None:
    session, _ = service.create(filename="a.bin", total_size=4)
    data = b"\xff\xff\xff\xff"
    assert b"/" in base64.b64encode(data)
    body.receive(document(session, data).replace(b"/", b"\\/"))
    answer = body.finish()
    assert isinstance(answer, Answer)
    assert answer.status == 200


@pytest.mark.parametrize(
    ("spelled", "code"),
    [
        ('{"chunk_data": "MDEyMw==", %s, "chunk_data": "AAAAAA=="}', "checksum_mismatch"),
        ('{"chunk_data": "MDEyMw==", %s, "chunk_data": 5}', "bad_field"),
        ('{"x": {"chunk_data": "MDEyMw=="}, %s}', "bad_field"),
        ('{"chunk_data": "MDEyMw==, %s}', "bad_json"),
        ('{"chunk_data": "MDEyMw=', "bad_json"),
        ('{"chunk_data": "MDEyMw==" %s}', "bad_json"),
        ('{"chunk_data": "MDE\nyMw==", %s}', "bad_field"),
    ],
)
def test_what_is_not_the_field_s_data_is_not_taken_for_them(body: Body, service: Any, spelled: str, code: str) -> None:
    session, _ = service.create(filename="a.bin", total_size=4)
    others = orjson.dumps(
        {"upload_id": str(session.upload_id), "chunk_index": 0, "checksum": hashlib.sha256(b"0123").hexdigest()}
    ).decode()
    body.receive((spelled.replace("%s", others[1:-1])).encode())
    with pytest.raises(UploadError) as refusal:
        body.finish()
    assert refusal.value.code == code
    session.refresh_from_db()
    assert session.received_chunks == 0


def test_what_it_held_is_given_back_when_it_breaks_off_or_is_refused(body: Body) -> None:
    body.receive(b'{"a')
    body.abort()
    body.abort()
    assert held_bodies.total == 0
    body.receive(b"nonsense")
    with pytest.raises(BadRequest):
        body.finish()
    assert held_bodies.total == 0


def test_too_large_a_body_is_refused_before_it_is_held(body: Body, settings: Any, owner: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    head = RequestHead("POST", {}, QueryDict(), {}, Principal.of(owner), None, "")
    begun = JsonChunks().begin(head)
    assert isinstance(begun, Body)
    with pytest.raises(TooLarge):
        begun.receive(b"x" * 11)
    assert held_bodies.total == 0


@pytest.mark.parametrize(
    "structure", [b'{"a":[' + b"[]," * 50 + b"0]}", b"[" * 50 + b"]" * 50, b"{" + b'"":0,' * 50 + b'"":0}']
)
def test_structure_is_refused_before_it_is_built(body: Body, structure: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.core.protocols.small_json.orjson.loads", None)
    body.receive(structure)
    with pytest.raises(BadRequest) as refusal:
        body.finish()
    assert refusal.value.code == "bad_json"
