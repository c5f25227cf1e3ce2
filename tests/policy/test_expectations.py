from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from relay.consent.events import Act, Basis
from relay.policy.expectations import evaluate_given, facts_given, failures
from relay.policy.files import load_policies
from relay.policy.model import Given, Policies, Stream
from relay.reason import Reason

Load = Callable[..., Policies]
SHIPPED = load_policies(Path(__file__).parents[2] / "policies").streams
DAY = timedelta(days=1)


@pytest.mark.parametrize("stream", SHIPPED, ids=lambda stream: stream.id)
def test_the_shipped_policies_keep_their_own_expectations(stream: Stream, now: datetime) -> None:
    assert stream.expects
    assert failures(stream, now) == ()


def test_an_expectation_that_does_not_come_true_is_told_with_its_place(
    load: Load, newsletter_text: str, now: datetime
) -> None:
    text = newsletter_text + (
        '[[expect]]\ngiven = { basis = "written", granted = "400d ago" }\nverdict = "deliver"\nnote = "still fresh"\n'
        '[[expect]]\ngiven = {}\nverdict = "reject"\nreason = "withdrawn"\n'
        '[[expect]]\ngiven = {}\nverdict = "reject"\nreasons = ["no-consent", "stream-paused"]\n'
    )
    stream = load(newsletter=text).streams[0]

    assert [str(failure).removeprefix(stream.file) for failure in failures(stream, now)] == [
        ":20: expect (still fresh): is hold stale, expected deliver",
        ":24: expect: is reject no-consent, expected reject withdrawn",
        ":28: expect: is reject no-consent, expected reject no-consent stream-paused",
    ]


@pytest.mark.parametrize(
    ("given", "reasons"),
    [
        (Given(), (Reason.NO_CONSENT,)),
        (Given(basis=Basis.DOUBLE_OPT_IN, granted=DAY), (Reason.CONFIRMED,)),
        (Given(basis=Basis.DOUBLE_OPT_IN, confirmed=DAY), (Reason.CONFIRMED,)),
        (Given(basis=Basis.DOUBLE_OPT_IN, granted=400 * DAY, confirmed=DAY), (Reason.CONFIRMED,)),
        (Given(basis=Basis.SINGLE_OPT_IN, act=Act.TICKED, granted=DAY), (Reason.CONFIRMED,)),
        (Given(basis=Basis.SINGLE_OPT_IN, act=Act.NOT_UNTICKED, granted=DAY), (Reason.BASIS_NOT_ACCEPTED,)),
        (Given(basis=Basis.SINGLE_OPT_IN, granted=DAY), (Reason.BASIS_NOT_ACCEPTED,)),
        (Given(requested=DAY), (Reason.UNCONFIRMED,)),
        (Given(requested=8 * DAY), (Reason.NO_CONSENT,)),
        (Given(basis=Basis.WRITTEN, granted=800 * DAY, last_contact=DAY), (Reason.RENEWAL_DUE,)),
        (Given(basis=Basis.WRITTEN, granted=800 * DAY, renewed=DAY), (Reason.CONFIRMED,)),
        (Given(basis=Basis.WRITTEN, granted=8 * DAY, live=True), (Reason.FIRST_MAIL_LATE,)),
        (Given(basis=Basis.WRITTEN, granted=DAY, withdrawn=2 * DAY), (Reason.WITHDRAWN, Reason.NO_CONSENT)),
        (Given(withdrawn=DAY, withdrawn_brand=True), (Reason.WITHDRAWN, Reason.NO_CONSENT)),
        (Given(complained=DAY), (Reason.COMPLAINED, Reason.NO_CONSENT)),
        (Given(undeliverable=DAY), (Reason.UNDELIVERABLE, Reason.NO_CONSENT)),
        (Given(basis=Basis.WRITTEN, granted=DAY, paused=True), (Reason.STREAM_PAUSED,)),
        (Given(address="test@brand.example"), (Reason.INTERNAL,)),
    ],
)
def test_given_facts_are_what_the_ledger_would_say(
    load: Load, newsletter_text: str, now: datetime, given: Given, reasons: tuple[Reason, ...]
) -> None:
    stream = load(newsletter=newsletter_text + '[[internal]]\naddress = "*@brand.example"\n').streams[0]

    assert evaluate_given(stream, given, now).reasons == reasons


def test_the_scope_of_a_withdrawal_is_kept(newsletter: Stream, now: datetime) -> None:
    assert facts_given(newsletter, Given(withdrawn=DAY), now).withdrawn_from == "newsletter"
    assert facts_given(newsletter, Given(withdrawn=DAY, withdrawn_brand=True), now).withdrawn_from == ""
