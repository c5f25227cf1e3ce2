"""A person who says something on a certain day, and mail that is to be sent to them on another.

Nothing is imitated: events are folded as the store folds them, and the policies are those that are shipped
(policies/newsletter.toml and policies/profiles).
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from relay.address import Address, address_from_text
from relay.consent.events import Act, Basis, Event, EventKind, Evidence
from relay.consent.facts import Facts
from relay.consent.fold import NOTHING_FOLDED, facts_of, fold_person
from relay.consent.forecast import Forecast, Rules
from relay.consent.freshness import Deadline, Rule, deadlines
from relay.decision import Decision, new_id
from relay.envelope import Client, Connection, Transaction
from relay.policy.decide import decide
from relay.policy.evaluate import Evaluation, evaluate
from relay.policy.files import load_policies
from relay.policy.model import Stream

SHIPPED = Path(__file__).parents[2] / "policies"
PROFILES = sorted(path.stem for path in (SHIPPED / "profiles").glob("*.toml"))
POLICIES = load_policies(SHIPPED)
NEWSLETTER, RECEIPTS = POLICIES.by_id["newsletter"], POLICIES.by_id["receipts"]
OFFERS = replace(NEWSLETTER, id="offers")
OTHER_BRAND = replace(NEWSLETTER, id="other-news", brand="other")
TODAY = datetime(2026, 6, 1, 9, tzinfo=UTC)
HANAKO = address_from_text("hanako@example.jp")
OTHER_SPELLINGS = ("HANAKO@example.jp", "hanako+news@example.jp", '"hanako"@EXAMPLE.JP.', "Hanako@example.jp")
FORM = Evidence(form_url="https://brand.example/join", language="en")


def day(number: float) -> datetime:
    """Days from today; -3 is three days ago."""
    return TODAY + timedelta(days=number)


@dataclass
class Person:
    """One person, and all that has happened. Days count from today."""

    address: Address = HANAKO
    happened: list[Event] = field(default_factory=list)
    last_mail: datetime | None = None

    def says_yes(self, on: float, basis: Basis, act: Act | None = None, **more: Any) -> Person:
        return self._did(EventKind.GRANT, on, basis=basis, act=act, evidence=FORM, **more)

    def ticks_the_box(self, on: float, **more: Any) -> Person:
        return self.says_yes(on, Basis.SINGLE_OPT_IN, Act.TICKED, **more)

    def clicks_the_link(self, on: float) -> Person:
        return self._did(
            EventKind.CONFIRM, on, basis=Basis.DOUBLE_OPT_IN, act=Act.CLICKED, live=True, own_act=True, evidence=FORM
        )

    def asks_for_the_mail(self, on: float, mail_sent_at: datetime | None = None) -> Person:
        return self._did(EventKind.REQUEST, on, live=True, mail_sent_at=mail_sent_at)

    def opts_out(self, on: float, **more: Any) -> Person:
        return self._did(EventKind.WITHDRAW, on, **more)

    def reports_spam(self, on: float, **more: Any) -> Person:
        return self._did(EventKind.COMPLAIN, on, **more)

    def gets_mail_on(self, on: float) -> Person:
        self.last_mail = day(on)
        return self

    def _did(self, kind: EventKind, on: float, **more: Any) -> Person:
        fields: dict[str, Any] = {"address": self.address, "brand": "brand", "stream": "newsletter", "at": day(on)}
        fields |= {"id": f"{kind}-{len(self.happened)}", "source": "form", "recorder": "test", **more}
        self.happened.append(Event(kind=kind, recorded_at=max(TODAY, day(on)), **fields))
        return self

    def facts(self, stream: Stream = NEWSLETTER, address: Address | None = None) -> Facts:
        address = address or self.address
        rows, noes = fold_person(self.happened)
        covering = [no for no in noes if no.covers(stream.brand, stream.id, str(address))]
        return facts_of(rows.get((stream.id, address), NOTHING_FOLDED), covering, self.last_mail, stream.id)

    def mail(self, on: float = 0, stream: Stream = NEWSLETTER, address: Address | None = None) -> Evaluation:
        """What happens to mail of the stream on that day."""
        address = address or self.address
        return evaluate(stream, self.facts(stream, address), address, day(on))

    def reply(self, on: float = 0, stream: Stream = NEWSLETTER, *, after_data: bool = False) -> Decision:
        """What the mailer is told at RCPT, or after DATA."""
        facts = self.facts(stream)
        return decide(transaction(), stream, self.address, facts, day(on), decision_id=DECISION, after_data=after_data)

    def ends(self, rule: Rule) -> Deadline:
        return {end.rule: end for end in deadlines(self.facts(), NEWSLETTER.consent.freshness)}[rule]


DECISION = new_id(TODAY, bytes(10))


def transaction() -> Transaction:
    connection = Connection(peer="192.0.2.7", helo="mailer.brand.example", protocol="ESMTP")
    return Transaction("01J", TODAY, Client("local"), connection, address_from_text("news@news.brand.example"))


def forecast_of(people: list[Person], days: int = 60) -> Forecast:
    consent = NEWSLETTER.consent
    forecast = Forecast(Rules(consent.accept, consent.freshness), TODAY, days)
    for person in people:
        forecast.add(person.facts())
    return forecast


def policy_text(**consent: str) -> str:
    lines = [f"{key} = {value}" for key, value in consent.items()]
    return (SHIPPED / "newsletter.toml").read_text().partition("[consent]")[0] + "\n".join(["[consent]", *lines])


def written(folder: Path, text: str) -> Stream:
    """The stream of a policy of one's own, under the profiles as they are shipped."""
    shutil.copytree(SHIPPED / "profiles", folder / "profiles")
    (folder / "newsletter.toml").write_text(text)
    (stream,) = load_policies(folder).streams
    return stream
