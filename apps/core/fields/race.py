"""The race in which two forms with one reference are valid at the same time: the second one's error.

Validation finds a claimed reference as long as it comes after the claim. Of two that validated at once, the second
``save()`` raises :class:`~..errors.ReferenceAlreadyClaimed`; and :class:`~..errors.ReferenceRefused` if the upload was
removed in between. What is rolled back then is tried once more from the start: this time validation finds what
happened, and the form comes back with the error where it belongs.
"""

from __future__ import annotations

import os
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
        changeform: Any = super().changeform_view  # type: ignore[misc]
        return _once_more(changeform, request, *args, **kwargs)


def _once_more(view: Callable[..., Any], request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
    try:
        return view(request, *args, **kwargs)
    except (ReferenceAlreadyClaimed, ReferenceRefused):
        if _has_lost_files(request):
            raise
        return view(request, *args, **kwargs)


def _has_lost_files(request: HttpRequest) -> bool:
    """Whether the first try moved a file away that came with the form."""
    files = [file for _, files in request.FILES.lists() for file in files]
    paths = [file.temporary_file_path() for file in files if hasattr(file, "temporary_file_path")]
    return not all(os.path.exists(path) for path in paths)
