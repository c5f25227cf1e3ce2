"""Who asked for it hears that mail is late, and that it was passed on to where nobody tells more."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from journey import MAIL, NEWS, NOW
from workers.office import HOUR, Office, play, status_of

from relay.address import address_from_text
from relay.decision import Outcome, Result
from relay.envelope import Recipient
from relay.message.dsn import Told
from relay.queued import Move, Origin, State, Step
from relay.reason import Reason
from relay.reply import Reply
from relay.workers import notifications
from relay.workers.notifications import Subject
from relay.workers.receipts import WARN_AFTER, is_late


def test_a_sender_who_asked_for_it_hears_of_a_delay(tmp_path: Path) -> None:
    async def story(one: Office) -> None:
        busy = {"reason": Reason.NEXT_HOP_DEFERRED, "last": Reply(452, "4.2.2", "full"), "due_at": NOW}
        await one.take(
            one.copy("a@example.org", State.QUEUED, notify=("DELAY",), **busy),
            one.copy("b@example.org", State.QUEUED, **busy),
        )
        (claimed,) = await one.store.claim(NOW + HOUR, 10)
        assert not any(is_late(copy, NOW + WARN_AFTER - HOUR) for copy in claimed.copies)
        now = NOW + WARN_AFTER + HOUR
        late = [copy for copy in claimed.copies if is_late(copy, now)]
        assert [str(copy.recipient.address) for copy in late] == ["a@example.org"]
        assert not is_late(replace(late[0], warned_at=now), now)
        told = one.receipts.late(claimed.message, late, MAIL, now)
        assert told is not None
        decision, message = told
        assert (message.origin, decision.recipient) == (Origin.BOUNCE, NEWS)
        (group,) = status_of(message.content)
        assert (group["Action"], group["Status"]) == ("delayed", "4.2.2")
        assert group["Will-Retry-Until"] == "Sat, 09 May 2026 12:00:00 +0000"

    play(tmp_path, story)


def test_a_sender_who_asked_for_it_hears_that_mail_was_passed_on_to_where_nobody_tells_more(tmp_path: Path) -> None:
    async def story(one: Office) -> None:
        def told(address: str, *notify: str) -> Told:
            recipient = Recipient(address_from_text(address), notify)
            return Told(recipient, one.identifier(), Reason.CONFIRMED, Reply(250, "2.0.0", "ok"), "mx.example:25", NOW)

        tx = await one.take(one.copy("held@example.org", State.HELD))
        subject = Subject(tx, "newsletter", NOW, MAIL)
        asked, silent = told("a@example.org", "SUCCESS"), told("b@example.org")
        written = one.receipts.passed_on(subject, [asked, silent], NOW)
        assert written is not None
        (group,) = status_of(written[1].content)
        assert (group["Action"], group["Final-Recipient"]) == ("relayed", "rfc822; a@example.org")
        assert one.receipts.passed_on(subject, [silent], NOW) is None
        assert one.receipts.passed_on(replace(subject, origin=Origin.ASK), [asked], NOW) is None
        assert one.receipts.passed_on(replace(subject, tx=replace(tx, sender=None)), [asked], NOW) is None

    play(tmp_path, story)


def test_a_step_that_puts_copies_off_tells_of_the_late_ones_once(tmp_path: Path) -> None:
    async def story(one: Office) -> None:
        busy = Reply(452, "4.2.2", "full")
        await one.take(
            one.copy("a@example.org", State.QUEUED, notify=("DELAY",), due_at=NOW),
            one.copy("b@example.org", State.QUEUED, due_at=NOW),
        )
        for hours, told in ((1, 0), (5, 1), (9, 1)):
            one.later = timedelta(hours=hours)
            now = one.clock()
            claimed = [each for each in await one.store.claim(now, 10) if each.message.origin is Origin.CLIENT]
            (waiting,) = claimed
            copies = {copy.number: copy for copy in waiting.copies}
            moves = tuple(
                Move(number, now, State.QUEUED, Reason.NEXT_HOP_DEFERRED, now, counts=True, last=busy)
                for number in copies
            )
            step = one.receipts.told_in(waiting.message, MAIL, copies, Step(moves=moves))
            assert [move.warned for move in step.moves] == [hours == 5, False]
            await one.store.commit(step)
            assert one.rows("SELECT count(*) FROM messages WHERE origin = 'bounce'") == [(told,)]
        assert one.rows("SELECT address, warned_at IS NULL FROM copies WHERE stream <> 'relay-notices'") == [
            ("a@example.org", 0),
            ("b@example.org", 1),
        ]

    play(tmp_path, story)


def test_a_step_that_ends_copies_tells_of_those_that_went_where_nobody_tells_more(tmp_path: Path) -> None:
    async def story(one: Office) -> None:
        copy = one.copy("a@example.org", State.QUEUED, notify=("SUCCESS",), due_at=NOW)
        await one.take(copy)
        (claimed,) = await one.store.claim(NOW + HOUR, 10)
        copies = {each.number: each for each in claimed.copies}
        (number,) = copies
        taken = Reply(250, "2.0.0", "taken")
        outcome = Outcome(copy.decision, NOW, Result.DELIVERED, taken, "mx.example.org:25", silent=True)
        step = Step(moves=(Move(number, NOW, decision=copy.decision, counts=True),), outcomes=(outcome,))
        heard = replace(step, outcomes=(replace(outcome, silent=False),))
        assert one.receipts.told_in(claimed.message, MAIL, copies, heard) == heard
        await one.store.commit(one.receipts.told_in(claimed.message, MAIL, copies, step))
        ((_, mail),) = await one.told()
        (group,) = status_of(mail)
        assert (group["Action"], group["Status"], group["Remote-MTA"]) == ("relayed", "2.0.0", "dns; mx.example.org")

    play(tmp_path, story)


def test_receipts_use_up_nothing_of_what_failures_need(tmp_path: Path) -> None:
    async def story(one: Office) -> None:
        tx = await one.take(one.copy("a@example.org"))
        recipient = Recipient(address_from_text("a@example.org"), ("SUCCESS",))
        receipts = [
            one.receipts.passed_on(
                Subject(tx, "newsletter", NOW, MAIL), [Told(recipient, one.identifier(), Reason.CONFIRMED)], NOW
            )
            for _ in range(3)
        ]
        assert [receipt is None for receipt in receipts] == [False, True, True]
        assert await one.bouncer.tell() == 1
        assert len(await one.told()) == 1

    play(tmp_path, story, most=1)


def test_mail_that_never_waited_has_its_receipt_as_a_step_of_its_own(tmp_path: Path) -> None:
    async def story(one: Office) -> None:
        tx = await one.take(one.copy("held@example.org", State.HELD))
        taken = Outcome(
            one.identifier(), NOW, Result.DELIVERED, Reply(250, "2.0.0", "ok"), "mx.example:25", silent=True
        )
        asked, silent = (Recipient(address_from_text("a@example.org"), notify) for notify in (("SUCCESS",), ()))
        assert one.receipts.at_once(tx, "newsletter", MAIL, silent, taken) is None
        step = one.receipts.at_once(tx, "newsletter", MAIL, asked, taken)
        assert step is not None
        await one.store.commit(step)
        ((to, mail),) = await one.told()
        assert to == str(NEWS)
        assert status_of(mail)[0]["Action"] == "relayed"

    play(tmp_path, story)


def test_a_message_that_may_have_killed_its_worker_is_told_of_without_its_content(tmp_path: Path) -> None:
    async def story(one: Office) -> None:
        await one.take(one.copy("a@example.org", State.QUEUED, notify=("DELAY",), due_at=NOW))
        one.later = WARN_AFTER + HOUR
        (claimed,) = await one.store.claim(one.clock(), 10)
        copies = {copy.number: copy for copy in claimed.copies}
        now = one.clock()
        (number,) = copies
        put_off = Step(moves=(Move(number, now, State.QUEUED, Reason.NEXT_HOP_DEFERRED, now),))
        for starts, told in ((1, True), (2, False)):
            message = replace(claimed.message, starts=starts)
            (notice,) = one.receipts.told_in(message, MAIL, copies, put_off).messages
            assert (b"Subject: Spring" in notice.content) is told

    play(tmp_path, story)


def test_what_cannot_be_written_keeps_no_mail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object) -> bytes:
        raise RecursionError("a bug")

    async def story(one: Office) -> None:
        monkeypatch.setattr(notifications, "dsn", fails)
        tx = await one.take(one.copy("held@example.org", State.HELD))
        asked = Told(Recipient(address_from_text("a@example.org"), ("SUCCESS",)), one.identifier(), Reason.CONFIRMED)
        assert one.receipts.passed_on(Subject(tx, "newsletter", NOW, MAIL), [asked], NOW) is None
        assert capsys.readouterr().out.count("] internal-error ") == 1

    play(tmp_path, story)
