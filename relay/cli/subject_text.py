"""All that is held of a person in words, for the person to read (GDPR article 15).

What is only about the mailer's own business (policies' hashes, numbers of lines) is left out; `subject_json` has it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from relay.cli.consent_subject import Held
from relay.cli.consent_wording import period_of
from relay.cli.consent_words import timeline
from relay.cli.subject_notice import controllers, kept, passed_on_to
from relay.config.settings import Settings
from relay.decision import Outcome
from relay.policy.model import Policies, Stream, text_in
from relay.store.reading import Stored
from relay.store.reported import Reported
from relay.store.waiting import Waiting
from relay.store.wordings import Wording

_WIDTH: Final = 100


def as_text(held: Held, settings: Settings, policies: Policies, now: datetime) -> Iterator[str]:
    """Lines for the person to read."""
    streams = [stream for stream in policies.streams if held.concerns(stream)]
    yield f"What is held of {held.asked}, on {_minute(now)}"
    if not held.anything:
        yield "Nothing: this address is not known here, under whatever spelling."
        return
    if len(held.spellings) > 1:
        yield f"Also written as: {', '.join(str(one) for one in held.spellings[1:])}"
    if held.erased_at is not None:
        yield f"Erased on {_minute(held.erased_at)}: what was known then is gone; a keyed hash keeps you from getting mail."
    yield from _section("Who is responsible", (_controller_line(one) for one in controllers(streams)))
    yield from _section("What the address is used for", (_purpose_line(stream) for stream in streams))
    yield from _section("Mail to you today", (f"{address}: {standing}" for address, standing in held.standings))
    yield from _section("What happened", _happened(held))
    yield from _section("The words that you agreed to", _words(held.wordings))
    yield from _section(
        "Last mail of each kind", (f"{one.stream} to {one.address}: {_minute(one.at)}" for one in held.contacts)
    )
    yield from _section(
        "Questions to you for a new yes",
        (f"{one.stream} to {one.address}: {_minute(one.at)}, {one.words}" for one in held.questions),
    )
    yield from _section(
        "Refusals by your mail server", (f"{one.address}: {one.code}, {_minute(one.at)}" for one in held.failures)
    )
    yield from _section(
        "Mail that was decided on",
        (_decision_line(one, held.outcomes.get(one.decision.id, ())) for one in held.decisions),
    )
    yield from _section("Mail to you that waits, with its text", (_waiting_line(one) for one in held.waiting))
    yield from _section("Mail to you that was not sent", (_not_sent_line(one) for one in held.not_sent))
    yield from _section("Mail that you sent", (_sent_line(one) for one in held.sent))
    yield from _section("Who has received the address", passed_on_to(held, settings))
    yield from _section("How long it is kept, and why", kept(streams, settings))


def _controller_line(controller: dict[str, str]) -> str:
    return (
        f"{controller['name']}, {controller['postal_address']}; contact: {controller['contact']}; "
        f"privacy policy: {controller['privacy_policy']}"
    )


def _purpose_line(stream: Stream) -> str:
    why = "with your consent" if stream.is_commercial else f"{stream.kind} mail, which needs no consent"
    return f"{stream.id}: {text_in(stream.purpose, 'en')} ({why})"


def _happened(held: Held) -> Iterator[str]:
    yield from timeline(held.events, held.asked)
    for event in held.events:
        technical = [
            f"{name} {value}"
            for name, value in (("IP address", event.evidence.ip), ("browser", event.evidence.user_agent))
            if value
        ]
        if technical:
            yield f"{_minute(event.acted_at)}  recorded with it: {', '.join(technical)}"


def _words(wordings: Iterable[Wording]) -> Iterator[str]:
    for one in wordings:
        picture = "; a picture of the form is kept" if one.picture_type else ""
        yield f"{period_of(one)}{picture}: {one.text or 'only a hash is kept: ' + one.hash}"


def _decision_line(stored: Stored, outcomes: Iterable[Outcome]) -> str:
    one = stored.decision
    became = "; ".join(outcome.result for outcome in outcomes)
    return (
        f"{_minute(one.at)}  {one.stream or 'no stream'}: {one.verdict} ({one.reason}){': ' + became if became else ''}"
    )


def _sent_line(stored: Stored) -> str:
    one = stored.decision
    return f"{_minute(one.at)}  {one.stream or 'no stream'}: {one.verdict}"


def _waiting_line(waiting: Waiting) -> str:
    copy = waiting.copy
    return (
        f"{_minute(copy.at)}  {copy.stream or 'no stream'}: {copy.state} ({copy.reason}), {copy.octets:,} octets from "
        f"{waiting.message.tx.sender_text or 'a mail system'}"
    )


def _not_sent_line(reported: Reported) -> str:
    line = reported.line
    return f"{_minute(line.at)}  {line.stream or 'no stream'}: {line.fate} ({line.reason})"


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    """Nothing for none."""
    told = list(lines)
    if told:
        yield from ("", title)
        for line in told:
            yield from textwrap.wrap(
                line,
                _WIDTH,
                initial_indent="- ",
                subsequent_indent="  ",
                break_long_words=False,
                break_on_hyphens=False,
            ) or ["-"]


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
