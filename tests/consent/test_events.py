from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from relay.address import address_from_text
from relay.consent.events import Act, Basis, Event, EventKind, Evidence

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def event(kind: EventKind = EventKind.GRANT, **more: Any) -> Event:
    fields: dict[str, Any] = {
        "id": "01J0000000000000000000000A",
        "address": address_from_text("ann@example.com"),
        "brand": "brand",
        "stream": "newsletter",
        "at": NOW,
        "recorded_at": NOW,
        "source": "test",
        "recorder": "test",
    }
    return Event(kind=kind, **(fields | more))


YES: dict[str, Any] = {"basis": Basis.DOUBLE_OPT_IN}


def ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


@pytest.mark.parametrize("name", ["at", "confirmed_at", "mail_sent_at", "last_contact_at"])
def test_an_act_cannot_lie_after_its_recording(name: str) -> None:
    with pytest.raises(ValueError, match="after its recording"):
        event(**(YES | {name: NOW + timedelta(seconds=1)}))


@pytest.mark.parametrize("name", ["at", "recorded_at", "confirmed_at", "mail_sent_at", "last_contact_at"])
def test_times_are_in_utc(name: str) -> None:
    for moment in (NOW.astimezone(timezone(timedelta(hours=9))), NOW.replace(tzinfo=None)):
        with pytest.raises(ValueError, match="UTC"):
            event(**(YES | {name: moment}))


@pytest.mark.parametrize("kind", [EventKind.GRANT, EventKind.CONFIRM, EventKind.RENEW])
def test_a_yes_names_its_basis_its_stream_and_its_brand(kind: EventKind) -> None:
    assert event(kind, **YES).says_yes
    with pytest.raises(ValueError, match="names its basis"):
        event(kind)
    with pytest.raises(ValueError, match="names its stream"):
        event(kind, **YES, stream="")
    with pytest.raises(ValueError, match="names the brand"):
        event(kind, **YES, brand="")


def test_a_request_names_its_stream_and_its_brand() -> None:
    with pytest.raises(ValueError, match="a request names its stream"):
        event(EventKind.REQUEST, stream="")
    with pytest.raises(ValueError, match="a request names the brand"):
        event(EventKind.REQUEST, brand="")


NOT_YES = [kind for kind in EventKind if kind not in (EventKind.GRANT, EventKind.CONFIRM, EventKind.RENEW)]


@pytest.mark.parametrize("kind", NOT_YES)
def test_only_a_yes_has_a_basis_a_click_and_a_last_contact(kind: EventKind) -> None:
    with pytest.raises(ValueError, match="only a yes has one"):
        event(kind, **YES)
    with pytest.raises(ValueError, match="only a grant has confirmed_at"):
        event(kind, confirmed_at=NOW)
    with pytest.raises(ValueError, match="only a yes does"):
        event(kind, last_contact_at=NOW)


@pytest.mark.parametrize("kind", [kind for kind in NOT_YES if kind is not EventKind.REQUEST])
def test_only_a_request_or_a_yes_has_an_act_and_a_mail_that_asks(kind: EventKind) -> None:
    with pytest.raises(ValueError, match="has no act"):
        event(kind, act=Act.CLICKED)
    with pytest.raises(ValueError, match="has no mail_sent_at"):
        event(kind, mail_sent_at=NOW)


@pytest.mark.parametrize("kind", [kind for kind in NOT_YES if kind is not EventKind.REQUEST])
def test_a_no_may_be_for_everything(kind: EventKind) -> None:
    assert event(kind, stream="", brand="").stream == ""


def test_a_request_tells_what_was_done_and_when_its_mail_left() -> None:
    asked = event(EventKind.REQUEST, at=ago(2), act=Act.TYPED, mail_sent_at=ago(1))
    assert (asked.act, asked.mail_sent_at) == (Act.TYPED, ago(1))
    with pytest.raises(ValueError, match="before at"):
        event(EventKind.REQUEST, at=ago(1), mail_sent_at=ago(2))


def test_a_double_opt_in_is_asked_sent_and_clicked_in_this_order() -> None:
    whole = event(**YES, at=ago(3), mail_sent_at=ago(2), confirmed_at=ago(1))
    assert whole.confirmed_at == ago(1)
    with pytest.raises(ValueError, match="not asked yet"):
        event(**YES, at=ago(1), confirmed_at=ago(2))
    with pytest.raises(ValueError, match="before it was sent"):
        event(**YES, at=ago(3), mail_sent_at=ago(1), confirmed_at=ago(2))
    assert event(**YES, at=None, mail_sent_at=ago(2), confirmed_at=ago(1)).at is None


@pytest.mark.parametrize("kind", [EventKind.CONFIRM, EventKind.RENEW])
def test_only_a_grant_has_its_click_and_its_mail_beside_it(kind: EventKind) -> None:
    with pytest.raises(ValueError, match="at its own time"):
        event(kind, **YES, confirmed_at=NOW)
    with pytest.raises(ValueError, match="mail_sent_at belongs"):
        event(kind, **YES, mail_sent_at=NOW)


@pytest.mark.parametrize("basis", Basis)
def test_what_nobody_opted_into_is_not_confirmed_by_a_click(basis: Basis) -> None:
    if not basis.is_by_act:
        with pytest.raises(ValueError, match="nobody confirms"):
            event(basis=basis, confirmed_at=NOW)
    if basis is not Basis.DOUBLE_OPT_IN:
        with pytest.raises(ValueError, match="mail_sent_at belongs"):
            event(basis=basis, mail_sent_at=NOW)
        with pytest.raises(ValueError, match="click of a double opt-in"):
            event(EventKind.CONFIRM, basis=basis)


@pytest.mark.parametrize("act", Act)
def test_a_confirmation_is_an_active_act(act: Act) -> None:
    if act.is_active:
        assert event(EventKind.CONFIRM, **YES, act=act).act is act
    else:
        with pytest.raises(ValueError, match="an act of the person"):
            event(EventKind.CONFIRM, **YES, act=act)


@pytest.mark.parametrize("kind", [EventKind.UNDELIVERABLE, EventKind.DELIVERABLE])
def test_what_is_said_of_a_mailbox_is_nobodys_own_act(kind: EventKind) -> None:
    with pytest.raises(ValueError, match="said of a mailbox"):
        event(kind, own_act=True)


def test_an_erasure_keeps_no_evidence() -> None:
    with pytest.raises(ValueError, match="no evidence"):
        event(EventKind.ERASE, evidence=Evidence(ip="192.0.2.1"))


def test_an_act_of_unknown_time_counts_when_it_was_recorded() -> None:
    assert event(EventKind.WITHDRAW, at=None).acted_at == NOW


def test_only_a_deed_is_an_active_act() -> None:
    assert {act for act in Act if act.is_active} == {Act.TICKED, Act.CLICKED, Act.TYPED, Act.SIGNED}


def test_every_basis_says_what_it_means() -> None:
    assert all(basis.meaning for basis in Basis)
    assert [basis for basis in Basis if basis.is_by_act] == [Basis.DOUBLE_OPT_IN, Basis.SINGLE_OPT_IN, Basis.WRITTEN]
