"""The long run: as many kills and messages as are asked for, then the verdict. Traffic stays on this machine.

    PYTHONPATH=tests python -m faults.long [--messages N] [--kills N] [--seed N] [--processes N] [--minutes N] [--keep DIR]

Ends with 1 when something was found.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from faults.experiment import Plan, Result, run

_SHOWN: Final = 40


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="faults.long", description="kill a relay often, and judge what it promised")
    parser.add_argument("--messages", type=int, default=1000, help="messages that mailers try to send (default 1000)")
    parser.add_argument("--kills", type=int, default=200, help="kills (default 200)")
    parser.add_argument("--seed", type=int, default=1, help="of all that is drawn by lot (default 1)")
    parser.add_argument("--processes", type=int, default=2, help="of the relay (default 2)")
    parser.add_argument("--sessions", type=int, default=6, help="mailers at the same time (default 6)")
    parser.add_argument("--minutes", type=float, default=40, help="then no more kills and mail (default 40)")
    parser.add_argument("--keep", type=Path, help="folder for log and tables when something was found")
    chosen = parser.parse_args(arguments)
    plan = Plan(chosen.seed, chosen.messages, chosen.kills, chosen.processes, chosen.sessions, minutes=chosen.minutes)
    result = run(plan, _progress, chosen.keep)
    print(file=sys.stderr)  # noqa: T201
    print("\n".join(lines(result)))  # noqa: T201 - a script for a terminal
    return 1 if result.verdict.findings or result.problems else 0


def _progress(text: str) -> None:
    print(f"\r{text}   ", end="", file=sys.stderr, flush=True)  # noqa: T201


def lines(result: Result) -> list[str]:
    trace, tally = result.trace, result.verdict.tally
    attempts = Counter(str(one.kind) for one in trace.attempts)
    untold = sum(one.taken and not one.told for one in trace.attempts)
    noes = [one for one in trace.acts if not one.yes and one.acknowledged is not None]
    codes = Counter(one.final.code for one in trace.sent)
    fates, states = Counter(one.fate for one in trace.reported), Counter(one.state for one in trace.waiting)
    latest = max(result.crossed, default=0) * 1000
    plan = result.plan
    return [
        f"seed {plan.seed}, {plan.processes} processes, {result.seconds:.0f} s, settled in {result.settled_in:.1f} s",
        f"messages {len(trace.sent)}, by final reply {_told(codes)}",
        f"copies: {_told(tally)}",
        f"kills {len(trace.crashes)}: {_told(Counter(one.how for one in trace.crashes))}",
        f"beside them: {_told(result.others)}",
        f"attempts at the next hop {_told(attempts)}; taken without a word {untold}",
        f"faults of the next hop {sum(trace.faults.values())}: {_told(trace.faults)}",
        f"noes acknowledged {len(noes)}, yeses {sum(one.yes for one in trace.acts)}",
        f"attempts that may have been under way at a no {len(result.crossed)}, latest {latest:.0f} ms after it",
        f"waiting in the end: {_told(states)}; reported: {_told(fates)}",
        f"findings {len(result.verdict.findings)}, problems {len(result.problems)}",
        *result.problems,
        *map(str, result.verdict.findings[:_SHOWN]),
    ]


def _told(numbers: Mapping[Any, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(numbers.items())) or "none"


if __name__ == "__main__":
    raise SystemExit(main())
