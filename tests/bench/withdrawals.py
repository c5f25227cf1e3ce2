"""Measures how soon a no is known: from the one-click POST to the first refusal at SMTP, in every process.

    python3 deploy/bootstrap.py bench withdrawals [--people N] [--processes N] [--write]

Several connections, to whichever process takes them, ask about one person without a pause (MAIL, RCPT, RSET) while that
person withdraws. Then people withdraw while mail for them is queued, and the next hop writes down when each attempt
begins. Everything runs on 127.0.0.1 and is bounded in number.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import smtplib
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from bench.load import reply
from bench.newsletter import SENDER
from bench.table import machine, write_between
from faults.chaos import chaos_hop
from faults.experiment import settle
from faults.mailers import send
from faults.staging import MAILERS, NEWS_DOMAIN, make_people, staged, stop_page
from integration.serving import Relay

BEGIN: Final = "<!-- withdrawals: written by withdrawals.py -->"
END: Final = "<!-- end of withdrawals -->"

_CONNECTIONS: Final = 8
#: Seconds that is asked on after the first refusal.
_ON: Final = 0.1
#: Seconds that the next hop takes for a message in the second part, over so many connections (faults/staging.py).
_SLOW: Final = 0.05
_HOP_CONNECTIONS: Final = 4


@dataclass(slots=True)
class Measured:
    """Seconds. answered: from the POST to its 200. refused: from the POST to the first refusal on each connection.
    accepted_after: RCPTs sent after the 200 and accepted all the same, of `asked`. copies: of people who withdrew while
    they were queued; begun: how long after the 200 attempts at the next hop began, less than 0 for before.
    """

    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    accepted_after: int = 0
    asked: int = 0
    copies: int = 0
    begun: list[float] = field(default_factory=list)

    @property
    def late(self) -> int:
        return sum(after > 0 for after in self.begun)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench withdrawals", description="how soon a no is known")
    parser.add_argument("--people", type=int, default=100, help="who withdraw, in each part (default 100)")
    parser.add_argument("--processes", type=int, default=2, help="of the relay (default 2)")
    parser.add_argument("--write", action="store_true", help="write the results into tests/bench/README.md")
    chosen = parser.parse_args(arguments)
    found = measure(chosen.people, chosen.processes)
    text = report(found, chosen.people, chosen.processes)
    print(text)  # noqa: T201 - a script for a terminal
    if chosen.write:
        write_between(BEGIN, END, text)
    return 1 if found.accepted_after or found.late else 0


def measure(number: int, processes: int) -> Measured:
    found = Measured()
    people = make_people(number, 0, number)
    with chaos_hop(1) as hop, staged(hop.port, people, processes=processes) as relay:
        relay.start()
        for person in people.readers:
            print(f"\r{person}      ", end="", file=sys.stderr, flush=True)  # noqa: T201
            asyncio.run(_ask_while_they_withdraw(relay, person, found))
        hop.slow(_SLOW)
        _queue_mail(relay, people.wavering, found)
        known = _withdraw_one_by_one(relay, people.wavering, found.copies * _SLOW / _HOP_CONNECTIONS)
        settle(relay)
        attempts, _ = hop.seen()
    found.begun = [one.earliest - known[one.recipient] for one in attempts if one.recipient in known]
    return found


async def _ask_while_they_withdraw(relay: Relay, person: str, found: Measured) -> None:
    """Every connection asks until a moment after its first refusal."""
    over = asyncio.Event()
    asked: list[tuple[int, float, float, bool]] = []
    asking = [asyncio.create_task(_ask(relay.plain, person, asked, number, over)) for number in range(_CONNECTIONS)]
    await asyncio.sleep(0.1)
    began, known = await asyncio.to_thread(_withdraw, relay, person)
    await asyncio.sleep(_ON)
    over.set()
    await asyncio.gather(*asking)
    found.answered.append(known - began)
    for number in range(_CONNECTIONS):
        heard = [answered for one, _, answered, passes in asked if one == number and not passes]
        if heard:
            found.refused.append(min(heard) - began)
    after = [passes for _, sent, _, passes in asked if sent > known]
    found.asked += len(after)
    found.accepted_after += sum(after)


async def _ask(
    port: int, person: str, asked: list[tuple[int, float, float, bool]], number: int, over: asyncio.Event
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(MAILERS["impatient"], 0))
    await reply(reader)
    writer.write(b"EHLO load.brand.example\r\n")
    await reply(reader)
    while not over.is_set():
        writer.write(f"MAIL FROM:<{SENDER}>\r\n".encode())
        await reply(reader)
        sent = time.monotonic()
        writer.write(f"RCPT TO:<{person}>\r\n".encode())
        answer = await reply(reader)
        asked.append((number, sent, time.monotonic(), answer.startswith(b"250")))
        writer.write(b"RSET\r\n")
        await reply(reader)
        await asyncio.sleep(0.001)
    writer.close()


def _withdraw(relay: Relay, person: str) -> tuple[float, float]:
    """When it was sent, and when its 200 was there."""
    path = stop_page(relay, person, random.Random(person))
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    began = time.monotonic()
    status, text = relay.http("POST", path, "List-Unsubscribe=One-Click", kind)
    if status != 200:
        raise RuntimeError(f"{status} {text}")
    return began, time.monotonic()


def _queue_mail(relay: Relay, people: Sequence[str], found: Measured) -> None:
    """A few messages for each, three recipients a message: they wait for a next hop that is slow."""
    chance = random.Random(1)
    with smtplib.SMTP("127.0.0.1", relay.plain, timeout=30, source_address=(MAILERS["impatient"], 0)) as smtp:
        smtp.ehlo("load.brand.example")
        for number in range(len(people)):
            sent = send(smtp, "impatient", f"w{number}@{NEWS_DOMAIN}", chance.sample(people, min(3, len(people))))
            if not sent.final.accepts:
                raise RuntimeError(f"{sent.final}")
            found.copies += len(sent.named)


def _withdraw_one_by_one(relay: Relay, people: Sequence[str], seconds: float) -> dict[str, float]:
    """When each was told that it is known."""
    known = {}
    for person in people:
        _, known[person] = _withdraw(relay, person)
        time.sleep(seconds * 0.8 / len(people))
    return known


def report(found: Measured, people: int, processes: int) -> str:
    before = sorted(-after for after in found.begun if after <= 0)
    rows = [
        ("from the POST to its 200, ms", _spread(found.answered)),
        ("from the POST to the first refusal on each connection, ms", _spread(found.refused)),
        ("RCPTs sent after the 200", f"{found.asked:,}"),
        ("of these accepted", f"{found.accepted_after}"),
        ("copies queued for people who then withdrew", f"{found.copies:,}"),
        ("attempts begun before their 200", f"{len(before):,}"),
        ("attempts begun after their 200", f"{found.late}"),
        ("the last one before a 200, ms", f"{before[0] * 1000:.1f}" if before else ""),
    ]
    how = f"{people} people in each part, {processes} processes, {_CONNECTIONS} connections. {machine()}"
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows), "", how])


def _spread(values: Sequence[float]) -> str:
    """Median / p99 / most, in milliseconds."""
    hundredths = statistics.quantiles(values, n=100, method="inclusive")
    return " / ".join(f"{value * 1000:.1f}" for value in (hundredths[49], hundredths[98], max(values)))
