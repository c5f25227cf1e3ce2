"""`consent-relay hold list`: held mail by stream and reason: how much, since when, who was asked, when it is given up."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from relay.cli.hold_choice import HELD
from relay.cli.known_names import require_known_names
from relay.cli.stored import now_in_utc, reader_of, settings_of
from relay.cli.waiting_choice import add_filters, filtered, whole_number
from relay.cli.waiting_words import as_json, copies, iso, json_line, listed, size, span
from relay.store.waiting import HeldTogether, WantedCopies

_HEADS: Final = ("stream", "reason", "copies", "size", "oldest", "asked", "given up")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_filters(parser)
    parser.add_argument("--copies", action="store_true", help="each copy on a line, the oldest first")
    parser.add_argument(
        "--limit", type=whole_number, default=100, metavar="N", help="with --copies: at most N (default: 100)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, one object a line")


def run(arguments: argparse.Namespace) -> int:
    settings, now = settings_of(arguments), now_in_utc()
    wanted = filtered(arguments, HELD)
    with reader_of(settings) as reader:
        mail = reader.waiting()
        together = mail.held(wanted)
        if not together:
            require_known_names(wanted, settings, mail)
        found = mail.copies(wanted, arguments.limit) if arguments.copies else []
    count = sum(one.copies for one in together)
    if not count:
        print("nothing is held" if wanted == WantedCopies(states=HELD) else "no such copy is held", file=sys.stderr)
    elif arguments.copies:
        for line in map(json_line, map(as_json, found)) if arguments.json else listed(found, now):
            print(line)
        if count > len(found):
            print(f"{len(found):,} of {copies(count)}; --limit shows more", file=sys.stderr)
    else:
        for line in map(json_line, map(fields_of, together)) if arguments.json else _table(together, now):
            print(line)
        if not arguments.json:
            print(f"{copies(count)} held, {size(sum(one.octets for one in together))}; --copies lists them")
    return 0


def fields_of(one: HeldTogether) -> dict[str, object]:
    return {
        "stream": one.stream,
        "reason": one.reason,
        "copies": one.copies,
        "octets": one.octets,
        "oldest": iso(one.oldest),
        "asked": one.asked,
        "asked_first": iso(one.asked_first),
        "asked_last": iso(one.asked_last),
        "given_up_first": iso(one.given_up_first),
        "given_up_last": iso(one.given_up_last),
    }


def _table(together: Sequence[HeldTogether], now: datetime) -> Iterator[str]:
    rows = [_HEADS, *(_cells(one, now) for one in together)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    for row in rows:
        cells = [
            cell.rjust(width) if column in (2, 3) else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _cells(one: HeldTogether, now: datetime) -> tuple[str, ...]:
    return (
        one.stream or "-",
        one.reason,
        f"{one.copies:,}",
        size(one.octets),
        span(now - one.oldest),
        "nobody" if not one.asked else f"{one.asked:,}, last {span(now - (one.asked_last or now))} ago",
        _given_up(one, now),
    )


def _given_up(one: HeldTogether, now: datetime) -> str:
    if one.given_up_first is None or one.given_up_last is None:
        return "never"
    first, last = one.given_up_first - now, one.given_up_last - now
    if last <= timedelta():
        return "now"
    return f"in {span(first)}" if span(first) == span(last) else f"in {span(first)} to {span(last)}"
