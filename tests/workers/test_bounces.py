from __future__ import annotations

import asyncio
import contextlib
import email
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from journey import CLIENT, MAIL, NEWS, NOW, PSEUDONYMS
from structlog.testing import capture_logs

from relay.address import Address, address_from_text
from relay.decision import Outcome, Result, new_id
from relay.envelope import Connection, MailParameters, Recipient, Transaction
from relay.message.dsn import Told
from relay.queued import Fate, Move, NewCopy, NewMessage, Origin, State, Step
from relay.reason import Reason
from relay.reply import Reply
from relay.store.connection import open_for_reading
from relay.store.port import StoreUnavailableError
from relay.store.sqlite import SqliteStore, open_store
from relay.workers import bounces
from relay.workers.bounces import SENDERS, WARN_AFTER, Bouncer, Subject, Wanted, is_late, keep_bouncing, wants
from relay.workers.own_mail import OwnMail

REFUSED = Reply(550, "5.1.1", "no such user")
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Line:
    recipient: str
    fate: str
    reason: str
    reply: str


@dataclass
class Office:
    store: SqliteStore
    path: Path
    most: int = 1000
    later: timedelta = timedelta(0)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.bouncer = Bouncer(
            store=self.store,
            own_mail=OwnMail(mail_domain="relay.brand.example", randomness=self.randomness),
            hostname="relay.brand.example",
            expire=timedelta(days=5),
            most_an_hour=self.most,
            clock=self.clock,
        )

    def clock(self) -> datetime:
        return NOW + self.later + timedelta(microseconds=next(self.numbers))

    def randomness(self, size: int) -> bytes:
        return next(self.numbers).to_bytes(size)

    def identifier(self) -> str:
        return new_id(self.clock(), self.randomness(10))

    def copy(self, address: str, state: State = State.FAILED, *, notify: Sequence[str] = (), **more: object) -> NewCopy:
        values = {"reason": Reason.NEXT_HOP_REFUSED, "due_at": NOW + HOUR, "attempts": 1, "last": REFUSED, **more}
        recipient = Recipient(address_from_text(address), tuple(notify))
        return NewCopy(self.identifier(), recipient, state, **values)  # type: ignore[arg-type]

    async def take(
        self,
        *copies: NewCopy,
        sender: Address | None = NEWS,
        origin: Origin = Origin.CLIENT,
        parameters: MailParameters = MailParameters(),  # noqa: B008 - frozen
        content: bytes = MAIL,
    ) -> Transaction:
        connection = Connection("192.0.2.7", "shop.example", "ESMTP")
        tx = Transaction(self.identifier(), self.clock(), CLIENT, connection, sender, parameters)
        await self.store.commit(Step(messages=(NewMessage(tx, "newsletter", "brand", content, copies, origin),)))
        return tx

    async def told(self) -> list[tuple[str, bytes]]:
        """Own mails that wait: to whom, and the mail."""
        claimed = await self.store.claim(NOW + timedelta(days=1), 1000)
        mails = []
        for one in claimed:
            assert (one.message.origin, one.message.tx.sender) == (Origin.BOUNCE, None)
            (copy,) = one.copies
            mails.append((str(copy.recipient.address), await self.store.content(one.message.number)))
        await self.store.give_back([copy.number for one in claimed for copy in one.copies])
        return mails

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with contextlib.closing(open_for_reading(self.path)) as connection:
            return connection.execute(sql).fetchall()

    def states(self) -> list[str]:
        return sorted(str(state) for (state,) in self.rows("SELECT state FROM copies WHERE stream <> 'relay-notices'"))

    def lines(self) -> list[Line]:
        rows = self.rows("SELECT recipient, fate, reason, reply FROM reports ORDER BY number")
        return [Line(*map(str, row)) for row in rows]


def play(folder: Path, story: Callable[[Office], object], **how: int) -> None:
    async def run() -> None:
        async with office(folder, **how) as one:
            await story(one)  # type: ignore[misc]

    asyncio.run(run())


@contextlib.asynccontextmanager
async def office(folder: Path, **how: int) -> AsyncIterator[Office]:
    path = folder / "relay.db"
    store = await open_store(path, folder / "withdrawals.journal", PSEUDONYMS)
    try:
        yield Office(store, path, **how)
    finally:
        await store.close()


def status_of(mail: bytes) -> list[dict[str, str]]:
    parts = [part for part in email.message_from_bytes(mail).walk() if part.get_content_type() == "text/plain"]
    groups = [dict(part.items()) for part in parts if "Action" in part]
    assert groups
    return groups


def test_one_notification_tells_of_all_copies_of_a_message_and_ends_them_in_the_same_step(tmp_path: Path) -> None:
    async def story(one: Office) -> None:
        tx = await one.take(one.copy("a@example.org"), one.copy("b@example.org"), one.copy("c@example.org"))
        with capture_logs() as log:
            assert await one.bouncer.tell() == 3
        ((to, mail),) = await one.told()
        assert to == str(NEWS)
        assert [group["Final-Recipient"] for group in status_of(mail)] == [
            "rfc822; a@example.org",
            "rfc822; b@example.org",
            "rfc822; c@example.org",
        ]
        assert one.states() == []
        assert one.lines() == []
        assert one.rows("SELECT about FROM messages") == [(tx.id,)]
        assert one.rows("SELECT stream, reasons FROM decisions") == [("relay-notices", "transactional")]
        (line,) = [entry for entry in log if entry["event"] == "bounced"]
        assert (line["message"], line["copies"], line["sender"]) == (tx.id, 3, str(NEWS))
        assert await one.bouncer.tell() == 0

    play(tmp_path, story)


def test_a_message_waits_to_be_told_of_as_long_as_another_copy_of_it_may_still_fail_but_not_for_ever(
    tmp_path: Path,
) -> None:
    async def story(one: Office) -> None:
        await one.take(
            one.copy("a@example.org"), one.copy("b@example.org", State.QUEUED, due_at=NOW + timedelta(days=3))
        )
        assert await one.bouncer.tell() == 0
        one.later = 2 * HOUR
        assert await one.bouncer.tell() == 1
        assert one.states() == ["queued"]

    play(tmp_path, story)


def test_held_copies_keep_nobody_from_being_told(tmp_path: Path) -> None:
    async def story(one: Office) -> None:
        await one.take(one.copy("a@example.org"), one.copy("b@example.org", State.HELD, reason=Reason.STALE))
        assert await one.bouncer.tell() == 1
        assert one.states() == ["held"]

    play(tmp_path, story)


def test_the_null_sender_gets_nothing_and_the_owner_of_the_client_a_line(tmp_path: Path) -> None:
    async def story(one: Office) -> None:
        await one.take(one.copy("a@example.org"), sender=None)
        with capture_logs() as log:
            assert await one.bouncer.tell() == 1
        assert await one.told() == []
        assert one.lines() == [Line("a@example.org", Fate.UNREPORTED, "next-hop-refused", "550 5.1.1 no such user")]
        assert [(entry["event"], entry["why"]) for entry in log] == [("not-bounced", "null-sender")]

    play(tmp_path, story)


@pytest.mark.parametrize("origin", [Origin.BOUNCE, Origin.REPORT, Origin.ASK])
@pytest.mark.parametrize("sender", [None, NEWS])
def test_the_relays_own_mail_is_never_told_of_even_if_it_had_a_sender(
    tmp_path: Path, origin: Origin, sender: Address | None
) -> None:
    async def story(one: Office) -> None:
        await one.take(one.copy("a@example.org"), sender=sender, origin=origin)
        assert await one.bouncer.tell() == 1
        assert await one.told() == []
        assert [line.fate for line in one.lines()] == [Fate.UNREPORTED]

    play(tmp_path, story)


def test_a_notification_that_fails_ends_there(tmp_path: Path) -> None:
    """No loop: what tells of a failure, and fails, is told to nobody."""

    async def story(one: Office) -> None:
        await one.take(one.copy("a@example.org"))
        await one.bouncer.tell()
        (claimed,) = await one.store.claim(NOW + HOUR, 10)
        (copy,) = claimed.copies
        failed = Move(copy.number, NOW, State.FAILED, Reason.NEXT_HOP_REFUSED, NOW, last=REFUSED)
        await one.store.commit(Step(moves=(failed,)))
        assert await one.bouncer.tell() == 1
        assert await one.told() == []
        assert one.rows("SELECT count(*) FROM copies") == [(0,)]

    play(tmp_path, story)


def test_notify_is_respected(tmp_path: Path) -> None:
    async def story(one: Office) -> None:
        await one.take(
            one.copy("default@example.org"),
            one.copy("failure@example.org", notify=("SUCCESS", "FAILURE")),
            one.copy("never@example.org", notify=("NEVER",)),
            one.copy("success@example.org", notify=("SUCCESS", "DELAY")),
        )
        assert await one.bouncer.tell() == 4
        ((_, mail),) = await one.told()
        assert [group["Final-Recipient"].partition("; ")[2] for group in status_of(mail)] == [
            "default@example.org",
            "failure@example.org",
        ]
        assert b"never@" not in mail
        assert one.states() == []
        assert one.lines() == []

    play(tmp_path, story)


def test_where_the_sender_wants_none_there_is_none_but_the_log(tmp_path: Path) -> None:
    async def story(one: Office) -> None:
        await one.take(one.copy("never@example.org", notify=("NEVER",)))
        with capture_logs() as log:
            assert await one.bouncer.tell() == 1
        assert (await one.told(), one.states(), one.lines()) == ([], [], [])
        assert [(entry["event"], entry["why"]) for entry in log] == [("not-bounced", "notify")]

    play(tmp_path, story)


def test_what_the_client_asked_for_comes_back_in_it(tmp_path: Path) -> None:
    async def story(one: Office) -> None:
        parameters = MailParameters(ret="FULL", envid="QQ+2B1")
        recipient = Recipient(address_from_text("a@example.org"), (), "rfc822;x@example.org")
        await one.take(replace(one.copy("a@example.org"), recipient=recipient), parameters=parameters)
        await one.bouncer.tell()
        ((_, mail),) = await one.told()
        assert b"\r\nOriginal-Envelope-Id: QQ+1\r\n" in mail
        assert b"\r\nOriginal-Recipient: rfc822; x@example.org\r\n" in mail
        assert b"\r\nIt is spring.\r\n" in mail

    play(tmp_path, story)


def test_above_the_rate_the_owner_of_the_client_is_told_instead(tmp_path: Path) -> None:
    async def story(one: Office) -> None:
        for number in range(5):
            await one.take(one.copy(f"n{number}@example.org"))
        other = address_from_text("other@brand.example")
        await one.take(one.copy("x@example.org"), sender=other)
        with capture_logs() as log:
            assert await one.bouncer.tell() == 6
        assert [to for to, _ in await one.told()] == [str(NEWS), str(NEWS), str(other)]
        assert [line.recipient for line in one.lines()] == ["n2@example.org", "n3@example.org", "n4@example.org"]
        assert [entry["event"] for entry in log].count("bounce-capped") == 3
        one.later = HOUR
        await one.take(one.copy("later@example.org"))
        await one.bouncer.tell()
        assert len(await one.told()) == 4

    play(tmp_path, story, most=2)


def test_nobody_is_told_twice_when_two_processes_look(tmp_path: Path) -> None:
    async def story(one: Office) -> None:
        for number in range(20):
            await one.take(one.copy(f"n{number}@example.org"))
        async with office(tmp_path) as other:
            other.numbers = itertools.count(10**9)
            counts = await asyncio.gather(*(each.bouncer.tell() for each in (one, other) for _ in range(3)))
            assert sum(counts) == 20
            assert len(await one.told()) == 20

    play(tmp_path, story)


def test_a_message_that_our_own_code_cannot_tell_of_keeps_nobody_else_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(one: Office) -> None:
        await one.take(one.copy("a@example.org"), content=b"Subject: poison\r\n\r\n")
        await one.take(one.copy("b@example.org"))
        written = bounces.dsn

        def fails(*arguments: object) -> bytes:
            if b"poison" in arguments[-1]:  # type: ignore[operator]
                raise RecursionError("a bug")
            return written(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(bounces, "dsn", fails)
        assert await one.bouncer.tell() == 2
        assert len(await one.told()) == 1
        assert [line.recipient for line in one.lines()] == ["a@example.org"]

    play(tmp_path, story)


def test_when_the_store_fails_the_copies_are_there_to_be_told_of_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(one: Office) -> None:
        await one.take(one.copy("a@example.org"))
        await one.take(one.copy("b@example.org"))
        commit = one.store.commit

        async def fails(_step: Step) -> None:
            raise StoreUnavailableError("away")

        monkeypatch.setattr(one.store, "commit", fails)
        with pytest.raises(StoreUnavailableError):
            await one.bouncer.tell()
        monkeypatch.setattr(one.store, "commit", commit)
        assert await one.bouncer.tell() == 2

    play(tmp_path, story)


def test_it_looks_again_and_again_and_survives_what_goes_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(one: Office) -> None:
        waits: list[float] = []

        async def away(*_: object) -> bool:
            raise StoreUnavailableError("away")

        async def sleep(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 1:
                await one.take(one.copy("a@example.org"))
            if len(waits) == 3:
                monkeypatch.setattr(one.store, "next_due", away)
            if len(waits) == 4:
                raise asyncio.CancelledError

        with contextlib.suppress(asyncio.CancelledError), capture_logs() as log:
            await keep_bouncing(one.bouncer, sleep=sleep)
        assert waits == [1.0, 0.0, 1.0, 10.0]
        assert [entry["event"] for entry in log] == ["bounced", "bounces-wait"]

    play(tmp_path, story)


def test_who_wants_to_know_what() -> None:
    def one(*notify: str) -> Recipient:
        return Recipient(address_from_text("a@example.org"), notify)

    assert [wants(one(), what) for what in Wanted] == [False, True, False]
    assert [wants(one("NEVER"), what) for what in Wanted] == [False, False, False]
    assert [wants(one("DELAY", "SUCCESS"), what) for what in Wanted] == [True, False, True]


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
        told = one.bouncer.late(claimed.message, late, MAIL, now)
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
        written = one.bouncer.passed_on(subject, [asked, silent], NOW)
        assert written is not None
        (group,) = status_of(written[1].content)
        assert (group["Action"], group["Final-Recipient"]) == ("relayed", "rfc822; a@example.org")
        assert one.bouncer.passed_on(subject, [silent], NOW) is None
        assert one.bouncer.passed_on(replace(subject, origin=Origin.ASK), [asked], NOW) is None
        assert one.bouncer.passed_on(replace(subject, tx=replace(tx, sender=None)), [asked], NOW) is None

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
            step = one.bouncer.told_in(waiting.message, MAIL, copies, Step(moves=moves))
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
        assert one.bouncer.told_in(claimed.message, MAIL, copies, heard) == heard
        await one.store.commit(one.bouncer.told_in(claimed.message, MAIL, copies, step))
        ((_, mail),) = await one.told()
        (group,) = status_of(mail)
        assert (group["Action"], group["Status"], group["Remote-MTA"]) == ("relayed", "2.0.0", "dns; mx.example.org")

    play(tmp_path, story)


def test_a_client_that_writes_another_sender_into_each_mail_has_a_rate_of_its_own(tmp_path: Path) -> None:
    async def story(one: Office) -> None:
        for number in range(SENDERS + 2):
            await one.take(one.copy("x@example.org"), sender=address_from_text(f"victim{number}@example.net"))
        await one.bouncer.tell()
        assert len(await one.told()) == SENDERS
        assert len(one.lines()) == 2

    play(tmp_path, story, most=1)


def test_receipts_use_up_nothing_of_what_failures_need(tmp_path: Path) -> None:
    async def story(one: Office) -> None:
        tx = await one.take(one.copy("a@example.org"))
        recipient = Recipient(address_from_text("a@example.org"), ("SUCCESS",))
        receipts = [
            one.bouncer.passed_on(
                Subject(tx, "newsletter", NOW, MAIL), [Told(recipient, one.identifier(), Reason.CONFIRMED)], NOW
            )
            for _ in range(3)
        ]
        assert [receipt is None for receipt in receipts] == [False, True, True]
        assert await one.bouncer.tell() == 1
        assert len(await one.told()) == 1

    play(tmp_path, story, most=1)


def test_a_message_that_breaks_the_worker_keeps_nobody_else_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(one: Office) -> None:
        await one.take(one.copy("a@example.org"))
        await one.take(one.copy("b@example.org"))
        commit = one.store.commit

        async def fails(step: Step) -> None:
            if any(b"a@example.org" in message.content for message in step.messages):
                raise TypeError("a bug")
            await commit(step)

        monkeypatch.setattr(one.store, "commit", fails)
        assert await one.bouncer.tell() == 0
        assert await one.bouncer.tell() == 1
        assert await one.bouncer.tell() == 0
        assert one.states() == ["failed"]

    play(tmp_path, story)
