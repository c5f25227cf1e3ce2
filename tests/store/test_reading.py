from __future__ import annotations

import os
import sqlite3
from itertools import islice
from pathlib import Path

import pytest
from store.samples import ANN, BOB, NOW, PSEUDONYMS, TAGGED, ago, committer, decision, event, grant, outcome, withdraw

from relay.address import Address
from relay.consent.events import EventKind
from relay.consent.pseudonyms import Pseudonyms
from relay.decision import Decision, Outcome, Result
from relay.reason import Reason, Verdict
from relay.reply import Reply
from relay.store.appending import append_events
from relay.store.erasing import erase_everywhere
from relay.store.port import StoreUnavailableError
from relay.store.queries import query
from relay.store.reading import Wanted, open_reader
from relay.store.rows import decision_row, outcome_row

REFUSED = decision(
    BOB,
    at=ago(2),
    verdict=Verdict.REJECT,
    reasons=(Reason.WITHDRAWN, Reason.STALE),
    stream="offers",
    client="shop",
    reply=Reply(550, "5.7.1", "withdrawn"),
)
AT_MAIL = decision(None, at=ago(1), verdict=Verdict.REJECT, reasons=(Reason.STREAM_UNKNOWN,), stream="", sender="")
SENT = decision(ANN, at=NOW)
BOUNCED = outcome(SENT, result=Result.REFUSED, reply=Reply(550, "5.1.1", "unknown user"))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    with committer(tmp_path) as opened:
        for made in (REFUSED, AT_MAIL, SENT):
            opened.connection.execute(query("insert_decision"), decision_row(made))
        opened.connection.execute(query("insert_outcome"), outcome_row(BOUNCED))
        append_events(
            opened.connection, [grant(), withdraw(TAGGED), grant(BOB, stream="offers")], PSEUDONYMS, os.urandom
        )
    return tmp_path / "relay.db"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(), [REFUSED, AT_MAIL, SENT]),
        (Wanted(recipient="bob@example.com"), [REFUSED]),
        (Wanted(recipient="*@example.com"), [REFUSED, SENT]),
        (Wanted(recipient="[b]ob*@example.com"), []),
        (Wanted(sender="news@*"), [REFUSED, SENT]),
        (Wanted(stream="newsletter"), [SENT]),
        (Wanted(client="shop"), [REFUSED]),
        (Wanted(reason=Reason.STREAM_UNKNOWN), [AT_MAIL]),
        (Wanted(reason=Reason.STALE), []),
        (Wanted(reason=Reason.NEXT_HOP_REFUSED), [SENT]),
        (Wanted(reason=Reason.NEXT_HOP_DEFERRED), []),
        (Wanted(verdict=Verdict.REJECT), [REFUSED, AT_MAIL]),
        (Wanted(since=ago(1)), [AT_MAIL, SENT]),
        (Wanted(until=ago(1)), [REFUSED]),
        (Wanted(verdict=Verdict.REJECT, since=ago(1.5)), [AT_MAIL]),
    ],
)
def test_decisions_are_found_by_what_is_asked_for(store: Path, wanted: Wanted, expected: list[Decision]) -> None:
    with open_reader(store, PSEUDONYMS) as reader:
        assert [stored.decision for stored in reader.decisions(wanted, 100)] == expected


def test_the_newest_are_given_oldest_first(store: Path) -> None:
    with open_reader(store, PSEUDONYMS) as reader:
        assert [stored.decision for stored in reader.decisions(Wanted(), 2)] == [AT_MAIL, SENT]


def test_an_id_of_a_decision_or_of_a_message_finds_it(store: Path) -> None:
    with open_reader(store, PSEUDONYMS) as reader:
        assert [stored.decision for stored in reader.found_by_id(SENT.id)] == [SENT]
        assert [stored.decision for stored in reader.found_by_id(SENT.message)] == [SENT]
        assert reader.found_by_id("nothing") == []
        assert reader.outcomes_of([SENT.id, REFUSED.id]) == [
            Outcome(
                SENT.id, NOW, Result.REFUSED, Reply(550, "5.1.1", "unknown user"), "127.0.0.1:25", 0.25, footer="added"
            )
        ]


def test_following_starts_after_a_number(store: Path) -> None:
    with open_reader(store, PSEUDONYMS) as reader:
        assert reader.last_sequences() == (3, 1)
        assert [stored.sequence for stored in reader.decisions_after(1)] == [2, 3]
        assert [stored.outcome.decision for stored in reader.outcomes_after(0)] == [SENT.id]


def test_following_an_empty_store_starts_at_its_beginning(tmp_path: Path) -> None:
    with committer(tmp_path), open_reader(tmp_path / "relay.db", PSEUDONYMS) as reader:
        assert reader.last_sequences() == (0, 0)


def test_the_ledger_of_a_person_holds_every_spelling(store: Path) -> None:
    with open_reader(store, PSEUDONYMS) as reader:
        assert [event.address for event in reader.events_of(ANN)] == [ANN, TAGGED]
        assert [event.address for event in reader.noes()] == [TAGGED]
    with committer(store.parent) as opened:
        erase_everywhere(opened, ANN.wide, NOW)
    with open_reader(store, PSEUDONYMS) as reader:
        assert list(reader.noes()) == []


def test_consents_are_listed_by_stream(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.store.reading._PAGE", 1)
    with open_reader(store, PSEUDONYMS) as reader:
        assert list(reader.consents()) == [("newsletter", ANN), ("offers", BOB)]
        assert list(reader.consents("offers")) == [("offers", BOB)]


def test_counts(store: Path) -> None:
    with committer(store.parent) as opened:
        append_events(opened.connection, [event(EventKind.COMPLAIN, ANN)], PSEUDONYMS, os.urandom)
    with open_reader(store, PSEUDONYMS) as reader:
        counts = reader.counts()
    assert (counts.events, counts.consents, counts.withdrawn, counts.decisions, counts.outcomes) == (4, 2, 1, 3, 1)


def test_no_store_and_a_foreign_schema_are_outages_in_words(store: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="no store yet"):
        open_reader(tmp_path / "nothing.db", PSEUDONYMS)
    stranger = sqlite3.connect(store, isolation_level=None)
    stranger.execute("PRAGMA user_version = 0")
    stranger.close()
    with pytest.raises(StoreUnavailableError, match="db migrate"):
        open_reader(store, PSEUDONYMS)


def test_who_has_another_key_of_tombstones_reads_nothing(store: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="key"):
        open_reader(store, Pseudonyms(bytes(32)))


def test_every_dead_mailbox_is_listed_once(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.store.reading._PAGE", 1)
    dead = [Address(f"dead{number}", "example.com") for number in range(3)]
    with committer(store.parent) as opened:
        events = [event(EventKind.UNDELIVERABLE, one, stream="", brand="") for one in (*dead, TAGGED)]
        append_events(opened.connection, events, PSEUDONYMS, os.urandom)
    with open_reader(store, PSEUDONYMS) as reader:
        listed = [no.address for no in islice(reader.dead_mailboxes(), 9)]
    assert sorted(listed) == sorted(map(str, (*dead, TAGGED)))
