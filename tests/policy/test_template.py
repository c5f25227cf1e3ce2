from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from relay.policy.expectations import failures
from relay.policy.model import Kind, Policies
from relay.policy.template import TEMPLATES, new_policy

SHIPPED = Path(__file__).parents[2] / "policies"
Load = Callable[..., Policies]


@pytest.mark.parametrize("kind", Kind)
def test_a_new_policy_of_any_kind_loads_and_keeps_its_expectations(load: Load, now: datetime, kind: Kind) -> None:
    text = new_policy(
        (SHIPPED / TEMPLATES[kind]).read_text(),
        stream="offers",
        kind=kind,
        brand="shop",
        client="mautic",
        mail_from="<>" if kind is Kind.SYSTEM else "*@offers.shop.test",
    )
    (stream,) = load(offers=text).streams

    assert (stream.id, stream.kind, stream.brand) == ("offers", kind, "shop")
    assert stream.matches[0].clients == ("mautic",)
    assert stream.list_id == ("offers.shop.test" if stream.is_commercial else "")
    assert failures(stream, now) == ()


def test_the_comments_of_the_shipped_file_stay() -> None:
    template = (SHIPPED / "newsletter.toml").read_text()
    text = new_policy(
        template, stream="offers", kind=Kind.COMMERCIAL, brand="b", client="c", mail_from="*@offers.b.test"
    )

    assert text.count("#") == template.count("#")
    assert 'id = "offers"               # consents are recorded' in text
