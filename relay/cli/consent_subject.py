"""`consent-relay consent export --subject X`: all that is held of one person, for that person (GDPR articles 15 and 20).

Found by the wide key, so every spelling is in it; never anything of somebody else. What is only about the mailer's own
business (policies' hashes, numbers of lines) is left out of the readable form, not of the JSON.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from relay.address import Address
from relay.cli.consent_wording import period_of, wording_as_json
from relay.cli.consent_words import Standing, standing_of, timeline
from relay.config.durations import write_duration
from relay.config.settings import Settings
from relay.consent.events import Event
from relay.consent.facts import as_json
from relay.consent.retention import Retention
from relay.policy.model import Policies, Stream, text_in
from relay.store.reading import Reader, Stored, Wanted
from relay.store.reported import Reported, WantedLines
from relay.store.rows import address_of
from relay.store.spellings import Contact, Failure
from relay.store.waiting import Waiting, WantedCopies
from relay.store.wordings import Wording

#: Version of the JSON; counts up when a field changes its meaning.
_FORMAT: Final = 1
_WIDTH: Final = 100


@dataclass(frozen=True, slots=True)
class Held:
    """All that the store holds of a person. spellings: canonical texts, the one asked for first. standings: of each
    spelling in each stream that knows anything of it. sent: decisions about mail that the person sent. waiting: copies of
    mail to them. not_sent: mail to them that was accepted and did not go out.
    """

    asked: Address
    spellings: tuple[Address, ...]
    erased_at: datetime | None
    events: tuple[Event, ...]
    standings: tuple[tuple[Address, Standing], ...]
    contacts: tuple[Contact, ...]
    failures: tuple[Failure, ...]
    decisions: tuple[Stored, ...]
    sent: tuple[Stored, ...]
    wordings: tuple[Wording, ...]
    waiting: tuple[Waiting, ...]
    not_sent: tuple[Reported, ...]

    @property
    def anything(self) -> bool:
        of_mail = self.decisions or self.sent or self.waiting or self.not_sent
        return bool(self.events or self.contacts or self.failures or of_mail or self.erased_at)


def held_of(reader: Reader, policies: Policies, asked: Address, now: datetime) -> Held:
    events = reader.events_of(asked)
    found = reader.spellings_of(asked)
    spelled = {address_of(text) for text in found.every} | {event.address for event in events}
    spellings = (asked, *sorted(spelled - {asked}, key=str))
    hashes = {event.evidence.wording for event in events if event.evidence.wording}
    return Held(
        asked=asked,
        spellings=spellings,
        erased_at=reader.erased_at(asked),
        events=tuple(events),
        standings=tuple(_standings(reader, policies, spellings, now)),
        contacts=tuple(reader.contacts_of(found)),
        failures=tuple(reader.failures_of(found)),
        decisions=tuple(_in_order(one for text in found.recipients for one in _about(reader, text))),
        sent=tuple(_in_order(one for text in found.senders for one in _sent_by(reader, text))),
        wordings=tuple(one for identity in sorted(hashes) for one in reader.wordings(identity)),
        waiting=tuple(reader.waiting().copies(WantedCopies(wide=asked.wide))),
        not_sent=tuple(
            one for text in sorted(found.reported) for one in reader.report_lines(WantedLines(recipient=text), -1)
        ),
    )


def as_json_text(held: Held, reader: Reader, settings: Settings, policies: Policies, now: datetime) -> str:
    outcomes = _outcomes(reader, held.decisions)
    streams = [stream for stream in policies.streams if _concerns(stream, held)]
    values = {
        "format": _FORMAT,
        "made_at": now.isoformat(),
        "subject": str(held.asked),
        "spellings": [str(one) for one in held.spellings],
        "erased_at": _iso(held.erased_at),
        "controllers": _controllers(streams),
        "purposes": [_purpose_as_json(stream) for stream in streams],
        "standing": [_standing_as_json(address, standing) for address, standing in held.standings],
        "events": [_event_as_json(event) for event in held.events],
        "wordings": [wording_as_json(one) for one in held.wordings],
        "contacts": [{"stream": one.stream, "address": one.address, "at": _iso(one.at)} for one in held.contacts],
        "failures": [{"address": one.address, "at": _iso(one.at), "code": one.code} for one in held.failures],
        "decisions": [_decision_as_json(one, outcomes) for one in held.decisions],
        "sent": [_sent_as_json(one) for one in held.sent],
        "held_mail": [_waiting_as_json(one) for one in held.waiting],
        "mail_not_sent": [_not_sent_as_json(one) for one in held.not_sent],
        "passed_on_to": _passed_on_to(held, outcomes, settings),
        "kept": _kept(streams, settings),
    }
    return json.dumps(values, ensure_ascii=False, indent=2)


def as_text(held: Held, reader: Reader, settings: Settings, policies: Policies, now: datetime) -> Iterator[str]:
    """Lines for the person to read."""
    outcomes = _outcomes(reader, held.decisions)
    streams = [stream for stream in policies.streams if _concerns(stream, held)]
    yield f"What is held of {held.asked}, on {_minute(now)}"
    if not held.anything:
        yield "Nothing: this address is not known here, under whatever spelling."
        return
    if len(held.spellings) > 1:
        yield f"Also written as: {', '.join(str(one) for one in held.spellings[1:])}"
    if held.erased_at is not None:
        yield f"Erased on {_minute(held.erased_at)}: what was known then is gone; a keyed hash keeps you from getting mail."
    yield from _section("Who is responsible", (_controller_line(one) for one in _controllers(streams)))
    yield from _section("What the address is used for", (_purpose_line(stream) for stream in streams))
    yield from _section("Mail to you today", (f"{address}: {standing}" for address, standing in held.standings))
    yield from _section("What happened", _happened(held))
    yield from _section("The words that you agreed to", _words(held.wordings))
    yield from _section(
        "Last mail of each kind", (f"{one.stream} to {one.address}: {_minute(one.at)}" for one in held.contacts)
    )
    yield from _section(
        "Refusals by your mail server", (f"{one.address}: {one.code}, {_minute(one.at)}" for one in held.failures)
    )
    yield from _section("Mail that was decided on", (_decision_line(one, outcomes) for one in held.decisions))
    yield from _section("Mail to you that waits, with its text", (_waiting_line(one) for one in held.waiting))
    yield from _section("Mail to you that was not sent", (_not_sent_line(one) for one in held.not_sent))
    yield from _section("Mail that you sent", (_sent_line(one) for one in held.sent))
    yield from _section("Who has received the address", _passed_on_to(held, outcomes, settings))
    yield from _section("How long it is kept, and why", _kept(streams, settings))


def _standings(
    reader: Reader, policies: Policies, spellings: Sequence[Address], now: datetime
) -> Iterator[tuple[Address, Standing]]:
    for stream in policies.streams:
        known = reader.facts(stream.brand, stream.id, spellings)
        for address in spellings:
            yield address, standing_of(stream, address, known[address], now)


def _about(reader: Reader, text: str) -> Iterator[Stored]:
    """An address with a * in it is also a pattern, which finds other people."""
    return (one for one in reader.decisions(Wanted(recipient=text), -1) if str(one.decision.recipient) == text)


def _sent_by(reader: Reader, text: str) -> Iterator[Stored]:
    return (one for one in reader.decisions(Wanted(sender=text), -1) if one.decision.sender == text)


def _in_order(decisions: Iterable[Stored]) -> list[Stored]:
    return sorted(decisions, key=lambda one: one.sequence)


def _outcomes(reader: Reader, decisions: Iterable[Stored]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for outcome in reader.outcomes_of([one.decision.id for one in decisions]):
        told = {"at": _iso(outcome.at), "result": outcome.result, "reply": str(outcome.reply), "to": outcome.next_hop}
        found.setdefault(outcome.decision, []).append(told)
    return found


def _concerns(stream: Stream, held: Held) -> bool:
    """Is anything of the person in this stream, or of the brand in all of them?"""
    named = {event.stream for event in held.events} | {one.stream for one in held.contacts}
    named |= {one.decision.stream for one in (*held.decisions, *held.sent)}
    named |= {one.copy.stream for one in held.waiting} | {one.line.stream for one in held.not_sent}
    brands = {event.brand for event in held.events if not event.stream}
    return stream.id in named or stream.brand in brands or "" in brands


def _controllers(streams: Iterable[Stream]) -> list[dict[str, str]]:
    found = {}
    for stream in streams:
        sender = stream.sender
        if sender is not None:
            found[stream.brand] = {
                "brand": stream.brand,
                "name": text_in(sender.name, "en"),
                "postal_address": text_in(sender.postal_address, "en"),
                "contact": sender.contact,
                "privacy_policy": sender.privacy_policy,
            }
    return list(found.values())


def _purpose_as_json(stream: Stream) -> dict[str, Any]:
    return {
        "stream": stream.id,
        "brand": stream.brand,
        "kind": stream.kind,
        "purpose": dict(stream.purpose),
        "audience": dict(stream.audience),
        "accepted": [basis.value for basis in sorted(stream.consent.accept)] if stream.is_commercial else [],
    }


def _standing_as_json(address: Address, standing: Standing) -> dict[str, Any]:
    found = standing.evaluation
    return {
        "address": str(address),
        "stream": standing.stream,
        "gets_mail": standing.gets_mail,
        "status": found and found.status,
        "reasons": found and list(found.reasons),
        "facts": as_json(standing.facts),
    }


def _event_as_json(event: Event) -> dict[str, Any]:
    evidence = event.evidence
    return {
        "id": event.id,
        "kind": event.kind,
        "address": str(event.address),
        "brand": event.brand,
        "stream": event.stream,
        "at": _iso(event.at),
        "recorded_at": _iso(event.recorded_at),
        "recorder": event.recorder,
        "basis": event.basis,
        "act": event.act,
        "confirmed_at": _iso(event.confirmed_at),
        "mail_sent_at": _iso(event.mail_sent_at),
        "last_contact_at": _iso(event.last_contact_at),
        "source": event.source,
        "form_url": evidence.form_url,
        "wording": evidence.wording,
        "language": evidence.language,
        "ip": evidence.ip,
        "user_agent": evidence.user_agent,
        "own_act": event.own_act,
    }


def _decision_as_json(stored: Stored, outcomes: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    one = stored.decision
    return {
        "id": one.id,
        "at": _iso(one.at),
        "address": "" if one.recipient is None else str(one.recipient),
        "stream": one.stream,
        "client": one.client,
        "sender": one.sender,
        "verdict": one.verdict,
        "reasons": list(one.reasons),
        "status": one.status,
        "facts": dict(one.facts),
        "reply": str(one.reply),
        "outcomes": outcomes.get(one.id, []),
    }


def _sent_as_json(stored: Stored) -> dict[str, Any]:
    """Without whom it was to: that is somebody else."""
    one = stored.decision
    return {"id": one.id, "at": _iso(one.at), "sender": one.sender, "stream": one.stream, "verdict": one.verdict}


def _waiting_as_json(waiting: Waiting) -> dict[str, Any]:
    """Without its text, which the message's other recipients share: `queue show --content` prints that."""
    copy, message = waiting.copy, waiting.message
    return {
        "message": message.tx.id,
        "id": copy.decision,
        "at": _iso(copy.at),
        "address": str(copy.recipient.address),
        "stream": copy.stream,
        "client": message.tx.client.name,
        "sender": message.tx.sender_text,
        "state": copy.state,
        "reason": copy.reason,
        "octets": copy.octets,
        "asked_at": _iso(copy.asked_at),
        "due_at": _iso(copy.due_at),
    }


def _not_sent_as_json(reported: Reported) -> dict[str, Any]:
    line = reported.line
    return {
        "message": line.message,
        "id": line.decision,
        "at": _iso(line.at),
        "address": line.recipient,
        "stream": line.stream,
        "client": line.client,
        "sender": line.sender,
        "fate": line.fate,
        "reason": line.reason,
    }


def _waiting_line(waiting: Waiting) -> str:
    copy = waiting.copy
    return (
        f"{_minute(copy.at)}  {copy.stream or 'no stream'}: {copy.state} ({copy.reason}), {copy.octets:,} octets from "
        f"{waiting.message.tx.sender_text or 'a mail system'}"
    )


def _not_sent_line(reported: Reported) -> str:
    line = reported.line
    return f"{_minute(line.at)}  {line.stream or 'no stream'}: {line.fate} ({line.reason})"


def _passed_on_to(held: Held, outcomes: dict[str, list[dict[str, Any]]], settings: Settings) -> list[str]:
    seen = sorted({told["to"] for each in outcomes.values() for told in each if told["to"]})
    configured = sorted({str(hop.address) for hop in settings.next_hops})
    lines = [f"the mail server {name}, which carries mail to you" for name in seen]
    if held.contacts and not seen:
        lines += [f"the mail server {name}, which carries mail to you (as configured today)" for name in configured]
    return lines or ["nobody, as far as is still recorded"]


def _kept(streams: Iterable[Stream], settings: Settings) -> list[str]:
    decisions = _period(settings.retention.decisions)
    lines = [f"what was decided on mail to you: {decisions}, so that the sender can explain what became of it"]
    for stream in streams:
        lines += [f"{stream.id}: {words}" for words in _retention_in_words(stream.retention)]
    lines.append(
        "that you want no mail: for ever, because it could not be honoured otherwise; once the rest has gone, as a keyed "
        "hash that nobody can turn back into your address"
    )
    return lines


def _retention_in_words(retention: Retention) -> Iterator[str]:
    yield (
        f"when, where and to what you agreed: while it holds, and {_period(retention.evidence)} after the last mail, to "
        "prove that it was sent with consent"
    )
    yield f"IP address and browser: {_period(retention.technical)}, as part of that proof"


def _period(period: timedelta | None) -> str:
    """For somebody who has never seen a policy file: `90 days`."""
    if period is None:
        return "without a limit"
    days, rest = divmod(period, timedelta(days=1))
    if rest:
        return write_duration(period)
    return "1 day" if days == 1 else f"{days:,} days"


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


def _decision_line(stored: Stored, outcomes: dict[str, list[dict[str, Any]]]) -> str:
    one = stored.decision
    became = "; ".join(str(told["result"]) for told in outcomes.get(one.id, []))
    return (
        f"{_minute(one.at)}  {one.stream or 'no stream'}: {one.verdict} ({one.reason}){': ' + became if became else ''}"
    )


def _sent_line(stored: Stored) -> str:
    one = stored.decision
    return f"{_minute(one.at)}  {one.stream or 'no stream'}: {one.verdict}"


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


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
