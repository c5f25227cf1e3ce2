from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.address import Address
from relay.policy.match import bound_streams, claiming_match, matches_value, needs_headers, settle
from relay.policy.model import Kind, Match, Policies, Stream

NEWS = Address("info", "news.brand.example")
Make = Callable[..., Stream]


@pytest.fixture
def make(newsletter: Stream) -> Make:
    """A function: an id and its matches -> a stream."""

    def make_stream(name: str, *matches: Match, kind: Kind = Kind.COMMERCIAL) -> Stream:
        return replace(newsletter, id=name, kind=kind, list_id=f"{name}.brand.example", matches=matches)

    return make_stream


def test_client_and_sender_bind_a_stream(make: Make) -> None:
    policies = Policies((make("a", Match(("mautic",), ("*@news.brand.example",))),), "")

    assert [stream.id for stream in bound_streams(policies, "mautic", NEWS)] == ["a"]
    assert bound_streams(policies, "shop", NEWS) == ()
    assert bound_streams(policies, "mautic", Address("info", "brand.example")) == ()
    assert bound_streams(policies, "mautic", None) == ()


def test_items_and_tables_are_alternatives(make: Make) -> None:
    stream = make("a", Match(("mautic", "crm"), ()), Match((), ("boss@brand.example", "<>")))
    policies = Policies((stream,), "")

    for client, sender in (("crm", NEWS), ("shop", Address("Boss", "brand.example")), ("shop", None)):
        assert bound_streams(policies, client, sender) == (stream,)
    assert bound_streams(policies, "shop", NEWS) == ()


def test_a_star_is_any_client(make: Make) -> None:
    assert bound_streams(Policies((make("a", Match(("*",), ())),), ""), "whoever", NEWS)


def test_one_stream_without_header_conditions_is_settled_without_headers(make: Make) -> None:
    bound = (make("a", Match(("mautic",))),)

    assert not needs_headers(bound)
    assert settle(bound, "mautic", NEWS, {}) is bound[0]


def test_several_streams_or_a_header_condition_need_the_headers(make: Make) -> None:
    plain = make("a", Match(("mautic",)))
    by_header = make("b", Match(("mautic",), (), {"x-campaign": ("b",)}))

    assert needs_headers((plain, by_header))
    assert needs_headers((by_header,))


def test_a_stream_whose_header_is_missing_drops_out(make: Make) -> None:
    bound = (make("a", Match(("mautic",), (), {"x-campaign": ("a*", "z")})),)

    assert settle(bound, "mautic", NEWS, {}) is None
    assert settle(bound, "mautic", NEWS, {"x-campaign": ["b"]}) is None
    assert settle(bound, "mautic", NEWS, {"x-campaign": ["b", " Autumn "]}) is bound[0]


def test_all_headers_of_a_table_must_fit(make: Make) -> None:
    bound = (make("a", Match(("mautic",), (), {"x-one": ("*",), "x-two": ("2",)})),)

    assert settle(bound, "mautic", NEWS, {"x-one": ["1"]}) is None
    assert settle(bound, "mautic", NEWS, {"x-one": ["1"], "x-two": ["2"]}) is bound[0]


@pytest.mark.parametrize(
    "headers",
    [
        {"x-consent-stream": ["b"]},
        {"x-consent-stream": [" B "]},
        {"list-id": ["Our offers <b.brand.example>"]},
        {"list-id": ["B.Brand.Example"]},
    ],
)
def test_stream_and_list_id_fields_always_choose_among_the_bound(make: Make, headers: Mapping[str, list[str]]) -> None:
    bound = (make("a", Match(("mautic",))), make("b", Match(("mautic",))))

    assert settle(bound, "mautic", NEWS, headers) is bound[1]


def test_the_choice_of_the_client_counts_before_other_headers(make: Make) -> None:
    bound = (make("a", Match(("mautic",), (), {"x-campaign": ("*",)})), make("b", Match(("mautic",))))

    assert settle(bound, "mautic", NEWS, {"x-campaign": ["1"], "x-consent-stream": ["b"]}) is bound[1]


def test_a_header_condition_that_fits_counts_before_streams_without_one(make: Make) -> None:
    bound = (make("a", Match(("mautic",))), make("b", Match(("mautic",), (), {"x-campaign": ("*",)})))

    assert settle(bound, "mautic", NEWS, {"x-campaign": ["1"]}) is bound[1]
    assert settle(bound, "mautic", NEWS, {}) is bound[0]


def test_a_header_never_chooses_a_stream_that_is_not_bound(make: Make) -> None:
    newsletter = make("newsletter", Match(("mautic",)))
    receipts = make("receipts", Match(("shop",)), kind=Kind.TRANSACTIONAL)
    bound = bound_streams(Policies((newsletter, receipts), ""), "mautic", NEWS)

    for headers in ({"x-consent-stream": ["receipts"]}, {"list-id": ["<receipts.brand.example>"]}):
        assert settle(bound, "mautic", NEWS, headers) is newsletter


def test_overlap_that_nothing_settles_goes_to_the_commercial_stream(make: Make) -> None:
    bound = (
        make("receipts", Match(("mautic",)), kind=Kind.TRANSACTIONAL),
        make("offers", Match(("mautic",))),
        make("newsletter", Match(("mautic",))),
    )

    assert settle(bound, "mautic", NEWS, {}) is bound[1]
    both = {"x-consent-stream": ["receipts", "newsletter"]}
    assert settle(bound, "mautic", NEWS, both) is bound[2]


def test_a_table_for_another_client_does_not_lend_its_lack_of_headers(make: Make) -> None:
    stream = make("a", Match(("mautic",), (), {"x-campaign": ("*",)}), Match(("shop",)))

    assert settle((stream,), "mautic", NEWS, {}) is None
    assert settle((stream,), "shop", NEWS, {}) is stream


def test_streams_without_a_list_id_are_not_chosen_by_an_empty_one(make: Make) -> None:
    commercial = make("a", Match(("mautic",)))
    nameless = replace(make("b", Match(("mautic",)), kind=Kind.SYSTEM), list_id="")

    assert settle((commercial, nameless), "mautic", NEWS, {"list-id": ["", "<>"]}) is commercial


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [
        ("news", "NEWS ", True),
        ("news", "newsletter", False),
        ("*", "", True),
        ("news*", "newsletter", True),
        ("*letter", "newsletter", True),
        ("n*s*r", "newsletter", True),
        ("a*a", "a", False),
        ("a*b*c", "a-c-b", False),
        ("[a-z]", "b", False),
        ("a.c", "abc", False),
    ],
)
def test_patterns_of_values_know_only_the_star(pattern: str, value: str, fits: bool) -> None:
    assert matches_value(pattern, value) is fits


@given(st.lists(st.text("ab*", max_size=6)), st.text("ab", max_size=12))
def test_a_pattern_with_a_star_at_each_end_finds_what_it_encloses(parts: list[str], value: str) -> None:
    pattern = "".join(parts)
    import re

    expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), value) is not None
    assert matches_value(pattern, value) is expected


def test_a_long_value_takes_no_long_time() -> None:
    """If each star tried every place after every other, this would not end."""
    assert not matches_value("a*a*a*a*a*a*a*b", "a" * 100_000)


def test_the_table_that_claims_a_message_can_be_named(make: Make) -> None:
    stream = make("a", Match(("shop",)), Match(("mautic",), (), {"x-campaign": ("*",)}))

    assert claiming_match(stream, "shop", NEWS, {}) == 0
    assert claiming_match(stream, "mautic", NEWS, {"x-campaign": ["1"]}) == 1
    assert claiming_match(stream, "mautic", NEWS, {"x-consent-stream": ["a"]}) is None
