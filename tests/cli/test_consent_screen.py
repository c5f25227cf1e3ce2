from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from relay.address import Address
from relay.cli.consent_screen import Person, screen, words_of, yes_shown
from relay.cli.consent_words import Standing, standing_of
from relay.consent.events import Act, Basis, Event, EventKind, Evidence
from relay.consent.facts import NOTHING_KNOWN, Facts, Yes
from relay.consent.marks import Mark, State
from relay.policy.files import load_policies
from relay.policy.model import Mode, Stream
from relay.queued import State as Waits
from relay.store.spellings import Failure
from relay.store.waiting import Together
from relay.store.wordings import Wording

NOW: Final = datetime(2026, 6, 1, 12, tzinfo=UTC)
ANN: Final = Address("ann", "example.com")
HASH: Final = "ab" * 32
SHIPPED: Final = load_policies(Path(__file__).parents[2] / "policies")


@pytest.fixture
def newsletter() -> Stream:
    return SHIPPED.by_id["newsletter"]


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def event(kind: EventKind, days: float, **more: Any) -> Event:
    fields: dict[str, Any] = {"stream": "newsletter", "source": "form", "recorder": "web", "live": True} | more
    at = ago(days)
    return Event(id=f"{days}", address=ANN, kind=kind, brand="brand", at=at, recorded_at=at, **fields)


def yes(days: float, **more: Any) -> Event:
    return event(EventKind.GRANT, days, **{"basis": Basis.SINGLE_OPT_IN, "act": Act.TICKED, **more})


def facts_of(one: Event, **more: Any) -> Facts:
    assert one.basis is not None
    assert one.act is not None
    return Facts(yes=Yes(one.basis, one.act, one.acted_at, one.source, live=one.live), **more)


def person(stream: Stream, facts: Facts, *events: Event, **more: Any) -> Person:
    fields: dict[str, Any] = {"wordings": {}, "marks": {}, **more}
    return Person(ANN, NOW, [standing_of(stream, ANN, facts, NOW)], events, **fields)


def lines(one: Person) -> list[str]:
    return list(screen(one))


def labels(one: Person) -> dict[str, str]:
    """What stands behind each label."""
    found = [line for line in lines(one) if line.startswith("  ") and line[2] != " "]
    return {line[2:13].strip(): line[14:] for line in found}


def test_the_answer_stands_first_and_what_would_change_it_last(newsletter: Stream) -> None:
    agreed = yes(30)
    told = lines(person(newsletter, facts_of(agreed, last_contact_at=ago(3)), agreed))
    assert told[0] == "ann@example.com, 2026-06-01 12:00 UTC"
    assert told[2] == "newsletter (Product news): gets mail [confirmed]"
    order = [line[2:13].strip() for line in told if line.startswith("  ") and line[2] != " "]
    assert order[:7] == ["why", "rule", "agreed", "on words", "last mail", "runs out", "to change"]


def test_that_no_mail_went_yet_is_said_of_who_agreed(newsletter: Stream) -> None:
    assert labels(person(newsletter, facts_of(yes(30)), yes(30)))["last mail"] == "none so far"
    assert "last mail" not in labels(person(newsletter, NOTHING_KNOWN))


def test_a_no_is_told_with_its_scope_and_the_yes_before_it(newsletter: Stream) -> None:
    told = labels(person(newsletter, Facts(withdrawn_at=ago(2), withdrawn_from="newsletter"), yes(30)))
    assert told["agreed then"].startswith("2026-05-02 12:00 UTC (30 days ago), single opt-in, ticked")
    assert told["said no"] == "2026-05-30 12:00 UTC (2 days ago), to this stream"
    told = labels(person(newsletter, Facts(withdrawn_at=ago(2)), yes(30)))
    assert told["said no"].endswith("to all commercial mail of the brand")


def test_the_yes_that_counts_is_shown_not_the_newest_one(newsletter: Stream) -> None:
    first, later = yes(30), yes(2, basis=Basis.CUSTOMER, act=Act.UNKNOWN)
    known = person(newsletter, facts_of(first), first, later)
    assert yes_shown(known, known.standings[0]) == first
    without = person(newsletter, NOTHING_KNOWN, first, later)
    assert yes_shown(without, without.standings[0]) == later


def test_words_are_shown_with_their_period_and_picture() -> None:
    full = Wording(HASH, "Yes,\nsend it.", "en", shown_from=ago(90), shown_until=ago(10), picture_type="image/png")
    assert words_of(HASH, {HASH: full}) == (
        '"Yes, send it."',
        "  (abababababab, in use from 2026-03-03 12:00 UTC until 2026-05-22 12:00 UTC, with a picture of the form)",
    )
    assert words_of(HASH, {HASH: Wording(HASH, "Yes.")})[1] == (
        "  (abababababab, period of use not stated, no picture of the form)"
    )
    assert words_of("", {}) == ("that were not recorded",)
    assert words_of(HASH, {}) == (f"of which only the hash is kept: {HASH}",)


def test_long_words_are_cut_on_the_screen() -> None:
    assert len(words_of(HASH, {HASH: Wording(HASH, "word " * 500)})[0]) < 220


def test_mail_without_consent_takes_one_line(newsletter: Stream) -> None:
    receipts = SHIPPED.by_id["receipts"]
    told = lines(person(receipts, NOTHING_KNOWN))
    assert told[2:] == [
        "receipts (Orders and account messages): gets mail [none, transactional]",
        "",
        "nothing is recorded of this person",
    ]


def test_shadow_mode_is_said_in_the_first_line(newsletter: Stream) -> None:
    told = lines(person(replace(newsletter, mode=Mode.SHADOW), NOTHING_KNOWN))
    assert told[2] == "newsletter (Product news): gets mail, as the policy is only tried out [none, no-consent]"


def test_what_became_of_an_event_stands_behind_it(newsletter: Stream) -> None:
    agreed = yes(30)
    told = lines(person(newsletter, facts_of(agreed), agreed, marks={agreed.id: Mark(agreed, State.COUNTS)}))
    assert told[-1].endswith("-> counts")


def test_a_purged_person_is_not_called_unknown(newsletter: Stream) -> None:
    told = lines(person(newsletter, Facts(withdrawn_at=ago(2))))
    assert told[-1] == "what was recorded is no longer kept, what it came to is"


def test_who_came_back_after_an_erasure_is_shown_from_then_on(newsletter: Stream) -> None:
    agreed = yes(3)
    told = lines(person(newsletter, facts_of(agreed), agreed, erased_at=ago(20)))
    assert "newsletter (Product news): gets mail [confirmed]" in told
    assert (
        told[-1]
        == "  (what was before 2026-05-12 12:00 UTC was erased at the person's own wish; of a no, a keyed hash is kept)"
    )


def test_a_stream_without_a_policy_sends_nothing() -> None:
    told = list(screen(Person(ANN, NOW, [Standing("old", NOTHING_KNOWN, None)], (), {}, {})))
    assert told[2] == "old: no policy has this stream any more, nothing is sent"


def test_evidence_of_the_form_is_shown(newsletter: Stream) -> None:
    agreed = yes(3, evidence=Evidence(form_url="https://brand.example/form"))
    assert any(
        line.strip() == "at https://brand.example/form" for line in lines(person(newsletter, NOTHING_KNOWN, agreed))
    )


def test_the_words_say_when_asking_begins_and_what_is_known_of_it(newsletter: Stream) -> None:
    old = yes(340, live=False)
    told = "\n".join(lines(person(newsletter, facts_of(old), old)))
    assert "mail is then held here for the person's yes; ask the person now" in told
    assert "ask the person from 2027-" in told
    request = event(EventKind.REQUEST, 1)
    waiting = "\n".join(lines(person(newsletter, Facts(requested_at=ago(0.5), request_live=True), request)))
    assert "requested   2026-06-01 00:00 UTC (12 hours ago), no mail that asks is known to have left" in waiting
    assert "that mail is then late, and the forecast says so; nothing else changes" in waiting
    asked = "\n".join(lines(person(newsletter, Facts(requested_at=ago(1), mail_sent_at=ago(0.5)), request)))
    assert "the mail that asks left 2026-06-01 00:00 UTC, no answer yet" in asked
    for times, words in ((1, "by the relay, for a new yes; no answer yet"), (2, "2 times in all; no answer. Nobody")):
        again = replace(facts_of(old), asked=times, asked_at=ago(0.5))
        assert words in "\n".join(lines(person(newsletter, again, old)))


def test_a_period_stated_in_another_zone_is_not_told_as_the_day_before() -> None:
    begun, ended = datetime(2024, 3, 31, 15, tzinfo=UTC), datetime(2025, 4, 1, tzinfo=UTC)
    known = Wording(HASH, "Yes", shown_from=begun, shown_until=ended)
    assert "in use from 2024-03-31 15:00 UTC until 2025-04-01," in words_of(HASH, {HASH: known})[1]


def test_a_first_refusal_of_the_address_is_told_before_anything_follows_from_it(newsletter: Stream) -> None:
    failure = Failure(str(ANN), ago(1), "5.1.1")
    told = lines(person(newsletter, facts_of(yes(3)), yes(3), failure=failure))
    assert (
        "  refused     2026-05-31 12:00 UTC (1 day ago), 5.1.1 from the next hop; once more, a day or more later, and it is "
        "undeliverable"
    ) in told


def test_mail_that_waits_for_the_person_is_counted_with_the_command_that_shows_it(newsletter: Stream) -> None:
    waits = (
        Together(Waits.HELD, "newsletter", 2, ago(5), ago(3)),
        Together(Waits.QUEUED, "", 1, ago(1), ago(1)),
    )
    told = lines(person(newsletter, NOTHING_KNOWN, waiting=waits))
    begin = told.index("Mail that waits now:")
    assert told[begin + 1 : begin + 4] == [
        "  2 copies held, newsletter, since 2026-05-29 12:00 UTC (3 days ago)",
        "  1 copy queued, no stream, since 2026-05-31 12:00 UTC (1 day ago)",
        "  consent-relay queue show ann@example.com",
    ]
    gone = lines(person(newsletter, NOTHING_KNOWN, erased_at=ago(20), waiting=waits))
    assert "  2 copies held, newsletter, since 2026-05-29 12:00 UTC (3 days ago)" in gone
    assert "Mail that waits now:" not in lines(person(newsletter, NOTHING_KNOWN))
