from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from store.samples import ANN, BOB, NOW, PSEUDONYMS, TAGGED, ago, event, fresh_id, grant, withdraw

from relay.address import Address
from relay.consent.events import Act, Basis, Event, EventKind
from relay.consent.facts import Facts
from relay.consent.fold import NOTHING_FOLDED, facts_of, fold_person
from relay.store.appending import append_events
from relay.store.facts import read_facts
from relay.store.schema import migrate

ADDRESSES = (ANN, TAGGED, Address("ANN", "example.com"), BOB)
STREAMS = ("newsletter", "offers", "elsewhere")
BRANDS = {"newsletter": "brand", "offers": "brand", "elsewhere": "other"}


@contextmanager
def database() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        migrate(connection)
        yield connection
    finally:
        connection.close()


def moments() -> st.SearchStrategy[datetime]:
    return st.integers(0, 9).map(lambda days: NOW - timedelta(days=days))


BASES = {EventKind.CONFIRM: st.just(Basis.DOUBLE_OPT_IN), **dict.fromkeys(("grant", "renew"), st.sampled_from(Basis))}


@st.composite
def events(draw: st.DrawFn) -> Event:
    kind = draw(st.sampled_from([*EventKind][:-1]))
    says_no = kind in (EventKind.WITHDRAW, EventKind.COMPLAIN, EventKind.UNDELIVERABLE)
    stream = draw(st.sampled_from(("", *STREAMS) if says_no else STREAMS))
    says_yes = kind in (EventKind.GRANT, EventKind.CONFIRM, EventKind.RENEW)
    return event(
        kind,
        draw(st.sampled_from(ADDRESSES)),
        stream=stream,
        brand=BRANDS.get(stream) or draw(st.sampled_from(["brand", "other", ""])),
        at=draw(moments()),
        basis=draw(BASES[kind]) if says_yes else None,
        act=draw(st.sampled_from([None, Act.CLICKED, Act.PRETICKED][: 2 if kind is EventKind.CONFIRM else 3]))
        if says_yes
        else None,
        own_act=says_yes and draw(st.booleans()),
        last_contact_at=draw(st.none() | moments()) if says_yes else None,
    )


def told(history: list[Event], stream: str, address: Address) -> Facts:
    """What the whole history comes to, folded at once and without a database."""
    person = [one for one in history if one.address.wide == address.wide]
    rows, noes = fold_person(person)
    covering = [no for no in noes if no.covers(BRANDS[stream], stream, str(address))]
    return facts_of(rows.get((stream, address), NOTHING_FOLDED), covering, None, stream)


@settings(deadline=None)
@given(st.lists(st.lists(events(), min_size=1, max_size=4), max_size=6))
def test_facts_kept_up_event_by_event_are_those_of_the_whole_history(batches: list[list[Event]]) -> None:
    with database() as connection:
        history: list[Event] = []
        for batch in batches:
            append_events(connection, batch, PSEUDONYMS, os.urandom)
            history += batch
        for stream in STREAMS:
            known = read_facts(connection, PSEUDONYMS, BRANDS[stream], stream, ADDRESSES)
            assert known == {address: told(history, stream, address) for address in ADDRESSES}


def test_numbers_grow_by_one_and_stay_with_their_event() -> None:
    with database() as connection:
        first, second = grant(), withdraw(BOB)
        assert append_events(connection, [first], PSEUDONYMS, os.urandom) == (1,)
        assert append_events(connection, [second, first], PSEUDONYMS, os.urandom) == (2, 1)


def test_a_known_id_with_other_content_changes_nothing() -> None:
    with database() as connection:
        said = withdraw()
        append_events(connection, [said], PSEUDONYMS, os.urandom)
        forged = replace(grant(at=ago(0), own_act=True), id=said.id)
        assert append_events(connection, [forged], PSEUDONYMS, os.urandom) == (1,)
        assert read_facts(connection, PSEUDONYMS, "brand", "newsletter", [ANN])[ANN].withdrawn_at is not None


def test_addresses_of_old_phones_are_read_back_as_they_were() -> None:
    with database() as connection:
        dotted = Address("a..b.", "docomo.ne.jp")
        append_events(connection, [grant(dotted)], PSEUDONYMS, os.urandom)
        append_events(connection, [withdraw(dotted)], PSEUDONYMS, os.urandom)
        assert read_facts(connection, PSEUDONYMS, "brand", "newsletter", [dotted])[dotted].withdrawn_at == ago(5)


def test_the_ledger_keeps_what_cannot_be_changed_by_adding() -> None:
    with database() as connection:
        said = grant(id=fresh_id(), recorded_at=NOW)
        append_events(connection, [said], PSEUDONYMS, os.urandom)
        append_events(connection, [withdraw()], PSEUDONYMS, os.urandom)
        rows = connection.execute("SELECT id, kind FROM ledger ORDER BY sequence").fetchall()
        assert [kind for _, kind in rows] == ["grant", "withdraw"]
        assert rows[0][0] == said.id


def test_a_no_that_comes_after_the_clock_was_set_back_still_beats_the_yes_before_it() -> None:
    with database() as connection:
        append_events(connection, [grant(at=NOW, own_act=True)], PSEUDONYMS, os.urandom)
        append_events(connection, [withdraw(at=ago(1), recorded_at=ago(1))], PSEUDONYMS, os.urandom)
        facts = read_facts(connection, PSEUDONYMS, "brand", "newsletter", [ANN])[ANN]
        assert facts.withdrawn_at == NOW
        assert facts.yes is None


def test_a_no_that_does_not_say_when_comes_now_however_the_clock_was_set() -> None:
    with database() as connection:
        append_events(connection, [grant(at=NOW, own_act=True)], PSEUDONYMS, os.urandom)
        append_events(connection, [withdraw(at=None, recorded_at=ago(1))], PSEUDONYMS, os.urandom)
        facts = read_facts(connection, PSEUDONYMS, "brand", "newsletter", [ANN])[ANN]
        assert facts.withdrawn_at == NOW
        assert connection.execute("SELECT at FROM ledger WHERE kind = 'withdraw'").fetchone() == (None,)


def test_a_no_of_the_past_stays_in_the_past() -> None:
    with database() as connection:
        append_events(connection, [grant(at=ago(1), own_act=True)], PSEUDONYMS, os.urandom)
        append_events(connection, [withdraw(at=ago(2))], PSEUDONYMS, os.urandom)
        assert read_facts(connection, PSEUDONYMS, "brand", "newsletter", [ANN])[ANN].withdrawn_at is None
