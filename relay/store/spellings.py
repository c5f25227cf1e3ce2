"""Finds every spelling of a person's address that the store holds, also where no wide key stands beside it. Reads only.

Slow: whole indexes are looked through (some seconds for ten million addresses). For erasure and access, never for mail.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from relay.address import AddressError
from relay.address_wide import domains_of
from relay.consent.ledger import moment_of
from relay.store.queries import query
from relay.store.rows import address_of

#: Where addresses stand without their wide key; `facts` are of the ledger's own spellings.
_SOURCES: Final = {
    "contacts": "SELECT stream, address FROM contacts",
    "failures": "SELECT '' AS stream, address FROM failures",
    "recipients": "SELECT '' AS stream, recipient AS address FROM decisions",
    "senders": (
        "SELECT '' AS stream, sender AS address FROM decisions UNION ALL SELECT '', sender FROM messages "
        "UNION ALL SELECT '', sender FROM reports"
    ),
    "waiting": "SELECT '' AS stream, address FROM copies",
    "reported": "SELECT '' AS stream, recipient AS address FROM reports",
}
#: What may stand before the first letter of a local part, or is ignored by a provider.
_PUNCTUATION: Final = '"._-'


@dataclass(frozen=True, slots=True)
class Spellings:
    """Canonical texts of one person's addresses, by where they stand. contacts: each with its stream. waiting: of copies.
    reported: in lines of the report.
    """

    contacts: frozenset[tuple[str, str]] = frozenset()
    failures: frozenset[str] = frozenset()
    recipients: frozenset[str] = frozenset()
    senders: frozenset[str] = frozenset()
    waiting: frozenset[str] = frozenset()
    reported: frozenset[str] = frozenset()

    @property
    def every(self) -> frozenset[str]:
        contacts = frozenset(address for _, address in self.contacts)
        return contacts | self.failures | self.recipients | self.senders | self.waiting | self.reported


def find_spellings(connection: sqlite3.Connection, wide: str) -> Spellings:
    """wide: the person's key (`Address.wide`)."""
    domains = domains_of(wide)
    name = wide.rpartition("@")[0]
    letters = name.lstrip(_PUNCTUATION)
    # under subdomain addressing the name stands in the domain, and anything before the @
    anything_before = any(domain.startswith(f"{name}.") for domain in domains)
    first = letters[:1] if letters[:1].isascii() and not anything_before else ""
    asked = (json.dumps(domains), first)

    def found(place: str) -> set[tuple[str, str]]:
        rows = set(connection.execute(query("spellings").format(source=_SOURCES[place]), asked))
        return {(stream, address) for stream, address in rows if _wide_of(address) == wide}

    return Spellings(
        frozenset(found("contacts")),
        *(frozenset(address for _, address in found(place)) for place in list(_SOURCES)[1:]),
    )


def everybody(connection: sqlite3.Connection) -> set[str]:
    """The wide key of each person of whom the store holds anything at all, be it a decision on one mail."""
    people = {wide for (wide,) in connection.execute("SELECT DISTINCT wide FROM ledger WHERE wide IS NOT NULL")}
    for source in _SOURCES.values():
        # each text once, however often it stands there
        people |= {_wide_of(text) for (text,) in connection.execute(f"SELECT DISTINCT address FROM ({source})")}  # noqa: S608 - our own words
    return people - {""}


@dataclass(frozen=True, slots=True)
class Contact:
    """at: the newest delivery of the stream to exactly this address."""

    stream: str
    address: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Failure:
    """A permanent refusal by a mail server, the first one. code: enhanced status code."""

    address: str
    at: datetime
    code: str


def contacts_of(connection: sqlite3.Connection, spellings: Spellings) -> list[Contact]:
    rows = connection.execute(query("contacts_of"), (json.dumps(sorted(spellings.contacts)),))
    return [Contact(stream, address, moment_of(at)) for stream, address, at in rows]


def failures_of(connection: sqlite3.Connection, spellings: Spellings) -> list[Failure]:
    rows = connection.execute(query("failures_of"), (json.dumps(sorted(spellings.failures)),))
    return [Failure(address, moment_of(at), code) for address, at, code in rows]


def _wide_of(text: str) -> str:
    """Of what is no address: ""."""
    try:
        return address_of(text).wide
    except AddressError:
        return ""
