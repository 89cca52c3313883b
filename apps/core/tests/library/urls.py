"""The library's pages: an admin, and a form."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpResponse
from django.urls import include, path
from django.views.generic import CreateView

from apps.core.fields.race import ResumableAdminMixin, ResumableFormViewMixin

from .models import Paper, Video

site = admin.AdminSite()


class VideoAdmin(ResumableAdminMixin, admin.ModelAdmin):
    """As every other, but for the race."""


site.register(Video, VideoAdmin)
site.register(Paper)


class AddVideo(ResumableFormViewMixin, CreateView):
    model = Video
    fields = ("title", "file")
    success_url = "/saved/"

    def form_invalid(self, form: Any) -> HttpResponse:
        return HttpResponse(str(form))


class AddVideoPlainly(CreateView):
    model = Video
    fields = ("title", "file")
    success_url = "/saved/"


urlpatterns = [
    path("admin/", site.urls),
    path("add/", AddVideo.as_view()),
    path("add-plainly/", AddVideoPlainly.as_view()),
    path("api/v1/upload/", include("apps.core.urls_resumable_uploads")),
]
