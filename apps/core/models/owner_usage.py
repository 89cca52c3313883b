"""What one owner has reserved and stored. Kept as a row, so that a reservation is one conditional UPDATE."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from ..units import decimal_size


class OwnerUsage(models.Model):
    """Quota counters of one owner, in sessions and bytes. Changed only by ``services.quotas``."""

    owner = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="upload_usage")
    open_sessions = models.PositiveIntegerField(default=0)
    reserved_bytes = models.PositiveBigIntegerField(default=0)
    stored_bytes = models.PositiveBigIntegerField(default=0)
    stored_files = models.PositiveBigIntegerField(default=0, help_text="Completed uploads.")
    init_window = models.PositiveBigIntegerField(default=0, help_text="The period in which init_count was counted.")
    init_count = models.PositiveIntegerField(default=0, help_text="Sessions begun in that period.")

    class Meta:
        verbose_name = "upload usage"
        verbose_name_plural = "upload usage"

    def __str__(self) -> str:
        reserved, stored = decimal_size(self.reserved_bytes), decimal_size(self.stored_bytes)
        return f"{self.owner}: {self.open_sessions} open, {reserved} reserved, {stored} stored"
