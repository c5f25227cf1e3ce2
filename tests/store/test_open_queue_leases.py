"""The queue of one process among others: whose copies are free, when it looks, and which yes it may have overlooked."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from store.samples import ANN, grant
from store.waiting import HOUR, NOW, PSEUDONYMS, copy_to, message_to
from structlog.testing import capture_logs

from relay.queued import NewMessage, State, Step
from relay.store.appending import append_events
from relay.store.committing import Committer, Work
from relay.store.learning import Lessons
from relay.store.leases import Lease, folder_of
from relay.store.open_queue import OpenQueue, Told
from relay.store.port import StoreUnavailableError
from relay.store.queue import Caps


@dataclass
class Yard:
    """at: seconds of the monotonic clock."""

    folder: Path
    committer: Committer
    at: float = 1000.0

    def open(self) -> OpenQueue:
        return OpenQueue(self.committer, Caps(), lambda *_: Lessons())

    def do(self, run: Any) -> Any:
        (result,) = self.committer.commit([Work(run)])
        return result

    def take(self, queue: OpenQueue, *messages: NewMessage) -> Any:
        return self.do(queue.work_of(Step(messages=messages)))

    def claimed(self, queue: OpenQueue, **more: Any) -> list[str]:
        told = self.do(queue.claim(NOW, 10, more.get("only"), more.get("skip", ())).run)
        return [str(copy.recipient.address) for one in told.answer for copy in one.copies]

    def lease_all(self, name: str) -> None:
        self.do(lambda c: c.execute("UPDATE copies SET lease = ?", (name,)) and None)

    def leases(self) -> list[str | None]:
        return [name for (name,) in self.committer.connection.execute("SELECT lease FROM copies ORDER BY number")]

    def found_ended(self, queue: OpenQueue) -> bool:
        return queue.look(self.committer.connection, NOW, State.QUEUED)[1]


@pytest.fixture
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yard]:
    committer = Committer(tmp_path / "relay.db", tmp_path / "withdrawals.journal", PSEUDONYMS)
    with contextlib.closing(committer):
        one = Yard(tmp_path, committer)
        monkeypatch.setattr("relay.store.open_queue.time", SimpleNamespace(monotonic=lambda: one.at))
        yield one


def test_a_process_whose_file_is_missing_has_four_seconds_to_make_it_again(yard: Yard) -> None:
    queue = yard.open()
    yard.take(queue, message_to("a@example.org"))
    yard.lease_all("other")
    assert not yard.found_ended(queue)
    yard.do(queue.free)
    assert yard.leases() == ["other"]
    yard.at += 3.9
    assert not yard.found_ended(queue)
    other = Lease(yard.committer.path, "other")
    yard.at += 9
    assert not yard.found_ended(queue)
    (folder_of(yard.committer.path) / "other").unlink()
    yard.at += 9
    assert not yard.found_ended(queue)  # missing since now, not since then
    yard.at += 4
    assert yard.found_ended(queue)
    yard.do(queue.free)
    assert yard.leases() == [None]
    other.close()
    queue.close()


def test_processes_that_are_no_more_are_looked_for_every_two_seconds(yard: Yard) -> None:
    queue = yard.open()
    yard.take(queue, message_to("a@example.org"))
    yard.lease_all("dead")
    (folder_of(yard.committer.path) / "dead").touch()
    assert yard.found_ended(queue)
    yard.at += 1.9
    assert not yard.found_ended(queue)
    yard.at += 0.1
    assert yard.found_ended(queue)
    queue.close()


@pytest.mark.parametrize(("seconds", "let_go"), [(0, True), (59.9, True), (60, False)])
def test_a_yes_lets_mail_go_that_was_held_by_a_decision_of_up_to_a_minute_before_it(
    yard: Yard, seconds: float, let_go: bool
) -> None:
    queue = yard.open()
    yard.do(lambda c: append_events(c, [grant(ANN)], PSEUDONYMS, bytes) and None)
    yard.found_ended(queue)
    yard.at += seconds
    yard.found_ended(queue)
    yard.take(queue, message_to(copy_to(str(ANN), State.HELD, due=NOW + 9 * HOUR)))
    found = yard.committer.connection.execute("SELECT state FROM copies").fetchall()
    assert found == [("queued" if let_go else "held",)]
    queue.close()


def test_of_what_was_claimed_only_what_is_given_back_can_be_claimed_again(yard: Yard) -> None:
    queue = yard.open()
    yard.take(queue, message_to("a@example.org", "b@example.net"), message_to("c@example.com"))
    assert yard.claimed(queue, only=["example.net", "example.com"], skip=["example.com"]) == ["b@example.net"]
    assert len(yard.claimed(queue)) == 2
    assert yard.claimed(queue) == []
    yard.do(queue.give_back([3]))
    assert yard.claimed(queue) == ["c@example.com"]
    queue.close()


def test_a_full_disk_takes_no_mail_of_clients_and_all_that_the_relay_says_itself(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = yard.open()
    monkeypatch.setattr(Committer, "has_room_for", lambda _self, _octets: False)
    refused = yard.take(queue, message_to("a@example.org"))
    assert isinstance(refused, StoreUnavailableError)
    assert refused.full
    assert "no space left on the disk" in str(refused)
    assert yard.leases() == []
    assert isinstance(yard.do(queue.work_of(Step())), Told)
    queue.close()


@pytest.mark.parametrize("full", [True, False])
def test_a_store_that_can_free_nothing_now_opens_only_if_the_disk_is_full(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, full: bool
) -> None:
    def away(*_: object) -> None:
        raise StoreUnavailableError("away", full=full)

    monkeypatch.setattr("relay.store.open_queue.keep_release_rate", away)
    if full:
        yard.open().close()
    else:
        with pytest.raises(StoreUnavailableError, match="away"):
            yard.open()
    assert list(folder_of(yard.committer.path).iterdir()) == []


def test_a_sender_can_be_told_of_a_failure_while_mail_of_others_waits(yard: Yard) -> None:
    queue = yard.open()
    failed = copy_to("a@example.org", State.FAILED, due=NOW + HOUR)
    yard.take(queue, message_to(failed), message_to("b@example.org"))
    assert queue.look(yard.committer.connection, NOW, State.FAILED)[0]
    queue.close()


def test_the_log_is_told_of_lost_leases_of_replaced_mail_and_of_what_was_set_aside() -> None:
    with capture_logs() as logs:
        Told(None, lost=[7, 8], replaced=["D1"], aside=("M1",)).tell()
    assert [(one["event"], one["log_level"]) for one in logs] == [
        ("lease-lost", "warning"), ("lease-lost", "warning"), ("hold-replaced", "info"), ("message-set-aside", "error"),
    ]  # fmt: skip
    assert [one.get("copy") for one in logs] == [7, 8, None, None]
    assert (logs[2]["id"], logs[3]["message"]) == ("D1", "M1")
