"""What a 250 promises, with Postfix as next hop: deferring, refusing one of several, down and up again, and the relay
stopped and started meanwhile.
"""

from __future__ import annotations

import smtplib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Final

import pytest
from integration.clients import by_smtplib
from integration.mails import newsletter, parsed, plain
from integration.postfix import Postfix, missing_for_postfix, running_postfix
from integration.serving import NEWS, SHOP, Relay, relay_in_folder, running_relay
from patience import LONG, until

QUICKLY: Final = '[queue]\nretry = ["1s"]\n'


@pytest.fixture(scope="module")
def postfix() -> Iterator[Postfix]:
    """One of this file's own, to be stopped, started and made to defer."""
    missing = missing_for_postfix()
    if missing:
        pytest.skip(missing)
    with running_postfix() as running:
        yield running


@pytest.fixture(scope="module")
def relay(postfix: Postfix) -> Iterator[Relay]:
    with running_relay(postfix.port, processes=2, more_config=QUICKLY) as running:
        yield running


def outcomes(relay: Relay, message: str) -> list[str]:
    """Of all decisions on a message, in the order of their attempts."""
    found = relay.printed("log", "query", "--id", message)
    return [outcome["result"] for decision in found for outcome in decision["outcomes"]]


def message_of(relay: Relay, recipient: str) -> str:
    """The id of the only message for this recipient."""
    [found] = {line["message"] for line in relay.log() if line.get("recipient") == recipient}
    return str(found)


def test_mail_for_one_that_the_next_hop_defers_is_accepted_and_arrives_later(relay: Relay, postfix: Postfix) -> None:
    reader = relay.reader(local="later")
    with smtplib.SMTP("127.0.0.1", relay.plain, timeout=LONG) as client:
        client.ehlo()
        client.mail(NEWS, ["BODY=8BITMIME"])
        client.rcpt(reader)
        code, words = client.data(newsletter(NEWS, reader))
    assert (code, words.startswith(b"2.0.0 queued: next-hop-deferred: ")) == (250, True), words
    message = message_of(relay, reader)
    until(lambda: len(outcomes(relay, message)) >= 3, relay.output)
    assert set(outcomes(relay, message)) == {"deferred"}
    with taking_everybody(postfix):
        postfix.wait_for(reader)
        until(lambda: outcomes(relay, message)[-1] == "delivered", relay.output)
    assert len(relay.printed("log", "query", "--id", message)) == 1  # one decision, told once


class taking_everybody:  # noqa: N801 - reads as what it does
    """Postfix without its answers to some local parts."""

    def __init__(self, postfix: Postfix) -> None:
        self._postfix = postfix
        self._file = postfix.folder / "etc" / "answers"
        self._text = self._file.read_text("utf-8")

    def __enter__(self) -> None:
        self._file.write_text("", "utf-8")
        self._again()

    def __exit__(self, *_: object) -> None:
        self._file.write_text(self._text, "utf-8")
        self._again()

    def _again(self) -> None:
        """With new daemons, which read the file anew."""
        self._postfix.stop()
        self._postfix.start()


def test_a_client_that_retries_keeps_its_mail(postfix: Postfix) -> None:
    with relay_in_folder(postfix.port, more_config=QUICKLY) as relay:
        config = relay.folder / "relay.toml"
        config.write_text(config.read_text("utf-8").replace('name = "local"\n', 'name = "local"\nretries = true\n'))
        relay.start()
        reader = relay.reader(local="later")
        sent = by_smtplib(relay.plain, NEWS, reader, newsletter(NEWS, reader))
        assert not sent.accepted
        assert sent.said.startswith("450 4.2.1 next-hop-deferred: "), sent.said
        message = message_of(relay, reader)
        until(lambda: outcomes(relay, message), relay.output)
        time.sleep(2)  # another attempt would have had its turn
        assert outcomes(relay, message) == ["deferred"]
        relay.stop()


def test_of_three_recipients_one_is_refused_by_the_next_hop_and_two_have_their_copy(
    relay: Relay, postfix: Postfix
) -> None:
    first, second = relay.readers(2)
    refused = relay.reader(local="refused")
    with smtplib.SMTP("127.0.0.1", relay.plain, timeout=LONG) as client:
        assert client.sendmail(NEWS, [first, refused, second], newsletter(NEWS, first)) == {}
    for reader in (first, second):
        postfix.wait_for(reader)
    message = message_of(relay, first)
    until(lambda: sorted(outcomes(relay, message)) == ["delivered", "delivered", "refused"], relay.output)
    [failed] = until(lambda: [one for one in relay.log() if one["event"] == "failed" and one["message"] == message])
    assert failed["reason"] == "next-hop-refused"
    time.sleep(2)
    assert sorted(outcomes(relay, message)) == ["delivered", "delivered", "refused"]


def test_of_one_receipt_for_three_each_recipient_has_an_end_of_their_own(relay: Relay, postfix: Postfix) -> None:
    taken, refused, later = (relay.stranger(local=local) for local in ("buyer", "refused", "later"))
    with smtplib.SMTP("127.0.0.1", relay.plain, timeout=LONG) as client:
        assert client.sendmail(SHOP, [taken, refused, later], plain(SHOP, taken)) == {}
    postfix.wait_for(taken)
    message = message_of(relay, taken)
    until(lambda: outcomes(relay, message).count("deferred") >= 2, relay.output)
    with taking_everybody(postfix):
        postfix.wait_for(later)
    assert len(postfix.delivered_to(taken)) == 1
    assert not postfix.delivered_to(refused)


def test_the_next_hop_goes_and_comes_back_and_the_relay_does_so_too(postfix: Postfix) -> None:
    """Nothing is lost, nobody gets mail twice, and who has withdrawn meanwhile gets none."""
    with relay_in_folder(postfix.port, processes=2, more_config=QUICKLY) as relay:
        relay.start()
        readers = relay.readers(8)
        gone = relay.reader()
        together = relay.readers(5)
        postfix.stop()
        try:
            for reader in (*readers, gone):
                sent = by_smtplib(relay.plain, NEWS, reader, newsletter(NEWS, reader))
                assert sent.accepted, sent.said
            with smtplib.SMTP("127.0.0.1", relay.plain, timeout=LONG) as client:
                assert client.sendmail(NEWS, together, newsletter(NEWS, together[0])) == {}
            until(lambda: any(line["event"] == "next-hop-closed" for line in relay.log()), relay.output)
            relay.command("consent", "withdraw", gone)
            assert relay.stop() == 0
            relay.start()
            assert relay.stop() == 0
        finally:
            postfix.start()
        relay.start()
        for reader in (*readers, *together):
            postfix.wait_for(reader)
        until(lambda: any(line["event"] == "failed" for line in relay.log()), relay.output)
        assert not postfix.delivered_to(gone)
        decisions = relay.printed("log", "query", "--id", message_of(relay, gone))
        assert [(one["verdict"], one["reasons"][0]) for one in decisions] == [
            ("deliver", "confirmed"),
            ("reject", "withdrawn"),
        ]
        assert relay.stop() == 0


def test_a_stop_under_load_keeps_every_promise(postfix: Postfix) -> None:
    """Clients send to two processes while SIGTERM comes; what was accepted arrives once, before or after."""
    with relay_in_folder(postfix.port, processes=2, more_config=QUICKLY) as relay:
        relay.start()
        promised: list[str] = []
        enough = threading.Event()

        def send_until_it_stops() -> None:
            while True:
                three = [relay.stranger(local="load") for _ in range(3)]
                try:
                    with smtplib.SMTP("127.0.0.1", relay.plain, timeout=LONG) as client:
                        refused = client.sendmail(SHOP, three, plain(SHOP, three[0]))
                except (OSError, smtplib.SMTPException):
                    return  # stopped: not accepted
                assert refused == {}
                promised.extend(three)
                if len(promised) > 90:
                    enough.set()
                    time.sleep(0.05)

        senders = [threading.Thread(target=send_until_it_stops) for _ in range(4)]
        for sender in senders:
            sender.start()
        assert enough.wait(LONG)
        assert relay.stop() == 0, relay.output()
        for sender in senders:
            sender.join()
        relay.start()
        until(lambda: set(promised) <= arrivals(postfix).keys(), lambda: set(promised) - arrivals(postfix).keys())
        arrived = arrivals(postfix)
        assert [one for one in promised if arrived[one] != 1] == []
        assert relay.stop() == 0


def arrivals(postfix: Postfix) -> Counter[str]:
    """How much came for whom."""
    return Counter(str(parsed(message)["delivered-to"]) for message in postfix.arrived())
