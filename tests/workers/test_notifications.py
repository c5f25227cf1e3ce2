"""Who wants to hear what of their mail, how often they may, and what they asked to have back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from journey import NEWS
from structlog.testing import capture_logs
from workers.office import HOUR, Office, play

from relay.address import address_from_text
from relay.envelope import MailParameters, Recipient
from relay.workers.notifications import SENDERS, Wanted, wants


def test_who_wants_to_know_what() -> None:
    def one(*notify: str) -> Recipient:
        return Recipient(address_from_text("a@example.org"), notify)

    assert [wants(one(), what) for what in Wanted] == [False, True, False]
    assert [wants(one("NEVER"), what) for what in Wanted] == [False, False, False]
    assert [wants(one("DELAY", "SUCCESS"), what) for what in Wanted] == [True, False, True]


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


def test_a_client_that_writes_another_sender_into_each_mail_has_a_rate_of_its_own(tmp_path: Path) -> None:
    async def story(one: Office) -> None:
        for number in range(SENDERS + 2):
            await one.take(one.copy("x@example.org"), sender=address_from_text(f"victim{number}@example.net"))
        await one.bouncer.tell()
        assert len(await one.told()) == SENDERS
        assert len(one.lines()) == 2

    play(tmp_path, story, most=1)


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
