from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from knox.models import AuthToken

from .api import Api

pytestmark = pytest.mark.integration


def upload_token(*arguments: str) -> str:
    out = StringIO()
    call_command("upload_token", *arguments, stdout=out)
    return out.getvalue().strip()


def test_an_issued_token_works_and_is_stored_hashed(base_url: str, owner: Any) -> None:
    token = upload_token("issue", "owner", "--days", "2")
    with Api(base_url, token) as api:
        assert api.get("").status_code == 200
    stored = AuthToken.objects.get()
    assert token not in (stored.digest, stored.token_key)
    assert timedelta(days=1) < stored.expiry - timezone.now() <= timedelta(days=2)


def test_list_names_tokens_by_their_first_characters(owner: Any) -> None:
    token = upload_token("issue", "owner")
    listed = upload_token("list", "owner")
    assert listed.split()[0] == token[: len(listed.split()[0])]
    assert token not in listed


def test_revoke_one_or_all(owner: Any) -> None:
    for _ in range(3):
        upload_token("issue", "owner")
    key = upload_token("list", "owner").split()[0]
    assert upload_token("revoke", "owner", "--key", key) == "Revoked 1."
    assert upload_token("revoke", "owner", "--all") == "Revoked 2."
    with pytest.raises(CommandError, match="No such token"):
        upload_token("revoke", "owner", "--all")


def test_an_unknown_user_is_an_error(transactional_db: None) -> None:
    with pytest.raises(CommandError, match="no user 'nobody'"):
        upload_token("issue", "nobody")
