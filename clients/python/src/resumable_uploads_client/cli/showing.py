"""Text for a person's terminal. Names and sentences come from files, servers and proxies, and some of them lie."""

from __future__ import annotations

import click


def printable(text: object) -> str:
    """The text on one line, with what a terminal would obey, hide or reorder written as an escape."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in str(text)
    )


def say(text: object, *, err: bool = False) -> None:
    click.echo(printable(text), err=err)
