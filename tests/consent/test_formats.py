from __future__ import annotations

from typing import Any

import pytest

from relay.consent.formats import CLAIMS, COLUMNS, Format, FormatError, Reader
from relay.consent.known_formats import OWN

FORM = Format(
    name="shop",
    columns={"address": ("email",), "at": ("joined", "added"), "cause": ("state",), "language": ("extra.lang",)},
    constants={"basis": "assumed"},
    values={"cause": (("active", ""), ("gone*", "unsubscribe"))},
)


def ours(row: dict[str, Any], form: Format = FORM) -> dict[str, Any]:
    return Reader(form).row(row)[0]


def test_their_columns_become_ours() -> None:
    row = {"email": " a@x.example ", "joined": "", "added": "2025-05-01", "state": "Active", "name": "Ann"}
    assert ours(row) == {"address": "a@x.example", "at": "2025-05-01", "basis": "assumed"}


def test_the_first_column_that_is_filled_counts() -> None:
    row = {"email": "a", "joined": "2024-01-01", "added": "2025-05-01", "state": "active"}
    assert ours(row)["at"] == "2024-01-01"


@pytest.mark.parametrize("extra", ['{"Lang": "ja"}', {"lang": "ja"}])
def test_a_value_may_stand_inside_of_json(extra: object) -> None:
    assert ours({"email": "a", "state": "active", "extra": extra})["language"] == "ja"


@pytest.mark.parametrize("extra", ["", "{", "[1]", "{" * 50_000, {"lang": {}}, 7, None])
def test_json_that_does_not_have_it_leaves_it_out(extra: object) -> None:
    row = ours({"email": "a", "state": "active", "extra": extra})
    assert not row.get("language")


def test_a_no_never_gets_what_holds_for_a_yes() -> None:
    assert ours({"email": "a", "state": "gone for good"}) == {"address": "a", "cause": "unsubscribe"}


def test_a_word_without_a_meaning_is_refused_with_those_that_have_one() -> None:
    with pytest.raises(FormatError, match="cause: 'asleep' is none of active, gone"):
        ours({"email": "a", "state": "asleep"})


def test_times_may_be_numbers_in_json() -> None:
    assert ours({"email": "a", "joined": 1443651125, "state": "active"})["at"] == "1443651125"
    assert ours({"email": "a", "joined": True, "state": "active"})["at"] is True  # refused later: not text


def test_what_the_operator_claims_is_told_apart_from_what_a_format_knows() -> None:
    form = FORM.changed(constants={"basis": "written", "source": "fair"})
    assert form.statement == "stated by the operator for all rows: basis=written"
    assert Reader(form).row({"email": "a", "state": "active"})[1]
    assert not Reader(form).row({"email": "a", "state": "gone"})[1]
    assert FORM.statement == ""
    assert not Reader(FORM).row({"email": "a", "state": "active"})[1]


def test_a_row_that_says_it_itself_is_not_the_operators_word() -> None:
    form = OWN.changed(constants={"act": "ticked"})
    row = {"address": "a", "act": "clicked"}
    assert Reader(form).row(row) == (row, False)
    assert Reader(form).row({"address": "a", "act": ""}) == ({"address": "a", "act": "ticked"}, True)


def test_everything_that_proves_or_prolongs_a_yes_is_a_claim() -> None:
    assert set(COLUMNS) - set(CLAIMS) == {"address", "stream", "brand", "source", "language"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"columns": {"email": ("address",)}},
        {"constants": {"acted": "ticked"}},
        {"values": {"status": (("a", "b"),)}},
        {"times": ("DD.MM.YYYY",)},
    ],
)
def test_a_format_of_columns_that_we_do_not_have_cannot_be_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(FormatError):
        OWN.changed(**wrong)


def test_which_of_ours_a_list_can_fill_and_which_of_theirs_nobody_needs() -> None:
    columns = ("email", "state", "extra", "name", "rejected_because")
    assert FORM.filled(columns) == {"address", "cause", "language", "basis"}
    assert FORM.changed(constants={"cause": "complaint"}).filled(columns) == {"address", "cause", "language"}
    assert FORM.unused(columns) == ("name",)


def test_our_own_columns_need_no_mapping() -> None:
    row: dict[str, object] = {name: name for name in COLUMNS}
    assert Reader(OWN).row(row) == (row, False)
