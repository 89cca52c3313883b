"""Which suffixes and types an upload may have: the site's, or those of a field."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable, Mapping

from ..conf import upload_settings

AllowedTypes = Mapping[str, tuple[str, ...]]
"""Suffix (lower case, with dot) to the MIME types that may be declared for it, the usual one first."""


def accepted(accept: Iterable[str] | str) -> list[str]:
    """Suffixes and types, from a list of them or a text as HTML's."""
    given = accept.split(",") if isinstance(accept, str) else accept
    return [each.strip() for each in given if each.strip()]


def allowed_types(accept: Iterable[str] = (), *, replaces: bool = False) -> AllowedTypes:
    """The allow-list.

    Args:
        accept: as in HTML's ``accept``: ``.pdf``, ``image/png``, ``video/*``; everything allowed if it is empty.
        replaces: whether ``accept`` says all, instead of narrowing what the site allows.
    """
    site: AllowedTypes = upload_settings().allowed_types
    wanted = [each.strip().lower() for each in accept]
    if not wanted:
        return site
    candidates = {**_known(wanted), **site} if replaces else site
    narrowed = {suffix: _matching(suffix, types, wanted) for suffix, types in candidates.items()}
    return {suffix: types for suffix, types in narrowed.items() if types}


def _matching(suffix: str, types: Iterable[str], wanted: list[str]) -> tuple[str, ...]:
    if suffix in wanted:
        return tuple(types)
    return tuple(each for each in types if each in wanted or f"{each.partition('/')[0]}/*" in wanted)


def _known(wanted: list[str]) -> dict[str, tuple[str, ...]]:
    """What Python knows, whatever the machine's own tables say; and the suffixes that are named though it does not."""
    known = {suffix: (mime_type,) for suffix, mime_type in mimetypes.MimeTypes().types_map[True].items()}
    named = {each: ("application/octet-stream",) for each in wanted if each.startswith(".") and each not in known}
    return {**known, **named}
