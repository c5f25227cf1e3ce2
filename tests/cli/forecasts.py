"""Forecasts to tell of: a few people, each at an end of another kind."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from relay.cli.consent_forecast import rules_of
from relay.cli.forecast_words import Told
from relay.consent.events import Act, Basis
from relay.consent.facts import Facts, Yes
from relay.consent.forecast import Forecast
from relay.policy.files import load_policies
from relay.policy.migration import migration_until
from relay.policy.model import Stream

NOW = datetime(2026, 6, 1, 12, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def newsletter() -> Stream:
    stream = load_policies(Path(__file__).parents[2] / "policies").by_id["newsletter"]
    accept = stream.consent.accept | {Basis.CUSTOMER, Basis.INQUIRY}
    return replace(
        stream,
        consent=replace(stream.consent, accept=accept),
        migration=migration_until([Basis.ASSUMED], date(2026, 6, 30), "UTC"),
    )


def yes(days: float, basis: Basis = Basis.DOUBLE_OPT_IN, *, live: bool = False) -> Yes:
    return Yes(basis, Act.CLICKED, NOW - days * DAY, "", live=live)


#: Twelve who are staying stale on the same day, one of each other kind, one of whom nothing is known, one who said no.
PEOPLE = (
    *[Facts(yes=yes(360))] * 12,
    Facts(yes=yes(720), last_contact_at=NOW),
    Facts(yes=yes(2, live=True)),
    Facts(yes=yes(700, Basis.CUSTOMER), last_contact_at=NOW),
    Facts(yes=yes(100, Basis.INQUIRY)),
    Facts(yes=yes(50, Basis.ASSUMED)),
    Facts(requested_at=NOW - 2 * DAY, request_live=True),
    Facts(yes=yes(400)),
    Facts(yes=yes(50, Basis.PUBLISHED)),
    Facts(yes=yes(360), withdrawn_at=NOW),
)


def told(*people: Facts, days: int = 90, stream: Stream | None = None) -> Told:
    stream = stream or newsletter()
    forecast = Forecast(rules_of(stream), NOW, days)
    for facts in people:
        forecast.add(facts)
    return Told(stream, forecast)
