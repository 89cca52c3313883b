from typing import Any

from django.db import models, transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.urls import reverse
from resumable_uploads.fields import ResumableFileField


class Video(models.Model):
    title = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64, blank=True, editable=False)
    file = ResumableFileField(upload_to="videos/%Y/", max_size="50 GB", accept=["video/*"], sha256_field="sha256")
    added_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-added_at", "-pk"]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("video", kwargs={"pk": self.pk})


class Subtitle(models.Model):
    video = models.ForeignKey(Video, on_delete=models.CASCADE, related_name="subtitles")
    language = models.CharField(max_length=20)
    file = ResumableFileField(
        upload_to="subtitles/", max_size="2 MB", accept=[".srt", ".vtt"], replaces_allowed_types=True
    )

    def __str__(self) -> str:
        return self.language


@receiver(post_delete, sender=Video)
@receiver(post_delete, sender=Subtitle)
def delete_file(instance: Any, **kwargs: Any) -> None:
    """Django leaves the files of deleted rows. django-cleanup deletes those that were replaced, too."""
    transaction.on_commit(lambda: instance.file.delete(save=False))
