"""What the two articles demand of time: how long a yes counts, and when to ask again. See test_articles.py."""

from __future__ import annotations

from datetime import timedelta

from policy.people import (
    NEWSLETTER,
    Person,
    day,
    forecast_of,
)

from relay.consent.facts import Status
from relay.consent.freshness import Change, Rule, ask_from, deadlines, is_confirmation_late
from relay.reason import Reason, Verdict

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
