"""`consent-relay queue show`: a message with its copies, what was decided and what came of it; also when it is over."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from relay.cli import CommandError
from relay.cli.log import fields_of
from relay.cli.stored import now_in_utc, reader_of, settings_of
from relay.cli.waiting_choice import ID_HELP, named
from relay.cli.waiting_words import as_json, copies, copy_at_length, iso, message_at_length, second
from relay.config.settings import Settings
from relay.decision import Decision, Outcome, Result
from relay.message.index import index
from relay.queued import State
from relay.store.reading import Reader
from relay.store.reported import Reported, WantedLines
from relay.store.waiting import Waiting, WantedCopies

#: Messages of one person that are shown at length; the rest is counted.
_MOST_MESSAGES: Final = 10
#: Copies of one message, and characters of a line of its header.
_MOST_COPIES: Final = 200
_LONGEST_LINE: Final = 300
_MOST_FIELDS: Final = 60
_LINKS: Final = frozenset({"list-unsubscribe"})


@dataclass(frozen=True, slots=True)
class Shown:
    """All that is known of one message. copies: those that wait. header: lines of it, () when it is over."""

    identity: str
    copies: Sequence[Waiting]
    count: int
    decisions: Sequence[Decision]
    outcomes: Sequence[Outcome]
    reported: Sequence[Reported]
    header: Sequence[str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help=ID_HELP)
    parser.add_argument(
        "--content", action="store_true", help="write the message as it came to standard output, and nothing else"
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(arguments: argparse.Namespace, states: tuple[State, ...] = ()) -> int:
    settings = settings_of(arguments)
    with reader_of(settings) as reader:
        messages, wanted = messages_of(reader, settings, arguments.id, states)
        if arguments.content:
            return _content(reader, wanted)
        found = [shown_of(reader, identity) for identity in messages[:_MOST_MESSAGES]]
    if wanted.wide and not found:
        raise CommandError(
            f"nothing waits for {arguments.id}; consent-relay log query --recipient {arguments.id} tells what happened"
        )
    if not any(one.copies or one.decisions or one.reported for one in found):
        raise CommandError(f"nothing waits, and nothing is known, of {arguments.id}")
    if arguments.json:
        print(json.dumps({"messages": [document(one) for one in found]}, indent=2, ensure_ascii=False))
    else:
        print("\n\n".join("\n".join(at_length(one)) for one in found))
    if len(messages) > _MOST_MESSAGES:
        print(f"{_MOST_MESSAGES} of {len(messages):,} messages; queue list shows all", file=sys.stderr)
    return 0


def messages_of(
    reader: Reader, settings: Settings, text: str, states: tuple[State, ...]
) -> tuple[list[str], WantedCopies]:
    """The ids of the messages that are meant, and the copies that wait of them. Of a person only what waits."""
    wanted = named(text, settings, states)
    waiting = [one.message.tx.id for one in reader.waiting().copies(wanted, 10_000)]
    known = [one.decision.message for one in reader.found_by_id(wanted.identity)] if wanted.identity else []
    found = list(dict.fromkeys([*waiting, *known]))
    return found or ([wanted.identity] if wanted.identity else []), wanted


def shown_of(reader: Reader, identity: str) -> Shown:
    mail = reader.waiting()
    wanted = WantedCopies(identity=identity)
    waiting = mail.copies(wanted, _MOST_COPIES)
    decisions = [stored.decision for stored in reader.found_by_id(identity)]
    return Shown(
        identity=identity,
        copies=waiting,
        count=mail.count(wanted),
        decisions=decisions,
        outcomes=reader.outcomes_of([one.id for one in decisions]),
        reported=reader.report_lines(WantedLines(message=identity), _MOST_COPIES),
        header=header_lines(mail.content(waiting[0].message.number)) if waiting else (),
    )


def header_lines(content: bytes) -> list[str]:
    """Fields of the header, one a line, fit for a terminal and for a ticket: without links that act for a person."""
    lines = []
    for field in index(content).head.fields[:_MOST_FIELDS]:
        if field.name in _LINKS:
            lines.append(f"{field.name}: (a link that acts for its reader; --content shows it)")
            continue
        text = " ".join(content[field.start : field.end].decode("utf-8", "replace").split())
        flat = "".join(character if character.isprintable() else "?" for character in text)
        lines.append(flat if len(flat) <= _LONGEST_LINE else f"{flat[: _LONGEST_LINE - 3]}...")
    return lines


def at_length(shown: Shown) -> Iterator[str]:
    now = now_in_utc()
    if shown.copies:
        yield from message_at_length(shown.copies[0].message, now)
        yield f"{copies(shown.count)} wait{'s' if shown.count == 1 else ''}:"
        for one in shown.copies:
            yield from copy_at_length(one, now)
        if shown.count > len(shown.copies):
            yield f"  ({shown.count - len(shown.copies):,} more)"
    else:
        yield f"message {shown.identity}: nothing of it waits any more"
    if shown.decisions:
        yield "what happened:"
        yield from (f"  {line}" for _, line in sorted(_story(shown)))
        yield from _given_up(shown)
    if shown.header:
        yield "header:"
        yield from (f"  {line}" for line in shown.header)


def _given_up(shown: Shown) -> Iterator[str]:
    """Of mail that is over: whose last attempt settled nothing, and of whom no report tells. The notice to the sender is
    another message, which the store does not join to this one.
    """
    if shown.copies:
        return
    last = {outcome.decision: outcome.result for outcome in shown.outcomes}
    told = {one.line.recipient for one in shown.reported}
    whom = [
        str(one.recipient)
        for one in shown.decisions
        if last.get(one.id) in (Result.DEFERRED, Result.UNKNOWN) and str(one.recipient) not in told
    ]
    if whom:
        yield f"not delivered to {', '.join(whom[:5])}{f' and {len(whom) - 5:,} more' if len(whom) > 5 else ''}:"
        yield "  given up, and the sender told by a notice (bounced, or not-bounced, in the log)"
        yield "  or never kept here: a client with retries = true was told to come again"


def _story(shown: Shown) -> Iterator[tuple[tuple[object, ...], str]]:
    """What happened, with what it is ordered by."""
    whom = {one.id: one.recipient for one in shown.decisions}
    for number, decision in enumerate(shown.decisions):
        words = f"{decision.verdict}, {', '.join(decision.reasons)}{'' if decision.enforced else ' (only recorded)'}"
        yield (
            (decision.at, 0, number),
            f"{second(decision.at)}  {decision.recipient or '-'}  decided: {words}  {decision.id}",
        )
    for number, outcome in enumerate(shown.outcomes):
        where = f" by {outcome.next_hop}" if outcome.next_hop else ""
        words = f"{outcome.result}{where}: {outcome.reply}"
        yield (outcome.at, 1, number), f"{second(outcome.at)}  {whom.get(outcome.decision) or '-'}  {words}"
    for number, one in enumerate(shown.reported):
        line, told = one.line, "told to the owner" if one.told_at else "not told yet"
        yield (
            (line.at, 2, number),
            f"{second(line.at)}  {line.recipient}  not sent: {line.fate}, {line.reason} ({told})",
        )


def document(shown: Shown) -> dict[str, Any]:
    return {
        "message": shown.identity,
        "waiting": shown.count,
        "copies": [as_json(one) for one in shown.copies],
        "decisions": [fields_of(one) for one in shown.decisions],
        "outcomes": [fields_of(one) for one in shown.outcomes],
        "reported": [
            {
                "at": iso(one.line.at),
                "recipient": one.line.recipient,
                "fate": one.line.fate,
                "reason": one.line.reason,
                "reply": one.line.reply,
                "told_at": iso(one.told_at),
                "told_in": one.told_in,
            }
            for one in shown.reported
        ],
        "header": list(shown.header),
    }


def _content(reader: Reader, wanted: WantedCopies) -> int:
    mail = reader.waiting()
    found = {one.message.number: one.message.tx.id for one in mail.copies(wanted)}
    if len(found) != 1:
        raise CommandError(
            "nothing of it waits any more, so its content is gone"
            if not found
            else f"{len(found):,} messages wait for this person; say which: {', '.join([*found.values()][:5])}"
        )
    sys.stdout.flush()
    sys.stdout.buffer.write(mail.content(next(iter(found))))
    sys.stdout.buffer.flush()
    return 0
