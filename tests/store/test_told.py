from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store.samples import ANN, NOW, TAGGED, ago, event, grant, withdraw

from relay.consent.events import Act, Basis, Event, EventKind, Evidence
from relay.consent.evidence import wording_hash
from relay.consent.fold import fold_person
from relay.consent.ledger import SALT_OCTETS, microseconds
from relay.store import told as places
from relay.store.rows import folded_row
from relay.store.told import SHAPE, event_told, line_of_told, ready, told_again, told_of

TIMES = st.none() | st.sampled_from([ago(5), ago(3), ago(1), NOW, datetime(1970, 1, 1, tzinfo=UTC)])


@st.composite
def grants(draw: st.DrawFn) -> Event:
    basis = draw(st.sampled_from(Basis))
    at, confirmed_at, sent_at = draw(TIMES), draw(TIMES), draw(TIMES)
    if not basis.is_by_act or (at is not None and confirmed_at is not None and confirmed_at < at):
        confirmed_at = None
    if basis is not Basis.DOUBLE_OPT_IN or (sent_at and confirmed_at and confirmed_at < sent_at):
        sent_at = None
    return grant(
        draw(st.sampled_from([ANN, TAGGED])),
        at=at,
        basis=basis,
        act=draw(st.none() | st.sampled_from(Act)),
        confirmed_at=confirmed_at,
        mail_sent_at=sent_at,
        last_contact_at=draw(TIMES),
        source=draw(st.sampled_from(["", "fair"])),
        evidence=Evidence("https://brand.example/form", draw(st.sampled_from(["", wording_hash("Yes")])), "en"),
    )


@given(grants() | st.just(withdraw()) | st.just(event(EventKind.COMPLAIN, at=None)))
def test_an_event_comes_back_whole(said: Event) -> None:
    told = told_of(said, 7)
    assert event_told(told) == said
    (row,) = ready([told], 3, bytes(SALT_OCTETS))
    assert told_again(row) == told


@given(grants())
def test_what_a_lone_grant_comes_to_is_what_folding_says(said: Event) -> None:
    folded, _ = fold_person([said])
    (row,) = ready([told_of(said, None)], 0, bytes(SALT_OCTETS))
    by_folding = folded_row("newsletter", said.address, folded["newsletter", said.address])
    yes_basis, yes_act = row[SHAPE][-2:]
    made: dict[str, Any] = dict.fromkeys(range(17))
    made |= {0: "newsletter", 1: str(said.address), 3: yes_basis, 4: yes_act, 5: row[10], 6: said.source, 7: 0}
    made |= {8: said.evidence.form_url, 9: said.evidence.language, 12: row[6], 14: 0, 16: 0}
    assert by_folding == tuple(made.values())


def test_rows_of_one_kind_share_what_they_have_in_common() -> None:
    told = [told_of(grant(source="fair"), 1) for _ in range(3)]
    rows = ready(told, 0, bytes(range(48)))
    assert rows[0][SHAPE] is rows[2][SHAPE]
    assert [row[9] for row in rows] == [bytes(range(start, start + 16)) for start in (0, 16, 32)]


@pytest.mark.parametrize("more", [{"live": True}, {"own_act": True}])
def test_a_list_cannot_claim_to_be_the_persons_own_act(more: dict[str, bool]) -> None:
    with pytest.raises(ValueError, match="imported"):
        told_of(grant(**more), 1)


@pytest.mark.parametrize("wording", ["", wording_hash("Yes")])
def test_a_line_of_the_ledger_is_what_was_told_with_its_salt(wording: str) -> None:
    told = told_of(grant(source="fair", evidence=Evidence("https://brand.example/form", wording, "en", "192.0.2.9")), 7)
    salt = bytes(range(SALT_OCTETS))
    (row,) = ready([told], 0, salt)
    line = line_of_told(told, row)
    assert line == (*told[:16], wording or None, "en", "192.0.2.9", told[19], salt)


def test_what_is_looked_for_in_a_row_stands_in_its_place() -> None:
    said = grant(TAGGED, source="fair", evidence=Evidence("https://brand.example/form", wording_hash("Yes"), "en"))
    told = told_of(said, 7)
    (row,) = ready([told], 3, bytes(SALT_OCTETS))
    assert (told[places.TOLD_KIND], told[places.TOLD_LANGUAGE], told[places.TOLD_ALONE]) == ("grant", "en", 7)
    assert (told[places.TOLD_AT], told[places.TOLD_RECORDED]) == (microseconds(ago(10)), microseconds(NOW))
    assert told[places.TOLD_WORDING] == wording_hash("Yes")
    assert (row[places.WIDE], row[places.ID], row[places.ADDRESS]) == (TAGGED.wide, said.id, str(TAGGED))
    assert (row[places.SALT], row[places.PLACE]) == (bytes(SALT_OCTETS), 3)
    shape = row[SHAPE]
    assert (shape[places.KIND], shape[places.STREAM], shape[places.ALONE]) == ("grant", "newsletter", 7)
    assert shape[places.WORDING] == wording_hash("Yes")
