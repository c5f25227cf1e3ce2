"""What commands ask of the store: who said what when, what was decided and why, how much there is. Reads only.

Synchronous, on a connection of its own; nothing here holds up the relay.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from relay.address import Address
from relay.config.settings import AskingSettings
from relay.consent.events import Event, EventKind
from relay.consent.facts import Facts
from relay.consent.fold import No
from relay.consent.ledger import GENESIS, microseconds, moment_of
from relay.consent.pseudonyms import Pseudonyms
from relay.decision import Decision, Outcome, Result
from relay.message.report import Kind
from relay.reason import Reason, Verdict
from relay.reply import Reply
from relay.store import sweep
from relay.store.asks import Asking, read_asking
from relay.store.connection import errors_of_the_store, open_for_reading
from relay.store.erasing import erased_at
from relay.store.facts import read_facts
from relay.store.journal import Journal
from relay.store.notices import Notice, notices_about, told_of
from relay.store.person_asks import Question, read_questions
from relay.store.port import StoreUnavailableError
from relay.store.queries import query
from relay.store.reported import Reported, WantedLines, count_untold, kinds_of, lines
from relay.store.rows import address_of, event_of
from relay.store.schema import check_folding, check_people_key, migrations, version_of
from relay.store.spellings import Contact, Failure, Spellings, contacts_of, failures_of, find_spellings
from relay.store.unfinished import require_finished
from relay.store.waiting import WaitingMail
from relay.store.wordings import Wording, read_picture, read_wordings

_PAGE: Final = 1000
#: Reasons that a decision gets only from what became of it.
_RESULTS: Final = {
    Reason.NEXT_HOP_REFUSED: Result.REFUSED,
    Reason.NEXT_HOP_DEFERRED: Result.DEFERRED,
    Reason.OUTCOME_UNKNOWN: Result.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Stored:
    """A decision as it stands in the store. sequence: in the order of commits."""

    sequence: int
    decision: Decision


@dataclass(frozen=True, slots=True)
class StoredOutcome:
    sequence: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which decisions; "" and None do not choose. recipient: an address, or a pattern with `*`. reason: also that of an
    outcome (next-hop-refused). since, until: aware.
    """

    recipient: str = ""
    sender: str = ""
    client: str = ""
    stream: str = ""
    reason: Reason | None = None
    verdict: Verdict | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """withdrawn: people with a no to at least one stream, each counted once."""

    events: int
    consents: int
    withdrawn: int
    decisions: int
    outcomes: int


def open_reader(path: Path, pseudonyms: Pseudonyms) -> Reader:
    """Raises StoreUnavailableError when there is no store yet, or none that can be read."""
    require_finished(path)
    if not path.exists():
        raise StoreUnavailableError("there is no store yet; consent-relay db migrate makes one")
    with errors_of_the_store():
        connection = open_for_reading(path)
        try:
            _check(connection, pseudonyms)
        except BaseException:
            connection.close()
            raise
        return Reader(path, connection, pseudonyms)


def _check(connection: sqlite3.Connection, pseudonyms: Pseudonyms) -> None:
    if version_of(connection) != len(migrations()):
        raise StoreUnavailableError("the store has another schema than this version; run consent-relay db migrate")
    check_people_key(connection, pseudonyms)
    check_folding(connection)


class Reader:
    """Use as a context manager. Every method raises StoreUnavailableError."""

    def __init__(self, path: Path, connection: sqlite3.Connection, pseudonyms: Pseudonyms) -> None:
        self.path = path
        self.pseudonyms = pseudonyms
        self._connection = connection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def facts(self, brand: str, stream: str, addresses: Sequence[Address]) -> dict[Address, Facts]:
        """As `port.Store.facts`."""
        with errors_of_the_store():
            return read_facts(self._connection, self.pseudonyms, brand, stream, addresses)

    def all_facts(self, brand: str, stream: str) -> Iterator[tuple[str, Facts]]:
        """As `sweep.all_facts`."""
        with errors_of_the_store():
            yield from sweep.all_facts(self._connection, self.pseudonyms, brand, stream)

    def count_facts(self, stream: str) -> int:
        with errors_of_the_store():
            return sweep.count_facts(self._connection, stream)

    def events_of(self, *addresses: Address) -> list[Event]:
        """All events of these people, under whatever spelling, in the order of recording."""
        people = json.dumps([address.wide for address in addresses])
        return [event_of(row) for row in self._all(query("events_of_people"), people)]

    def consents(self, stream: str = "") -> Iterator[tuple[str, Address]]:
        """Stream and address of all that was ever asked for or agreed to; "" for every stream."""
        after = ("", "")
        while rows := self._all(query("consents"), stream, *after, _PAGE):
            for row in rows:
                yield row[0], address_of(row[1])
            after = rows[-1]

    def noes(self) -> Iterator[Event]:
        """Every withdrawal and complaint, in the order of recording."""
        after = 0
        while rows := self._all(f"{query('noes_after')} LIMIT ?", after, _PAGE):
            yield from map(event_of, rows)
            after = rows[-1][0]

    def dead_mailboxes(self) -> Iterator[No]:
        """Every address that was said to be undeliverable; a newer yes may have said otherwise since."""
        after = ("", "", "", "")
        while rows := self._all(query("dead_mailboxes"), *after, _PAGE):
            for wide, brand, stream, address, at in rows:
                yield No(EventKind.UNDELIVERABLE, wide, address, brand, stream, moment_of(at))
            after = rows[-1][:4]

    def erased_at(self, address: Address) -> datetime | None:
        """When the person was erased at their own wish; None for who was not."""
        with errors_of_the_store():
            return erased_at(self._connection, address.wide, self.pseudonyms)

    def spellings_of(self, address: Address) -> Spellings:
        """Slow: see `find_spellings`."""
        with errors_of_the_store():
            return find_spellings(self._connection, address.wide)

    def contacts_of(self, spellings: Spellings) -> list[Contact]:
        with errors_of_the_store():
            return contacts_of(self._connection, spellings)

    def failures_of(self, spellings: Spellings) -> list[Failure]:
        with errors_of_the_store():
            return failures_of(self._connection, spellings)

    def wordings(self, beginning: str = "") -> list[Wording]:
        """All texts that people agreed to, or those whose hash begins so."""
        with errors_of_the_store():
            return read_wordings(self._connection, beginning)

    def picture(self, wording: str) -> bytes:
        """Of the form that showed the wording with this hash; b"" without one."""
        with errors_of_the_store():
            return read_picture(self._connection, wording)

    def brands_of_noes(self) -> list[str]:
        """The brands that people have said no to as a whole."""
        return [brand for (brand,) in self._all(query("brands_of_noes"))]

    def decisions(self, wanted: Wanted, limit: int) -> list[Stored]:
        """The newest `limit` that are wanted, the oldest of them first."""
        where, values = _conditions(wanted)
        sql = f"{query('decisions')} WHERE {where} ORDER BY sequence DESC LIMIT ?"
        return [_stored(row) for row in reversed(self._all(sql, *values, limit))]

    def found_by_id(self, identity: str) -> list[Stored]:
        """The decision with this id, or all of the message with this id."""
        sql = f"{query('decisions')} WHERE id = ? OR message = ? ORDER BY sequence"
        return [_stored(row) for row in self._all(sql, identity, identity)]

    def decisions_after(self, sequence: int) -> list[Stored]:
        sql = f"{query('decisions')} WHERE sequence > ? ORDER BY sequence LIMIT ?"
        return [_stored(row) for row in self._all(sql, sequence, _PAGE)]

    def outcomes_after(self, sequence: int) -> list[StoredOutcome]:
        sql = f"{query('outcomes')} WHERE sequence > ? ORDER BY sequence LIMIT ?"
        return [_outcome(row) for row in self._all(sql, sequence, _PAGE)]

    def outcomes_of(self, decisions: Sequence[str]) -> list[Outcome]:
        """What became of these decisions (ids), in the order of settling."""
        rows = self._all(query("outcomes_of"), json.dumps(list(decisions)))
        return [_outcome(row).outcome for row in rows]

    def last_sequences(self) -> tuple[int, int]:
        """Of decisions and of outcomes."""
        (row,) = self._all(query("last_sequences"))
        decisions, outcomes = row
        return decisions, outcomes

    def waiting(self) -> WaitingMail:
        """Mail that was accepted and is not over yet."""
        return WaitingMail(self._connection, self.path)

    def notices_about(self, message: str) -> list[Notice]:
        """The notifications to its sender that tell of a message."""
        with errors_of_the_store():
            return notices_about(self._connection, message)

    def told_of(self, notice: str) -> str:
        """The message that a notification tells of; "" for any other mail."""
        with errors_of_the_store():
            return told_of(self._connection, notice)

    def asking(self, rules: AskingSettings) -> list[Asking]:
        """How each brand stands that asks people for a new yes. rules: of [asking]."""
        with errors_of_the_store():
            return read_asking(self._connection, rules)

    def questions_of(self, address: Address) -> list[Question]:
        """The mails that asked this person for a new yes, under every spelling."""
        with errors_of_the_store():
            return read_questions(self._connection, address.wide)

    def report_lines(self, wanted: WantedLines, limit: int) -> list[Reported]:
        """As `reported.lines`."""
        return lines(self._connection, wanted, limit)

    def report_kinds(self, wanted: WantedLines) -> list[Kind]:
        """As `reported.kinds_of`."""
        return kinds_of(self._connection, wanted)

    def untold_lines(self) -> dict[str, int]:
        """As `reported.count_untold`."""
        return count_untold(self._connection)

    def oldest_untold(self, client: str, before: datetime) -> datetime | None:
        """When the oldest line of a client happened that no mail tells, where that was before then."""
        rows = self._all(query("untold_lines"), client, microseconds(before), 1)
        return moment_of(rows[0][1]) if rows else None

    def counts(self) -> Counts:
        (row,) = self._all(query("counts"))
        return Counts(*row)

    def schema_version(self) -> int:
        with errors_of_the_store():
            return version_of(self._connection)

    def is_behind(self, journal: Journal) -> bool:
        """Does the store lack withdrawals that the journal has?"""
        with errors_of_the_store():
            return journal.is_ahead_of(self._connection)

    def head(self) -> tuple[int, bytes]:
        """Number and hash of the ledger's last line; note them elsewhere to notice a ledger that was cut short."""
        ((sequence,),) = self._all(query("last_line"))
        seals = self._all("SELECT hash FROM seals ORDER BY number DESC LIMIT 1")
        return sequence, seals[0][0] if seals else GENESIS

    def _all(self, sql: str, *values: object) -> list[Any]:
        with errors_of_the_store():
            return self._connection.execute(sql, values).fetchall()


def _conditions(wanted: Wanted) -> tuple[str, list[object]]:
    """A WHERE clause made of fixed words, and its values."""
    by_result = _RESULTS.get(wanted.reason) if wanted.reason else None
    choices: tuple[tuple[str, object], ...] = (
        ("recipient GLOB ?" if "*" in wanted.recipient else "recipient = ?", _glob(wanted.recipient)),
        ("sender GLOB ?" if "*" in wanted.sender else "sender = ?", _glob(wanted.sender)),
        ("client = ?", wanted.client),
        ("stream = ?", wanted.stream),
        ("verdict = ?", wanted.verdict and wanted.verdict.value),
        ("reason = ?", None if by_result else wanted.reason and wanted.reason.value),
        ("id IN (SELECT decision FROM outcomes WHERE result = ?)", by_result and by_result.value),
        ("at >= ?", wanted.since and microseconds(wanted.since)),
        ("at < ?", wanted.until and microseconds(wanted.until)),
    )
    chosen = [(condition, value) for condition, value in choices if value not in ("", None)]
    return " AND ".join(["1", *(condition for condition, _ in chosen)]), [value for _, value in chosen]


def _glob(pattern: str) -> str:
    """Only * is a pattern here, GLOB knows ? and [, too."""
    return pattern.replace("[", "[[]").replace("?", "[?]") if "*" in pattern else pattern


def _stored(row: Sequence[Any]) -> Stored:
    (
        sequence, identity, at, message, client, stream, brand, sender, recipient, verdict, reasons, status, facts,
        policy, code, enhanced, reply, enforced,
    ) = row  # fmt: skip
    decision = Decision(
        id=identity,
        at=moment_of(at),
        message=message,
        client=client,
        stream=stream,
        brand=brand,
        sender=sender,
        recipient=address_of(recipient) if recipient else None,
        verdict=Verdict(verdict),
        reasons=tuple(map(Reason, reasons.split())),
        status=status,
        facts=json.loads(facts),
        policy=policy,
        reply=Reply(code, enhanced, reply),
        enforced=bool(enforced),
    )
    return Stored(sequence, decision)


def _outcome(row: Sequence[Any]) -> StoredOutcome:
    sequence, decision, at, result, code, enhanced, reply, next_hop, seconds, footer = row
    return StoredOutcome(
        sequence,
        Outcome(
            decision, moment_of(at), Result(result), Reply(code, enhanced, reply), next_hop, seconds, footer=footer
        ),
    )
