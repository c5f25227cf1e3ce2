"""What the two articles demand to be told: to readers, to who complains, and to who sends. See test_articles.py."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from pathlib import Path

import pytest
from policy.people import (
    DECISION,
    FORM,
    HANAKO,
    NEWSLETTER,
    SHIPPED,
    TODAY,
    Person,
    forecast_of,
    policy_text,
    transaction,
    written,
)
from web.serving import KEYS

from relay.config.toml import ProblemsError
from relay.consent.events import Act, Basis
from relay.consent.facts import Freshness
from relay.consent.freshness import Rule
from relay.message.compose import Copy
from relay.message.dkim import KeyType, Signer, generate, load_key
from relay.message.index import index
from relay.policy.decide import decide
from relay.policy.explain import explain
from relay.reason import PRECEDENCE, Reason
from relay.rewriting import Reader, Rewriter
from relay.tokens import seal

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
