"""``manage.py upload_token``: issue, list and revoke Bearer tokens."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone


def _token_model() -> Any:
    if not apps.is_installed("knox"):
        raise CommandError("This needs knox: install the extra 'tokens', and add 'knox' to INSTALLED_APPS.")
    from knox.models import AuthToken

    return AuthToken


class Command(BaseCommand):
    help = "Issues, lists and revokes Bearer tokens. A token is shown once; the database keeps its hash."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        issue = actions.add_parser("issue", help="print a new token for a user")
        issue.add_argument("username")
        issue.add_argument("--days", type=float, default=30, help="days until it expires (default: 30)")
        listing = actions.add_parser("list", help="list a user's tokens by their first characters")
        listing.add_argument("username")
        revoke = actions.add_parser("revoke", help="end tokens of a user at once")
        revoke.add_argument("username")
        which = revoke.add_mutually_exclusive_group(required=True)
        which.add_argument("--key", help="the first characters, as listed")
        which.add_argument("--all", action="store_true", help="every token of the user")

    def handle(self, *args: Any, **options: Any) -> None:
        self._tokens = _token_model()
        user_model = get_user_model()
        try:
            user = user_model._default_manager.get_by_natural_key(options["username"])
        except user_model.DoesNotExist:
            raise CommandError(f"There is no user {options['username']!r}.") from None
        getattr(self, f"_{options['action']}")(user, options)

    def _issue(self, user: Any, options: dict[str, Any]) -> None:
        if options["days"] <= 0:
            raise CommandError("--days must be greater than 0.")
        _, token = self._tokens.objects.create(user, expiry=timedelta(days=options["days"]))
        self.stdout.write(token)

    def _list(self, user: Any, options: dict[str, Any]) -> None:
        for token in self._tokens.objects.filter(user=user).order_by("created"):
            state = (
                "expired" if token.expiry and token.expiry <= timezone.now() else f"until {token.expiry:%Y-%m-%d %H:%M}"
            )
            self.stdout.write(f"{token.token_key}  issued {token.created:%Y-%m-%d %H:%M}  {state}")

    def _revoke(self, user: Any, options: dict[str, Any]) -> None:
        tokens = self._tokens.objects.filter(user=user)
        if options["key"]:
            tokens = tokens.filter(token_key=options["key"])
        revoked, _ = tokens.delete()
        if not revoked:
            raise CommandError("No such token.")
        self.stdout.write(f"Revoked {revoked}.")
