"""A request that notes what is read of it, to tell what a decision about it was made from."""

from __future__ import annotations

import copy
from collections import UserDict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from django.http import HttpRequest
from django.http.request import HttpHeaders

# The one header, by either of its names, and what DRF reads of any request before it asks an authenticator.
AUTHORIZATION_ALONE = frozenset(
    {"META", "META.HTTP_AUTHORIZATION", "headers", "headers.authorization"}
    | {"encoding", "_encoding", "_user", "_force_auth_user", "_force_auth_token", "_dont_enforce_csrf_checks"}
)


class _Meta(UserDict[str, Any]):
    """A request's META that notes the keys that are read."""

    def __init__(self, values: Mapping[str, Any], noted: set[str]) -> None:
        super().__init__(values)
        self._noted = noted

    def __getitem__(self, key: str) -> Any:
        self._noted.add(f"META.{key}")
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self._noted.add(f"META.{key}")
        return super().__contains__(key)

    def __iter__(self) -> Iterator[str]:
        self._noted.add("META.*")
        return super().__iter__()

    def __repr__(self) -> str:
        self._noted.add("META.*")
        return super().__repr__()

    def __or__(self, other: Any) -> Any:
        return {**self, **other}

    def __ror__(self, other: Any) -> Any:
        return {**other, **self}


class _Headers(HttpHeaders):
    """A request's headers that note the names that are read."""

    def __init__(self, meta: Mapping[str, Any], noted: set[str]) -> None:
        super().__init__(meta)
        self._noted = noted

    def __getitem__(self, key: str) -> str:
        self._noted.add(f"headers.{key.lower()}")
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[str]:
        self._noted.add("headers.*")
        return super().__iter__()

    def __repr__(self) -> str:
        self._noted.add("headers.*")
        return super().__repr__()


class NotingRequest(HttpRequest):
    """A request that notes what is read of it, in ``noted``."""

    noted: set[str]

    def __getattribute__(self, name: str) -> Any:
        if name != "noted" and not name.startswith("__"):
            self.noted.add(name)
        return super().__getattribute__(name)


@lru_cache
def _noting_class(kind: Any) -> type[NotingRequest]:
    return type(f"Noting{kind.__name__}", (NotingRequest, kind), {})


def noting(head: HttpRequest) -> NotingRequest:
    """A copy of a request that notes what is read of it."""
    copied = copy.copy(head)
    kind: Any = type(head)
    copied.__class__ = _noting_class(kind)
    assert isinstance(copied, NotingRequest)
    noted: set[str] = set()
    copied.__dict__.update(noted=noted, META=_Meta(head.META, noted), headers=_Headers(head.META, noted))
    return copied
