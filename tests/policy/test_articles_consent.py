"""What the two articles demand of a yes and of a no: who may get mail at all. See test_articles.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from policy.people import (
    HANAKO,
    NEWSLETTER,
    OFFERS,
    OTHER_BRAND,
    OTHER_SPELLINGS,
    POLICIES,
    PROFILES,
    RECEIPTS,
    TODAY,
    Person,
    policy_text,
    written,
)
from web.serving import Site, TroubledStore, running_site, token_for

from relay.address import address_from_text
from relay.consent.events import Act, Basis
from relay.consent.facts import Status
from relay.policy.evaluate import evaluate
from relay.reason import Reason, Verdict


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
