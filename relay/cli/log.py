"""`consent-relay log`: follow decisions as they are made, find old ones. Reads the store, not the log file."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from relay.address import AddressError, address_from_text
from relay.cli import CommandError, add_action, add_config_option, log_report
from relay.cli.stored import address_of, moment_of, now_in_utc, reader_of, settings_of, zone_of
from relay.cli.told_at_data import told_at_data
from relay.config.durations import parse_duration
from relay.config.settings import Settings
from relay.decision import Decision, Outcome, Result
from relay.queued import Fate, State
from relay.reason import MEANINGS, Reason, Verdict
from relay.store.reading import Reader, Wanted
from relay.store.reported import WantedLines
from relay.store.waiting import WantedCopies

#: Seconds between two looks of `tail`.
_PAUSE: Final = 0.25
_REASON_WIDTH: Final = max(map(len, Reason))
#: After these no further attempt comes.
_SETTLED: Final = frozenset({Result.DELIVERED, Result.REFUSED})
#: Of a terminal: green, red; yellow for what is neither.
_COLOURS: Final = {Verdict.DELIVER: 32, Verdict.REJECT: 31}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    tailing = add_action(actions, "tail", "print decisions and outcomes as they come")
    tailing.add_argument(
        "-n", "--lines", type=_count, default=10, metavar="N", help="begin with the last N (default: 10)"
    )
    querying = add_action(actions, "query", "find decisions, or everything about one id of an SMTP reply")
    querying.add_argument("--id", default="", help="id of a decision (it stands in the reply) or of a message")
    querying.add_argument("--recipient", default="", metavar="ADDRESS", help="or a pattern, such as *@example.com")
    querying.add_argument("--sender", default="", metavar="ADDRESS", help="or a pattern")
    querying.add_argument("--client", default="", metavar="NAME", help="only mail of this client")
    querying.add_argument("--stream", default="", metavar="S", help="only this stream")
    querying.add_argument(
        "--reason", choices=[reason.value for reason in Reason], metavar="REASON", help="see consent-relay reason"
    )
    querying.add_argument(
        "--verdict", choices=[verdict.value for verdict in Verdict], metavar="VERDICT", help=", ".join(Verdict)
    )
    reporting = add_action(actions, "report", "mail that was accepted and did not go out")
    log_report.add_arguments(reporting)
    reporting.add_argument("--recipient", default="", metavar="ADDRESS", help="only mail to this address")
    for leaf in (querying, reporting):
        leaf.add_argument("--since", default="", metavar="T", help="a time in ISO 8601, or how long ago: 7d, 2h")
        leaf.add_argument("--until", default="", metavar="T", help="the same")
        leaf.add_argument(
            "--timezone", default="", metavar="ZONE", help="of times without a zone: Asia/Tokyo or +09:00"
        )
        leaf.add_argument("--limit", type=_count, default=100, metavar="N", help="the newest N (default: 100)")
    for leaf in (tailing, querying, reporting):
        leaf.add_argument("--json", action="store_true", help="print JSON, one object a line")
        add_config_option(leaf)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    with reader_of(settings) as reader:
        if arguments.action == "tail":
            return _tail(reader, arguments.lines, as_json=arguments.json)
        if arguments.action == "report":
            return log_report.run(reader, _lines(arguments, settings), arguments.limit, as_json=arguments.json)
        if arguments.id:
            return _everything(reader, arguments.id.strip(), as_json=arguments.json)
        return _query(reader, _wanted(arguments, settings), arguments.limit, as_json=arguments.json)


def _tail(reader: Reader, lines: int, *, as_json: bool) -> int:
    """Until interrupted."""
    decided, settled = reader.last_sequences()
    for stored in reader.decisions(Wanted(), lines) if lines else ():
        _print(stored.decision, as_json=as_json)
    while True:
        decisions = reader.decisions_after(decided)
        outcomes = reader.outcomes_after(settled)
        for stored in decisions:
            decided = stored.sequence
            _print(stored.decision, as_json=as_json)
        for stored_outcome in outcomes:
            settled = stored_outcome.sequence
            _print(stored_outcome.outcome, as_json=as_json)
        if not decisions and not outcomes:
            sys.stdout.flush()
            time.sleep(_PAUSE)


def _query(reader: Reader, wanted: Wanted, limit: int, *, as_json: bool) -> int:
    found = reader.decisions(wanted, limit + 1)
    if len(found) > limit:
        found = found[1:]
        print(f"the newest {limit:,}; there are more, see --limit and --until", file=sys.stderr)
    outcomes: dict[str, list[Outcome]] = {}
    for outcome in reader.outcomes_of([stored.decision.id for stored in found]):
        outcomes.setdefault(outcome.decision, []).append(outcome)
    if not found:
        print("no decision matches", file=sys.stderr)
    for stored in found:
        decision = stored.decision
        if as_json:
            print(_line({**fields_of(decision), "outcomes": [*map(fields_of, outcomes.get(decision.id, ()))]}))
        else:
            _print(decision, as_json=False)
            for outcome in outcomes.get(decision.id, ()):
                print(f"{'':<22}{_in_words(outcome)}")
    return 0


def _everything(reader: Reader, identity: str, *, as_json: bool) -> int:
    """All about one decision, or about all of one message. 1 when there is none."""
    found = [stored.decision for stored in reader.found_by_id(identity)]
    if not found:
        raise CommandError(f"no decision and no message has the id {identity}")
    outcomes = reader.outcomes_of([decision.id for decision in found])
    messages = {decision.message for decision in found}
    of_message = {message: [one.decision for one in reader.found_by_id(message)] for message in messages}
    for decision in found:
        own = [outcome for outcome in outcomes if outcome.decision == decision.id]
        at_data = told_at_data(decision, of_message[decision.message], own, _waits(reader, decision))
        if as_json:
            print(_line({**fields_of(decision), "at_data": at_data, "outcomes": [*map(fields_of, own)]}))
        else:
            print("\n".join(_at_length(decision, own, at_data)))
    return 0


def _waits(reader: Reader, decision: Decision) -> State | None:
    waiting = reader.waiting().copies(WantedCopies(identity=decision.id), 1)
    return waiting[0].copy.state if waiting else None


def fields_of(what: Decision | Outcome) -> dict[str, Any]:
    """The same names as in the log's lines."""
    if isinstance(what, Outcome):
        return {
            "event": "outcome",
            "at": _iso(what.at),
            "id": what.decision,
            "result": what.result,
            "reason": what.reason,
            "smtp_code": what.reply.code,
            "reply": str(what.reply),
            "next_hop": what.next_hop,
            "seconds": round(what.seconds, 4),
            "footer": what.footer,
        }
    return {
        "event": "decision",
        "at": _iso(what.at),
        "id": what.id,
        "message": what.message,
        "client": what.client,
        "stream": what.stream,
        "brand": what.brand,
        "sender": what.sender,
        "recipient": "" if what.recipient is None else str(what.recipient),
        "verdict": what.verdict,
        "enforced": what.enforced,
        "reason": what.reason,
        "reasons": list(what.reasons),
        "smtp_code": what.reply.code,
        "reply": str(what.reply),
        "policy": what.policy,
        "status": what.status,
        "facts": what.facts,
    }


def _wanted(arguments: argparse.Namespace, settings: Settings) -> Wanted:
    return Wanted(
        recipient=_address_or_pattern(arguments.recipient, settings),
        sender=_address_or_pattern(arguments.sender, settings),
        client=arguments.client,
        stream=arguments.stream,
        reason=Reason(arguments.reason) if arguments.reason else None,
        verdict=Verdict(arguments.verdict) if arguments.verdict else None,
        since=_moment("--since", arguments.since, arguments.timezone),
        until=_moment("--until", arguments.until, arguments.timezone),
    )


def _lines(arguments: argparse.Namespace, settings: Settings) -> WantedLines:
    return WantedLines(
        client=arguments.client,
        stream=arguments.stream,
        fate=Fate(arguments.fate) if arguments.fate else None,
        recipient=str(address_of(arguments.recipient, settings)) if arguments.recipient else "",
        since=_moment("--since", arguments.since, arguments.timezone),
        until=_moment("--until", arguments.until, arguments.timezone),
        told=False if arguments.untold else None,
    )


def _address_or_pattern(text: str, settings: Settings) -> str:
    """In the spelling of the store, so that USER@EXAMPLE.COM. finds what was sent to its canonical form."""
    if not text or "*" in text:
        return text
    try:
        return str(address_from_text(text, loose_domains=settings.addresses.loose_domains))
    except AddressError as error:
        raise CommandError(f"{error}; a pattern has a *, such as *@example.com", exit_code=2) from None


def _moment(option: str, text: str, zone: str) -> datetime | None:
    if not text:
        return None
    now = now_in_utc()
    if text[0].isdigit() and text[-1].isalpha() and "-" not in text:
        try:
            return now - parse_duration(text)
        except ValueError as error:
            raise CommandError(f"{option}: {error}", exit_code=2) from None
    return moment_of(option, text, zone_of(zone), now)


def _print(what: Decision | Outcome, *, as_json: bool) -> None:
    if as_json:
        print(_line(fields_of(what)))
    elif isinstance(what, Outcome):
        print(f"{_second(what.at)}  {'':<7}  {_in_words(what)}  {what.decision}")
    else:
        print(_in_one_line(what))


def _in_one_line(decision: Decision) -> str:
    """What one looks for first, in columns; what is long and what is copied, behind them."""
    verdict = _painted(decision.verdict, f"{decision.verdict:<7}")
    shadow = "" if decision.enforced else "  (shadow: sent)"
    whom = "-" if decision.recipient is None else decision.recipient
    return (
        f"{_second(decision.at)}  {verdict}  {decision.reason:<{_REASON_WIDTH}}  {decision.reply.code}  "
        f"{decision.stream or '-'}  {decision.sender or '<>'} -> {whom}  {decision.client}  {decision.id}{shadow}"
    )


def _painted(verdict: Verdict, text: str) -> str:
    """Colours for a terminal only, and not where NO_COLOR (no-color.org) is set."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[{_COLOURS.get(verdict, 33)}m{text}\x1b[0m"


def _at_length(decision: Decision, outcomes: Sequence[Outcome], at_data: str) -> list[str]:
    meaning = MEANINGS[decision.reason]
    also = ", ".join(decision.reasons[1:])
    lines = [
        f"decision {decision.id}",
        f"  at         {_second(decision.at)}",
        f"  message    {decision.message}",
        f"  client     {decision.client}",
        f"  stream     {decision.stream or 'none'}" + (f" of {decision.brand}" if decision.brand else ""),
        f"  sender     {decision.sender or '<>'}",
        f"  recipient  {'none: refused at MAIL' if decision.recipient is None else decision.recipient}",
        f"  verdict    {decision.verdict}" + ("" if decision.enforced else ", only recorded (shadow mode)"),
        f"  reason     {decision.reason}: {meaning.explanation}",
        f"  to do      {meaning.remedy}",
        *(
            [f"  at RCPT    {decision.reply}", f"  at DATA    {at_data}"]
            if at_data
            else [f"  reply      {decision.reply}"]
        ),
        f"  policy     {decision.policy or 'none'}",
    ]
    if also:
        lines.insert(9, f"  also       {also}")
    if decision.status:
        lines.append(f"  status     {decision.status}")
    lines += [f"  {name:<18} {_value(value)}" for name, value in decision.facts.items()]
    lines += [f"  outcome    {_second(outcome.at)}  {_in_words(outcome)}" for outcome in outcomes]
    if outcomes and outcomes[-1].result in _SETTLED:
        return lines
    if outcomes:  # deferred and the like: here it waits, or the client kept it
        return [*lines, f"  now        whether it waits: consent-relay queue show {decision.message}"]
    return [*lines, f"  outcome    none{_why_no_outcome(decision)}"]


def _why_no_outcome(decision: Decision) -> str:
    if decision.passes:
        return f" recorded; whether it waits: consent-relay queue show {decision.message}"
    if decision.verdict is Verdict.HOLD:
        return f": held, until the person says yes: consent-relay queue show {decision.message}"
    return (
        ": not sent, told in consent-relay log report" if decision.verdict is Verdict.DISCARD else ": nothing was sent"
    )


def _in_words(outcome: Outcome) -> str:
    where = f" by {outcome.next_hop}" if outcome.next_hop else ""
    footer = f"; footer {outcome.footer}" if outcome.footer else ""
    return f"{outcome.result}{where} in {outcome.seconds:.3f} s: {outcome.reply}{footer}"


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {part}" for name, part in value.items() if part not in ("", None))
    return str(value)


def _line(values: Mapping[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _second(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%SZ}"
