"""A mailbox that is no more: Postfix says so twice, a day apart, and the relay stops trying."""

from __future__ import annotations

import csv
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from integration.clients import Sent, by_smtplib
from integration.mails import newsletter
from integration.postfix import Postfix
from integration.serving import NEWS, Relay, relay_in_folder
from patience import until

#: Postfix refuses every local part that begins so, with 550 5.1.1 (integration.postfix).
DEAD: Final = "refused@reader.example"
OTHER: Final = "refused-too@reader.example"
SPELLED: Final = "refused+news@reader.example"
ALIVE: Final = [f"alive{number}@reader.example" for number in range(30)]


@contextmanager
def hours_ago(hours: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The clock that programs started now will see."""
    printed = subprocess.run(("faketime", "-f", "+0", "env"), capture_output=True, text=True, check=True).stdout
    (preload,) = [line.partition("=")[2] for line in printed.splitlines() if line.startswith("LD_PRELOAD=")]
    with monkeypatch.context() as patch:
        patch.setenv("LD_PRELOAD", preload)
        patch.setenv("FAKETIME", f"-{hours}h")
        patch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        yield


def consenting(relay: Relay, addresses: Iterable[str]) -> None:
    at = (datetime.now(UTC) - timedelta(days=5)).isoformat()
    path = relay.folder / "people.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["address", "stream", "basis", "at", "act", "confirmed_at"])
        writer.writerows([address, "newsletter", "double-opt-in", at, "clicked", at] for address in addresses)
    relay.command("consent", "import", str(path))


def send(relay: Relay, recipient: str) -> Sent:
    return by_smtplib(relay.plain, NEWS, recipient, newsletter(NEWS, recipient))


def test_a_mailbox_refused_on_two_days_gets_no_more_mail_until_an_operator_says_so(
    postfix: Postfix, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not shutil.which("faketime"):
        pytest.skip("faketime is not installed")
    with relay_in_folder(postfix.port) as relay:
        with hours_ago(55, monkeypatch):
            consenting(relay, [DEAD, OTHER, SPELLED, *ALIVE])
            relay.start()
            assert all(send(relay, one).accepted for one in ALIVE)
            assert send(relay, DEAD).said.startswith("550 5.1.1 next-hop-refused: ")
            relay.stop()
        with hours_ago(26, monkeypatch):
            relay.start()
            assert all(send(relay, one).accepted for one in ALIVE)
            assert send(relay, DEAD).said.startswith("550 5.1.1 next-hop-refused: ")
            assert send(relay, OTHER).said.startswith("550 5.1.1 next-hop-refused: ")
            relay.stop()
        relay.start()
        assert all(send(relay, one).accepted for one in ALIVE)
        said = send(relay, DEAD).said
        assert said.startswith("550 5.7.1 undeliverable: "), said
        # Once is not twice, and another spelling may be another mailbox.
        assert send(relay, OTHER).said.startswith("550 5.1.1 next-hop-refused: ")
        assert send(relay, SPELLED).said.startswith("550 5.1.1 next-hop-refused: ")

        def learnt() -> list[tuple[str, str]]:
            found = [one for one in relay.log() if one["event"] == "undeliverable-learned"]
            return [(one["recipient"], one["code"]) for one in found]

        until(lambda: len(learnt()) >= 2, learnt)  # after the reply
        assert learnt() == [(DEAD, "5.1.1"), (OTHER, "5.1.1")]

        relay.command("consent", "deliverable", DEAD, "--source", "telephoned")
        assert send(relay, DEAD).said.startswith("550 5.1.1 next-hop-refused: ")
        assert send(relay, OTHER).said.startswith("550 5.7.1 undeliverable: ")
        assert relay.stop() == 0
