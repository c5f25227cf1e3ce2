"""`consent-relay consent export`: every yes that counts and every no, as a list that `consent import` reads back; or,
with --subject, all that is held of one person (`relay.cli.consent_subject`).
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from rich.console import Console

from relay.address import Address
from relay.cli import CommandError
from relay.cli.consent_subject import held_of
from relay.cli.stored import address_of, now_in_utc, reader_of, settings_of
from relay.cli.subject_json import as_json_text
from relay.cli.subject_text import as_text
from relay.config.settings import Settings
from relay.consent.causes import Cause
from relay.consent.events import Event, EventKind
from relay.consent.facts import Facts, Yes
from relay.consent.fold import basis_and_act, is_active_yes, said_at
from relay.consent.formats import COLUMNS
from relay.policy.files import load_policies
from relay.store.reading import Reader
from relay.store.rows import address_of as spelled

#: Addresses asked for in one query.
_TOGETHER: Final = 500


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stream", default="", metavar="S", help="only this stream")
    parser.add_argument(
        "--subject",
        default="",
        metavar="ADDRESS",
        help="instead: all that is held of this person, for the person to read",
    )
    parser.add_argument("--format", choices=("csv", "jsonl"), default="csv", help="(default: csv)")
    parser.add_argument(
        "--json", action="store_const", dest="format", const="jsonl", help="print JSON, one object a line (= jsonl)"
    )


def run(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    if arguments.subject:
        return _print_subject(settings, arguments)
    brands = {stream.id: stream.brand for stream in load_policies(settings.policies).streams}
    with reader_of(settings) as reader:
        rows = _rows(reader, arguments.stream, brands)
        if arguments.format == "jsonl":
            for row in rows:
                print(json.dumps({name: value for name, value in row.items() if value}, ensure_ascii=False))
        else:
            writer = csv.DictWriter(sys.stdout, COLUMNS, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    return 0


def _print_subject(settings: Settings, arguments: argparse.Namespace) -> int:
    if arguments.stream:
        raise CommandError("--subject: is everything of one person; leave --stream out", exit_code=2)
    address, policies, now = address_of(arguments.subject, settings), load_policies(settings.policies), now_in_utc()
    with reader_of(settings) as reader, Console(stderr=True).status("looking through the store"):
        held = held_of(reader, policies, address, now)
    if arguments.format == "jsonl":
        print(as_json_text(held, settings, policies, now))
    else:
        print("\n".join(as_text(held, settings, policies, now)))
    return 0


def _rows(reader: Reader, stream: str, brands: Mapping[str, str]) -> Iterator[dict[str, str]]:
    texts = {wording.hash: wording.text for wording in reader.wordings() if wording.text}
    for name, addresses in _in_groups(reader.consents(stream)):
        known = reader.facts(brands.get(name, ""), name, addresses)
        said = _said(reader, name, addresses)
        for address in addresses:
            yield from _yes_rows(name, address, known[address], said.get(address, []), texts)
    yield from _no_rows(reader, stream, brands)
    yield from _dead_rows(reader, stream, brands)


def _in_groups(consents: Iterator[tuple[str, Address]]) -> Iterator[tuple[str, list[Address]]]:
    stream, group = "", list[Address]()
    for name, address in consents:
        if group and (name != stream or len(group) == _TOGETHER):
            yield stream, group
            group = []
        stream = name
        group.append(address)
    if group:
        yield stream, group


def _said(reader: Reader, stream: str, addresses: list[Address]) -> dict[Address, list[Event]]:
    """What the ledger holds of each address in the stream; the facts keep only what mail needs."""
    said: dict[Address, list[Event]] = {}
    for event in reader.events_of(*addresses):
        if event.stream == stream:
            said.setdefault(event.address, []).append(event)
    return said


def _yes_rows(
    stream: str, address: Address, facts: Facts, said: Sequence[Event], texts: Mapping[str, str]
) -> Iterator[dict[str, str]]:
    """A row for the yes and one for its renewal: together they come to the same facts again."""
    yes = facts.yes
    if yes is None:
        return
    contact = {"last_contact_at": _iso(facts.last_contact_at)}
    found = (
        one for one in said if one.says_yes and said_at(one) == yes.at and basis_and_act(one) == (yes.basis, yes.act)
    )
    event = next(found, None)
    if event is None:  # its line has gone, what follows from it is still known
        yield _row_of_facts(stream, address, yes) | contact
    else:
        yield _yes_row(stream, event, said, texts) | contact
    renewal = next((one for one in said if said_at(one) == facts.renewed_at and is_active_yes(one)), None)
    if renewal is not None:
        yield _yes_row(stream, renewal, said, texts) | contact


def _row_of_facts(stream: str, address: Address, yes: Yes) -> dict[str, str]:
    return {
        "address": str(address),
        "stream": stream,
        "basis": yes.basis.value,
        "act": yes.act.value,
        "at": yes.at.isoformat(),
        "source": yes.source,
        "form_url": yes.form_url,
        "language": yes.language,
    }


def _yes_row(stream: str, event: Event, said: Sequence[Event], texts: Mapping[str, str]) -> dict[str, str]:
    """The event as a list tells it: a click together with the request that it answers."""
    asked = _request_of(event, said)
    proof = event.evidence
    return {
        "address": str(event.address),
        "stream": stream,
        "basis": "" if event.basis is None else event.basis.value,
        "act": "" if event.act is None else event.act.value,
        "at": _iso(event.acted_at if asked is None else asked.acted_at),
        "confirmed_at": _iso(event.confirmed_at if asked is None else event.acted_at),
        "mail_sent_at": _iso(event.mail_sent_at if asked is None else asked.mail_sent_at),
        "source": event.source,
        "form_url": proof.form_url,
        "wording": texts.get(proof.wording, proof.wording),
        "language": proof.language,
        "ip": proof.ip,
        "user_agent": proof.user_agent,
    }


def _request_of(event: Event, said: Sequence[Event]) -> Event | None:
    """The newest request that a click answers; the one that tells of its mail, where a request was recorded again."""
    if event.kind is not EventKind.CONFIRM:
        return None
    before = [
        one
        for one in said
        if one.kind is EventKind.REQUEST
        and one.acted_at <= event.acted_at
        and (one.mail_sent_at is None or one.mail_sent_at <= event.acted_at)
    ]
    return max(before, key=lambda one: (one.acted_at, one.mail_sent_at is not None), default=None)


def _no_rows(reader: Reader, stream: str, brands: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Every withdrawal and complaint that still stands for the address itself."""
    for event in reader.noes():
        if stream and event.stream and event.stream != stream:
            continue
        complains = event.kind is EventKind.COMPLAIN
        scope = "" if complains and event.brand else event.stream
        if scope and _is_lifted(reader, scope, event.address, brands):
            continue
        cause = Cause.COMPLAINT if complains else Cause.UNSUBSCRIBE
        yield {
            "address": str(event.address),
            "stream": scope,
            "withdrawn_at": event.acted_at.isoformat(),
            "cause": cause.value,
            "brand": event.brand,
            "source": event.source,
        }


def _dead_rows(reader: Reader, stream: str, brands: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Every mailbox that is held to be dead somewhere still."""
    for no in reader.dead_mailboxes():
        streams = [one for one in brands if no.covers(brands[one], one, no.address) and stream in ("", one)]
        address = spelled(no.address)
        if any(reader.facts(brands[one], one, [address])[address].undeliverable_at is not None for one in streams):
            yield {
                "address": no.address,
                "stream": no.stream,
                "withdrawn_at": no.at.isoformat(),
                "cause": Cause.HARD_BOUNCE.value,
                "brand": no.brand,
            }


def _is_lifted(reader: Reader, stream: str, address: Address, brands: Mapping[str, str]) -> bool:
    known = reader.facts(brands.get(stream, ""), stream, [address])[address]
    return known.withdrawn_at is None


def _iso(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat()
