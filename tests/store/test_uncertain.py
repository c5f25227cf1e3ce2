from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from store.samples import ANN, withdraw
from store.waiting import HOUR, NOW, PSEUDONYMS, Box, copy_to, message_to

from relay.queued import Move, State, Step
from relay.reason import Reason
from relay.store.committing import Committer, Work
from relay.store.journal_lines import Entry, write
from relay.store.replaying import replay
from relay.store.uncertain import set_all_aside_in


@pytest.fixture
def box(box: Box) -> Box:
    box.accept(message_to(*(copy_to(f"{state}@example.org", state) for state in State)))
    return box


def test_whatever_waits_goes_aside_and_says_why(box: Box, tmp_path: Path) -> None:
    (claimed,) = box.claim()
    box.committer.close()
    assert set_all_aside_in(tmp_path / "relay.db", NOW + HOUR) == 3
    assert sorted(path.name for path in tmp_path.glob("relay.db*") if path.name[8:] in ("-wal", "-shm")) == []
    again = Box(tmp_path)
    assert {state for _, state in again.states()} == {"aside"}
    rows = again.all("SELECT DISTINCT reason, lease, due_at FROM copies WHERE reason = 'outcome-unknown'")
    assert rows == [("outcome-unknown", None, None)]
    (told,) = again.all("SELECT DISTINCT reply FROM copies WHERE code = 451")[0]
    assert told == "set aside on 2026-05-04: nobody knows whether this copy went out before"
    assert again.all("SELECT state, copies FROM tallies WHERE copies > 0") == [("aside", 4)]
    assert set_all_aside_in(tmp_path / "relay.db", NOW) == 0
    move = Move(claimed.copies[0].number, NOW, State.HELD, Reason.STALE, NOW)
    assert again.step(Step(moves=(move,))).lost == [move.copy]  # what the old process still wanted


def test_a_store_from_before_there_was_a_queue_has_none(tmp_path: Path) -> None:
    with closing(Committer(tmp_path / "relay.db", tmp_path / "withdrawals.journal", PSEUDONYMS)) as committer:
        committer.connection.execute("DROP TABLE copies")
        committer.connection.execute("PRAGMA user_version = 3")
    assert set_all_aside_in(tmp_path / "relay.db", NOW) == 0


def test_a_replay_into_a_store_that_was_rolled_back_sets_mail_aside(box: Box, tmp_path: Path) -> None:
    assert replay(box.committer, NOW).noes == 0  # nothing is missing: mail stays where it is
    assert {state for _, state in box.states()} == {"queued", "held", "failed", "aside"}
    no = withdraw()
    entry = Entry(no.kind.value, 7, no.id, str(ANN), "", no.brand, no.stream, NOW, NOW)
    (tmp_path / "withdrawals.journal").write_bytes(write(entry))
    assert replay(box.committer, NOW).noes == 1
    assert {state for _, state in box.states()} == {"aside"}
    box.committer.commit([Work(lambda c: c.execute("UPDATE copies SET state = 'queued'"))])
    replay(box.committer, NOW)
    assert {state for _, state in box.states()} == {"queued"}
