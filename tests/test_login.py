"""Logging in: limited per account and per address, and never so many at once that uploads would notice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from intelliwiz_config import login
from intelliwiz_config.login_limits import Counter, Places, TryLater

pytestmark = pytest.mark.integration

URLS = pytest.mark.parametrize("url", ["/login/", "/admin/login/"])


@pytest.fixture(autouse=True)
def _apart(settings: Any, db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    monkeypatch.setattr("time.time", lambda: 600_000_010.0)
    User.objects.create_superuser("alice", password="right")
    yield
    cache.clear()


def log_in(url: str, username: str = "alice", password: str = "wrong", address: str = "192.0.2.1") -> Any:
    credentials = {"username": username, "password": password, "next": "/"}
    return Client(REMOTE_ADDR=address).post(url, credentials)


@URLS
def test_the_right_password_logs_in(url: str) -> None:
    assert log_in(url, password="right").status_code == 302


@URLS
def test_guesses_at_one_account_are_stopped_wherever_they_come_from(url: str) -> None:
    for number in range(10):
        assert log_in(url, username=(" Alice", "alice")[number % 2], address=f"192.0.2.{number}").status_code == 200
    stopped = log_in(url, password="right", address="192.0.2.99")
    assert stopped.status_code == 429
    assert stopped.headers["Retry-After"] == "290"
    assert "Too many attempts. Try again in 5 minutes." in stopped.content.decode()
    assert "name or the password is wrong" not in stopped.content.decode()
    assert log_in(url, "bob").status_code == 200


@URLS
def test_one_address_is_stopped_whatever_accounts_it_tries(url: str) -> None:
    for number in range(60):
        assert log_in(url, username=f"user-{number}").status_code == 200
    assert log_in(url, "another").status_code == 429
    assert log_in(url, "another", address="192.0.2.2").status_code == 200


def test_who_gets_in_did_not_fail() -> None:
    for _ in range(9):
        log_in("/login/")
    for _ in range(3):
        assert log_in("/login/", password="right").status_code == 302


def test_who_has_an_account_of_nearly_the_name_guesses_no_more_often() -> None:
    User.objects.create_user("ALICE", password="mine")
    for _ in range(10):
        log_in("/login/")
        log_in("/login/", username="ALICE", password="mine")
    assert log_in("/login/").status_code == 429


def test_one_address_has_one_place() -> None:
    places = Places(at_work=1, waiting=3)
    with places.one("a"), pytest.raises(TryLater), places.one("a"):
        pass
    with places.one("a"):
        pass


def test_attempts_that_find_no_place_count(monkeypatch: pytest.MonkeyPatch) -> None:
    places = Places(at_work=1, waiting=0)
    monkeypatch.setattr(login, "HASHING", places)
    with places.one("somebody else"):
        answers = [log_in("/login/").status_code for _ in range(61)]
    assert answers == [503] * 60 + [429]


def test_a_name_of_half_characters_is_counted_like_any_other() -> None:
    counter = Counter("test", limit=1, window=600)
    counter.count("\ud800")
    with pytest.raises(TryLater):
        counter.require_below_limit("\ud800")


def test_who_is_logged_in_may_not_guess_more_often(client: Any) -> None:
    client.force_login(User.objects.create_user("bob"))
    answers = [client.post("/login/", {"username": "alice", "password": "wrong"}).status_code for _ in range(11)]
    assert answers == [200] * 10 + [429]


def test_both_login_pages_count_together() -> None:
    for number in range(10):
        log_in(("/login/", "/admin/login/")[number % 2])
    assert log_in("/login/").status_code == 429


@URLS
def test_without_a_place_nothing_is_hashed(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    places = Places(at_work=1, waiting=0)
    monkeypatch.setattr(login, "HASHING", places)
    monkeypatch.delattr("django.contrib.auth.hashers.MD5PasswordHasher.encode")
    with places.one("somebody else"):
        answer = log_in(url)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "2"
    assert "Try again in a moment" in answer.content.decode()


def test_passwords_are_hashed_in_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    places = Places(at_work=1, waiting=0)
    monkeypatch.setattr(login, "HASHING", places)
    refused = []

    def authenticate(*args: Any, **kwargs: Any) -> None:
        with pytest.raises(TryLater), places.one("somebody else"):
            pass
        refused.append(True)

    monkeypatch.setattr("django.contrib.auth.forms.authenticate", authenticate)
    log_in("/login/")
    assert refused


def test_those_who_wait_get_in_one_after_the_other() -> None:
    places = Places(at_work=1, waiting=1)
    entered = threading.Event()

    def enter() -> None:
        with places.one("second"):
            entered.set()

    with places.one("first"):
        waiting = threading.Thread(target=enter)
        waiting.start()
        assert not entered.wait(0.1)
    waiting.join()
    assert entered.is_set()
    with places.one("third"):
        pass


def test_a_window_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter("test", limit=1, window=60)
    counter.count("name")
    with pytest.raises(TryLater):
        counter.require_below_limit("name")
    monkeypatch.setattr("time.time", lambda: 600_000_060.0)
    counter.require_below_limit("name")


def test_who_may_not_go_there_is_told(client: Any) -> None:
    client.force_login(User.objects.create_user("bob"))
    assert "bob may not go there" in client.get("/admin/", follow=True).content.decode()
