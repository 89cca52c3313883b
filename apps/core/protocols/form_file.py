"""The file in a multipart/form-data body (RFC 7578), as it arrives."""

from __future__ import annotations

from collections.abc import Callable

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from ..errors import BadRequest, BodyBroken

FILE = b"file"
MOST_FIELDS = 100


class FormFile:
    """Takes a form block by block, and hands the bytes of its field ``file`` on; other fields are passed over.

    Args:
        content_type: of the request.
        take: gets the bytes of the file, in order.

    Raises:
        BadRequest: it is no such form, or malformed.
    """

    def __init__(self, content_type: str, take: Callable[[bytes], None]) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise BadRequest("Send the form as multipart/form-data with a boundary.", code="bad_form")
        self._take = take
        self._name = bytearray()
        self._value = bytearray()
        self._in_file = False
        self._has_file = False
        self._fields = 0
        self._is_ended = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                    "on_header_end": self._end_header,
                    "on_part_data": self._receive_data,
                    "on_part_end": self._end_part,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise _malformed(error) from None

    def receive(self, block: bytes) -> None:
        """Take the next bytes of the body.

        Raises:
            BadRequest: they are malformed, or there is a second file.
        """
        try:
            self._parser.write(block)
        except FormParserError as error:
            raise _malformed(error) from None

    def finish(self) -> None:
        """The body ended.

        Raises:
            BodyBroken: in the midst of the form.
            BadRequest: without a file.
        """
        if not self._is_ended:
            raise BodyBroken("The form ends before its last boundary.")
        if not self._has_file:
            raise BadRequest("The form has no field called file.", code="bad_form")

    def _end_header(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._begin_field(bytes(self._value))
        self._name.clear()
        self._value.clear()

    def _begin_field(self, disposition: bytes) -> None:
        self._fields += 1
        _, options = parse_options_header(disposition)
        is_file = options.get(b"name") == FILE
        if self._in_file or (is_file and self._has_file):
            raise BadRequest("The form has more than one file.", code="bad_form")
        if self._fields > MOST_FIELDS:
            raise BadRequest(f"The form has more than {MOST_FIELDS} fields.", code="bad_form")
        self._in_file = is_file
        self._has_file |= is_file

    def _receive_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._take(data[start:end])

    def _end_part(self) -> None:
        self._in_file = False

    def _end(self) -> None:
        self._is_ended = True


def _malformed(error: Exception) -> BadRequest:
    return BadRequest(f"The form is malformed: {error}.", code="bad_form")
