from django.contrib.auth.mixins import LoginRequiredMixin
from django.urls import reverse_lazy
from django.views.generic import CreateView, DeleteView, ListView, UpdateView
from resumable_uploads.fields.race import ResumableFormViewMixin

from .models import Video


class VideoList(LoginRequiredMixin, ListView):
    model = Video


class AddVideo(LoginRequiredMixin, ResumableFormViewMixin, CreateView):
    model = Video
    fields = ["title", "file"]
    success_url = reverse_lazy("videos")


class ChangeVideo(LoginRequiredMixin, ResumableFormViewMixin, UpdateView):
    model = Video
    fields = ["title", "file"]
    success_url = reverse_lazy("videos")


class DeleteVideo(LoginRequiredMixin, DeleteView):
    model = Video
    success_url = reverse_lazy("videos")
