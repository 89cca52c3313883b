"""Which stores this database has seen."""

from __future__ import annotations

from django.db import models


class StoreIdentity(models.Model):
    """The id that a store had when it got its first upload from this database.

    ``check_uploads`` removes nothing from a store that this database has never seen: a wrong ``DATABASE_URL`` would
    make every file look like one without a record.
    """

    identifier = models.CharField(max_length=64, unique=True)
    alias = models.CharField(max_length=64, help_text="The store's alias when it was first seen.")
    seen_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "store identities"

    def __str__(self) -> str:
        return f"{self.alias}: {self.identifier}"
