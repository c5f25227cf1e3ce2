from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.consent.events import Act, Basis, EventKind
from relay.consent.rows import COLUMNS, RowError, RowRules, events_of_row, missing_columns, parse_moment

NOW = datetime(2026, 3, 1, tzinfo=UTC)
RULES = RowRules(brands={"newsletter": "brand", "offers": "brand"}, now=NOW, source="import list.csv")
GOOD = {
    "address": "ann@Example.com",
    "stream": "newsletter",
    "basis": "double-opt-in",
    "at": "2025-05-01T10:00:00+02:00",
}


def only(row: dict[str, Any], rules: RowRules = RULES) -> Any:
    (event,) = events_of_row(row, rules)
    return event


def test_a_row_becomes_a_grant() -> None:
    event = only(GOOD | {"act": "Clicked", "confirmed_at": "2025-05-01T09:00Z", "ip": "192.0.2.1", "source": "fair"})
    assert event.kind is EventKind.GRANT
    assert str(event.address) == "ann@example.com"
    assert (event.brand, event.stream) == ("brand", "newsletter")
    assert (event.basis, event.act) == (Basis.DOUBLE_OPT_IN, Act.CLICKED)
    assert event.at == datetime(2025, 5, 1, 8, tzinfo=UTC)
    assert event.confirmed_at == datetime(2025, 5, 1, 9, tzinfo=UTC)
    assert event.evidence.ip == "192.0.2.1"
    assert event.source == "fair"
    assert not event.live
    assert not event.own_act


def test_an_act_that_nobody_stated_stays_unstated() -> None:
    assert only(GOOD).act is None


def test_the_same_row_becomes_the_same_event_whenever_it_is_read() -> None:
    later = RowRules(brands=RULES.brands, now=NOW + timedelta(days=1), source="import other.csv")
    assert only(GOOD).id == only(GOOD | {"address": " ann@EXAMPLE.com. "}, later).id
    assert only(GOOD).id != only(GOOD | {"source": "fair"}).id
    assert only(GOOD).id != only(GOOD | {"at": "2025-05-01T10:00:01+02:00"}).id


def test_the_stream_of_the_command_stands_in_for_a_missing_one() -> None:
    rules = RowRules(brands=RULES.brands, now=NOW, source="x", stream="offers")
    assert only(GOOD | {"stream": ""}, rules).stream == "offers"
    assert only(GOOD, rules).stream == "newsletter"


def test_withdrawn_at_becomes_a_withdrawal_beside_or_instead_of_the_grant() -> None:
    both = events_of_row(GOOD | {"withdrawn_at": "2025-06-01T00:00:00Z"}, RULES)
    assert [event.kind for event in both] == [EventKind.GRANT, EventKind.WITHDRAW]
    alone = only({"address": "ann@example.com", "withdrawn_at": "2025-06-01T00:00:00Z", "brand": "brand"})
    assert (alone.kind, alone.stream, alone.brand) == (EventKind.WITHDRAW, "", "brand")


def test_a_no_is_taken_even_for_a_stream_that_no_policy_has() -> None:
    alone = only({"address": "ann@example.com", "stream": "given-up", "withdrawn_at": "2025-06-01T00:00:00Z"})
    assert (alone.kind, alone.stream, alone.brand) == (EventKind.WITHDRAW, "given-up", "")
    with pytest.raises(RowError, match="no policy"):  # with a yes in it, the row would say more than can be known
        events_of_row(GOOD | {"stream": "given-up", "withdrawn_at": "2025-06-01T00:00:00Z"}, RULES)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"address": "ann"}, "address: the address has no domain"),
        ({"address": "a\0nn@example.com"}, "address: contains a NUL"),
        ({"address": "ann@example.com\ud800"}, "address: is not in the file's encoding"),
        ({"address": 7}, "address: is not text"),
        ({"stream": ""}, "stream: is empty"),
        ({"stream": "unknown"}, "stream: no policy has the id 'unknown'; known are newsletter, offers"),
        ({"basis": ""}, "basis: is empty"),
        ({"basis": "yes"}, "basis: 'yes' is not one of double-opt-in, single-opt-in"),
        ({"act": "nodded"}, "act: 'nodded' is not one of ticked"),
        ({"at": ""}, "at: is empty"),
        ({"at": "01.05.2025"}, "at: is not a time in ISO 8601"),
        ({"at": "2025-05-01T10:00:00"}, "at: has no zone"),
        ({"at": "2026-05-01T10:00:00Z"}, "at: lies in the future"),
        ({"at": "1970-01-01T00:00:00Z"}, "at: lies before 1980"),
        ({"at": "0001-01-01T00:00:00+09:00"}, "at: is not a time in ISO 8601"),
        ({"address": " "}, "address: is empty"),
        ({"confirmed_at": "2025-04-30T10:00:00Z"}, "confirmed_at: lies before at"),
        ({"confirmed_at": "later"}, "confirmed_at: is not a time"),
        ({"user_agent": "x" * 20_001}, "user_agent: is longer"),
    ],
)
def test_a_bad_row_says_which_column_is_wrong_and_how(change: dict[str, Any], words: str) -> None:
    with pytest.raises(RowError) as caught:
        events_of_row(GOOD | change, RULES)
    assert str(caught.value).startswith(words)


def test_a_time_without_a_zone_takes_that_of_the_command() -> None:
    tokyo = timezone(timedelta(hours=9))
    assert parse_moment("2025-05-01 10:00", tokyo) == datetime(2025, 5, 1, 1, tzinfo=UTC)
    assert parse_moment("2025-05-01", tokyo) == datetime(2025, 4, 30, 15, tzinfo=UTC)


def test_a_list_tells_which_columns_it_lacks() -> None:
    assert missing_columns(["address"], RULES) == ("stream", "basis", "at")
    assert missing_columns(["address", "withdrawn_at"], RULES) == ()
    assert missing_columns(COLUMNS, RULES) == ()


@given(st.dictionaries(st.sampled_from(COLUMNS), st.text() | st.none() | st.integers()))
def test_whatever_a_row_holds_it_is_taken_or_refused_in_words(row: dict[str, Any]) -> None:
    try:
        events_of_row(GOOD | row, RULES)
    except RowError as error:
        assert str(error)  # noqa: PT017 - both ways out are fine, an exception of another kind is not
