"""Waves of questions by several processes, killed in between: everybody is asked once, and whoever answers gets their mail.

A question that was on its way when the processes died may reach its reader a second time (RFC 1047, as every mail
may); it is the same mail then, with the same Message-ID. Two questions would have two.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from integration.clients import by_smtplib
from integration.mails import newsletter, parsed
from integration.postfix import Postfix
from integration.serving import NEWS, Relay, relay_in_folder
from patience import until

_ASKING = "[asking]\nwave = 2\nrate = 2\npause = '2s'\n"


def questions(postfix: Postfix, reader: str) -> list[str]:
    """The Message-IDs of the mails that ask one reader, as they came."""
    mails = [parsed(mail) for mail in postfix.delivered_to(reader)]
    return [str(mail["message-id"]) for mail in mails if "Do you still want" in mail["subject"]]


def subjects(postfix: Postfix, reader: str) -> list[str]:
    return [str(parsed(mail)["subject"]) for mail in postfix.delivered_to(reader)]


def questions_of_the_relay(relay: Relay, reader: str) -> int:
    """How many the ledger has. Each stands there twice, with one time: as decided, and once its mail has left."""
    (known,) = relay.printed("consent", "show", reader)
    return len({event["at"] for event in known["events"] if event["recorder"] == "relay"})


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
        until(lambda: all(questions(postfix, one) for one in readers))
        time.sleep(3)  # another wave would have had its turn
        assert [len(set(questions(postfix, one))) for one in readers] == [1] * 7
        assert max(len(questions(postfix, one)) for one in readers) <= 2  # at most once more for one death
        assert [questions_of_the_relay(relay, one) for one in readers] == [1] * 7
        (brand,) = relay.printed("consent", "asking")
        assert (brand["waiting"], brand["asked_and_silent"], brand["wave"]["number"]) == (0, 7, 4)
        shown = relay.command("consent", "show", readers[0]).stdout
        assert "by the relay, for a new yes; no answer yet" in shown

        now = datetime.now(UTC).isoformat()
        answer = ("--stream", "newsletter", "--basis", "double-opt-in", "--at", now, "--source", "telephone")
        relay.command("consent", "grant", readers[0], *answer)
        until(lambda: "Held for you" in subjects(postfix, readers[0]))
        relay.command("consent", "withdraw", readers[1])
        assert not by_smtplib(relay.plain, NEWS, readers[1], newsletter(NEWS, readers[1])).accepted
        assert relay.stop() == 0
