from __future__ import annotations

import email
from collections import deque
from datetime import timedelta
from pathlib import Path

import pytest
from faulty_hop import Session, close, reset, say
from journey import ORDERS
from workers.yard import Yard, in_yard

from relay.address import address_from_text
from relay.config.settings import Mode
from relay.envelope import Client
from relay.policy.model import RELAY_NOTICES, Policies
from relay.queued import Origin
from relay.reason import Reason
from relay.store.sqlite import SqliteStore
from relay.workers.delivery import copies_at_once

ANN, BEN, CAY = "ann@example.org", "ben@example.org", "cay@example.org"
#: The wait after an attempt, and what chance makes of it.
FIRST = (timedelta(minutes=4.4), timedelta(minutes=5.6))


def test_each_recipient_gets_a_copy_of_their_own_and_the_message_is_over(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await there.yes(ANN, BEN)
        await there.queue(ANN, BEN)
        await there.deliver_due()
        assert sorted(there.got()) == [ANN, BEN]
        assert len(there.hop.messages) == 2
        assert there.states() == []
        assert there.rows("SELECT * FROM messages") == []
        assert there.outcomes() == [("delivered", 250)] * 2
        assert len(there.decided()) == 2  # those it was accepted with

    in_yard(tmp_path, story)


def test_a_delivery_from_the_queue_is_a_contact(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await there.yes(ANN)
        await there.queue(ANN)
        await there.deliver_due()
        facts = await there.store.facts("brand", "newsletter", [address_from_text(ANN)])
        assert facts[address_from_text(ANN)].last_contact_at is not None

    in_yard(tmp_path, story)


def test_a_transactional_message_goes_out_in_one_transaction(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await there.queue(ANN, BEN, stream="receipts", sender=ORDERS, reason=Reason.TRANSACTIONAL)
        await there.deliver_due()
        assert there.got() == [ANN, BEN]
        assert len(there.hop.messages) == 1
        assert there.states() == []

    in_yard(tmp_path, story)


def test_of_one_transaction_each_recipient_has_an_end_of_their_own(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await there.queue(ANN, BEN, CAY, stream="receipts", sender=ORDERS, reason=Reason.TRANSACTIONAL)
        await there.deliver_due()
        assert there.states() == [(BEN, "failed", "next-hop-refused"), (CAY, "queued", "next-hop-deferred")]
        assert sorted(there.outcomes()) == [("deferred", 450), ("delivered", 250), ("refused", 550)]

    answers = [say("250 2.1.5 ok"), say("550 5.1.1 nobody"), say("450 4.2.1 full"), say("250 2.1.5 ok")]
    in_yard(tmp_path, story, rcpt=answers)


def test_what_the_next_hop_defers_waits_longer_each_time_and_keeps_its_decision(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await there.yes(ANN)
        await there.queue(ANN)
        for attempt, (least, most) in enumerate([FIRST, (timedelta(minutes=13), timedelta(minutes=17))], start=1):
            await there.deliver_due()
            assert there.states() == [(ANN, "queued", "next-hop-deferred")]
            assert there.rows("SELECT attempts, code, reply FROM copies") == [(attempt, 450, "4.2.1 full"[6:])]
            assert least < there.wait() < most
            assert await there.deliver_due() == 0  # not before its time
            there.later += most
        assert len(there.decided()) == 1

    in_yard(tmp_path, story, rcpt=say("450 4.2.1 full"))


def test_refused_for_good_waits_for_the_report_to_its_sender(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await there.yes(ANN)
        await there.queue(ANN)
        await there.deliver_due()
        assert there.states() == [(ANN, "failed", "next-hop-refused")]
        assert there.rows("SELECT attempts, code, enhanced, lease FROM copies") == [(1, 550, "5.1.1", None)]

    in_yard(tmp_path, story, rcpt=say("550 5.1.1 nobody"))


@pytest.mark.parametrize("fault", [close, reset])
def test_no_answer_after_the_dot_is_tried_again(tmp_path: Path, fault: object) -> None:
    async def story(there: Yard) -> None:
        await there.yes(ANN)
        await there.queue(ANN)
        await there.deliver_due()
        assert there.states() == [(ANN, "queued", "outcome-unknown")]
        there.later += timedelta(minutes=6)
        await there.deliver_due()
        assert there.states() == []
        first, second = (message.content for message in there.hop.messages)
        assert message_id(first) == message_id(second)

    in_yard(tmp_path, story, dot=[fault, say("250 2.0.0 ok")])


def message_id(content: bytes) -> bytes:
    return next(line for line in content.split(b"\r\n") if line.lower().startswith(b"message-id:"))


def test_what_has_waited_too_long_has_failed_and_says_so(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await there.yes(ANN)
        await there.queue(ANN)
        await there.deliver_due()
        there.later = timedelta(days=5, minutes=1)
        await there.deliver_due()
        assert there.states() == [(ANN, "failed", "next-hop-deferred")]
        assert there.rows("SELECT attempts, code, enhanced, reply FROM copies") == [
            (2, 451, "4.4.7", "expired: not delivered within 5d: full")
        ]

    in_yard(tmp_path, story, rcpt=say("450 4.2.1 full"))


def test_who_withdraws_while_another_copy_is_on_its_way_gets_none(tmp_path: Path) -> None:
    """Both passed; the second withdraws before its turn, and the facts are a moment old."""

    async def story(there: Yard) -> None:
        async def withdraw(session: Session) -> None:
            if BEN not in there.got():
                await there.no(BEN)
            session.say(b"250 2.1.0 ok\r\n")

        there.hop.script["mail"] = deque([withdraw])
        await there.yes(ANN, BEN)
        await there.queue(ANN, BEN)
        await there.deliver_due()
        assert there.got() == [ANN]
        assert there.states() == [(BEN, "failed", "withdrawn")]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("relay.workers.delivery._COPIES_AT_ONCE", 1)
        in_yard(tmp_path, story)


def test_a_no_to_a_transactional_stream_keeps_the_others_mail_going(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        facts = SqliteStore.facts

        async def then_withdraw(store: SqliteStore, *question: object) -> object:
            answer = await facts(store, *question)  # type: ignore[arg-type]
            patch.undo()
            await there.no(BEN, stream="receipts")
            return answer

        patch.setattr(SqliteStore, "facts", then_withdraw)
        await there.queue(ANN, BEN, stream="receipts", sender=ORDERS, reason=Reason.TRANSACTIONAL)
        await there.deliver_due()
        assert there.got() == [ANN]
        assert there.states() == [(BEN, "failed", "withdrawn")]

    with pytest.MonkeyPatch.context() as patch:
        in_yard(tmp_path, story)


def test_a_stream_without_a_policy_waits_for_it(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await there.yes(ANN)
        await there.queue(ANN)
        policies, there.policies = there.policies, Policies((), "none")
        await there.deliver_due()
        assert there.got() == []
        assert there.states() == [(ANN, "queued", "stream-unknown")]
        there.policies = policies
        there.later = timedelta(minutes=6)
        await there.deliver_due()
        assert there.got() == [ANN]

    in_yard(tmp_path, story)


def test_a_stream_without_a_policy_waits_until_it_expires(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await there.queue(ANN)
        there.policies = Policies((), "none")
        there.later = timedelta(days=6)
        await there.deliver_due()
        assert there.states() == [(ANN, "failed", "stream-unknown")]

    in_yard(tmp_path, story)


def test_observed_mail_goes_out_as_it_came_and_only_while_mail_is_observed(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await there.queue(ANN, stream="", reason=Reason.OBSERVED)
        await there.deliver_due()
        assert there.states() == [(ANN, "queued", "stream-unknown")]
        there.mode = Mode.OBSERVE
        there.later = timedelta(minutes=6)
        await there.deliver_due()
        assert there.hop.messages[0].content.startswith(b"From: News")
        assert there.states() == []

    in_yard(tmp_path, story)


def test_own_mail_that_fails_is_told_in_the_report_only(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await there.queue(
            ANN,
            stream=RELAY_NOTICES,
            sender=None,
            reason=Reason.TRANSACTIONAL,
            client=Client("relay"),
            origin=Origin.BOUNCE,
        )
        await there.deliver_due()
        assert there.states() == []
        assert there.reported() == [(ANN, "unreported", "next-hop-refused")]
        assert there.rows("SELECT client FROM reports") == [("relay",)]

    in_yard(tmp_path, story, rcpt=say("550 5.1.1 nobody"))


def test_own_mail_is_signed_and_sent(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        await there.queue(
            ANN,
            stream=RELAY_NOTICES,
            sender=None,
            reason=Reason.TRANSACTIONAL,
            client=Client("relay"),
            origin=Origin.REPORT,
            content=b"From: relay@brand.example\r\nTo: ann@example.org\r\nSubject: Report\r\n\r\nSeven.\r\n",
        )
        await there.deliver_due()
        (message,) = there.hop.messages
        assert message.commands[0].startswith(b"MAIL FROM:<>")
        assert b"DKIM-Signature:" in message.content

    in_yard(tmp_path, story)


@pytest.mark.parametrize(("octets", "copies"), [(0, 10), (9_000, 10), (10_000_000, 3), (52_428_800, 1)])
def test_large_copies_are_made_a_few_at_a_time(octets: int, copies: int) -> None:
    assert copies_at_once(octets) == copies


def test_however_many_a_message_has_each_gets_the_copy_that_is_theirs(tmp_path: Path) -> None:
    async def story(there: Yard) -> None:
        people = [f"person{number}@example.org" for number in range(25)]
        await there.yes(*people)
        await there.queue(*people)
        await there.deliver_due()
        assert sorted(there.got()) == sorted(people)
        copies = [email.message_from_bytes(message.content) for message in there.hop.messages]
        assert len({copy["List-Unsubscribe"] for copy in copies}) == len(copies) == len(people)

    in_yard(tmp_path, story)
