"""An operator's hands on mail that waits: real commands beside a real relay, while it runs and while it does not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from integration.clients import by_smtplib
from integration.mails import newsletter
from integration.postfix import Postfix
from integration.serving import NEWS, Relay, relay_in_folder
from patience import until
from ports import free_port


class Box:
    """A next hop that takes everything."""

    def __init__(self) -> None:
        self.recipients: list[str] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.recipients += envelope.rcpt_tos
        return "250 2.0.0 taken"


def send(relay: Relay, recipient: str) -> None:
    sent = by_smtplib(relay.plain, NEWS, recipient, newsletter(NEWS, recipient))
    assert sent.accepted, sent.said


def status(relay: Relay) -> Any:
    return json.loads(relay.command("status", "--json", check=False).stdout)


@pytest.fixture
def lonely() -> Iterator[Relay]:
    """A relay whose next hop is not there."""
    with relay_in_folder(free_port()) as relay:
        relay.start()
        yield relay


def hop_of(relay: Relay) -> int:
    config = (relay.folder / "relay.toml").read_text("utf-8")
    return int(config.partition("[[next_hop]]")[2].partition("127.0.0.1:")[2].partition('"')[0])


def test_mail_for_a_next_hop_that_is_down_is_listed_shown_dropped_and_tried(lonely: Relay) -> None:
    relay = lonely
    first, second, third = relay.readers(3)
    for person in (first, second, third):
        send(relay, person)
    found = relay.printed("queue", "list")
    assert [one["recipient"] for one in found] == [first, second, third]
    assert {one["state"] for one in found} == {"queued"}
    assert found[0]["attempts"] == 1
    listed = relay.command("queue", "list").stdout
    assert re.search(r"next try in [1-5] min", listed), listed
    shown = relay.command("queue", "show", found[0]["message"]).stdout
    assert f"{first}: queued, next-hop-deferred" in shown
    assert "decided: deliver, confirmed" in shown
    original = relay.command("queue", "show", found[0]["message"], "--content").stdout
    assert original.replace("\r\n", "\n").startswith(newsletter(NEWS, first).decode().replace("\r\n", "\n")[:40])

    told = status(relay)
    assert (told["processes"], told["queue"]["queued"]["copies"], told["ok"]) == (1, 3, True)

    relay.command("queue", "drop", found[1]["message"])
    (line,) = relay.printed("log", "report")
    assert (line["recipient"], line["fate"], line["told"]) == (second, "dropped", "no")

    box = Box()
    controller = Controller(box, hostname="127.0.0.1", port=hop_of(relay))
    controller.start()
    try:
        assert "2 copies due now" in relay.command("queue", "retry", "--all").stdout
        until(lambda: sorted(box.recipients) == sorted([first, third]))
        until(lambda: relay.command("queue", "list").stdout == "")
    finally:
        controller.stop()
    over = relay.command("queue", "show", found[0]["message"]).stdout
    assert "nothing of it waits any more" in over
    assert f"{first}  delivered by 127.0.0.1:{hop_of(relay)}" in over


def test_the_commands_work_while_the_relay_does_not_run_and_after_it_was_killed(lonely: Relay) -> None:
    relay = lonely
    stays, goes = relay.readers(2)
    for person in (stays, goes):
        send(relay, person)
    relay.kill()
    told = status(relay)
    assert told["processes"] == 0
    assert any("does not run" in problem for problem in told["problems"])
    assert "2 copies due now" in relay.command("queue", "retry", "--all").stdout
    relay.command("queue", "drop", goes)
    assert [one["recipient"] for one in relay.printed("queue", "list")] == [stays]
    box = Box()
    controller = Controller(box, hostname="127.0.0.1", port=hop_of(relay))
    controller.start()
    try:
        relay.start()
        until(lambda: box.recipients == [stays])
    finally:
        controller.stop()


def test_a_drop_with_bounce_tells_the_sender(lonely: Relay) -> None:
    relay = lonely
    person = relay.reader()
    send(relay, person)
    (one,) = relay.printed("queue", "list")
    relay.command("queue", "drop", one["message"], "--bounce")

    def the_notice() -> Any:
        return [found for found in relay.printed("queue", "list") if found["origin"] == "bounce"]

    (notice,) = until(the_notice)
    assert notice["recipient"] == NEWS
    assert notice["sender"] == ""
    assert relay.command("log", "report", "--json").stdout == ""


def asked_of(relay: Relay, *people: str) -> list[Any]:
    """What is held for these people, who were asked."""
    found = relay.printed("hold", "list", "--copies")
    return [one for one in found if one["recipient"] in people and one["asked_at"] is not None]


def test_held_mail_is_listed_shown_let_go_and_dropped(relay: Relay, postfix: Postfix) -> None:
    old, gone = relay.reader_of_long_ago(), relay.reader_of_long_ago()
    for person in (old, gone):
        send(relay, person)
    # before somebody is asked, their mail is decided anew once: it is then in hand for a moment
    until(lambda: len(asked_of(relay, old, gone)) == 2)
    (together,) = [one for one in relay.printed("hold", "list") if one["reason"] == "stale"]
    assert (together["stream"], together["copies"], together["asked"]) == ("newsletter", 2, 2)
    shown = relay.command("hold", "show", old).stdout
    assert f"{old}: held, stale" in shown
    assert "today      would be held again: stale: " in shown

    # nobody is let go without a yes: decided anew, and held again
    told = relay.command("hold", "release", "--address", old).stdout
    assert told.startswith(f"1 copy of {old} is decided anew; only what may pass passes.")
    (held,) = until(lambda: asked_of(relay, old))
    assert held["reason"] == "stale"

    relay.command("hold", "drop", "--address", gone)
    assert [one["fate"] for one in relay.printed("log", "report", "--recipient", gone)] == ["dropped"]

    now = datetime.now(UTC).isoformat()
    yes = ("--stream", "newsletter", "--basis", "single-opt-in", "--at", now, "--act", "ticked", "--source", "fair")
    relay.command("consent", "grant", old, *yes)
    # beside the question, which came before
    until(lambda: any(b"Subject: November offers" in found for found in postfix.delivered_to(old)))
    assert not any(b"Subject: November offers" in found for found in postfix.delivered_to(gone))
    until(lambda: not [one for one in relay.printed("hold", "list", "--copies") if one["recipient"] in (old, gone)])
    assert [line["event"] for line in relay.log() if line["event"] == "dropped"] == ["dropped"]
