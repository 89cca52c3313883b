"""The demo user and its token: ``python -m intelliwiz_config.demo`` prints only the token.

Tokens are stored hashed, so the token itself is kept in a file under DATA_DIR that only its owner can read.
"""

from __future__ import annotations

import os
import secrets
from datetime import timedelta
from pathlib import Path

USERNAME = "demo"
DAYS = 365


def demo_token() -> str:
    """The demo user's token; user and token are created when absent, and a token that no longer works is replaced."""
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from knox.models import AuthToken

    user, created = get_user_model()._default_manager.get_or_create(username=USERNAME)
    if created:
        user.set_unusable_password()
        user.save()
    path = Path(settings.DATA_DIR) / "demo-token"
    if path.exists() and _works(token := path.read_text().strip()):
        return token
    _, token = AuthToken.objects.create(user, expiry=timedelta(days=DAYS))
    _write_private(path, token)
    return str(token)


def _works(token: str) -> bool:
    from knox.auth import TokenAuthentication
    from rest_framework.exceptions import AuthenticationFailed

    try:
        TokenAuthentication().authenticate_credentials(token.encode())
    except AuthenticationFailed:
        return False
    return True


def _write_private(path: Path, text: str) -> None:
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "intelliwiz_config.settings")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    print(demo_token())  # noqa: T201
