"""Somebody asks to be forgotten while the relay runs: nothing of them stays, nobody mails them again, the ledger holds."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from itertools import count
from pathlib import Path
from typing import Final

import pytest
from integration.clients import Sent, by_smtplib
from integration.mails import newsletter
from integration.postfix import Postfix
from integration.serving import NEWS, Relay
from patience import LONG, until

_OF_A_KILL: Final = (-9, 137)


def send(relay: Relay, recipient: str) -> Sent:
    return by_smtplib(relay.plain, NEWS, recipient, newsletter(NEWS, recipient))


def spellings(address: str) -> list[str]:
    local, _, domain = address.partition("@")
    return [
        address,
        f"{local.upper()}@{domain}",
        f"{local}+news@{domain}",
        f'"{local}"@{domain.upper()}',
        f"{local.capitalize()}+x@{domain}",
    ]


def files_with(relay: Relay, text: str) -> list[str]:
    """Any file of the store, whatever it is for, whoever has it open; keys are for other eyes."""
    every = [file for file in (relay.folder / "var").iterdir() if file.is_file()]
    assert {"relay.db", "relay.db-wal", "relay.db.reserve", "withdrawals.journal"} <= {file.name for file in every}
    return [file.name for file in every if text.lower().encode() in contents_of(file).lower()]


def contents_of(file: Path) -> bytes:
    """Nothing of one that has gone meanwhile."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""


def person_with_a_past(relay: Relay, postfix: Postfix) -> str:
    """Got mail, was refused mail under another spelling, has withdrawn under a third."""
    person = relay.reader(local="forgetme")
    assert send(relay, person).accepted
    postfix.wait_for(person)
    # when it was delivered is written after the reply
    until(lambda: relay.printed("log", "query", "--recipient", person)[0]["outcomes"])
    send(relay, person.replace("@", "+other@"))
    relay.command("consent", "withdraw", person.replace("forgetme", "ForgetMe"), "--stream", "newsletter")
    return person


def test_an_erased_person_is_in_no_file_and_gets_no_mail(relay: Relay, postfix: Postfix) -> None:
    person, other = person_with_a_past(relay, postfix), relay.reader()
    assert files_with(relay, person)
    told = relay.printed("consent", "export", "--subject", other)[0]["events"]
    erased = relay.printed("consent", "erase", person, "--yes", "--reason", "letter 12")[0]
    assert (erased["lines"], erased["contacts"]) == (2, 1)
    assert erased["decisions"] >= 2
    name = person.partition("@")[0]
    assert files_with(relay, name) == []
    for spelling in spellings(person):
        assert send(relay, spelling).said.startswith("550 5.7.1 withdrawn: "), spelling
    relay.command("consent", "verify")
    assert relay.printed("consent", "export", "--subject", other)[0]["events"] == told
    assert send(relay, other).accepted
    # asking after the refusals: what was refused just now was recorded again, by the mailer's own doing
    relay.command("consent", "erase", person, "--yes")
    assert files_with(relay, name) == []


def test_what_is_explained_says_erased_and_not_what_was(relay: Relay, postfix: Postfix) -> None:
    person = person_with_a_past(relay, postfix)
    relay.command("consent", "erase", person, "--yes")
    shown = relay.command("consent", "show", person.replace("@", "+new@")).stdout
    assert "erased" in shown
    assert "double opt-in" not in shown
    subject = relay.printed("consent", "export", "--subject", person)[0]
    assert subject["erased_at"]
    assert (subject["events"], subject["decisions"]) == ([], [])


def test_no_list_brings_an_erased_person_back_but_their_own_yes_does(relay: Relay, postfix: Postfix) -> None:
    person = relay.reader(local="comeback")
    assert send(relay, person).accepted
    postfix.wait_for(person)
    relay.command("consent", "erase", person, "--yes")
    for spelling in spellings(person)[:3]:
        relay.consenting([spelling])
        assert send(relay, spelling).said.startswith("550 5.7.1 withdrawn: "), spelling
    own = ("--stream", "newsletter", "--basis", "double-opt-in", "--at", "now", "--after-withdrawal")
    relay.command("consent", "grant", person, *own)
    assert send(relay, person).accepted
    assert send(relay, spellings(person)[1]).said.startswith("550 5.7.1 withdrawn: ")


def test_mail_goes_on_while_somebody_is_erased(relay: Relay, postfix: Postfix) -> None:
    people, other = relay.readers(5, local="busy"), relay.reader(local="steady")
    answers: list[Sent] = []
    ended = threading.Event()

    def keep_sending() -> None:
        while not ended.is_set():
            answers.append(send(relay, other))

    sender = threading.Thread(target=keep_sending)
    sender.start()
    try:
        for person in people:
            relay.command("consent", "erase", person, "--yes")
            so_far = len(answers)
            until(lambda: len(answers) > so_far)  # noqa: B023 - waited for at once
    finally:
        ended.set()
        sender.join()
    assert [sent.said for sent in answers if not sent.accepted] == []
    for person in people:
        assert files_with(relay, person) == []
        assert send(relay, person).said.startswith("550 5.7.1 withdrawn: ")


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is missing")
def test_a_kill_at_any_sync_and_then_again_erases_as_once(relay: Relay, postfix: Postfix) -> None:
    killed = 0
    for number in count(1):
        person, other = person_with_a_past(relay, postfix), relay.reader()
        command = (
            sys.executable,
            "-m",
            "relay",
            "consent",
            "erase",
            person,
            "--yes",
            "-c",
            relay.folder / "relay.toml",
        )
        inject = f"inject=fsync,fdatasync:signal=SIGKILL:when={number}"
        found = subprocess.run(
            ("strace", "-f", "-qq", "-o", "/dev/null", "-e", inject, *command),
            cwd=relay.folder,
            capture_output=True,
            timeout=LONG,
            check=False,
        )
        was_killed = found.returncode in _OF_A_KILL
        killed += was_killed
        if was_killed:
            again = relay.command("consent", "erase", person, "--yes", check=False)
            assert again.returncode == 0, again.stderr
        assert files_with(relay, person.partition("@")[0]) == [], number
        for spelling in spellings(person)[:3]:
            assert send(relay, spelling).said.startswith("550 5.7.1 withdrawn: "), (number, spelling)
        assert send(relay, other).accepted
        if not was_killed:
            assert found.returncode == 0, found.stderr
            break
    relay.command("consent", "verify")
    assert killed > 3
