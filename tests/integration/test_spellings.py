"""No spelling reaches a person who has said no, none borrows another's yes, and no neighbour is swept away.

Every way to write an address (spellings.toml) goes over the wire to a relay with Postfix behind it. Postfix knows whom
each spelling reaches, and the judge is the mailbox it delivers to, whatever anybody replied.
"""

from __future__ import annotations

import csv
import re
import shutil
import socket
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Final

import pytest
from integration.mails import newsletter
from integration.postfix import Postfix, missing_for_postfix, running_postfix
from integration.serving import NEWS, Relay, running_relay
from patience import LONG, until

#: Every test has people of its own: their addresses carry their number.
_NUMBERS: Final = count(1000)
_DELIVERED: Final = re.compile(rb"^Delivered-To: (.*)\r$", re.MULTILINE)
FOLDED, PERSON, NEIGHBOUR, NOBODY = "folded", "person", "neighbour", "nobody"


@dataclass(frozen=True, slots=True)
class Spelling:
    """written: as somebody writes it. of: the address it is compared with. what: see spellings.toml."""

    what: str
    of: str
    written: str


def catalogue() -> list[Spelling]:
    groups = tomllib.loads((Path(__file__).parent / "spellings.toml").read_text("utf-8"))["spelling"]
    return [Spelling(group["is"], group["of"], written) for group in groups for written in group["written"]]


CATALOGUE: Final = catalogue()


def cases(*kinds: str) -> list[Spelling]:
    """Each of these spellings, for a person of its own."""
    found = []
    for one in CATALOGUE:
        if one.what in kinds:
            number = str(next(_NUMBERS))
            found.append(Spelling(one.what, one.of.replace("#", number), one.written.replace("#", number)))
    return found


def aliases() -> str:
    """What Postfix has to know of the world: which spellings reach the mailbox of another."""
    lines = []
    for one in CATALOGUE:
        if one.what in (FOLDED, PERSON):
            plain = re.sub(r'^"([^" ]+)"@', r"\1@", one.written).removesuffix(".")  # Postfix asks for this one
            mailbox = ascii_domain(one.of).replace("#", "${1}")
            lines += [f"/^{posix(written)}$/ {mailbox}\n" for written in sorted({plain, one.written})]
    return "".join(lines)


def posix(written: str) -> str:
    """A pattern for exactly this spelling, of any number."""
    return re.sub(r"([][.*+?(){}^$|\\/])", r"\\\1", written).replace("#", "([0-9]+)")


def ascii_domain(address: str) -> str:
    """With the domain as it goes over the wire; by Python's own codec, not by the relay's."""
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.encode('idna').decode('ascii')}"


@pytest.fixture(scope="module")
def world() -> Iterator[Postfix]:
    """A Postfix that is every provider, with a mailbox for every address."""
    missing = missing_for_postfix()
    if missing:
        pytest.skip(missing)
    folder = Path(tempfile.mkdtemp(prefix="world-"))
    folder.chmod(0o755)
    (folder / "aliases").write_text(aliases(), "utf-8")
    settings = {
        "mydestination": "mx.reader.example",
        "virtual_mailbox_domains": "static:all",
        "virtual_alias_maps": f"regexp:{folder}/aliases",
        "smtpd_relay_restrictions": "permit_mynetworks, reject",
        "smtpd_recipient_restrictions": "permit_mynetworks, reject",
        "smtpd_end_of_data_restrictions": "",
        "local_transport": "virtual",
    }
    try:
        with running_postfix(settings) as postfix:
            yield postfix
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def relay(world: Postfix) -> Iterator[Relay]:
    with running_relay(world.port) as running:
        yield running


# --- over the wire


class Wire:
    """One connection on which octets go out as they are."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), LONG)
        self._file = self._socket.makefile("rb")
        self.reply()
        self.ask(b"EHLO mailer.brand.example")

    def reply(self) -> str:
        while (line := self._file.readline())[3:4] == b"-":
            pass
        return line.decode("utf-8", "replace").rstrip()

    def ask(self, command: bytes) -> str:
        self._socket.sendall(command + b"\r\n")
        return self.reply()

    def send(self, written: str) -> str:
        """One mail to one recipient; the reply that settled it."""
        self.ask(b"RSET")
        accepted = self.ask(b"MAIL FROM:<%s> SMTPUTF8 BODY=8BITMIME" % NEWS.encode())
        assert accepted.startswith("250"), accepted
        answer = self.ask(b"RCPT TO:<%s>" % written.encode())
        if not answer.startswith("250"):
            return answer
        assert self.ask(b"DATA").startswith("354")
        message = newsletter(NEWS, "somebody@reader.example").replace(b"\r\n.", b"\r\n..")
        return self.ask(message.removesuffix(b"\r\n") + b"\r\n.")

    def close(self) -> None:
        self._file.close()
        self._socket.close()


def send_to_all(port: int, spellings: Iterable[str]) -> dict[str, str]:
    """The reply to each, over a new connection where one was closed for too many errors."""
    said: dict[str, str] = {}
    for written in spellings:
        wire = Wire(port)
        try:
            said[written] = wire.send(written)
        finally:
            wire.close()
    return said


# --- people


def tell(relay: Relay, rows: Iterable[Mapping[str, str]], *, check: bool = True) -> None:
    """As a list that is imported. check: is every row taken?"""
    path = relay.folder / f"rows{next(_NUMBERS)}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["address", "stream", "basis", "at", "act", "confirmed_at", "withdrawn_at"])
        writer.writeheader()
        writer.writerows(rows)
    relay.command("consent", "import", str(path), check=check)


def yes(address: str) -> dict[str, str]:
    at = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
    row = {"stream": "newsletter", "basis": "double-opt-in", "at": at, "act": "clicked", "confirmed_at": at}
    return {"address": address, **row}


def no(address: str) -> dict[str, str]:
    at = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    return {"address": address, "stream": "newsletter", "withdrawn_at": at}


# --- mailboxes


def mailboxes(world: Postfix) -> Counter[str]:
    """How much lies in which mailbox, once nothing is on its way any more."""
    queues = [world.folder / "queue" / name for name in ("maildrop", "incoming", "active", "deferred")]
    until(
        lambda: not any(file.is_file() for queue in queues for file in queue.rglob("*")),
        lambda: f"mail is stuck in Postfix:\n{world.log()[-3000:]}",
    )
    found: Counter[str] = Counter()
    for message in world.arrived():
        match = _DELIVERED.search(message)
        assert match is not None
        found[match[1].decode()] += 1
    return found


def told(replies: Mapping[str, str], wrong: Iterable[str]) -> str:
    return "\n".join(f"{written!a}: {replies[written]}" for written in wrong)


# --- the proofs


def test_without_the_relay_postfix_takes_each_spelling_to_whom_the_catalogue_says(world: Postfix) -> None:
    people = cases(FOLDED, PERSON, NEIGHBOUR, NOBODY)
    said = send_to_all(world.port, (one.written for one in people))
    found = mailboxes(world)
    known = [one for one in people if said[one.written].startswith("250")]
    wrong = [
        one.written for one in known if found[ascii_domain(one.of)] != (one.what != NEIGHBOUR) and one.what != NOBODY
    ]
    assert not wrong, told(said, wrong)
    routed = [one.written for one in known if one.what == NOBODY and found[ascii_domain(one.of)]]
    assert len(routed) >= 10, "the spellings that nobody may use are the dangerous ones"


def test_no_spelling_reaches_a_person_who_has_said_no_and_neighbours_get_their_mail(
    world: Postfix, relay: Relay
) -> None:
    people = cases(FOLDED, PERSON, NEIGHBOUR, NOBODY)
    tell(relay, [yes(one.of) for one in people])
    tell(relay, [yes(one.written) for one in people if one.what != NOBODY])
    tell(relay, [no(one.of) for one in people])
    said = send_to_all(relay.plain, (one.written for one in people))
    found = mailboxes(world)
    reached = [one.written for one in people if found[ascii_domain(one.of)]]
    assert not reached, told(said, reached)
    swept = [one.written for one in people if one.what == NEIGHBOUR and not said[one.written].startswith("250")]
    assert not swept, told(said, swept)
    assert all(found[ascii_domain(one.written)] == 1 for one in people if one.what == NEIGHBOUR)
    refused = [one.written for one in people if one.what in (FOLDED, PERSON)]
    wrong = [written for written in refused if not said[written].startswith("550 5.7.1 withdrawn: ")]
    assert not wrong, told(said, wrong)
    odd = [one.written for one in people if one.what == NOBODY and said[one.written][:1] != "5"]
    assert not odd, told(said, odd)


def test_no_spelling_borrows_the_yes_of_another(world: Postfix, relay: Relay) -> None:
    people = cases(FOLDED, PERSON, NEIGHBOUR, NOBODY)
    tell(relay, [yes(one.of) for one in people])
    said = send_to_all(relay.plain, (one.written for one in people))
    found = mailboxes(world)
    wrong = [one.written for one in people if found[ascii_domain(one.of)] != (one.what == FOLDED)]
    assert not wrong, told(said, wrong)
    borrowed = [one.written for one in people if one.what == NEIGHBOUR and found[ascii_domain(one.written)]]
    assert not borrowed, told(said, borrowed)


def test_a_no_under_any_spelling_stops_the_mail_to_the_address_itself_and_no_neighbours(
    world: Postfix, relay: Relay
) -> None:
    people = cases(FOLDED, PERSON, NEIGHBOUR)
    tell(relay, [yes(one.of) for one in people])
    tell(relay, [no(one.written) for one in people])
    said = send_to_all(relay.plain, (one.of for one in people))
    found = mailboxes(world)
    wrong = [one.of for one in people if found[ascii_domain(one.of)] != (one.what == NEIGHBOUR)]
    assert not wrong, told(said, wrong)


def test_an_erased_person_is_reached_by_no_spelling_whatever_list_comes_afterwards(
    world: Postfix, relay: Relay
) -> None:
    numbers = {one.of: str(next(_NUMBERS)) for one in CATALOGUE}
    spelled = [
        Spelling(one.what, one.of.replace("#", numbers[one.of]), one.written.replace("#", numbers[one.of]))
        for one in CATALOGUE
        if one.what != NOBODY
    ]
    people = sorted({one.of for one in spelled})
    tell(relay, [yes(of) for of in people])
    tell(relay, [no(of) for of in people[::2]])
    for of in people:
        relay.command("consent", "erase", of, "--yes")
    tell(relay, [yes(of) for of in people] + [yes(one.written) for one in spelled], check=False)
    said = send_to_all(relay.plain, [*people, *(one.written for one in spelled)])
    found = mailboxes(world)
    reached = [of for of in people if found[ascii_domain(of)]]
    assert not reached, told(said, said)
    swept = [one.written for one in spelled if one.what == NEIGHBOUR and not said[one.written].startswith("250")]
    assert not swept, told(said, swept)
