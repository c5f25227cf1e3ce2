from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone

from store.samples import event

from relay.cli.consent_json import event_as_json, iso
from relay.consent.events import Act, Basis, Event, EventKind, Evidence

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)


def test_nothing_of_a_line_is_left_out() -> None:
    told = set(event_as_json(event(EventKind.WITHDRAW)))
    assert told == {one.name for kind in (Event, Evidence) for one in fields(kind)} - {"evidence"}


def test_a_yes_is_told_with_what_proves_it() -> None:
    proof = Evidence("https://brand.example/join", "a" * 64, "ja", "192.0.2.7", "Browser/7")
    yes = replace(
        event(EventKind.WITHDRAW), kind=EventKind.GRANT, basis=Basis.WRITTEN, act=Act.SIGNED, at=AT, evidence=proof,
        own_act=True, live=True, recorded_at=AT + timedelta(days=1),
    )  # fmt: skip
    told = event_as_json(yes)
    assert (told["kind"], told["basis"], told["act"], told["at"]) == ("grant", "written", "signed", iso(AT))
    assert (told["form_url"], told["wording"], told["language"]) == (proof.form_url, proof.wording, "ja")
    assert (told["ip"], told["user_agent"], told["own_act"], told["live"]) == ("192.0.2.7", "Browser/7", True, True)


def test_moments_carry_their_zone_and_what_is_not_known_is_null() -> None:
    assert iso(AT.astimezone(timezone(timedelta(hours=9)))) == "2026-03-01T18:00:00+09:00"
    assert iso(None) is None
