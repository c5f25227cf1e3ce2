"""A message that kills every process that writes its notification: its sender is told without it, and the relay goes on."""

from __future__ import annotations

import email
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from journey import NOW
from patience import LONG
from structlog.testing import capture_logs
from workers.office import HOUR, Office, play

from relay.decision import Outcome, Result
from relay.queued import Move, State, Step
from relay.reply import Reply

TESTS = Path(__file__).parents[1]
#: A process that tells senders, and is killed by what stands in a message, or by any.
DEADLY = """
import asyncio, os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from workers import office
from relay.workers import notifications

written = notifications.dsn

def dsn(report, heading, words, original):
    if sys.argv[3].encode() in original:
        os.kill(os.getpid(), signal.SIGKILL)
    return written(report, heading, words, original)

async def tell(one):
    while await one.bouncer.tell():
        pass

notifications.dsn = dsn
office.play(Path(sys.argv[2]), tell)
"""


def tell(folder: Path, poison: str) -> int:
    """The exit status of a process that tells all senders."""
    command = [sys.executable, "-c", DEADLY, str(TESTS), str(folder), poison]
    return subprocess.run(command, check=False, timeout=LONG, capture_output=True).returncode


def test_the_last_try_is_without_the_content_and_the_others_are_told_as_ever(tmp_path: Path) -> None:
    async def begin(one: Office) -> None:
        await one.take(one.copy("a@example.org"), content=b"Subject: poison\r\n\r\n")
        await one.take(one.copy("b@example.org"), content=b"Subject: spring\r\n\r\n")

    async def end(one: Office) -> None:
        assert one.states() == []
        assert one.lines() == []
        poisoned, other = (mail for _, mail in await one.told())
        assert b"poison" not in poisoned
        kinds = [part.get_content_type() for part in email.message_from_bytes(poisoned).get_payload()]  # type: ignore[union-attr]
        assert kinds == ["text/plain", "message/delivery-status"]
        assert b"b@example.org" in other
        assert b"Subject: spring" in other

    play(tmp_path, begin)
    assert [tell(tmp_path, "poison") for _ in range(3)] == [-signal.SIGKILL, -signal.SIGKILL, 0]
    play(tmp_path, end)


def test_when_everything_kills_the_owner_is_told_and_the_relay_goes_on(tmp_path: Path) -> None:
    async def begin(one: Office) -> None:
        await one.take(one.copy("a@example.org"))

    async def end(one: Office) -> None:
        one.later = HOUR
        await one.take(one.copy("b@example.org"))
        with capture_logs() as log:
            while await one.bouncer.tell():
                pass
        assert [entry["event"] for entry in log] == ["internal-error", "not-bounced", "bounced"]
        assert "every process that wrote its notification ended" in log[0]["why"]
        assert log[1]["why"] == "internal-error"
        assert [(line.recipient, line.fate) for line in one.lines()] == [("a@example.org", "unreported")]
        assert [b"b@example.org" in mail for _, mail in await one.told()] == [True]

    play(tmp_path, begin)
    assert [tell(tmp_path, "") for _ in range(3)] == [-signal.SIGKILL] * 3
    play(tmp_path, end)


@pytest.mark.parametrize(("starts", "whole"), [(1, True), (2, False)])
def test_a_message_that_killed_its_delivery_is_told_of_without_its_content(
    tmp_path: Path, starts: int, *, whole: bool
) -> None:
    async def story(one: Office) -> None:
        await one.take(one.copy("a@example.org", State.QUEUED, notify=("SUCCESS",)))
        for _ in range(starts):
            (claimed,) = await one.store.claim(NOW + 2 * HOUR, 9)
            one.store._queue._run(lambda c: c.execute("UPDATE copies SET lease = NULL"))
        assert claimed.message.starts == starts
        (copy,) = claimed.copies
        outcome = Outcome(copy.decision, one.clock(), Result.DELIVERED, Reply(250, "2.0.0", "ok"), silent=True)
        content = await one.store.content(claimed.message.number)
        settled = Step(moves=(Move(copy.number, outcome.at, decision=copy.decision),), outcomes=(outcome,))
        step = one.receipts.told_in(claimed.message, content, {copy.number: copy}, settled)
        (mail,) = step.messages
        assert (b"text/rfc822-headers" in mail.content) == whole

    play(tmp_path, story)
