"""The race in which two forms with one reference are valid at the same time: the second one's error.

Validation finds a claimed reference as long as it comes after the claim. Of two that validated at once, the second
``save()`` raises :class:`~..errors.ReferenceAlreadyClaimed`; and :class:`~..errors.ReferenceRefused` if the upload was
removed in between. What is rolled back then is tried once more from the start: this time validation finds what
happened, and the form comes back with the error where it belongs.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import HttpRequest

from ..errors import ReferenceAlreadyClaimed, ReferenceRefused

LOST = (ReferenceAlreadyClaimed, ReferenceRefused)


class ResumableFormViewMixin:
    """For ``CreateView``, ``UpdateView`` and other class-based views of forms that save files."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """The form is saved in one transaction."""
        try:
            with transaction.atomic():
                return super().post(request, *args, **kwargs)  # type: ignore[misc]
        except LOST:
            with transaction.atomic():
                return super().post(request, *args, **kwargs)  # type: ignore[misc]


class ResumableAdminMixin:
    """For ``ModelAdmin``."""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().changeform_view(request, *args, **kwargs)  # type: ignore[misc]
        except LOST:
            return super().changeform_view(request, *args, **kwargs)  # type: ignore[misc]
