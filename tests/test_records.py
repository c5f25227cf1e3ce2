from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from policy.test_acceptance import CONTENT, NOW, WAITS, judged
from policy.test_decide import TX
from structlog.testing import capture_logs

from relay.decision import Decision
from relay.policy.acceptance import Judged, Mail, accept
from relay.queued import Step
from relay.reason import Reason
from relay.records import Records
from relay.store.port import QueueFullError, StoreUnavailableError

MAIL = Mail(TX, None, CONTENT)


class Troubled:
    """A store whose trouble a test chooses; the log so far is kept with each thing that is written down."""

    def __init__(
        self, logs: list[dict[str, object]], of_commit: Exception | None = None, of_record: bool = False
    ) -> None:
        self._logs, self._of_commit, self._of_record = logs, of_commit, of_record
        self.done: list[tuple[str, int]] = []

    async def record(self, decisions: Sequence[Decision]) -> None:
        if self._of_record:
            raise StoreUnavailableError("gone")
        self.done.append((f"record {len(decisions)}", len(self._logs)))

    async def commit(self, step: Step) -> None:
        if self._of_commit is not None:
            raise self._of_commit
        self.done.append((f"commit {len(step.messages)}", len(self._logs)))


def take_over(store: Troubled, people: Sequence[Judged], nudges: list[str]) -> str:
    records = Records(store, lambda: nudges.append("nudge"))  # type: ignore[arg-type]
    accepted = accept(MAIL, people, NOW, WAITS, 0.5)
    return str(asyncio.run(records.taken_over(MAIL, people, accepted)))


def test_what_is_taken_over_is_on_disk_before_the_log_tells_it_and_the_queue_is_nudged() -> None:
    nudges: list[str] = []
    with capture_logs() as logs:
        store = Troubled(logs)
        assert take_over(store, judged(["passes", "passes"]), nudges).startswith("250 2.0.0 queued 2")
    assert store.done == [("commit 1", 0)]
    assert nudges == ["nudge"]
    assert [one["event"] for one in logs].count("decision") == 2


def test_where_nothing_is_taken_over_the_decisions_alone_are_kept() -> None:
    nudges: list[str] = []
    with capture_logs() as logs:
        store = Troubled(logs)
        assert take_over(store, judged(["refused"]), nudges).startswith("550 ")
    assert store.done == [("record 1", 0)]
    assert nudges == []
    assert [one["event"] for one in logs] == ["decision"]


def test_where_there_is_no_room_the_client_is_to_come_again_and_that_is_what_is_recorded() -> None:
    nudges: list[str] = []
    with capture_logs() as logs:
        store = Troubled(logs, QueueFullError("too many copies"))
        assert take_over(store, judged(["passes", "passes"]), nudges).startswith("452 4.3.1 limit: ")
    assert [what for what, _ in store.done] == ["record 2"]
    assert nudges == []
    assert [one["event"] for one in logs] == ["queue-full", "decision", "decision"]
    assert {one["reason"] for one in logs[1:]} == {Reason.LIMIT}


@pytest.mark.parametrize("error", [None, StoreUnavailableError("gone"), QueueFullError("too many copies")])
def test_mail_that_cannot_be_kept_is_left_to_the_client(error: Exception | None) -> None:
    people = judged(["passes", "passes"])
    with capture_logs() as logs:
        records = Records(Troubled(logs, error), lambda: None)  # type: ignore[arg-type]
        kept = asyncio.run(records.is_kept(MAIL, accept(MAIL, people, NOW, WAITS, 0.5)))
    assert kept is (error is None)
    assert ("not-queued" in [one["event"] for one in logs]) is (error is not None)


def test_a_decision_that_could_not_be_recorded_is_not_in_the_log() -> None:
    with capture_logs() as logs:
        records = Records(Troubled(logs, of_record=True), lambda: None)  # type: ignore[arg-type]
        with pytest.raises(StoreUnavailableError):
            asyncio.run(records.decided([judged(["refused"])[0].decision]))
    assert logs == []
