from __future__ import annotations

import json
from datetime import UTC

from hypothesis import given
from hypothesis import strategies as st

from relay.consent.events import Act, Basis
from relay.consent.facts import NOTHING_KNOWN, Facts, Yes, as_json, from_json

MOMENTS = st.datetimes(timezones=st.just(UTC))
YESES = st.builds(
    Yes, basis=st.sampled_from(Basis), act=st.sampled_from(Act), at=MOMENTS, source=st.text(), live=st.booleans()
)
FACTS = st.builds(
    Facts,
    requested_at=st.none() | MOMENTS,
    mail_sent_at=st.none() | MOMENTS,
    request_live=st.booleans(),
    yes=st.none() | YESES,
    renewed_at=st.none() | MOMENTS,
    withdrawn_at=st.none() | MOMENTS,
    withdrawn_from=st.sampled_from(["", "newsletter"]),
    complained_at=st.none() | MOMENTS,
    undeliverable_at=st.none() | MOMENTS,
    last_contact_at=st.none() | MOMENTS,
)


@given(FACTS)
def test_facts_survive_the_way_through_json(facts: Facts) -> None:
    assert from_json(json.loads(json.dumps(as_json(facts)))) == facts


def test_nothing_known_is_an_empty_object() -> None:
    assert as_json(NOTHING_KNOWN) == {}
