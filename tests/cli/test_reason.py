from __future__ import annotations

import pytest
from cli.shop import Shop

from relay.reason import MEANINGS, Reason


def test_all_reasons_are_listed(shop: Shop) -> None:
    out = shop.run("reason").out
    assert [line.split()[0] for line in out.splitlines()] == list(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_says_what_it_means_and_what_to_do(shop: Shop, reason: Reason) -> None:
    out = shop.run("reason", reason).out
    assert MEANINGS[reason].explanation in out
    assert MEANINGS[reason].remedy in out


def test_a_reason_may_be_copied_out_of_a_reply(shop: Shop) -> None:
    assert shop.run("reason", "Withdrawn:").out.startswith("withdrawn (refusal)")


def test_as_json(shop: Shop) -> None:
    assert shop.run("reason", "stale", "--json").json["allowed"] == ["defer", "discard", "hold"]
    assert [one["reason"] for one in shop.run("reason", "--json").json] == list(Reason)


def test_a_misspelt_reason_is_wrong_usage_with_a_hint(shop: Shop) -> None:
    answer = shop.run("reason", "withdrwan")
    assert answer.code == 2
    assert "did you mean withdrawn?" in answer.err
