"""Waves of questions by several processes, killed in between: everybody is asked once, and whoever answers gets their mail."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from integration.clients import by_smtplib
from integration.mails import newsletter, parsed
from integration.postfix import Postfix
from integration.serving import NEWS, Relay, relay_in_folder

_ASKING = "[asking]\nwave = 2\nrate = 2\npause = '2s'\n"


def until(true: Callable[[], object], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.1)


def questions(postfix: Postfix, readers: list[str]) -> list[int]:
    """How many mails that ask each of them has."""
    return [
        sum("Do you still want" in parsed(mail)["subject"] for mail in postfix.delivered_to(one)) for one in readers
    ]


def asked(relay: Relay, readers: list[str]) -> list[str]:
    return sorted(one["recipient"] for one in relay.log() if one["event"] == "asked" and one["recipient"] in readers)


def test_waves_of_two_processes_that_are_killed_in_between_ask_everybody_once(postfix: Postfix) -> None:
    with relay_in_folder(postfix.port, processes=2, more_config=_ASKING) as relay:
        readers = [relay.stranger(local="old") for _ in range(7)]
        at = (datetime.now(UTC) - timedelta(days=500)).isoformat()
        rows = [f"{reader},newsletter,double-opt-in,{at},clicked" for reader in readers]
        (relay.folder / "old.csv").write_text("\n".join(["address,stream,basis,at,act", *rows, ""]))
        relay.command("consent", "import", str(relay.folder / "old.csv"))
        relay.start()
        for reader in readers:
            assert by_smtplib(relay.plain, NEWS, reader, newsletter(NEWS, reader, subject="Held for you")).accepted
        until(lambda: len(asked(relay, readers)) >= 2)
        relay.kill()
        relay.start()
        until(lambda: sum(questions(postfix, readers)) >= 7)
        time.sleep(3)  # another wave would have had its turn
        assert questions(postfix, readers) == [1] * 7
        (brand,) = relay.printed("consent", "asking")
        assert (brand["waiting"], brand["asked_and_silent"], brand["wave"]["number"]) == (0, 7, 4)
        shown = relay.command("consent", "show", readers[0]).stdout
        assert "by the relay, for a new yes; no answer yet" in shown

        now = datetime.now(UTC).isoformat()
        answer = ("--stream", "newsletter", "--basis", "double-opt-in", "--at", now, "--source", "telephone")
        relay.command("consent", "grant", readers[0], *answer)
        until(lambda: len(postfix.delivered_to(readers[0])) == 2, seconds=5)
        assert parsed(postfix.delivered_to(readers[0])[-1])["subject"] == "Held for you"
        relay.command("consent", "withdraw", readers[1])
        assert not by_smtplib(relay.plain, NEWS, readers[1], newsletter(NEWS, readers[1])).accepted
        assert relay.stop() == 0
