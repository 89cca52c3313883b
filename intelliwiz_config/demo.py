"""The demo user, its token and its password: ``python -m intelliwiz_config.demo`` prints only the token.

Both are stored hashed, so they themselves are kept in files under DATA_DIR that only their owner can read. The user is
made once: deleted, it stays deleted.
"""

from __future__ import annotations

import os
import secrets
import sys
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from . import running
from .paths import data_directory
from .private_files import alone, write_private

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser

USERNAME = "demo"
DAYS = 365


class Deleted(Exception):
    """There was a demo user here, and somebody deleted it."""


def preparing() -> AbstractContextManager[None]:
    """Only one process at a time brings the database up to date and makes the demo: two would meet in every step."""
    return alone(data_directory() / "demo")


def demo_user() -> AbstractBaseUser:
    """The demo user, made without a password the first time.

    Raises:
        Deleted: it was made before and is gone.
    """
    from django.conf import settings
    from django.contrib.auth import get_user_model

    made = Path(settings.DATA_DIR) / "demo-made"
    users = get_user_model()._default_manager
    user = users.filter(username=USERNAME).first()
    if user is not None:
        made.touch(mode=0o600)
        return user
    if made.exists():
        raise Deleted
    user = users.create(username=USERNAME)
    user.set_unusable_password()
    user.save()
    made.touch(mode=0o600)
    return user


def demo_password() -> str:
    """The password the demo user logs in with, made anew when its file is gone or the user has another."""
    from django.conf import settings

    path = Path(settings.DATA_DIR) / "demo-password"
    user = demo_user()
    if path.exists() and user.check_password(password := path.read_text()):
        return password
    password = secrets.token_urlsafe(12)
    user.set_password(password)
    user.save()
    write_private(path, password)
    return password


def demo_token() -> str:
    """The demo user's token; a token that no longer works is replaced."""
    from django.conf import settings
    from knox.models import AuthToken

    user = demo_user()
    path = Path(settings.DATA_DIR) / "demo-token"
    if path.exists() and _works(token := path.read_text().strip()):
        return token
    _, token = AuthToken.objects.create(user, expiry=timedelta(days=DAYS))
    write_private(path, token)
    return str(token)


def _works(token: str) -> bool:
    from knox.auth import TokenAuthentication
    from rest_framework.exceptions import AuthenticationFailed

    try:
        TokenAuthentication().authenticate_credentials(token.encode())
    except AuthenticationFailed:
        return False
    return True


def main() -> None:
    """Print the token of the demo user; where there is no demo yet, make one."""
    directory = data_directory()
    host, port = os.environ.get("HOST") or "127.0.0.1", int(os.environ.get("PORT") or 8000)
    is_served = running.is_data_directory_locked(directory)
    if not is_served and running.is_listening(host, port):
        sys.exit(f"The server on {host}:{port} does not run with {directory}. Set DATA_DIR as it was started with.")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "intelliwiz_config.settings")
    import django
    from django.core.management import call_command

    django.setup()
    try:
        with preparing():
            if not is_served:
                call_command("migrate", verbosity=0)
            token = demo_token()
    except Deleted:
        sys.exit("The demo user was deleted. 'python manage.py upload_token issue NAME' makes a token for another.")
    print(token)  # noqa: T201


if __name__ == "__main__":
    main()
