from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from relay.address import Address
from relay.consent.events import Act, Basis
from relay.consent.facts import Facts, Status, Yes
from relay.consent.freshness import Rule
from relay.policy.endings import Ending, Remedy, endings, remedies
from relay.policy.evaluate import evaluate
from relay.policy.model import Policies, Stream
from relay.reason import Reason, Verdict

NOW: Final = datetime(2026, 6, 1, 12, tzinfo=UTC)
TARO: Final = Address("taro", "example.com")
Load = Callable[..., Policies]


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def yes(days: float = 30, basis: Basis = Basis.DOUBLE_OPT_IN, act: Act = Act.CLICKED, **more: Any) -> Yes:
    return Yes(basis, act, ago(days), "form", **{"live": False, **more})


def ends(stream: Stream, facts: Facts) -> tuple[Ending, ...]:
    return endings(stream, evaluate(stream, facts, TARO, NOW), facts, NOW)


def mends(stream: Stream, facts: Facts) -> tuple[Remedy, ...]:
    return remedies(stream, evaluate(stream, facts, TARO, NOW), facts, TARO)


def test_a_yes_that_counts_runs_out_by_the_rules_of_the_policy_the_earliest_first(
    load: Load, newsletter_text: str
) -> None:
    stream = load(newsletter=newsletter_text + '[consent]\nstale_after = "365d"\nrenew_every = "400d"\n').streams[0]
    stale, renewal = ends(stream, Facts(yes=yes(30), last_contact_at=ago(10)))
    assert str(stale) == (
        f'2027-05-22 (stale_after = "365d", {stream.file}:21) '
        "unless mail of this stream is delivered or the person says yes anew"
    )
    assert (stale.reason, stale.verdict, stale.since) == (Reason.STALE, Verdict.HOLD, ago(10))
    assert stale.ask_from == ago(10) + timedelta(days=335)
    assert str(renewal) == f'2027-06-06 (renew_every = "400d", {stream.file}:22) unless the person says yes anew'


def test_a_live_yes_without_mail_ends_first_by_the_time_for_the_first_mail(newsletter: Stream) -> None:
    first, *_ = ends(newsletter, Facts(yes=yes(1, live=True)))
    assert (first.reason, first.at) == (Reason.FIRST_MAIL_LATE, ago(1) + timedelta(days=7))
    assert first.ask_from is None


def test_what_was_asked_and_not_answered_ends_with_the_time_for_the_answer(newsletter: Stream) -> None:
    facts = Facts(requested_at=ago(2), mail_sent_at=ago(1))
    (end,) = ends(newsletter, facts)
    assert (end.reason, end.at) == (Reason.NO_CONSENT, ago(1) + timedelta(days=7))
    assert end.unless == ("the person clicks the link", "the person says yes anew")


def test_a_migration_ends_on_its_day(load: Load, newsletter_text: str) -> None:
    text = (
        newsletter_text + '[message]\ntimezone = "Asia/Tokyo"\n[migration]\naccept = ["assumed"]\nuntil = 2026-07-31\n'
    )
    stream = load(newsletter=text).streams[0]
    facts = Facts(yes=yes(100, Basis.ASSUMED, Act.UNKNOWN))
    first, *_ = ends(stream, facts)
    assert (first.key, first.value, first.at.date().isoformat()) == ("migration.until", "2026-07-31", "2026-07-31")
    assert (first.reason, first.verdict) == (Reason.BASIS_NOT_ACCEPTED, Verdict.REJECT)
    assert str(first).startswith("2026-07-31 (migration.until = 2026-07-31, ")
    assert first.ask_from is not None
    assert first.ask_from < NOW, "asking is what the time is for, as the forecast says"
    assert ends(stream, facts) == (first,), "what would end later does not matter any more"
    stale, last = ends(stream, Facts(yes=yes(340, Basis.ASSUMED, Act.UNKNOWN)))
    assert (stale.reason, last.key) == (Reason.STALE, "migration.until"), "what ends before it does"


@pytest.mark.parametrize(
    "facts",
    [
        Facts(),
        Facts(withdrawn_at=ago(1)),
        Facts(complained_at=ago(1)),
        Facts(undeliverable_at=ago(1), yes=yes()),
        Facts(yes=yes(400)),
        Facts(yes=yes(10, Basis.ASSUMED, Act.UNKNOWN)),
    ],
)
def test_a_refusal_never_ends_by_itself(newsletter: Stream, facts: Facts) -> None:
    assert ends(newsletter, facts) == ()


def test_mail_that_needs_no_consent_never_ends(receipts: Stream) -> None:
    assert ends(receipts, Facts(yes=yes())) == ()


def test_only_the_persons_own_new_yes_lifts_a_no(newsletter: Stream) -> None:
    for facts in (Facts(withdrawn_at=ago(1)), Facts(complained_at=ago(1))):
        (only,) = mends(newsletter, facts)
        assert only.act.startswith("only the person's own new yes, said after 2026-05-31 12:00 UTC; no import")
        assert only.command.endswith("--after-withdrawal")


def test_a_dead_mailbox_is_cleared_by_an_operator_or_a_new_yes(newsletter: Stream) -> None:
    first, second = mends(newsletter, Facts(yes=yes(), undeliverable_at=ago(1)))
    assert first.command == "consent-relay consent deliverable taro@example.com --source HOW_YOU_KNOW"
    assert "--after-withdrawal" not in second.command


def test_a_yes_whose_act_was_not_recorded_may_be_recorded_with_it(newsletter: Stream) -> None:
    first, *others = mends(newsletter, Facts(yes=yes(10, Basis.ASSUMED, Act.UNKNOWN)))
    assert "--at 2026-05-22T12:00:00+00:00" in first.command
    assert "consent.accept" in others[-1].act


def test_an_old_yes_is_mended_by_a_new_one_or_the_named_line_of_the_policy(load: Load, newsletter_text: str) -> None:
    stream = load(newsletter=newsletter_text + '[consent]\nstale_after = "300d"\n').streams[0]
    first, second = mends(stream, Facts(yes=yes(350)))
    assert first.act == "the person says yes anew"
    assert f'consent.stale_after = "300d" ({stream.file}:21)' in second.act


def test_who_gets_mail_can_be_taken_off_by_a_command(newsletter: Stream, receipts: Stream) -> None:
    for stream in (newsletter, receipts):
        (only,) = mends(stream, Facts(yes=yes()))
        stop = f"consent-relay consent withdraw taro@example.com --stream {stream.id} --source HOW_YOU_KNOW"
        assert only.command == stop


def test_shadow_mode_is_said_first(load: Load, newsletter_text: str) -> None:
    shadow = load(newsletter=newsletter_text.replace('kind = "comm', 'mode = "shadow"\nkind = "comm')).streams[0]
    assert mends(shadow, Facts())[0].act.startswith("mail passes all the same, because the policy is only tried out")


def test_every_status_of_a_commercial_stream_has_something_that_would_change_it(newsletter: Stream) -> None:
    for facts in (
        Facts(),
        Facts(requested_at=ago(1)),
        Facts(yes=yes()),
        Facts(yes=yes(400)),
        Facts(yes=yes(800), last_contact_at=ago(1)),
        Facts(yes=yes(9, live=True)),
        Facts(yes=yes(10, Basis.CUSTOMER, Act.UNKNOWN)),
        Facts(withdrawn_at=ago(1)),
        Facts(complained_at=ago(1)),
        Facts(undeliverable_at=ago(1)),
    ):
        assert mends(newsletter, facts), facts


def test_addresses_are_quoted_for_the_shell(newsletter: Stream) -> None:
    odd = Address("o'neill", "example.com")
    found = remedies(newsletter, evaluate(newsletter, Facts(yes=yes()), odd, NOW), Facts(yes=yes()), odd)
    assert "'o'\"'\"'neill@example.com'" in found[0].command


def test_nobody_is_asked_where_the_policy_does_not_ask_again(newsletter: Stream) -> None:
    silent = replace(newsletter, hold=replace(newsletter.hold, ask_again=False))
    assert all(end.ask_from is None for end in ends(silent, Facts(yes=yes())))


def test_a_yes_that_was_asked_about_twice_ends_with_the_time_to_answer(newsletter: Stream) -> None:
    for asked, expected in ((1, []), (2, [Rule.CONFIRM_WITHIN])):
        facts = Facts(yes=yes(400), asked=asked, asked_at=NOW - timedelta(days=1))
        evaluation = evaluate(newsletter, facts, TARO, NOW)
        assert evaluation.reasons[0] is Reason.STALE
        found = endings(newsletter, evaluation, facts, NOW)
        assert [one.key for one in found] == expected
        assert [one.reason for one in found] == [Reason.NO_CONSENT][: len(expected)]
    later = NOW + timedelta(days=7)
    over = evaluate(newsletter, facts, TARO, later)
    assert (over.status, over.reasons[0], over.verdict) == (Status.NONE, Reason.NO_CONSENT, Verdict.REJECT)
    (remedy,) = remedies(newsletter, over, facts, TARO)
    assert "asked 2 times and asks no more" in remedy.act
