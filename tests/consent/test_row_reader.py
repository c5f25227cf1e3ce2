"""The short way and the long way come to the same line, and to nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.consent.causes import Cause
from relay.consent.formats import COLUMNS, Format
from relay.consent.known_formats import BY_NAME, OWN
from relay.consent.pseudonyms import Pseudonyms
from relay.consent.row_reader import RowReader
from relay.consent.rows import RowError, RowRules

NOW = datetime(2026, 3, 1, 12, 30, 15, 123_456, tzinfo=UTC)
RULES = RowRules(
    brands={"newsletter": "brand", "offers": "other"},
    now=NOW,
    pseudonyms=Pseudonyms(bytes(range(32))),
    source="fair",
    recorder="import list.csv",
    stream="offers",
    timezone=timezone(timedelta(hours=9)),
    loose_domains=frozenset({"docomo.ne.jp"}),
)
#: A column that is nothing of ours stands among them.
NAMES = ("name", *COLUMNS)


def answers(form: Format, columns: tuple[str, ...], fields: list[str]) -> list[Any]:
    """What the two ways make of a row: lines, a cause, or why not."""
    found: list[Any] = []
    for is_short in (True, False):
        reader = RowReader(form, columns, RULES)
        if not is_short:
            reader._short_way = None
        try:
            found.append((reader.read(fields, ",".join(fields)), reader.texts))
        except RowError as error:
            found.append(str(error))
    return found


def took_the_short_way(form: Format, columns: tuple[str, ...], fields: list[str]) -> bool:
    short_way = RowReader(form, columns, RULES)._short_way
    return short_way is not None and short_way(fields, ",".join(fields)) is not None


locals_ = st.from_regex(r"[A-Za-z0-9_.+'-]{1,12}", fullmatch=True) | st.sampled_from(
    ["a..b", ".a", "a.", "+a", "a+", "a+b+c", "x" * 65, '"a b"', "\uff41", "é", "a%b", "=?x?=", ""]
)
domains = st.sampled_from(
    [
        "example.com", "Example.COM", "example.com.", "gmail.com", "googlemail.com", "yandex.ru", "me.fastmail.com",
        "docomo.ne.jp", "例え.jp", "xn--r8jz45g.jp", "xn--wrong", "1.2.3.4", "[1.2.3.4]", "localhost", "-a.com", "a..com",
        "x.example@y.example", "", "ex ample.com", f"{'d' * 60}.{'e' * 60}.{'f' * 60}.example",
    ]
)  # fmt: skip
times = st.one_of(
    st.just(""),
    st.datetimes(datetime(1979, 6, 1), datetime(2026, 6, 1)).map(  # noqa: DTZ001 - the zone is written behind
        lambda at: f"{at.isoformat()}Z"
    ),
    st.datetimes(datetime(2026, 2, 28), datetime(2026, 3, 2)).map(  # noqa: DTZ001 - see above
        lambda at: f"{at.isoformat()}+09:00"
    ),
    st.sampled_from(
        [
            "2025-05-01",
            "2025-05-01 10:00",
            "2025-05-01T10:00",
            "1.5.2025",
            "2025-05-01T25:00Z",
            "20250501T10Z",
            "2025-W18-4T10:00Z",
            "2025-05-01 10:00:00+09:00",
            "2025-05-01x10:00Z",
        ]
    ),
)
FIELDS: dict[str, st.SearchStrategy[str]] = {
    "name": st.text(max_size=5),
    "address": st.builds("{}@{}".format, locals_, domains) | st.text(max_size=10),
    "stream": st.sampled_from(["newsletter", "offers", "", " newsletter ", "unknown"]),
    "basis": st.sampled_from(
        ["double-opt-in", "single-opt-in", "written", "customer", "assumed", "", "Written", "yes"]
    ),
    "act": st.sampled_from(["", "ticked", "clicked", "preticked", "Ticked", "nodded"]),
    "cause": st.sampled_from(["", "", "", "", "complaint", "block", "what"]),
    "wording": st.sampled_from(["", "Yes, news", "0" * 64]),
    **dict.fromkeys(("at", "confirmed_at", "last_contact_at", "mail_sent_at"), times),
    "withdrawn_at": st.just("") | st.just("") | times,
}
plain_text = st.sampled_from(["", "", "x", " y ", "東京", "\x00", "\ud800", "z" * 21_000])
rows = st.tuples(*(FIELDS.get(name, plain_text) for name in NAMES)).map(list)


@settings(max_examples=600, deadline=None)
@given(rows, st.sampled_from([OWN, OWN.changed(constants={"act": "ticked", "at": "2025-01-01T00:00:00Z"})]))
def test_both_ways_come_to_the_same(fields: list[str], form: Format) -> None:
    short, long = answers(form, NAMES, fields)
    assert short == long


@settings(max_examples=300, deadline=None)
@given(locals_, domains, times, times)
def test_both_ways_come_to_the_same_for_rows_that_are_nearly_plain(
    local: str, domain: str, at: str, confirmed_at: str
) -> None:
    columns = ("email", "at", "confirmed_at")
    form = OWN.changed({"address": ("email",)}, {"basis": "double-opt-in"})
    short, long = answers(form, columns, [f"{local}@{domain}", at, confirmed_at])
    assert short == long


def test_a_plain_row_takes_the_short_way() -> None:
    columns = ("address", "stream", "basis", "at", "act", "source", "language", "ip", "confirmed_at", "last_contact_at")
    fields = (
        "ann.b+c@example.com newsletter double-opt-in 2025-05-01T10:00:00+02:00 clicked fair ja 192.0.2.1 "
        "2025-05-01T11:00:00+02:00 2025-06-01T11:00:00.25Z"
    ).split()
    assert took_the_short_way(OWN, columns, fields)
    short, long = answers(OWN, columns, fields)
    assert short == long
    ((line,), _) = short
    assert line[0] == "ann.b@example.com"
    assert line[3] == "ann.b+c@example.com"


@pytest.mark.parametrize("space", [" ", "\t", "\xa0", "\u3000"])
def test_whatever_space_stands_around_a_value_is_no_part_of_it(space: str) -> None:
    columns = ("address", "basis", "at", "source")
    plain = ["ann@example.com", "written", "2025-05-01T10:00:00Z", "fair"]
    expected = answers(OWN, columns, plain)[0]
    for place, value in enumerate(plain):
        fields = [*plain[:place], f"{value}{space}", *plain[place + 1 :]]
        assert answers(OWN, columns, fields) == [expected, expected]


@pytest.mark.parametrize(
    ("form", "columns"),
    [
        (BY_NAME["listmonk"], ("uuid", "email", "status", "created_at")),  # words with meanings
        (BY_NAME["mailchimp-subscribed"], ("email address", "optin_time", "confirm_time")),  # the first that is filled
        (OWN.changed(times=("%d.%m.%Y",)), COLUMNS),
        (OWN.changed({"language": ("extra.lang",)}), (*COLUMNS, "extra")),
        (OWN.changed(constants={"cause": "complaint"}), COLUMNS),
        (OWN.changed(constants={"at": "soon"}), COLUMNS),
    ],
)
def test_lists_that_need_more_than_columns_never_take_it(form: Format, columns: tuple[str, ...]) -> None:
    assert RowReader(form, columns, RULES)._short_way is None


def test_a_cause_that_is_not_taken_comes_back_as_itself() -> None:
    assert RowReader(OWN, ("address", "cause"), RULES).read(["a@x.example", "block"], "") is Cause.BLOCK


def test_the_words_shown_are_collected_for_whoever_takes_the_rows() -> None:
    reader = RowReader(OWN, ("address", "basis", "at", "wording"), RULES)
    for wording in ("Yes, news", "Yes, news", "Yes, mail"):
        reader.read(["a@x.example", "written", "2025-05-01T10:00:00Z", wording], "")
    assert sorted(reader.texts.values()) == ["Yes, mail", "Yes, news"]
    reader.texts.clear()
    reader.read(["a@x.example", "written", "2025-05-01T10:00:00Z", "Yes, news"], "")
    assert list(reader.texts.values()) == ["Yes, news"]
