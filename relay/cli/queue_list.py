"""`consent-relay queue list`: a line for each copy that waits for the next hop, its sender's report or an operator."""

from __future__ import annotations

import argparse
import sys
from typing import Final

from relay.cli.known_names import require_known_names
from relay.cli.stored import now_in_utc, reader_of, settings_of
from relay.cli.waiting_choice import add_filters, filtered, whole_number
from relay.cli.waiting_words import LATELY, as_json, copies, json_line, listed
from relay.queued import State
from relay.store.waiting import WantedCopies

#: Held mail has a list of its own: one of a stream may hold thousands.
_SHOWN: Final = (State.QUEUED, State.FAILED, State.ASIDE)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--state",
        action="append",
        choices=[state.value for state in State],
        metavar="STATE",
        help=f"{', '.join(State)}; may be said again (default: all but held)",
    )
    add_filters(parser)
    parser.add_argument("--newest", action="store_true", help="the newest first (default: the oldest)")
    parser.add_argument("--limit", type=whole_number, default=100, metavar="N", help="at most N (default: 100)")
    parser.add_argument("--json", action="store_true", help="print JSON, one object a line")


def run(arguments: argparse.Namespace) -> int:
    settings, now = settings_of(arguments), now_in_utc()
    states = tuple(map(State, arguments.state)) if arguments.state else _SHOWN
    wanted = filtered(arguments, states)
    with reader_of(settings) as reader:
        mail = reader.waiting()
        found = mail.copies(wanted, arguments.limit, newest=arguments.newest)
        count = mail.count(wanted)
        failing = mail.failing(now - LATELY)
        if not count:
            require_known_names(wanted, settings, mail)
        held = 0 if State.HELD in states else mail.count(WantedCopies(states=(State.HELD,)))
    if arguments.json:
        for one in found:
            print(json_line(as_json(one)))
    elif found:
        print("\n".join(listed(found, now, failing)))
    if not count:
        print("nothing waits" if wanted == WantedCopies(states=_SHOWN) else "no such copy waits", file=sys.stderr)
    elif count > len(found):
        print(f"{len(found):,} of {copies(count)}; --limit shows more", file=sys.stderr)
    if held:
        print(f"{copies(held)} held for a yes: consent-relay hold list", file=sys.stderr)
    return 0
