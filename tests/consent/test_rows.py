from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.consent.causes import KINDS, NOT_TAKEN, Cause
from relay.consent.events import Act, Basis, Event, EventKind
from relay.consent.evidence import wording_hash
from relay.consent.formats import COLUMNS
from relay.consent.pseudonyms import Pseudonyms
from relay.consent.rows import RowError, RowRules, events_of_row, line_of, missing_columns
from relay.store.told import told_of

NOW = datetime(2026, 3, 1, tzinfo=UTC)
RULES = RowRules(
    brands={"newsletter": "brand", "offers": "brand"},
    now=NOW,
    pseudonyms=Pseudonyms(bytes(32)),
    source="import list.csv",
)
GOOD = {
    "address": "ann@Example.com",
    "stream": "newsletter",
    "basis": "double-opt-in",
    "at": "2025-05-01T10:00:00+02:00",
}


def only(row: dict[str, Any], rules: RowRules = RULES) -> Any:
    (event,) = taken(row, rules)
    return event


def taken(row: dict[str, Any], rules: RowRules = RULES) -> tuple[Event, ...]:
    events = events_of_row(row, rules)
    assert not isinstance(events, Cause)
    return events


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
    later = replace(RULES, now=NOW + timedelta(days=1), source="import other.csv")
    assert only(GOOD).id == only(GOOD | {"address": " ann@EXAMPLE.com. "}, later).id
    assert only(GOOD).id != only(GOOD | {"source": "fair"}).id
    assert only(GOOD).id != only(GOOD | {"at": "2025-05-01T10:00:01+02:00"}).id


def test_the_stream_of_the_command_stands_in_for_a_missing_one() -> None:
    rules = replace(RULES, source="x", stream="offers")
    assert only(GOOD | {"stream": ""}, rules).stream == "offers"
    assert only(GOOD, rules).stream == "newsletter"


def test_withdrawn_at_becomes_a_withdrawal_beside_or_instead_of_the_grant() -> None:
    both = taken(GOOD | {"withdrawn_at": "2025-06-01T00:00:00Z"}, RULES)
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
        ({"mail_sent_at": "2025-05-01T09:00:00Z", "basis": "written"}, "mail_sent_at belongs to a request"),
        ({"confirmed_at": "2025-05-02T09:00:00Z", "basis": "customer"}, "confirmed_at is the click of an opt-in"),
        ({"cause": "boredom"}, "cause: 'boredom' is not one of unsubscribe, complaint"),
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
        ({"confirmed_at": "2025-04-30T10:00:00Z"}, "confirmed_at lies before at"),
        ({"confirmed_at": "later"}, "confirmed_at: is not a time"),
        ({"user_agent": "x" * 20_001}, "user_agent: is longer"),
    ],
)
def test_a_bad_row_says_which_column_is_wrong_and_how(change: dict[str, Any], words: str) -> None:
    with pytest.raises(RowError) as caught:
        events_of_row(GOOD | change, RULES)
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(("cause", "kind"), KINDS.items())
def test_a_no_is_recorded_as_what_it_was(cause: Cause, kind: EventKind) -> None:
    event = only({"address": "ann@example.com", "cause": cause.value, "withdrawn_at": "2025-06-01T00:00:00Z"})
    assert (event.kind, event.at) == (kind, datetime(2025, 6, 1, tzinfo=UTC))
    assert (event.basis, event.stream, event.brand) == (None, "", "")


@pytest.mark.parametrize(
    ("row", "at"),
    [
        ({"withdrawn_at": "2999-01-01T00:00:00Z"}, None),
        ({"cause": "complaint", "withdrawn_at": "2999-01-01T00:00:00Z"}, None),
        ({"cause": "unsubscribe", "withdrawn_at": "0000-00-00 00:00:00"}, None),
        ({"cause": "unsubscribe", "withdrawn_at": "1970-01-01T00:00:00Z"}, None),
        ({"cause": "unsubscribe", "basis": "written", "at": "no time"}, None),
        ({"cause": "unsubscribe", "basis": "written", "at": "2025-06-01T00:00:00Z", "stream": ""}, None),
        ({"withdrawn_at": "2025-06-01T00:00:00Z", "basis": "nonsense"}, datetime(2025, 6, 1, tzinfo=UTC)),
    ],
)
def test_a_no_is_taken_whatever_is_wrong_with_its_time_or_with_the_yes_beside_it(
    row: dict[str, str], at: datetime | None
) -> None:
    event = only({"address": "ann@example.com", "stream": "newsletter"} | row)
    assert event.kind in (EventKind.WITHDRAW, EventKind.COMPLAIN)
    assert event.at == at


@pytest.mark.parametrize("when", ["0000-00-00", "never", "1970-01-01T00:00:00Z"])
def test_what_may_say_that_there_is_no_withdrawal_is_refused_and_not_guessed(when: str) -> None:
    with pytest.raises(RowError, match="withdrawn_at"):
        events_of_row({"address": "ann@example.com", "withdrawn_at": when}, RULES)


def test_a_bad_yes_beside_a_dead_mailbox_is_told() -> None:
    with pytest.raises(RowError, match="basis"):
        events_of_row(GOOD | {"cause": "hard-bounce", "basis": "nonsense"}, RULES)


@pytest.mark.parametrize("cause", NOT_TAKEN)
def test_what_says_nothing_of_a_person_is_not_taken_whatever_else_the_row_says(cause: Cause) -> None:
    assert events_of_row({"address": "no address", "cause": cause.value.upper()}, RULES) is cause


def test_each_cause_is_taken_or_has_its_reason() -> None:
    assert set(KINDS) | set(NOT_TAKEN) == set(Cause)
    assert not set(KINDS) & set(NOT_TAKEN)


def test_a_no_of_unknown_time_counts_when_it_is_recorded_and_stays_the_same_event() -> None:
    row = {"address": "ann@example.com", "cause": "complaint"}
    event = only(row)
    assert (event.at, event.acted_at) == (None, NOW)
    assert only(row, replace(RULES, now=NOW + timedelta(days=3))).id == event.id


def test_a_no_concerns_the_stream_or_the_brand_of_the_command() -> None:
    row = {"address": "ann@example.com", "cause": "hard-bounce"}
    assert (only(row, replace(RULES, brand="brand")).brand, only(row).brand) == ("brand", "")
    of_a_stream = only(row, replace(RULES, stream="offers", brand="other"))
    assert (of_a_stream.brand, of_a_stream.stream) == ("brand", "offers")
    given_up = only(row, replace(RULES, stream="given-up", brand="brand"))
    assert (given_up.brand, given_up.stream) == ("brand", "given-up")


def test_who_stopped_somebody_at_the_senders_side_is_not_the_person() -> None:
    assert only({"address": "ann@example.com", "cause": "manual"}).recorder == "cli; stopped at the sender's side"


def test_what_only_the_operator_says_is_written_down_as_such() -> None:
    rules = replace(RULES, statement="stated by the operator for all rows: act=ticked")
    (claimed,) = events_of_row(GOOD, rules, claimed=True)  # type: ignore[misc]
    assert claimed.recorder == "cli; stated by the operator for all rows: act=ticked"
    assert only(GOOD, rules).recorder == "cli"
    assert claimed.id == only(GOOD).id  # it is the same event, whoever brings it


def test_words_shown_are_named_by_their_hash_and_handed_over_beside() -> None:
    texts: dict[str, str] = {}
    (event,) = events_of_row(GOOD | {"wording": "  Yes, news\r\nby mail "}, RULES, texts)  # type: ignore[misc]
    assert texts == {event.evidence.wording: "Yes, news\nby mail"}
    assert event.evidence.wording == wording_hash("Yes, news\nby mail")
    again = only(GOOD | {"wording": event.evidence.wording})  # the words themselves are gone
    assert (again.evidence.wording, again.id) == (event.evidence.wording, event.id)


def test_a_line_is_the_event_as_the_store_takes_it() -> None:
    for event in taken(GOOD | {"withdrawn_at": "2025-06-01T00:00:00Z", "ip": "192.0.2.1", "act": "clicked"}):
        assert (*line_of(event), "alone") == told_of(event, "alone")


def test_a_list_tells_which_columns_it_lacks() -> None:
    assert missing_columns(["address"], RULES) == ("stream", "basis", "at")
    assert missing_columns(["address", "withdrawn_at"], RULES) == ()
    assert missing_columns(["address", "cause"], RULES) == ()
    assert missing_columns(["address", "cause", "basis"], RULES) == ("at",)
    assert missing_columns(COLUMNS, RULES) == ()


@given(st.dictionaries(st.sampled_from(COLUMNS), st.text() | st.none() | st.integers()))
def test_whatever_a_row_holds_it_is_taken_or_refused_in_words(row: dict[str, Any]) -> None:
    try:
        events_of_row(GOOD | row, RULES)
    except RowError as error:
        assert str(error)  # noqa: PT017 - both ways out are fine, an exception of another kind is not
