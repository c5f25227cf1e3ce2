"""Mail of every kind through a running relay and two Postfixes, then verified by four verifiers.

The second Postfix gets the mail by SMTP, as the world would from the first: what a mail server breaks on its way on
(long lines, 8-bit octets) is broken here too. With RSA and with Ed25519.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import pytest
from integration.kinds import every_kind
from integration.mails import body_of
from integration.postfix import Postfix, missing_for_postfix, running_postfix
from integration.sending_kinds import Delivery, relay_with_two_keys, sent
from integration.serving import PUBLIC_URL, Relay
from integration.verifiers import VERIFIERS, Signature, Verifier
from patience import until

from relay.address import address_from_text
from relay.envelope import Client, Connection, Transaction
from relay.message.compose import Copy
from relay.message.index import index
from relay.policy.files import load_policies
from relay.rewriting import Reader, Rewriter
from relay.store.keys import load_pseudonyms, load_token_keys
from relay.store.reading import open_reader
from relay.tokens import seal

KINDS: Final = every_kind()
#: What the verifiers have to find: one signature of each algorithm.
BOTH: Final = {("news.brand.example", "s1"), ("news.brand.example", "e1")}
#: A From without a key of its domain.
DEFAULT: Final = {("relay.brand.example", "s1"), ("relay.brand.example", "e1")}
#: What deploy/README.md asks of a Postfix on the same machine.
AS_DOCUMENTED: Final = {"local_header_rewrite_clients": ""}
#: Fields that say where and when, or that Postfix writes.
OF_THE_JOURNEY: Final = {
    b"received", b"return-path", b"x-original-to", b"delivered-to", b"dkim-signature", b"date", b"message-id",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Journey:
    """arrived: what the second Postfix delivered, by reader. records: DNS."""

    relay: Relay
    deliveries: tuple[Delivery, ...]
    arrived: dict[str, bytes]
    records: dict[str, str]

    @property
    def passed(self) -> list[Delivery]:
        return [one for one in self.deliveries if not one.said]


@pytest.fixture(scope="module")
def journey() -> Iterator[Journey]:
    if missing := missing_for_postfix():
        pytest.skip(missing)
    with running_postfix(AS_DOCUMENTED) as second:
        onwards = {
            "myhostname": "first.reader.example",
            "virtual_transport": f"smtp:[127.0.0.1]:{second.port}",
            "smtp_dns_support_level": "disabled",
        }
        with running_postfix(AS_DOCUMENTED | onwards) as first, relay_with_two_keys(first.port) as relay:
            deliveries = tuple(sent(relay, KINDS))
            wait_for_files(second, first, sum(not one.said for one in deliveries))
            arrived = {to_whom(message): message for message in second.arrived()}
            yield Journey(relay, deliveries, arrived, relay.dns)


def number_of_files(postfix: Postfix) -> int:
    return sum(1 for _ in (postfix.folder / "inbox" / "new").glob("*"))


def wait_for_files(postfix: Postfix, first: Postfix, number: int) -> None:
    until(
        lambda: number_of_files(postfix) >= number,
        lambda: f"{number_of_files(postfix)} of {number}:\n{first.log()[-3000:]}",
    )


def to_whom(message: bytes) -> str:
    found = re.search(rb"^Delivered-To: (\S+)\r\n", message, re.MULTILINE)
    assert found is not None
    return found[1].decode()


def test_each_message_is_taken_or_refused_for_its_reason(journey: Journey) -> None:
    wrong = {
        one.kind.name: one.said or "taken"
        for one in journey.deliveries
        if not one.said.startswith(one.kind.answer) or bool(one.said) != bool(one.kind.answer)
    }
    assert wrong == {}


def test_hundreds_arrive_and_none_is_lost_or_doubled(journey: Journey) -> None:
    number = len(journey.passed)
    assert number >= 300
    assert sorted(journey.arrived) == sorted(one.reader for one in journey.passed)


@pytest.mark.parametrize("name", VERIFIERS)
def test_every_signature_of_every_message_verifies(journey: Journey, name: str) -> None:
    verifier = VERIFIERS[name]
    if missing := verifier.missing():
        pytest.skip(missing)
    passed = journey.passed
    messages = [journey.arrived[one.reader] for one in passed]
    found = verified(verifier, messages, journey)
    bad = {
        one.kind.name: sorted(good)
        for one, good in zip(passed, found, strict=True)
        if good != (set() if one.kind.is_broken else signatures_of(one.kind.content, verifier))
    }
    assert bad == {}
    assert verified(verifier, [with_another_subject(messages[0]), messages[1] + b"more\r\n"], journey) == [set(), set()]


def test_postfix_has_changed_nothing_that_the_rewriting_made(journey: Journey) -> None:
    made = expected_copies(journey)
    bodies, fields = [], []
    for one in journey.passed:
        arrived, expected = journey.arrived[one.reader], made[one.reader]
        if body_of(arrived) != body_of(expected):
            bodies.append(one.kind.name)
        if lasting_fields(arrived) != lasting_fields(expected):
            fields.append(one.kind.name)
    assert bodies == [one.kind.name for one in journey.passed if one.kind.is_broken]
    assert fields == [one.kind.name for one in journey.passed if one.kind.is_refolded]


def test_receipts_keep_their_bodies(journey: Journey) -> None:
    receipts = [one for one in journey.passed if one.kind.variant == "transactional" and not one.kind.is_broken]
    assert len(receipts) > 40
    bodies = {one.kind.name: body_of(with_last_line_end(one.kind.content)) for one in receipts}
    assert {one.kind.name: body_of(journey.arrived[one.reader]) for one in receipts} == bodies


def verified(verifier: Verifier, messages: Sequence[bytes], journey: Journey) -> list[set[Signature]]:
    """One that tells of a single good signature is asked again without the first."""
    found = verifier.good(messages, journey.records)
    if not verifier.says_all:
        again = verifier.good([without_first_signature(message) for message in messages], journey.records)
        found = [first | second for first, second in zip(found, again, strict=True)]
    return found


def signatures_of(content: bytes, verifier: Verifier) -> set[Signature]:
    made = BOTH if re.search(rb"(?mi)^from ?:.*@news\.brand\.example", content) else DEFAULT
    return {(domain, selector) for domain, selector in made if verifier.knows_ed25519 or selector != "e1"}


def without_first_signature(message: bytes) -> bytes:
    return re.sub(rb"(?m)^DKIM-Signature: .*\r\n(?:\t.*\r\n)+", b"", message, count=1)


def with_another_subject(message: bytes) -> bytes:
    return message.replace(b"\r\n\r\n", b"\r\nSubject: another\r\n\r\n", 1)


def with_last_line_end(message: bytes) -> bytes:
    return message if message.endswith(b"\r\n") else message + b"\r\n"


def lasting_fields(message: bytes) -> list[bytes]:
    head = message.partition(b"\r\n\r\n")[0] + b"\r\n"
    fields = re.findall(rb"[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*", head)
    return [field for field in fields if field.partition(b":")[0].strip().lower() not in OF_THE_JOURNEY]


def expected_copies(journey: Journey) -> dict[str, bytes]:
    """Made here of the same messages, with the facts and the decisions of the relay; unsigned."""
    folder = journey.relay.folder
    keys = load_token_keys(folder / "var" / "keys" / "tokens")
    rewriter = Rewriter(
        dkim={},
        seal=lambda purpose, claims: seal(keys, purpose, claims),
        hostname="relay.brand.example",
        mail_domain="relay.brand.example",
        public_url=PUBLIC_URL,
        is_local=True,  # one-click as with a signature
        clock=lambda: datetime.now(UTC),
    )
    policies = load_policies(folder / "policies")
    decisions = {str(one["recipient"]): str(one["id"]) for one in journey.relay.log() if one["event"] == "decision"}
    copies = {}
    with open_reader(folder / "var" / "relay.db", load_pseudonyms(folder / "var" / "keys" / "people.key")) as ledger:
        for one in journey.passed:
            stream, address = policies.by_id[one.kind.variant], address_from_text(one.reader)
            facts = ledger.facts(stream.brand, stream.id, [address])[address]
            tx = Transaction("0" * 26, datetime.now(UTC), Client("local"), Connection("127.0.0.1", "x", "ESMTP"), None)
            plan = rewriter.plan(tx, stream, index(with_last_line_end(one.kind.content)), address)
            reader = Reader(address, facts, decisions[one.reader])
            copy = rewriter.copy(plan, reader if plan.is_personal else None)
            assert isinstance(copy, Copy), one.kind.name
            copies[one.reader] = copy.content
    return copies
