"""Who an upload belongs to.

Today always a user. Everything that asks "whose is it?" (lists, 404s, throttles, quotas, an idempotent ``init``) asks a
principal, so that owners without an account can come later in this one place.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import QuerySet

from ..models import UploadSession


class Principal:
    """An owner of uploads."""

    def __init__(self, user_id: Any, user: Any = None) -> None:
        self.user_id = user_id
        self._user = user

    @classmethod
    def of(cls, owner: Any) -> Principal:
        """The principal that a user is; a principal stays what it is."""
        return owner if isinstance(owner, Principal) else cls(owner.pk, owner)

    @classmethod
    def owning(cls, session: UploadSession) -> Principal:
        """Whose the session is. Loads no user."""
        return cls(session.owner_id)

    @classmethod
    def still_active(cls, user_id: Any) -> Principal | None:
        """The principal of a user who may still log in, asked of the database anew; None of any other."""
        user = get_user_model()._default_manager.filter(pk=user_id).first()
        return cls.of(user) if user is not None and getattr(user, "is_active", True) else None

    @cached_property
    def user(self) -> Any:
        """The user; loaded when first asked for."""
        return self._user or get_user_model()._default_manager.get(pk=self.user_id)

    @property
    def key(self) -> str:
        """Tells this principal from all others, as text."""
        return f"user:{self.user_id}"

    def sessions(self) -> QuerySet[UploadSession]:
        """The sessions it may see: its own, but for those being removed."""
        return UploadSession.objects.filter(owner_id=self.user_id).exclude(status=UploadSession.Status.REMOVING)

    def uploads(self) -> QuerySet[UploadSession]:
        """Those sessions that are files, or will be: not the parts of others."""
        return self.sessions().exclude(concat=UploadSession.Concat.PARTIAL)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Principal) and other.key == self.key

    def __hash__(self) -> int:
        return hash(self.key)
