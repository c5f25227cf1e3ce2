from __future__ import annotations

import json
import os
import sqlite3
from datetime import UTC

from hypothesis import given
from hypothesis import strategies as st
from store.samples import ANN, NOW, PSEUDONYMS, contact, decision, event, fresh_id, outcome

from relay.address import Address
from relay.consent.events import Act, Basis, EventKind, Evidence
from relay.consent.evidence import wording_hash
from relay.consent.facts import Yes
from relay.consent.fold import NOTHING_FOLDED, Folded
from relay.consent.ledger import microseconds
from relay.reason import Reason
from relay.store.appending import append_events
from relay.store.queries import query
from relay.store.rows import address_of, decision_row, event_of, folded_of, folded_row, outcome_row, watermark_row
from relay.store.schema import migrate

MOMENTS = st.datetimes(timezones=st.just(UTC))


def test_events_come_back_whole() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection)
    said = event(
        EventKind.GRANT,
        Address("a..b.", "docomo.ne.jp"),
        at=None,
        basis=Basis.DOUBLE_OPT_IN,
        act=Act.CLICKED,
        confirmed_at=NOW,
        last_contact_at=NOW,
        evidence=Evidence(
            "https://brand.example/form", wording_hash(wording_hash("Ja, gerne")), "de", "192.0.2.1", "Mozilla/5.0"
        ),
        live=True,
        own_act=True,
        id=fresh_id(),
    )
    append_events(connection, [said], PSEUDONYMS, os.urandom)
    (row,) = connection.execute(query("events_of_people"), (json.dumps([said.address.wide]),)).fetchall()
    assert event_of(row) == said
    connection.close()


def test_a_plain_and_a_quoted_address_come_back() -> None:
    for address in (ANN, Address("a b", "example.com"), Address("a..b", "docomo.ne.jp"), Address("é", "example.com")):
        assert address_of(str(address)) == address


@given(st.none() | MOMENTS, st.none() | MOMENTS, st.none() | MOMENTS, st.none() | MOMENTS, st.booleans())
def test_folded_facts_come_back(requested: None, renewed: None, freed: None, contact_at: None, said: bool) -> None:
    yes = Yes(Basis.WRITTEN, Act.SIGNED, NOW, "fair", False, "", "ja") if said else None
    folded = Folded(
        requested, yes, renewed if said else None, freed, contact_at, requested and NOW, requested is not None
    )
    assert folded_of(folded_row("newsletter", ANN, folded)[2:]) == folded


def test_an_address_without_a_row_folds_to_nothing() -> None:
    assert folded_of([None] * 15) is NOTHING_FOLDED


def test_a_decision_at_mail_has_no_recipient() -> None:
    row = decision_row(decision(None, reasons=(Reason.STREAM_UNKNOWN,), stream="", brand=""))
    assert row[7] == ""
    assert row[9:11] == ("stream-unknown", "stream-unknown")


def test_outcomes_and_watermarks() -> None:
    made = decision()
    assert outcome_row(outcome(made))[:4] == (made.id, microseconds(NOW), "delivered", 250)
    assert watermark_row(contact(made)) == ("newsletter", "ann@example.com", microseconds(NOW))
