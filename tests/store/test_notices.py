from __future__ import annotations

from datetime import timedelta

import pytest
from store.samples import decision
from store.waiting import NOW, Box, message_to

from relay.consent.ledger import microseconds
from relay.decision import Decision
from relay.queued import NewMessage, Origin, Step
from relay.store.notices import Notice, notices_about, told_of
from relay.store.retention import _drop_decisions


def sent(box: Box, about: str = "01ABOUT", *, minutes: int = 0, origin: Origin = Origin.BOUNCE) -> NewMessage:
    at = NOW + timedelta(minutes=minutes)
    mail = message_to("news@brand.example", at=at, origin=origin, about=about)
    box.step(Step(decisions=(of(mail),), messages=(mail,)))
    return mail


def of(mail: NewMessage, **more: object) -> Decision:
    (copy,) = mail.copies
    values = {"id": copy.decision, "message": mail.tx.id, "at": mail.tx.started, "recipient": copy.recipient.address}
    return decision(**(values | more))  # type: ignore[arg-type]


def test_a_message_has_its_notices_the_oldest_first_and_each_notice_its_message(box: Box) -> None:
    first, second = sent(box), sent(box, minutes=1)
    other = sent(box, "01OTHER")
    c = box.committer.connection
    assert notices_about(c, "01ABOUT") == [
        Notice(first.tx.id, first.copies[0].decision, NOW, "news@brand.example"),
        Notice(second.tx.id, second.copies[0].decision, NOW + timedelta(minutes=1), "news@brand.example"),
    ]
    assert [told_of(c, one.tx.id) for one in (first, second, other)] == ["01ABOUT", "01ABOUT", "01OTHER"]
    assert (notices_about(c, "01NEVER"), told_of(c, "01ABOUT")) == ([], "")


@pytest.mark.parametrize("origin", [Origin.REPORT, Origin.ASK, Origin.CLIENT])
def test_what_is_about_something_else_is_no_notice(box: Box, origin: Origin) -> None:
    mail = sent(box, origin=origin)
    assert notices_about(box.committer.connection, "01ABOUT") == []
    assert told_of(box.committer.connection, mail.tx.id) == ""


def test_a_second_decision_on_a_notice_changes_nothing(box: Box) -> None:
    mail = sent(box)
    box.step(Step(decisions=(of(mail, id="01AGAIN"),)))
    assert len(notices_about(box.committer.connection, "01ABOUT")) == 1
    assert told_of(box.committer.connection, mail.tx.id) == "01ABOUT"


def test_it_goes_with_the_decision_on_it(box: Box) -> None:
    old, new = sent(box), sent(box, minutes=60)
    box.do(lambda c: c.execute("DELETE FROM copies"))
    box.do(lambda c: _drop_decisions(c, microseconds(NOW + timedelta(minutes=30))))
    assert box.all("SELECT decision FROM notices") == [(new.copies[0].decision,)]
    assert told_of(box.committer.connection, old.tx.id) == ""
