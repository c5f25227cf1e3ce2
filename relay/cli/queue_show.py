"""`consent-relay queue show`: a message with its copies, what was decided and what came of it; also when it is over."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from relay.cli import CommandError
from relay.cli.log import fields_of
from relay.cli.stored import now_in_utc, reader_of, settings_of
from relay.cli.waiting_choice import ID_HELP, named, whole_number
from relay.cli.waiting_words import LATELY, as_json, copies, copy_at_length, iso, message_at_length, second
from relay.config.settings import Settings
from relay.decision import Decision, Outcome, Result
from relay.message.index import index
from relay.queued import State
from relay.store.notices import Notice
from relay.store.reading import Reader
from relay.store.reported import Reported, WantedLines
from relay.store.waiting import Waiting, WantedCopies

#: Messages of one person that are shown at length; the rest is counted.
_MOST_MESSAGES: Final = 10
#: Copies of one message, and lines of what happened to it, unless --limit says otherwise.
MOST_COPIES: Final = 50
#: Characters of a line of its header.
_LONGEST_LINE: Final = 300
_MOST_FIELDS: Final = 60
_LINKS: Final = frozenset({"list-unsubscribe"})


@dataclass(frozen=True, slots=True)
class Sent:
    """A notice to the sender, and what became of it. last: None before its first attempt."""

    notice: Notice
    waits: bool
    last: Outcome | None

    @property
    def words(self) -> str:
        if self.last is None:
            return "waits for its first attempt" if self.waits else "over"
        answer = f"{self.last.result}{f' by {self.last.next_hop}' if self.last.next_hop else ''}: {self.last.reply}"
        return f"waits, {answer}" if self.waits else answer


@dataclass(frozen=True, slots=True)
class Shown:
    """All that is known of one message. copies: those that wait, or as many as were wanted, those that were meant first.
    by_state: how many wait in all. whom: recipients that were meant. header: lines of it, () when it is over.
    failing: next hops, as WaitingMail tells them. notices: that were sent about it. about: the message that it tells of
    itself, "" where it is no notice.
    """

    identity: str
    copies: Sequence[Waiting]
    by_state: Mapping[State, int]
    whom: frozenset[str]
    decisions: Sequence[Decision]
    outcomes: Sequence[Outcome]
    reported: Sequence[Reported]
    header: Sequence[str]
    failing: Mapping[str, int]
    notices: Sequence[Sent] = ()
    about: str = ""

    @property
    def count(self) -> int:
        return sum(self.by_state.values())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help=ID_HELP)
    parser.add_argument(
        "--content", action="store_true", help="write the message as it came to standard output, and nothing else"
    )
    parser.add_argument(
        "--limit",
        type=whole_number,
        default=MOST_COPIES,
        metavar="N",
        help=f"of each message at most N copies, and N lines of what happened (default: {MOST_COPIES})",
    )
    parser.add_argument("--json", action="store_true", help="print all of it as JSON, whatever the limit")


def run(arguments: argparse.Namespace, states: tuple[State, ...] = ()) -> int:
    settings = settings_of(arguments)
    with reader_of(settings) as reader:
        messages, wanted = messages_of(reader, settings, arguments.id, states)
        if arguments.content:
            return _content(reader, wanted)
        limit = max(arguments.limit, 1)  # of none there would be nothing to tell the rest by
        found = [
            shown_of(reader, identity, wanted, None if arguments.json else limit)
            for identity in messages[:_MOST_MESSAGES]
        ]
    if wanted.wide and not found:
        raise CommandError(
            f"nothing waits for {arguments.id}; consent-relay log query --recipient {arguments.id} tells what happened"
        )
    if not any(one.copies or one.decisions or one.reported for one in found):
        raise CommandError(f"nothing waits, and nothing is known, of {arguments.id}")
    if arguments.json:
        print(json.dumps({"messages": [document(one) for one in found]}, indent=2, ensure_ascii=False))
    else:
        print("\n\n".join("\n".join(at_length(one, limit)) for one in found))
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


def shown_of(reader: Reader, identity: str, meant: WantedCopies, limit: int | None = None) -> Shown:
    """meant: which of its copies were asked for; they come first. limit: of copies, None for all."""
    mail = reader.waiting()
    wanted = WantedCopies(identity=identity)
    own = [one for one in mail.copies(meant, limit) if one.message.tx.id == identity]
    waiting = [*{one.copy.number: one for one in [*own, *mail.copies(wanted, limit)]}.values()][:limit]
    by_state: dict[State, int] = {}
    for one in mail.together(wanted):
        by_state[one.state] = by_state.get(one.state, 0) + one.copies
    decisions = [stored.decision for stored in reader.found_by_id(identity)]
    whom = {str(one.copy.recipient.address) for one in own}
    whom |= {str(one.recipient) for one in decisions if one.id == meant.identity}
    return Shown(
        identity=identity,
        copies=waiting,
        by_state=by_state,
        whom=frozenset(whom),
        decisions=decisions,
        outcomes=reader.outcomes_of([one.id for one in decisions]),
        reported=reader.report_lines(WantedLines(message=identity), -1),
        header=header_lines(mail.content(waiting[0].message.number)) if waiting else (),
        failing=mail.failing(now_in_utc() - LATELY),
        notices=[_sent(reader, one) for one in reader.notices_about(identity)],
        about=reader.told_of(identity),
    )


def _sent(reader: Reader, notice: Notice) -> Sent:
    decisions = [stored.decision.id for stored in reader.found_by_id(notice.message)]
    outcomes = reader.outcomes_of(decisions)
    waits = bool(reader.waiting().together(WantedCopies(identity=notice.message)))
    return Sent(notice, waits, max(outcomes, key=lambda one: one.at, default=None))


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


def at_length(shown: Shown, limit: int = MOST_COPIES) -> Iterator[str]:
    now = now_in_utc()
    if shown.copies:
        yield from message_at_length(shown.copies[0].message, now)
        by_state = ", ".join(f"{count:,} {state}" for state, count in shown.by_state.items())
        yield f"{copies(shown.count)} wait{'s' if shown.count == 1 else ''} ({by_state}):"
        for one in shown.copies:
            yield from copy_at_length(one, now, shown.failing)
        if shown.count > len(shown.copies):
            yield f"  and {shown.count - len(shown.copies):,} more: --limit {shown.count}, or --json"
    else:
        yield f"message {shown.identity}: nothing of it waits any more"
        if shown.about:
            yield f"  own mail   delivery report about {shown.about}"
    if shown.decisions:
        yield "what happened:"
        yield from _told(shown, limit)
        yield from _given_up(shown)
    if shown.header:
        yield "header:"
        yield from (f"  {line}" for line in shown.header)


def _given_up(shown: Shown) -> Iterator[str]:
    """Of mail that is over: whose last attempt settled nothing, and of whom no report tells, nor any notice."""
    if shown.copies or shown.notices:
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


def _told(shown: Shown, limit: int) -> Iterator[str]:
    """What happened, a line each; of too many the newest, before all about those that were meant."""
    story = sorted(_story(shown))
    kept = list(range(len(story)))
    if len(story) > limit:
        by_worth = sorted(kept, key=lambda number: (story[number][1] in shown.whom, number), reverse=True)
        kept = sorted(by_worth[:limit])
        yield f"  ({len(story) - limit:,} lines more: --limit {len(story)}, or --json)"
    yield from (f"  {story[number][2]}" for number in kept)


def _story(shown: Shown) -> Iterator[tuple[tuple[object, ...], str, str]]:
    """What happened to whom, with what it is ordered by."""
    whom = {one.id: one.recipient for one in shown.decisions}
    for number, decision in enumerate(shown.decisions):
        words = f"{decision.verdict}, {', '.join(decision.reasons)}{'' if decision.enforced else ' (only recorded)'}"
        yield (
            (decision.at, 0, number),
            str(decision.recipient or ""),
            f"{second(decision.at)}  {decision.recipient or '-'}  decided: {words}  {decision.id}",
        )
    for number, outcome in enumerate(shown.outcomes):
        where = f" by {outcome.next_hop}" if outcome.next_hop else ""
        words = f"{outcome.result}{where}: {outcome.reply}"
        to = str(whom.get(outcome.decision) or "")
        yield (outcome.at, 1, number), to, f"{second(outcome.at)}  {to or '-'}  {words}"
    for number, one in enumerate(shown.reported):
        line, told = one.line, "told to the owner" if one.told_at else "not told yet"
        yield (
            (line.at, 2, number),
            line.recipient,
            f"{second(line.at)}  {line.recipient}  not sent: {line.fate}, {line.reason} ({told})",
        )
    for number, sent in enumerate(shown.notices):
        notice = sent.notice
        words = f"told by delivery report {notice.message}: {sent.words}"
        yield (notice.at, 3, number), notice.to, f"{second(notice.at)}  {notice.to or '-'}  {words}"


def document(shown: Shown) -> dict[str, Any]:
    return {
        "message": shown.identity,
        "waiting": shown.count,
        "by_state": {str(state): count for state, count in shown.by_state.items()},
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
        "about": shown.about,
        "notices": [
            {
                "at": iso(one.notice.at),
                "message": one.notice.message,
                "id": one.notice.decision,
                "recipient": one.notice.to,
                "waits": one.waits,
                "last": None if one.last is None else fields_of(one.last),
            }
            for one in shown.notices
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
