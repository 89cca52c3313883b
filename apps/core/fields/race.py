"""The race in which two forms with one reference are valid at the same time: the second one's error.

Validation finds a claimed reference as long as it comes after the claim. Of two that validated at once, the second
``save()`` raises :class:`~..errors.ReferenceAlreadyClaimed`; and :class:`~..errors.ReferenceRefused` if the upload was
removed in between. What is rolled back then is tried once more from the start: this time validation finds what
happened, and the form comes back with the error where it belongs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.http import HttpRequest

from ..errors import ReferenceAlreadyClaimed, ReferenceRefused


class ResumableFormViewMixin:
    """For ``CreateView``, ``UpdateView`` and other class-based views of forms that save files."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """The form is saved in one transaction."""
        post: Any = super().post  # type: ignore[misc]
        return _once_more(transaction.atomic(post), request, *args, **kwargs)


class ResumableAdminMixin:
    """For ``ModelAdmin``."""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return _once_more(super().changeform_view, request, *args, **kwargs)  # type: ignore[misc]


def _once_more(view: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    try:
        return view(*args, **kwargs)
    except (ReferenceAlreadyClaimed, ReferenceRefused):
        return view(*args, **kwargs)
