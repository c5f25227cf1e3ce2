"""`consent-relay policy explain`: the decision on one person's mail in words. Reads the store, never changes it, and
may run beside the relay.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from relay.address import Address, AddressError, address_from_text, matches_pattern
from relay.cli import CommandError
from relay.cli.consent_screen import ERASED, Person, agreed, mail_that_waits, outlook, story
from relay.cli.consent_show import as_document, near, person_of
from relay.cli.consent_words import standing_of
from relay.config.mistakes import did_you_mean
from relay.config.settings import ClientSettings, Mode, Settings
from relay.consent.facts import NOTHING_KNOWN, as_json
from relay.policy.decide import as_wished
from relay.policy.evaluate import Evaluation, evaluate
from relay.policy.explain import VERDICT_WORDS, explain, facts_in_words, rules_behind
from relay.policy.match import bound_streams, claiming_match, settle
from relay.policy.model import Policies, Stream
from relay.reason import MEANINGS, Reason, Verdict

_HEADER: Final = re.compile(r"([!-9;-<>-~]+)\s*[:=]\s*(.*)")


@dataclass(frozen=True, slots=True)
class _Claim:
    """Which stream the mail belongs to; reason: why to none. because: in words. client: None where only a stream is named."""

    stream: Stream | None
    reason: Reason | None
    because: str
    client: ClientSettings | None = None

    def happens(self, found: Evaluation) -> Verdict:
        """What becomes of the mail, after the client's own wish."""
        if self.client is None or not found.enforced:
            return found.verdict
        return as_wished(self.client.refusal, found.reasons[0], found.verdict)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--to", required=True, metavar="ADDRESS", help="the recipient")
    parser.add_argument("--from", dest="sender", metavar="ADDRESS", help="the envelope sender; <> for the null sender")
    parser.add_argument("--client", metavar="NAME", help="the client of relay.toml (default: the only one)")
    parser.add_argument("--stream", metavar="ID", help="this stream, whatever client and sender")
    parser.add_argument(
        "--header", action="append", default=[], metavar="NAME=VALUE", help="a header field of the message; repeatable"
    )
    parser.add_argument(
        "--language", default="en", metavar="TAG", help="language of the stream's purpose (default: en)"
    )


def run(settings: Settings, policies: Policies, arguments: argparse.Namespace) -> int:
    recipient = _address("--to", arguments.to, settings)
    claim = _claim(settings, policies, arguments)
    now = datetime.now(UTC)
    if claim.stream is None:
        _print_unclaimed(claim, as_json=arguments.json)
        return 0
    person, note = _person(settings, policies, claim.stream, recipient, now)
    if arguments.json:
        print(json.dumps(_document(claim, claim.stream, person, note), ensure_ascii=False, indent=2))
    else:
        lines = _lines(claim, claim.stream, person, note, arguments.language)
        print("\n".join(near(settings, line) for line in lines))
    return 0


def _lines(claim: _Claim, stream: Stream, person: Person, note: str, language: str) -> Iterator[str]:
    (standing,) = person.standings
    facts = standing.facts
    found = evaluate(stream, facts, person.address, person.now)
    yield f"recipient: {person.address}"
    yield f"claimed: {claim.because}"
    for line in explain(stream, found, facts, person.now, language):
        yield line
        if line.startswith("decision: "):  # what the client gets in its place belongs beside it
            yield from _wish(claim, found)
    if stream.is_commercial:
        yield "the person:"
        yield from agreed(person, standing)
        yield from outlook(person, stream, found, facts)
    yield from mail_that_waits(person)
    yield from [ERASED] if person.is_gone else story(person)
    if note:
        yield f"note: {note}"


def _document(claim: _Claim, stream: Stream, person: Person, note: str) -> dict[str, Any]:
    (standing,) = person.standings
    facts = standing.facts
    found = evaluate(stream, facts, person.address, person.now)
    document = as_document(person)
    told: dict[str, Any] = next(iter(document["streams"]), {})
    return {
        "recipient": str(person.address),
        "stream": stream.id,
        "brand": stream.brand,
        "claimed": claim.because,
        "verdict": found.verdict,
        "happens": claim.happens(found),
        "enforced": found.enforced,
        "reason": found.reasons[0],
        "reasons": list(found.reasons),
        "status": found.status,
        "facts": as_json(facts),
        "facts_in_words": facts_in_words(stream, facts, person.now),
        "rules": [
            {
                "key": rule.key,
                "value": rule.value,
                "file": rule.origin.file,
                "line": rule.origin.line,
                "source": rule.origin.source,
            }
            for rule in rules_behind(stream, found, facts, person.now)
        ],
        "policy": stream.hash,
        "ends": told.get("ends", []),
        "would_change": told.get("would_change", []),
        "events": document["events"],
        "wordings": document["wordings"],
        "waiting": document["waiting"],
        "note": note,
    }


def _claim(settings: Settings, policies: Policies, arguments: argparse.Namespace) -> _Claim:
    """The same steps as at MAIL and DATA."""
    if arguments.stream:
        if arguments.stream not in policies.by_id:
            known = ", ".join(policies.by_id) or "none"
            raise CommandError(f'there is no stream "{arguments.stream}"; there are: {known}', exit_code=2)
        return _Claim(policies.by_id[arguments.stream], None, "named with --stream")
    if arguments.sender is None:
        raise CommandError("give --from and --client, or --stream", exit_code=2)
    client = _client(settings, arguments.client)
    sender = None if arguments.sender in ("", "<>") else _address("--from", arguments.sender, settings)
    who = f"client {client.name}, sender {sender or '<>'}"
    if not any(matches_pattern(pattern, sender) for pattern in client.senders):
        return _Claim(None, Reason.SENDER_NOT_ALLOWED, f"{who}: the client may send as {', '.join(client.senders)}")
    bound = bound_streams(policies, client.name, sender)
    headers = _headers(arguments.header)
    stream = settle(bound, client.name, sender, headers)
    if stream is None:
        names = ", ".join(one.id for one in bound)
        why = f"the headers choose none of {names}" if bound else "no [[match]] covers them"
        reason = Reason.OBSERVED if settings.mode is Mode.OBSERVE else Reason.STREAM_UNKNOWN
        return _Claim(None, reason, f"{who}: {why}")
    others = [one.id for one in bound if one is not stream]
    beside = f"; also claimed by {', '.join(others)}" if others else ""
    number = claiming_match(stream, client.name, sender, headers)
    how = "chosen by a header" if number is None else f"[[match]] of {stream.origin(f'match.{number}')}"
    return _Claim(stream, None, f"{who}: {how}{beside}", client)


def _wish(claim: _Claim, found: Evaluation) -> list[str]:
    happens = claim.happens(found)
    if claim.client is None or happens is found.verdict:
        return []
    words = f'client {claim.client.name} has refusal = "{claim.client.refusal}": mail {VERDICT_WORDS[happens]}'
    return [f"for this client: {happens}: {words}"]


def _print_unclaimed(claim: _Claim, *, as_json: bool) -> None:
    reason = claim.reason or Reason.STREAM_UNKNOWN
    meaning = MEANINGS[reason]
    if as_json:
        values = {"stream": "", "claimed": claim.because, "verdict": meaning.default, "reason": reason}
        print(json.dumps({**values, "reasons": [reason]}, ensure_ascii=False, indent=2))
        return
    print(
        f"claimed: by no stream: {claim.because}\ndecision: {meaning.default}\n"
        f"reason: {reason}: {meaning.explanation}\nwhat to do: {meaning.remedy}"
    )


def _person(
    settings: Settings, policies: Policies, stream: Stream, recipient: Address, now: datetime
) -> tuple[Person, str]:
    """And a word to the reader where there is no store to ask."""
    if settings.store.path.exists():
        return person_of(settings, policies, str(recipient), stream.id, now), ""
    nothing = [standing_of(stream, recipient, NOTHING_KNOWN, now)]
    words = f"{settings.store.path} does not exist yet, so nothing is known of anybody"
    return Person(recipient, now, nothing, (), {}, {}), words


def _client(settings: Settings, name: str | None) -> ClientSettings:
    clients = {client.name: client for client in settings.clients}
    if name is None and len(clients) == 1:
        return settings.clients[0]
    if name is None:
        raise CommandError(f"give --client, one of {', '.join(clients)}", exit_code=2)
    if name not in clients:
        near = did_you_mean(name, list(clients))
        hint = f'did you mean "{near}"?' if near else f"there are: {', '.join(clients)}"
        raise CommandError(f'there is no client "{name}"; {hint}', exit_code=2)
    return clients[name]


def _headers(given: list[str]) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for text in given:
        field = _HEADER.fullmatch(text)
        if field is None:
            raise CommandError(f"--header {text}: write NAME=VALUE", exit_code=2)
        headers.setdefault(field[1].lower(), []).append(field[2])
    return headers


def _address(option: str, text: str, settings: Settings) -> Address:
    try:
        return address_from_text(text, loose_domains=settings.addresses.loose_domains)
    except AddressError as error:
        raise CommandError(f"{option}: {error}", exit_code=2) from None
