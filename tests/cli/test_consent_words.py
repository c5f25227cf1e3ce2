from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from relay.address import Address
from relay.cli.consent_words import Standing, standing_of, timeline, what_became_of
from relay.consent.events import Act, Basis, Event, EventKind, Evidence
from relay.consent.facts import Facts, Yes
from relay.consent.marks import Mark, State
from relay.policy.files import load_policies
from relay.policy.model import Mode, Stream

ANN = Address("ann", "example.com")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
YES = Yes(Basis.DOUBLE_OPT_IN, Act.CLICKED, NOW, "form", live=True)


@pytest.fixture(scope="module")
def newsletter() -> Stream:
    return load_policies(Path(__file__).parents[2] / "policies").by_id["newsletter"]


def event(kind: EventKind, **more: Any) -> Event:
    fields: dict[str, Any] = {"stream": "newsletter", "at": NOW, "live": True} | more
    return Event(
        id="1", address=ANN, kind=kind, brand="brand", recorded_at=NOW, source="form", recorder="web", **fields
    )


def sentence(kind: EventKind, **more: Any) -> str:
    (line,) = timeline([event(kind, **more)], ANN)
    return line.removeprefix("2026-03-01 12:00 UTC  ")


def test_every_kind_of_event_has_its_words() -> None:
    yeses = (EventKind.GRANT, EventKind.CONFIRM, EventKind.RENEW)
    told = {sentence(kind, basis=Basis.DOUBLE_OPT_IN if kind in yeses else None) for kind in EventKind}
    assert len(told) == len(EventKind)


def test_an_act_that_the_basis_implies_is_told_as_such() -> None:
    confirmed = sentence(EventKind.CONFIRM, basis=Basis.DOUBLE_OPT_IN)
    assert confirmed == "confirmed for newsletter (double opt-in, hence clicked) - form"


def test_evidence_is_shown() -> None:
    evidence = Evidence(form_url="https://brand.example/f", ip="192.0.2.1", language="ja")
    told = sentence(EventKind.GRANT, basis=Basis.WRITTEN, act=Act.SIGNED, confirmed_at=NOW, evidence=evidence)
    assert told == (
        "said yes for newsletter (in writing, signed) and clicked the confirmation at 2026-03-01 12:00 UTC - form "
        "[form https://brand.example/f] [IP 192.0.2.1] [language ja]"
    )


def test_the_timeline_is_in_the_order_of_the_acts() -> None:
    later = event(EventKind.WITHDRAW)
    earlier = event(EventKind.REQUEST, at=datetime(2026, 1, 1, tzinfo=UTC))
    assert [line[:10] for line in timeline([later, earlier], ANN)] == ["2026-01-01", "2026-03-01"]


def test_a_standing_says_whether_mail_goes_out_and_why(newsletter: Stream) -> None:
    assert str(standing_of(newsletter, ANN, Facts(yes=YES), NOW)) == "newsletter: confirmed, gets mail (confirmed)"
    refused = str(standing_of(newsletter, ANN, Facts(), NOW))
    assert refused.startswith("newsletter: none, gets no mail (reject, no-consent): ")


def test_shadow_mode_lets_everything_pass_and_says_so(newsletter: Stream) -> None:
    from dataclasses import replace

    shadow = standing_of(replace(newsletter, mode=Mode.SHADOW), ANN, Facts(), NOW)
    assert shadow.gets_mail
    assert str(shadow) == "newsletter: none, gets mail (shadow mode; would be: reject, no-consent)"


def test_a_stream_without_a_policy_sends_nothing() -> None:
    assert not Standing("old", Facts(yes=YES), None).gets_mail


def test_what_became_of_an_event_stands_behind_it() -> None:
    told = event(EventKind.WITHDRAW)
    later = event(EventKind.GRANT, basis=Basis.DOUBLE_OPT_IN)
    (line,) = timeline([told], ANN, {told.id: Mark(told, State.LIFTED, (later,))})
    assert line.endswith("withdrew from newsletter - form -> lifted by the yes of 2026-03-01")


def test_every_state_has_its_words() -> None:
    yes, no = event(EventKind.GRANT, basis=Basis.DOUBLE_OPT_IN), event(EventKind.WITHDRAW, stream="")
    request, dead = event(EventKind.REQUEST), event(EventKind.UNDELIVERABLE)
    assert {
        (mark.event.kind.value, mark.state.value): what_became_of(mark)
        for mark in (
            Mark(yes, State.COUNTS),
            Mark(yes, State.RENEWS),
            Mark(yes, State.SUPERSEDED, (yes,)),
            Mark(yes, State.BEATEN, (no,)),
            Mark(no, State.COUNTS, (yes,)),
            Mark(no, State.OUT_OF_SCOPE),
            Mark(request, State.COUNTS),
            Mark(request, State.ANSWERED, (yes,)),
            Mark(dead, State.COUNTS),
            Mark(dead, State.CLEARED, (event(EventKind.DELIVERABLE),)),
            Mark(event(EventKind.DELIVERABLE), State.IDLE),
        )
    } == {
        ("grant", "counts"): "counts",
        ("grant", "renews"): "renews it",
        ("grant", "superseded"): "superseded by the yes of 2026-03-01",
        ("grant", "beaten"): "beaten by the no of 2026-03-01",
        ("withdraw", "counts"): "stands; lifted for ann@example.com in newsletter by the yes of 2026-03-01",
        ("withdraw", "out-of-scope"): "",
        ("request", "counts"): "open",
        ("request", "answered"): "answered by the yes of 2026-03-01",
        ("undeliverable", "counts"): "stands",
        ("undeliverable", "cleared"): "cleared by the word of an operator of 2026-03-01",
        ("deliverable", "idle"): "there was nothing to clear",
    }


def test_what_is_said_of_a_mailbox_is_not_said_of_streams() -> None:
    assert (
        sentence(EventKind.UNDELIVERABLE, stream="")
        == "mail was permanently refused for all commercial mail of brand - form"
    )
    assert sentence(EventKind.DELIVERABLE, stream="") == "mailbox works again for all commercial mail of brand - form"


def test_words_that_were_shown_are_named_by_the_beginning_of_their_hash() -> None:
    told = sentence(EventKind.GRANT, basis=Basis.WRITTEN, evidence=Evidence(wording="ab" * 32))
    assert told.endswith("[words abababababab]")
