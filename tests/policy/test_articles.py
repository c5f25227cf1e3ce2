"""What the two articles on opt-in and opt-out mail demand, statement by statement, and how this relay answers.

Each test is named after a statement and reads without knowing the code: somebody said something, mail is to be sent on
a certain day, and this is what happens. Nothing is imitated: events are folded as the store folds them, policies are
loaded from the files that are shipped (policies/newsletter.toml and policies/profiles), replies, copies and pages are
those that a mailer and a reader get.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from web.serving import KEYS, Site, TroubledStore, running_site, token_for

from relay.address import Address, address_from_text
from relay.config.toml import ProblemsError
from relay.consent.events import Act, Basis, Event, EventKind, Evidence
from relay.consent.facts import Facts, Freshness, Status
from relay.consent.fold import NOTHING_FOLDED, facts_of, fold_person
from relay.consent.forecast import Forecast, Rules
from relay.consent.freshness import Change, Deadline, Rule, ask_from, deadlines, is_confirmation_late
from relay.decision import Decision, new_id
from relay.envelope import Client, Connection, Transaction
from relay.message.compose import Copy
from relay.message.dkim import KeyType, Signer, generate, load_key
from relay.message.index import index
from relay.policy.decide import decide
from relay.policy.evaluate import Evaluation, evaluate
from relay.policy.explain import explain
from relay.policy.files import load_policies
from relay.policy.model import Stream
from relay.reason import PRECEDENCE, Reason, Verdict
from relay.rewriting import Reader, Rewriter
from relay.tokens import seal

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


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with running_site() as running:
        yield running


# --- Opt-in: mail only after a clear, active yes ---------------------------------------------------------------------


def test_opt_in_mail_only_after_a_clear_active_yes() -> None:
    stranger = Person()
    assert stranger.mail().verdict is Verdict.REJECT
    assert stranger.reply().reply.code == 550  # at RCPT, before any content is sent
    assert stranger.reply().reply.enhanced == "5.7.1"
    for said in (
        Person().ticks_the_box(-3),
        Person().says_yes(-3, Basis.WRITTEN, Act.SIGNED),
        Person().asks_for_the_mail(-3).clicks_the_link(-2),
    ):
        assert said.mail().verdict is Verdict.DELIVER


def test_opt_in_a_question_that_is_not_answered_is_no_yes() -> None:
    asked = Person().asks_for_the_mail(-1)
    assert (asked.mail().status, asked.mail().verdict) == (Status.PENDING, Verdict.HOLD)
    assert asked.mail(on=10).reasons == (Reason.NO_CONSENT,)


def test_opt_in_a_yes_counts_for_the_address_that_said_it_and_no_other() -> None:
    person = Person().ticks_the_box(-3)
    for spelling in OTHER_SPELLINGS:
        address = address_from_text(spelling)
        assert (person.mail(address=address).verdict is Verdict.DELIVER) == (address == HANAKO)


# --- Not refusing is not agreeing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("basis", "act"),
    [
        pytest.param(Basis.SINGLE_OPT_IN, Act.PRETICKED, id="a-box-ticked-in-advance"),
        pytest.param(Basis.SINGLE_OPT_IN, Act.NOT_UNTICKED, id="a-box-to-untick-for-no-mail"),
        pytest.param(Basis.SINGLE_OPT_IN, Act.UNKNOWN, id="nobody-knows-what-was-done"),
        pytest.param(Basis.SINGLE_OPT_IN, None, id="nobody-stated-what-was-done"),
        pytest.param(Basis.CUSTOMER, None, id="a-past-purchase"),
        pytest.param(Basis.INQUIRY, None, id="a-question-to-the-shop"),
        pytest.param(Basis.PUBLISHED, None, id="an-address-on-a-web-page"),
        pytest.param(Basis.ASSUMED, None, id="silence"),
    ],
)
def test_not_refusing_is_not_agreeing(basis: Basis, act: Act | None) -> None:
    silent = Person().says_yes(-3, basis, act)
    assert silent.mail().verdict is Verdict.REJECT
    assert silent.mail().reasons == (Reason.BASIS_NOT_ACCEPTED,)


@pytest.mark.parametrize("profile", PROFILES)
def test_deemed_consent_counts_by_default_nowhere(tmp_path: Path, profile: str) -> None:
    text = policy_text().replace('profiles = ["jp"]', f'profiles = ["{profile}"]' if profile != "seed" else "")
    stream = written(tmp_path, text)
    assert Basis.DOUBLE_OPT_IN in stream.consent.accept <= {Basis.DOUBLE_OPT_IN, Basis.SINGLE_OPT_IN, Basis.WRITTEN}


def test_deemed_consent_counts_where_a_policy_says_so_and_then_not_for_ever(tmp_path: Path) -> None:
    text = policy_text(accept='["double-opt-in", "customer"]', customer_within='"730d"').replace('["jp"]', '["ca"]')
    stream = written(tmp_path, text)
    customer = Person().says_yes(-3, Basis.CUSTOMER).gets_mail_on(700)
    assert customer.mail(stream=stream).verdict is Verdict.DELIVER
    assert customer.mail(stream=stream, on=726).verdict is Verdict.DELIVER
    assert customer.mail(stream=stream, on=728).reasons == (Reason.BASIS_NOT_ACCEPTED,)


# --- After-the-fact opt-out must always work --------------------------------------------------------------------------


def test_opting_out_afterwards_works_at_once_for_ever_and_in_whatever_spelling() -> None:
    person = Person().ticks_the_box(-30).opts_out(0)
    for spelling in OTHER_SPELLINGS:
        for on in (0, 1, 365, 36_500):
            found = person.mail(on=on, address=address_from_text(spelling))
            assert (found.verdict, found.reasons[0]) == (Verdict.REJECT, Reason.WITHDRAWN)


def test_opting_out_afterwards_beats_every_list_that_comes_later() -> None:
    person = Person().opts_out(-30).ticks_the_box(-10).says_yes(-5, Basis.DOUBLE_OPT_IN).says_yes(-1, Basis.CUSTOMER)
    assert person.mail().reasons[0] is Reason.WITHDRAWN
    assert person.clicks_the_link(0).mail().verdict is Verdict.DELIVER  # the person's own new yes


def test_opting_out_afterwards_is_enforced_even_where_a_policy_is_only_being_tried(tmp_path: Path) -> None:
    trial = written(tmp_path, policy_text().replace('mode = "enforce"', 'mode = "shadow"'))
    person = Person().ticks_the_box(-30).opts_out(-1)
    assert person.mail(stream=trial).enforced
    assert not Person().mail(stream=trial).enforced


def test_opting_out_afterwards_takes_one_click_without_login_and_looking_changes_nothing(site: Site) -> None:
    store = TroubledStore()
    site.show(store, POLICIES)
    link = f"/u/{token_for(HANAKO)}"
    assert site.ask("GET", link).status == 200
    assert store.appended == []
    answer = site.ask("POST", link, "List-Unsubscribe=One-Click", {"content-type": "application/x-www-form-urlencoded"})
    assert answer.status == 200
    assert "location" not in answer.headers
    (event,) = store.appended
    person = Person().ticks_the_box(-30)
    person.happened.append(event)
    assert person.mail(on=365).reasons[0] is Reason.WITHDRAWN


# --- Confirmation ("thank you") mail within 24 hours of the yes --------------------------------------------------------


def test_the_confirmation_mail_leaves_within_24_hours_of_the_yes_or_an_alarm_is_raised() -> None:
    freshness = NEWSLETTER.consent.freshness
    person = Person().asks_for_the_mail(0)
    end = person.ends(Rule.CONFIRMATION_SENT_WITHIN)
    assert end.at == day(0) + timedelta(hours=24)
    assert end.reason is None  # the sender's fault is no reason to refuse the person anything
    assert not is_confirmation_late(person.facts(), freshness, day(1))
    assert is_confirmation_late(person.facts(), freshness, day(1.01))
    assert person.mail(on=1.01).verdict is Verdict.HOLD
    in_time = Person().asks_for_the_mail(0, mail_sent_at=day(0))
    assert not is_confirmation_late(in_time.facts(), freshness, day(5))
    assert forecast_of([Person().asks_for_the_mail(-2)]).late == 1


def test_the_confirmation_is_the_persons_to_click_for_a_week() -> None:
    person = Person().asks_for_the_mail(-1, mail_sent_at=day(0))
    assert person.mail(on=7).reasons == (Reason.UNCONFIRMED,)
    assert person.mail(on=7.01).reasons == (Reason.NO_CONSENT,)
    assert person.clicks_the_link(7).mail(on=7).verdict is Verdict.DELIVER


# --- First mailing within 1 week ----------------------------------------------------------------------------------------


def test_the_first_mailing_comes_within_one_week_or_the_person_is_asked_first() -> None:
    person = Person().clicks_the_link(0)
    assert person.mail(on=7).verdict is Verdict.DELIVER
    late = person.mail(on=7.01)
    assert (late.verdict, late.reasons) == (Verdict.HOLD, (Reason.FIRST_MAIL_LATE,))
    assert person.gets_mail_on(6).mail(on=300).verdict is Verdict.DELIVER


def test_the_first_mailing_that_is_late_is_never_refused_for_good() -> None:
    person = Person().clicks_the_link(-20)
    for after_data in (False, True):
        assert str(person.reply(after_data=after_data).reply).startswith("250 2.0.0 held: ")  # never a 550
    assert person.clicks_the_link(0).mail().verdict is Verdict.DELIVER


def test_the_first_mailing_is_warned_of_before_it_is_late() -> None:
    forecast = forecast_of([Person().clicks_the_link(-3)], days=7)
    assert forecast.ends[Rule.FIRST_MAIL_WITHIN] == [0, 0, 0, 0, 1, 0, 0]


def test_the_first_mailing_is_no_question_for_a_list_that_was_imported() -> None:
    assert Person().ticks_the_box(-60).mail().verdict is Verdict.DELIVER


# --- A yes of a year ago with no contact since is worth nothing: ask again ----------------------------------------------


def test_a_yes_of_a_year_ago_with_no_contact_since_is_worth_nothing_ask_again() -> None:
    person = Person().ticks_the_box(-300)
    assert person.mail(on=65).verdict is Verdict.DELIVER
    old = person.mail(on=65.01)
    assert (old.status, old.verdict, old.reasons) == (Status.STALE, Verdict.HOLD, (Reason.STALE,))
    assert str(person.reply(on=66, after_data=True).reply).startswith("250 2.0.0 held: stale: ")
    assert NEWSLETTER.hold.ask_again


def test_a_yes_of_a_year_ago_is_kept_alive_by_contact_and_made_new_by_a_new_yes() -> None:
    person = Person().ticks_the_box(-300)
    assert person.ends(Rule.STALE_AFTER).changes == (Change.CONTACT, Change.YES)
    assert Person().ticks_the_box(-300).gets_mail_on(60).mail(on=400).verdict is Verdict.DELIVER
    assert person.clicks_the_link(100).gets_mail_on(101).mail(on=400).verdict is Verdict.DELIVER


# --- Even with regular contact, ask again from time to time -------------------------------------------------------------


def test_even_with_regular_contact_ask_again_from_time_to_time() -> None:
    person = Person().ticks_the_box(0)
    for week in range(1, 105):
        assert person.mail(on=7 * week).verdict is Verdict.DELIVER
        person.gets_mail_on(7 * week)
    due = person.mail(on=731)
    assert (due.verdict, due.reasons) == (Verdict.HOLD, (Reason.RENEWAL_DUE,))
    assert person.clicks_the_link(731).mail(on=732).verdict is Verdict.DELIVER


def test_even_with_regular_contact_asking_begins_thirty_days_before() -> None:
    person = Person().ticks_the_box(0).gets_mail_on(700)
    assert person.ends(Rule.RENEW_EVERY).ask_from == day(730 - 30)
    assert ask_from(deadlines(person.facts(), NEWSLETTER.consent.freshness)) == day(700)


# --- Every mail says who sends, why, to whom, where the address came from, how to stop, privacy policy ------------------


def copy_for(person: Person) -> tuple[EmailMessage, str]:
    """What the reader gets, and the text of its first part."""
    rewriter = Rewriter(
        dkim={"news.brand.example": (Signer("news.brand.example", "s1", load_key(generate(KeyType.ED25519))),)},
        seal=partial(seal, KEYS),
        hostname="relay.brand.example",
        mail_domain="relay.brand.example",
        public_url="https://mail.brand.example",
        is_local=False,
        clock=lambda: TODAY,
    )
    sent = (
        b"From: News <news@news.brand.example>\r\nTo: hanako@example.jp\r\nSubject: Spring\r\nDate: Mon, 01 Jun 2026"
        b" 09:00:00 +0000\r\nMessage-ID: <1@news.brand.example>\r\n\r\nIt is spring.\r\n"
    )
    plan = rewriter.plan(transaction(), NEWSLETTER, index(sent), person.address)
    copy = rewriter.copy(plan, Reader(person.address, person.facts(), DECISION))
    assert isinstance(copy, Copy)
    message = message_from_bytes(copy.content, policy=policy.default)
    body = message.get_body(("plain",))
    assert body is not None
    return message, body.get_content()


def test_every_mail_says_who_sends_why_to_whom_where_the_address_came_from_how_to_stop_and_the_privacy_policy() -> None:
    sender = NEWSLETTER.sender
    assert sender is not None
    message, text = copy_for(Person().ticks_the_box(-30))
    assert text.startswith("It is spring.")
    assert sender.name["en"] in text  # who
    assert sender.postal_address["en"] in text
    assert sender.contact in text
    assert NEWSLETTER.purpose["en"] in text  # why
    assert NEWSLETTER.audience["en"] in text  # to whom
    assert FORM.form_url in text  # where the address came from
    assert "2 May 2026" in text  # and when, the day in Tokyo
    assert sender.privacy_policy in text
    (link,) = [word for word in text.split() if word.startswith("https://mail.brand.example/u/")]  # how to stop
    assert message["List-Unsubscribe"] == f"<{link}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_every_mail_says_it_in_the_readers_language() -> None:
    person = Person().says_yes(-30, Basis.SINGLE_OPT_IN, Act.TICKED)
    person.happened[0] = replace(person.happened[0], evidence=replace(FORM, language="ja"))
    _, text = copy_for(person)
    assert "ブランド株式会社" in text
    assert "プライバシー" in text


def test_every_mail_says_it_or_is_not_sent() -> None:
    facts = Person().ticks_the_box(-30).facts()
    found = decide(
        transaction(), NEWSLETTER, HANAKO, facts, TODAY, decision_id=DECISION, after_data=True, undisclosable="signed"
    )
    assert found.reasons[0] is Reason.DISCLOSURE_IMPOSSIBLE
    assert found.reply.code == 451


@pytest.mark.parametrize("missing", ["name", "postal_address", "contact", "privacy_policy"])
def test_every_mail_says_it_because_a_policy_that_leaves_it_out_does_not_load(tmp_path: Path, missing: str) -> None:
    lines = (SHIPPED / "newsletter.toml").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith(f"{missing} ="))
    with pytest.raises(ProblemsError, match=missing):
        written(tmp_path, text)


# --- A customer who says it is spam is right; complaints destroy trust --------------------------------------------------


def test_a_customer_who_says_it_is_spam_is_right() -> None:
    person = Person().clicks_the_link(-3).says_yes(-3, Basis.DOUBLE_OPT_IN, stream="offers").reports_spam(0)
    for stream in (NEWSLETTER, OFFERS):  # all commercial mail of the brand, at once
        for spelling in (*OTHER_SPELLINGS, str(HANAKO)):
            found = person.mail(stream=stream, address=address_from_text(spelling))
            assert (found.verdict, found.reasons[0]) == (Verdict.REJECT, Reason.COMPLAINED)
    assert person.mail(stream=RECEIPTS).verdict is Verdict.DELIVER  # the receipt for what they buy still comes
    other = Person().says_yes(-3, Basis.DOUBLE_OPT_IN, stream="other-news", brand="other").reports_spam(0)
    assert other.mail(stream=OTHER_BRAND).verdict is Verdict.DELIVER


def test_complaints_destroy_trust_so_a_paused_stream_sends_nothing_to_anybody() -> None:
    person = Person().clicks_the_link(-3)
    found = evaluate(NEWSLETTER, person.facts(), HANAKO, TODAY, paused=True)
    assert (found.verdict, found.reasons) == (Verdict.DEFER, (Reason.STREAM_PAUSED,))


# --- Know the rules, be able to answer a complaint ----------------------------------------------------------------------


def test_know_the_rules_and_be_able_to_answer_a_complaint() -> None:
    person = Person().ticks_the_box(-300)
    told = "\n".join(explain(NEWSLETTER, person.mail(), person.facts(), TODAY))
    assert "said yes 2025-08-05 09:00 UTC (300 days ago): basis single-opt-in, act ticked" in told
    assert FORM.form_url in told
    assert "consent.stale_after" in told
    assert "newsletter.toml:" in told  # the very line of the rule


def test_know_the_rules_each_reason_to_refuse_names_the_rule_and_where_it_stands() -> None:
    for person in (Person(), Person().ticks_the_box(-400), Person().asks_for_the_mail(-1), Person().opts_out(-1)):
        told = explain(NEWSLETTER, person.mail(), person.facts(), TODAY)
        rule = told[told.index("rule:") + 1]
        assert "from" in rule or "a no always counts" in rule


def test_know_the_rules_every_figure_of_the_articles_names_its_source_and_is_what_the_code_falls_back_on(
    tmp_path: Path,
) -> None:
    stream = written(tmp_path, policy_text().replace('profiles = ["jp"]', ""))
    for key in ("confirmation_sent_within", "first_mail_within", "stale_after", "renew_every"):
        assert "seed articles" in stream.origin(f"consent.{key}").source
    assert stream.consent.freshness == Freshness()


# --- Opt-in mail answers better and costs less --------------------------------------------------------------------------


def test_opt_in_mail_answers_better_and_costs_less_so_what_was_refused_can_be_counted_by_reason() -> None:
    refused = [Person(), Person().opts_out(-1), Person().ticks_the_box(-400), Person().reports_spam(-1)]
    decisions = [person.reply() for person in refused]
    assert [decision.reason for decision in decisions] == [
        Reason.NO_CONSENT,
        Reason.WITHDRAWN,
        Reason.STALE,
        Reason.COMPLAINED,
    ]
    assert {decision.reason for decision in decisions} <= set(PRECEDENCE)
    assert all(decision.policy == NEWSLETTER.hash for decision in decisions)


def test_opt_in_mail_answers_better_and_costs_less_so_what_runs_out_is_told_before() -> None:
    people = [Person().ticks_the_box(-360), Person().ticks_the_box(-300), Person().opts_out(-1), Person()]
    forecast = forecast_of(people, days=30)
    assert (forecast.counting, forecast.barred) == (2, 1)
    assert forecast.total(Rule.STALE_AFTER) == 1
    assert forecast.ends[Rule.STALE_AFTER][5] == 1
    assert forecast.today == date(2026, 6, 1)


#: The statements, each with the words that its tests begin with.
STATEMENTS = {
    "Opt-in: mail only after a clear, active yes": "opt_in_",
    "Not refusing is not agreeing (pre-ticked box, box to untick, past purchase)": "not_refusing_is_not_agreeing",
    "Deemed consent counts only where a policy says so": "deemed_consent_",
    "After-the-fact opt-out must always work": "opting_out_afterwards_",
    'Confirmation ("thank you") mail within 24 hours of the yes': "the_confirmation_",
    "First mailing within 1 week": "the_first_mailing_",
    "A yes of a year ago with no contact since is worth nothing: ask again": "a_yes_of_a_year_ago_",
    "Even with regular contact, ask again from time to time": "even_with_regular_contact_",
    "Every mail says who sends, why, to whom, where the address came from, how to stop, privacy policy": "every_mail_",
    "A customer who says it is spam is right": "a_customer_who_says_it_is_spam_is_right",
    "Complaints destroy trust": "complaints_destroy_trust_",
    "Know the rules, be able to answer a complaint": "know_the_rules_",
    "Opt-in mail answers better and costs less": "opt_in_mail_answers_better_and_costs_less_",
}


def test_every_statement_has_its_tests_and_every_test_its_statement() -> None:
    names = [name.removeprefix("test_") for name in globals() if name.startswith("test_")]
    names.remove("every_statement_has_its_tests_and_every_test_its_statement")
    for statement, words in STATEMENTS.items():
        assert any(name.startswith(words) for name in names), statement
    assert all(name.startswith(tuple(STATEMENTS.values())) for name in names)
