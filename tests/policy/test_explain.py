from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from relay.address import Address
from relay.consent.events import Act, Basis
from relay.consent.facts import NOTHING_KNOWN, Facts, Yes
from relay.policy.evaluate import evaluate
from relay.policy.explain import explain, rules_behind
from relay.policy.migration import migration_until
from relay.policy.model import Mode, Policies, Stream
from relay.reason import Reason

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
TARO = Address("taro", "example.com")
OLD_YES = Yes(Basis.DOUBLE_OPT_IN, Act.CLICKED, NOW - timedelta(days=400), "import old.csv:7", live=False)
Load = Callable[..., Policies]


def words(stream: Stream, facts: Facts, language: str = "en") -> list[str]:
    found = evaluate(stream, facts, TARO, NOW)
    return [line.replace(stream.file, "FILE") for line in explain(stream, found, facts, NOW, language)]


def test_a_decision_is_told_with_its_facts_and_the_line_of_its_rule(load: Load, newsletter_text: str) -> None:
    text = newsletter_text + '[consent]\nstale_after = "365d"\n[verdict]\nstale = "defer"\n'
    stream = load(newsletter=text).streams[0]

    assert words(stream, Facts(yes=OLD_YES, last_contact_at=NOW - timedelta(days=390))) == [
        "stream: newsletter (Product news), kind commercial, brand brand, FILE:3",
        "decision: defer: mail is refused for now (451); in one message with others it waits here and is decided anew",
        "reason: stale: The time since the yes or the last mail is longer than consent.stale_after.",
        "status: stale",
        "facts:",
        (
            "  said yes 2025-04-27 12:00 UTC (400 days ago): basis double-opt-in, act clicked, imported or renewed, "
            "source import old.csv:7"
        ),
        "  last mail of this stream 2025-05-07 12:00 UTC (390 days ago)",
        "rule:",
        '  consent.stale_after = "365d", from FILE:21',
        '  verdict.stale = "defer", from FILE:23',
        "what to do: The relay asks the person where hold.ask_again is true, or you ask; a new yes lets go what is held.",
    ]


def test_a_default_is_told_with_the_source_of_its_figure(newsletter: Stream) -> None:
    rule = next(line for line in words(newsletter, Facts(yes=OLD_YES)) if "stale_after =" in line)

    assert "seed.toml:" in rule
    assert "a yes of a year ago" in rule


@pytest.mark.parametrize(
    ("hold", "told"),
    [
        (
            "",
            (
                "the relay asks the person, and the mail waits 14d from that day (hold.for, the built-in default); "
                "without a yes it is in the daily report"
            ),
        ),
        (
            '[hold]\nfor = "10d"\nask_again = false\nexpired = "dsn"\n',
            "waits 10d; the relay does not ask this person (hold.for, FILE:21); without a yes the sender gets a notice",
        ),
    ],
)
def test_of_mail_that_is_held_is_told_for_what_it_waits_how_long_and_what_then(
    load: Load, newsletter_text: str, hold: str, told: str
) -> None:
    stream = load(newsletter=newsletter_text + hold).streams[0]
    lines = words(stream, Facts(yes=OLD_YES))
    assert lines[1] == "decision: hold: mail is held here for the person's yes, and nothing is sent meanwhile"
    assert lines[2] == f"  held mail: {told}"


def test_nothing_known_is_said_in_words(newsletter: Stream) -> None:
    lines = words(newsletter, NOTHING_KNOWN, "ja")

    assert "(新商品のお知らせ)" in lines[0]
    assert "  nothing is known of this address in this stream" in lines
    assert '  verdict.no-consent = "reject", from the built-in default' in lines


def test_shadow_mode_is_told_where_it_lets_mail_pass(newsletter: Stream) -> None:
    shadow = replace(newsletter, mode=Mode.SHADOW)

    assert any("not enforced" in line for line in words(shadow, NOTHING_KNOWN))
    withdrawn = words(shadow, Facts(withdrawn_at=NOW, withdrawn_from="newsletter"))
    assert not any("not enforced" in line for line in withdrawn)
    assert "  a no is enforced in shadow mode, too" in withdrawn


def test_a_no_is_told_with_its_scope(newsletter: Stream) -> None:
    of_stream = Facts(withdrawn_at=NOW - timedelta(hours=2), withdrawn_from="newsletter")
    of_brand = replace(of_stream, withdrawn_from="", complained_at=NOW)

    assert '  said no to "newsletter" 2026-06-01 10:00 UTC (2 hours ago)' in words(newsletter, of_stream)
    lines = words(newsletter, of_brand)
    assert "  said no to all commercial mail of brand 2026-06-01 10:00 UTC (2 hours ago)" in lines
    assert "  reported mail as spam 2026-06-01 12:00 UTC (just now)" in lines
    assert any(line.startswith("  also: withdrawn: ") for line in lines)


@pytest.mark.parametrize(
    ("facts", "reason", "key"),
    [
        (Facts(requested_at=NOW), Reason.UNCONFIRMED, "consent.confirm_within"),
        (Facts(yes=replace(OLD_YES, basis=Basis.ASSUMED)), Reason.BASIS_NOT_ACCEPTED, "consent.accept"),
        (Facts(yes=replace(OLD_YES, at=NOW)), Reason.CONFIRMED, "consent.accept"),
        (Facts(yes=replace(OLD_YES, basis=Basis.PUBLISHED, at=NOW)), Reason.MIGRATION, "migration.accept"),
        (
            Facts(yes=replace(OLD_YES, at=NOW - timedelta(days=800)), last_contact_at=NOW),
            Reason.RENEWAL_DUE,
            "consent.renew_every",
        ),
        (
            Facts(yes=replace(OLD_YES, at=NOW - timedelta(days=9), live=True)),
            Reason.FIRST_MAIL_LATE,
            "consent.first_mail_within",
        ),
    ],
)
def test_each_reason_names_the_key_behind_it(newsletter: Stream, facts: Facts, reason: Reason, key: str) -> None:
    moving = replace(newsletter, migration=migration_until([Basis.PUBLISHED], NOW.date(), "UTC"))
    found = evaluate(moving, facts, TARO, NOW)

    assert found.reasons[0] is reason
    assert rules_behind(moving, found, facts, NOW)[0].key == key


def test_mail_of_an_old_list_names_the_last_day_and_afterwards_that_it_is_over(newsletter: Stream) -> None:
    facts = Facts(yes=replace(OLD_YES, basis=Basis.PUBLISHED, at=NOW))
    moving = replace(newsletter, migration=migration_until([Basis.PUBLISHED], NOW.date(), "UTC"))
    over = replace(newsletter, migration=migration_until([Basis.PUBLISHED], NOW.date() - timedelta(days=1), "UTC"))

    assert "  migration.until = 2026-06-01, " in "\n".join(words(moving, facts))
    assert "  migration.until = 2026-05-31, which is over, " in "\n".join(words(over, facts))
    assert "migration" not in "\n".join(words(over, Facts(yes=replace(OLD_YES, basis=Basis.ASSUMED, at=NOW))))


def test_a_lapsed_customer_names_the_limit_that_ran_out(newsletter: Stream) -> None:
    fresh = replace(newsletter.consent.freshness, customer_within=timedelta(days=365))
    rules = replace(newsletter.consent, accept=frozenset({Basis.CUSTOMER}), freshness=fresh)
    stream = replace(newsletter, consent=rules)
    facts = Facts(yes=replace(OLD_YES, basis=Basis.CUSTOMER))

    assert '  consent.customer_within = "365d", ' in "\n".join(words(stream, facts))


def test_other_kinds_internal_addresses_and_pauses_name_their_rule(newsletter: Stream, receipts: Stream) -> None:
    assert any('stream.kind = "transactional", from FILE:6' in line for line in words(receipts, NOTHING_KNOWN))
    internal = replace(newsletter, internal=("*@example.com",))
    assert any("internal = [*@example.com]" in line for line in words(internal, NOTHING_KNOWN))
    paused = evaluate(receipts, NOTHING_KNOWN, TARO, NOW, paused=True)
    assert str(rules_behind(receipts, paused, NOTHING_KNOWN, NOW)[0]) == "a paused stream sends nothing"


def test_who_was_asked_twice_without_an_answer_is_explained_by_the_time_to_answer(newsletter: Stream) -> None:
    silent = Facts(yes=OLD_YES, asked=2, asked_at=NOW - timedelta(days=8))
    told = "\n".join(words(newsletter, silent))
    assert "reason: no-consent" in told
    assert "the relay has asked for a new yes 2 times, the last time" in told
    assert 'consent.confirm_within = "7d"' in told
