"""`consent-relay consent export`: every yes that counts and every no, as a list that `consent import` reads back; or,
with --subject, all that is held of one person (`relay.cli.consent_subject`).
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from rich.console import Console

from relay.address import Address
from relay.cli import CommandError
from relay.cli.consent_subject import as_json_text, as_text, held_of
from relay.cli.stored import address_of, now_in_utc, reader_of, settings_of
from relay.config.settings import Settings
from relay.consent.events import EventKind, Evidence
from relay.consent.facts import Facts
from relay.consent.fold import said_at
from relay.consent.formats import COLUMNS
from relay.policy.files import load_policies
from relay.store.reading import Reader

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
    with reader_of(settings) as reader:
        with Console(stderr=True).status("looking through the store"):
            held = held_of(reader, policies, address, now)
        if arguments.format == "jsonl":
            print(as_json_text(held, reader, settings, policies, now))
        else:
            print("\n".join(as_text(held, reader, settings, policies, now)))
    return 0


def _rows(reader: Reader, stream: str, brands: Mapping[str, str]) -> Iterator[dict[str, str]]:
    for name, addresses in _in_groups(reader.consents(stream)):
        known = reader.facts(brands.get(name, ""), name, addresses)
        evidence = _evidence(reader, name, addresses)
        for address in addresses:
            yield from _yes_rows(name, address, known[address], evidence)
    yield from _no_rows(reader, stream, brands)


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


def _evidence(reader: Reader, stream: str, addresses: list[Address]) -> dict[tuple[Address, datetime], Evidence]:
    """What the ledger holds for each yes, by its time; the facts keep only what mail needs."""
    return {
        (event.address, said_at(event)): event.evidence
        for event in reader.events_of(*addresses)
        if event.says_yes and event.stream == stream
    }


def _yes_rows(
    stream: str, address: Address, facts: Facts, evidence: Mapping[tuple[Address, datetime], Evidence]
) -> Iterator[dict[str, str]]:
    """A row for the yes and one for its renewal: together they come to the same facts again."""
    if facts.yes is None:
        return
    proof = evidence.get((address, facts.yes.at), Evidence())
    row = {
        "address": str(address),
        "stream": stream,
        "basis": facts.yes.basis.value,
        "act": facts.yes.act.value,
        "at": facts.yes.at.isoformat(),
        "last_contact_at": _iso(facts.last_contact_at),
        "source": facts.yes.source,
        "form_url": facts.yes.form_url,
        "wording": proof.wording,
        "language": facts.yes.language,
        "ip": proof.ip,
        "user_agent": proof.user_agent,
    }
    yield row
    if facts.renewed_at is not None:
        yield row | {"at": facts.renewed_at.isoformat()}


def _no_rows(reader: Reader, stream: str, brands: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Every withdrawal and complaint that still stands for the address itself."""
    for event in reader.noes():
        if stream and event.stream and event.stream != stream:
            continue
        scope = "" if event.kind is EventKind.COMPLAIN and event.brand else event.stream
        if scope and _is_lifted(reader, scope, event.address, brands):
            continue
        yield {
            "address": str(event.address),
            "stream": scope,
            "withdrawn_at": event.acted_at.isoformat(),
            "brand": event.brand,
            "source": event.source,
        }


def _is_lifted(reader: Reader, stream: str, address: Address, brands: Mapping[str, str]) -> bool:
    known = reader.facts(brands.get(stream, ""), stream, [address])[address]
    return known.withdrawn_at is None


def _iso(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat()
