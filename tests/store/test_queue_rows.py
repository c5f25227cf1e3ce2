from __future__ import annotations

from pathlib import Path

import pytest
from store.waiting import HOUR, NOW, Box, copy_to, message_to, transaction

from relay.address import Address
from relay.envelope import Body, MailParameters, Recipient
from relay.queued import Move, NewCopy, Origin, State, Step
from relay.reason import Reason
from relay.reply import Reply
from relay.store.port import UnreadableError
from relay.store.queries import query
from relay.store.queue_rows import copy_of, message_of

QUOTED = Address("a b", "xn--fsq.example")
DEFERRED = Reply(451, "4.7.1", "come back later")


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    box = Box(tmp_path)
    parameters = MailParameters(size=1234, body=Body.EIGHT_BIT, smtputf8=True, ret="HDRS", envid="QQ314159")
    new = NewCopy(
        "D1",
        Recipient(QUOTED, ("SUCCESS", "FAILURE"), "rfc822;a+20b@example"),
        State.QUEUED,
        Reason.NEXT_HOP_DEFERRED,
        NOW,
        attempts=2,
        last=DEFERRED,
        next_hop="127.0.0.1:25",
    )
    tx = transaction(parameters=parameters)
    box.accept(message_to(new, tx=tx, origin=Origin.ASK, about="A1"))
    ((message, copies),) = [(one.message, one.copies) for one in box.claim()]
    assert message.tx == tx
    assert (message.stream, message.brand, message.at, message.origin, message.about) == (
        "newsletter",
        "brand",
        NOW,
        Origin.ASK,
        "A1",
    )
    (copy,) = copies
    assert (copy.recipient, copy.decision, copy.state, copy.reason) == (new.recipient, "D1", new.state, new.reason)
    assert (copy.attempts, copy.last, copy.next_hop) == (2, DEFERRED, "127.0.0.1:25")
    assert (copy.at, copy.since, copy.due_at, copy.asked_at, copy.warned_at) == (NOW, NOW, NOW, None, None)


def test_the_null_sender_and_an_answer_that_never_came_stay_what_they_are(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.accept(message_to("a@example.org", tx=transaction(sender="")))
    (claimed,) = box.claim()
    assert claimed.message.tx.sender is None
    assert claimed.copies[0].last is None


def test_a_move_keeps_what_it_does_not_name(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.accept(message_to(copy_to("a@example.org", last=DEFERRED, next_hop="127.0.0.1:25", attempts=1)))
    (copy,) = box.claim()[0].copies
    box.step(Step(moves=(Move(copy.number, NOW + HOUR, State.QUEUED, Reason.STORE_UNAVAILABLE, NOW + HOUR),)))
    (again,) = box.claim(NOW + HOUR)[0].copies
    assert (again.last, again.next_hop, again.attempts, again.decision) == (DEFERRED, "127.0.0.1:25", 1, copy.decision)
    assert again.since == NOW  # it is the same state still
    box.step(Step(moves=(Move(again.number, NOW + HOUR, State.HELD, Reason.STALE, NOW + 2 * HOUR, "D9"),)))
    row = box.all("SELECT since, decision, state, lease FROM copies")
    assert row == [(int((NOW + HOUR).timestamp() * 1_000_000), "D9", "held", None)]


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("copies", "state = 'lost'"),
        ("copies", "reason = 'whim'"),
        ("copies", "address = 'nobody'"),
        ("copies", "code = 999"),
        ("messages", "envelope = '{'"),
        ("messages", "origin = 'moon'"),
    ],
)
def test_a_row_that_today_s_rules_do_not_allow_is_named_without_what_it_holds(
    tmp_path: Path, table: str, change: str
) -> None:
    box = Box(tmp_path)
    box.accept(message_to("a@example.org"))
    box.do(lambda c: c.execute(f"UPDATE {table} SET {change}"))
    with pytest.raises(UnreadableError) as caught:
        _read(box)
    assert "example" not in str(caught.value)
    assert "1 of the queue" in str(caught.value)


def _read(box: Box) -> None:
    for row in box.all(query("messages_numbered"), "[1]"):
        message_of(row)
    for row in box.all(query("copies_numbered"), "[1]"):
        copy_of(row)
