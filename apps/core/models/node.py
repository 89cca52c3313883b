"""Which machines serve these uploads; see ``services.nodes``."""

from __future__ import annotations

from django.db import models


class Node(models.Model):
    """What one machine said of itself when it was last heard of, for the others to compare."""

    name = models.CharField(max_length=255, unique=True)
    seen_at = models.DateTimeField()
    version = models.CharField(max_length=100, help_text="Of the app, and its newest migration.")
    secret_digest = models.CharField(max_length=64, help_text="What tells one SECRET_KEY from another.")
    store_alias = models.CharField(max_length=64, help_text="Of the store for new uploads.")
    store_identity = models.CharField(max_length=64, help_text="Of that store.")
    cache_token = models.CharField(max_length=32, help_text="What others must find in the cache under its name.")

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
