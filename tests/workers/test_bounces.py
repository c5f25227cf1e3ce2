"""Senders are told of their mail that has failed."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from datetime import timedelta
from pathlib import Path

import pytest
from journey import NEWS, NOW
from structlog.testing import capture_logs
from workers.office import HOUR, REFUSED, Line, Office, office, play, status_of

from relay.address import Address
from relay.queued import Fate, Move, Origin, State, Step
from relay.reason import Reason
from relay.store.connection import open_for_writing
from relay.store.port import StoreUnavailableError
from relay.workers import notifications
from relay.workers.bounces import keep_bouncing


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
        written = notifications.dsn

        def fails(*arguments: object) -> bytes:
            if b"poison" in arguments[-1]:  # type: ignore[operator]
                raise RecursionError("a bug")
            return written(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(notifications, "dsn", fails)
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


@pytest.mark.parametrize(("deaths", "told"), [(0, "all of it"), (1, "all of it"), (2, "no content"), (3, "nothing")])
def test_who_dies_while_a_sender_is_told_again_and_again_gets_less_to_read_and_then_nothing(
    tmp_path: Path, deaths: int, told: str
) -> None:
    async def story(one: Office) -> None:
        await one.take(one.copy("a@example.org"))
        with contextlib.closing(open_for_writing(one.path)) as connection:
            connection.execute("UPDATE messages SET tellings = ?", (deaths,))
            connection.commit()
        assert await one.bouncer.tell() == 1
        mails = [mail for _, mail in await one.told()]
        assert [b"Subject: Spring" in mail for mail in mails] == {"all of it": [True], "no content": [False]}.get(
            told, []
        )
        assert [line.fate for line in one.lines()] == ([Fate.UNREPORTED] if told == "nothing" else [])

    play(tmp_path, story)
