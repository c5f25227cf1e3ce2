"""Every item has a value, a placeholder, and a place in the templates: none is forgotten in one of them."""

from __future__ import annotations

from datetime import date

import pytest

from relay.message.footer import Disclosure, FooterFacts, Version
from relay.message.items import ITEMS, LINKED, OF_WHY, REQUIRED
from relay.message.placeholders import FOOTER, NAMES
from relay.message.wording import WORDINGS
from relay.message.wording_check import FOOTER_NAMES, WHY_NAMES
from relay.message.wording_check import __doc__ as manual

URL = "https://relay.example/u/x"


def disclosure(language: str, facts: FooterFacts) -> Disclosure:
    return Disclosure((Version(facts, WORDINGS[language], language),), URL)


FULL = FooterFacts(
    sender="Brand", postal_address="Tokyo 1", contact="care@brand.example", privacy_policy="https://brand.example/p",
    purpose="News", audience="members", consented_on=date(2024, 5, 1), source="the fair", stop_address="stop@brand.example",
)  # fmt: skip
BARE = FooterFacts("Brand", "Tokyo 1", "care@brand.example", "https://brand.example/p", "News")


@pytest.mark.parametrize("language", WORDINGS)
def test_each_has_a_value_and_is_said_in_every_language(language: str) -> None:
    told = disclosure(language, FULL)
    for name in (*ITEMS, *OF_WHY):
        assert told.value(name), name
        assert told.value(name) in told.footer().plain, name


def test_only_the_required_ones_are_always_there() -> None:
    told = disclosure("en", BARE)
    assert {name for name in ITEMS if told.value(name)} == REQUIRED
    assert told.footer(REQUIRED).plain == ""


def test_each_is_a_placeholder_and_a_variable_of_templates() -> None:
    assert {*ITEMS, *OF_WHY} == NAMES - {FOOTER}
    assert {*ITEMS, *OF_WHY} < FOOTER_NAMES
    assert {*ITEMS, *OF_WHY} - WHY_NAMES == {"unsubscribe_url", "why"}
    assert [name for name in FOOTER_NAMES if f"\n    {name} " not in (manual or "")] == []
    assert {*ITEMS} > LINKED
