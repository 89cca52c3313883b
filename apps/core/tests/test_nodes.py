"""Several machines that serve the same uploads: how one finds out that it does not fit the others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from django.utils import timezone

from apps.core.models import Node
from apps.core.services import nodes
from apps.core.services.cleanup import Cleanup

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _on_a_server(monkeypatch: pytest.MonkeyPatch, uploads: Any) -> None:
    """SQLite would be a problem of its own."""
    nodes._differing.clear()
    monkeypatch.setattr(nodes, "_is_for_one_machine", lambda: False)
    uploads(NODE="this")


@pytest.fixture
def other(uploads: Any) -> Node:
    """Another node that said what it is a moment ago."""
    return beat_as(uploads, "other")


def beat_as(uploads: Any, name: str) -> Node:
    uploads(NODE=name)
    nodes.beat()
    uploads(NODE="this")
    return Node.objects.get(name=name)


def change(node: Node, **fields: Any) -> None:
    Node.objects.filter(pk=node.pk).update(**fields)


def problems_once_heard_of_again(node: Node) -> list[str]:
    assert nodes.problems() == []
    change(node, seen_at=timezone.now() + timedelta(seconds=1))
    return nodes.problems()


def test_two_that_share_everything_fit(other: Node) -> None:
    nodes.beat()
    assert nodes.problems() == []
    assert nodes.other_versions() == []
    assert sorted(Node.objects.values_list("name", flat=True)) == ["other", "this"]


def test_one_that_is_alone_fits(uploads: Any) -> None:
    nodes.beat()
    assert nodes.problems() == []


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"secret_digest": "0" * 64}, "another SECRET_KEY"),
        ({"store_identity": "0" * 32}, "another store"),
        ({"store_alias": "elsewhere"}, "another store"),
    ],
)
def test_one_that_differs_does_not_fit(other: Node, fields: dict[str, Any], words: str) -> None:
    change(other, **fields)
    (problem,) = problems_once_heard_of_again(other)
    assert words in problem
    assert problem.startswith("other ")


def test_one_that_is_not_heard_of_again_is_a_row_and_no_node(other: Node) -> None:
    change(other, secret_digest="0" * 64)
    for _ in range(3):
        assert nodes.problems() == []


def test_one_that_was_silent_for_long_is_noticed_anew(other: Node) -> None:
    change(other, secret_digest="0" * 64)
    assert nodes.problems() == []
    change(other, seen_at=timezone.now() - nodes.ALIVE - timedelta(seconds=1))
    assert nodes.problems() == []
    change(other, seen_at=timezone.now() + timedelta(seconds=1))
    assert nodes.problems() == []


def test_a_node_that_fits_speaks_for_no_other_one(other: Node, uploads: Any) -> None:
    change(other, store_alias="elsewhere")
    beat_as(uploads, "third")
    assert nodes.problems() == []
    beat_as(uploads, "third")
    assert nodes.problems() == []


def test_one_that_got_other_settings_meanwhile_is_looked_at_anew(other: Node, uploads: Any) -> None:
    change(other, secret_digest="0" * 64)
    assert nodes.problems() == []
    beat_as(uploads, "other")
    assert nodes.problems() == []
    change(other, secret_digest="0" * 64, seen_at=timezone.now() + timedelta(seconds=1))
    assert nodes.problems() == []


def test_a_cache_that_is_not_shared_is_noticed(other: Node, uploads: Any) -> None:
    cache.clear()
    assert nodes.problems() == []  # It may just have been emptied.
    beat_as(uploads, "other")
    cache.clear()
    (problem,) = nodes.problems()
    assert "another cache" in problem


def test_one_that_was_emptied_stops_nobody(other: Node, uploads: Any) -> None:
    cache.clear()
    assert nodes.problems() == []
    beat_as(uploads, "other")
    assert nodes.problems() == []


def test_a_node_that_is_not_heard_of_again_keeps_none_from_starting(other: Node) -> None:
    change(other, secret_digest="0" * 64)
    told: list[str] = []
    assert nodes.problems_at_start(0.05, pause=0.01, tell=told.append) == []
    (line,) = told
    assert line.startswith("This node differs from other: ")


def test_one_that_is_does(other: Node, uploads: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    change(other, secret_digest="0" * 64)

    def pause(seconds: float) -> None:
        change(other, seen_at=timezone.now() + timedelta(seconds=1))

    monkeypatch.setattr("apps.core.services.nodes.time.sleep", pause)
    (problem,) = nodes.problems_at_start(1000.0)
    assert "another SECRET_KEY" in problem


def test_nor_does_one_start_with_a_cache_of_its_own(other: Node, uploads: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.clear()

    def pause(seconds: float) -> None:
        beat_as(uploads, "other")
        cache.clear()

    monkeypatch.setattr("apps.core.services.nodes.time.sleep", pause)
    (problem,) = nodes.problems_at_start(1000.0)
    assert "another cache" in problem


def test_one_that_was_emptied_keeps_none_from_starting(
    other: Node, uploads: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.clear()
    monkeypatch.setattr("apps.core.services.nodes.time.sleep", lambda seconds: beat_as(uploads, "other"))
    assert nodes.problems_at_start(1000.0) == []


def test_a_secret_that_is_being_replaced_fits(other: Node, settings: Any) -> None:
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "the next one"
    assert nodes.problems() == []


def test_sqlite_is_for_one_machine(other: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "_is_for_one_machine", lambda: True)
    (problem,) = problems_once_heard_of_again(other)
    assert "SQLite serves one machine" in problem


@pytest.mark.sqlite
def test_and_this_is_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert nodes._is_for_one_machine() == (connection.vendor == "sqlite")


def test_an_answer_that_took_long_is_no_clock_that_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    real, asked = timezone.now, iter([0.0, 5.0])
    monkeypatch.setattr(timezone, "now", lambda: real() + timedelta(seconds=next(asked)))
    assert nodes.seconds_off() == pytest.approx(0, abs=0.1)


def test_a_clock_that_is_off_is_noticed(other: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    assert abs(nodes.seconds_off()) < nodes.LARGEST_SKEW
    real = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: real() + timedelta(seconds=10))
    (problem,) = nodes.problems()
    assert "+10.0 s off" in problem


def test_another_version_is_told_and_fits(other: Node) -> None:
    change(other, version="0.1 0001_first")
    assert nodes.problems() == []
    (warning,) = nodes.other_versions()
    assert "other runs 0.1 0001_first" in warning


def test_one_that_was_not_heard_of_lately_counts_no_more(other: Node) -> None:
    change(other, secret_digest="0" * 64, seen_at=timezone.now() - nodes.ALIVE - timedelta(seconds=1))
    assert nodes.problems() == []


def test_cleanup_forgets_who_is_gone(other: Node) -> None:
    change(other, seen_at=timezone.now() - nodes.FORGOTTEN_AFTER - timedelta(seconds=1))
    Cleanup(retention=timedelta(days=1), batch_size=10, dry_run=False).run()
    assert not Node.objects.exists()


class TestWatching:
    @pytest.fixture(autouse=True)
    def _beating(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setattr(nodes, "BEAT_SECONDS", 20.0)
        nodes.watch.forget()
        yield
        nodes.watch.forget()

    def test_a_node_that_does_not_fit_is_not_ready(
        self, other: Node, client: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        change(other, secret_digest="0" * 64)
        assert client.get("/readyz").status_code == 200
        change(other, seen_at=timezone.now() + timedelta(seconds=1))
        monkeypatch.setattr(nodes, "BEAT_SECONDS", 0.0)
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["checks"]["nodes"]) == (503, False)

    def test_a_machine_with_the_same_name_that_is_another_one_is_noticed(
        self, client: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        nodes.beat()
        row = Node.objects.get()
        change(row, secret_digest="0" * 64)  # As it was before this machine was set up anew.
        assert client.get("/readyz").status_code == 200
        change(row, secret_digest="0" * 64)
        monkeypatch.setattr(nodes, "BEAT_SECONDS", 0.0)
        assert client.get("/readyz").json()["checks"]["nodes"] is False
        assert client.get("/readyz").status_code == 200  # It is not heard of again.

    def test_who_begins_an_upload_says_that_this_node_serves(self, service: Any) -> None:
        service.create(filename="a.bin", total_size=10)
        assert Node.objects.get().name == "this"

    def test_and_begins_it_whatever_the_cache_does(
        self, service: Any, client: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail() -> None:
            raise ConnectionError

        monkeypatch.setattr(nodes, "beat", fail)
        assert service.create(filename="a.bin", total_size=10)[1]
        for _ in range(2):
            assert client.get("/readyz").json()["checks"]["nodes"] is False

    def test_a_node_that_nobody_asks_is_heard_of_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        watch = type(nodes.watch)()
        beats: list[float] = []
        now, slept = 1000.0, threading.Event()

        def sleep(seconds: float) -> None:
            nonlocal now
            now += seconds
            if len(beats) == 3:
                slept.set()
                threading.Event().wait()

        monkeypatch.setattr(nodes, "beat", lambda: beats.append(now))
        monkeypatch.setattr(nodes, "problems", list)
        monkeypatch.setattr(nodes, "other_versions", list)
        monkeypatch.setattr("apps.core.services.nodes.time", SimpleNamespace(monotonic=lambda: now, sleep=sleep))
        for _ in range(2):
            watch.keep_beating()
        assert slept.wait(60)
        assert beats == [1000.0, 1020.0, 1040.0]

    def test_a_database_that_was_away_for_a_moment_changes_nothing(
        self, client: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert client.get("/readyz").status_code == 200

        def fail() -> None:
            raise OperationalError("away")

        monkeypatch.setattr(nodes, "BEAT_SECONDS", 0.0)
        with monkeypatch.context() as patch:
            patch.setattr(nodes, "beat", fail)
            assert client.get("/readyz").json()["checks"]["nodes"] is True

    def test_nobody_is_ready_who_was_not_compared_yet(self, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        with nodes.watch._lock:  # The first look is under way.
            assert client.get("/readyz").json()["checks"]["nodes"] is False
        assert client.get("/readyz").status_code == 200

    def test_it_is_said_no_more_often_than_needed(self, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        now = 1000.0
        monkeypatch.setattr("apps.core.services.nodes.time.monotonic", lambda: now)
        said: list[None] = []
        monkeypatch.setattr(nodes, "beat", lambda: said.append(None))
        for _ in range(3):
            nodes.watch.problems()
        assert len(said) == 1
        now += nodes.BEAT_SECONDS
        nodes.watch.problems()
        assert len(said) == 2
