"""The form, as its address wants it: ``?multiple``, ``?required``, ``?save`` instead of waiting, ``?two`` fields,
or in the styles of the ``?admin``."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from apps.core.fields.forms import ResumableFileField
from apps.core.fields.widget import ResumableUploadInput

from .models import Clip

View = Callable[[HttpRequest], HttpResponse]


def strict(view: View) -> View:
    """What a careful site allows."""

    @wraps(view)
    def with_policy(request: HttpRequest) -> HttpResponse:
        response = view(request)
        response.headers["Content-Security-Policy"] = "default-src 'self'"
        return response

    return with_policy


def _form_class(wanted: Any) -> type[forms.Form]:
    when = "save" if "save" in wanted else "wait"

    class ClipForm(forms.Form):
        title = forms.CharField(required=False, help_text="Not bad.")
        file = ResumableFileField(
            model_field="form_site.clip.file",
            label="Film",
            help_text="What the camera has.",
            required="required" in wanted,
            multiple="multiple" in wanted,
            widget=ResumableUploadInput(when_sending=when),
        )

        def clean_title(self) -> str:
            title: str = self.cleaned_data["title"]
            if title == "bad":
                raise forms.ValidationError("That is bad.")
            return title

    if "two" in wanted:
        sheet = ResumableFileField(model_field="form_site.clip.sheet", required=False)
        return type("ClipForm", (ClipForm,), {"sheet": sheet})
    return ClipForm


@strict
@login_required
def clip(request: HttpRequest) -> HttpResponse:
    form_class = _form_class(request.GET)
    form = form_class(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        _save([form])
        return redirect("saved")
    return render(request, "form_site/clip.html", {"form": form, "admin": "admin" in request.GET})


@strict
@login_required
def clips(request: HttpRequest) -> HttpResponse:
    form_set = forms.formset_factory(_form_class(request.GET))(
        request.POST or None, request.FILES or None, prefix="clips"
    )
    if request.method == "POST" and form_set.is_valid():
        _save(list(form_set))
        return redirect("saved")
    return render(request, "form_site/clips.html", {"form_set": form_set})


@strict
@login_required
def saved(request: HttpRequest) -> HttpResponse:
    found = [(each, hashlib.sha256(each.file.read()).hexdigest()) for each in Clip.objects.exclude(file="")]
    return render(request, "form_site/saved.html", {"clips": found})


def _save(filled: list[Any]) -> None:
    for form in filled:
        files = form.cleaned_data.get("file") or []
        for file in files if isinstance(files, list) else [files]:
            Clip.objects.create(title=form.cleaned_data["title"], file=file)
