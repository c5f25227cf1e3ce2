"""`consent-relay status`: how the relay stands, on one screen and for monitoring. Exit code 1 when somebody has to look.

Reads the store beside a relay that runs, and of one that does not. What counts as a problem stands in `_problems`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from relay.cli import add_config_option
from relay.cli.consent_asking import as_json as asking_as_json
from relay.cli.consent_asking import stopped_in_words
from relay.cli.stored import lacks_withdrawals, now_in_utc, reader_of, settings_of
from relay.cli.waiting_words import LATELY, copies, iso, size, span, what_comes
from relay.config.settings import Settings
from relay.queued import State
from relay.reason import Reason
from relay.store.asks import Asking
from relay.store.reading import Reader
from relay.store.waiting import Ages, Deferring, HeldTogether, Stock, Tally, Waiting, WantedCopies

#: A copy that is due for so long, and that nobody takes up, is late.
LATE: Final = timedelta(minutes=15)
#: Report lines of a client with an owner are told within a day; some time is left for it.
_TOLD_WITHIN: Final = timedelta(hours=36)
#: Part of a cap from which it is said.
_NEARLY: Final = 0.8
_MOST_NEXT_HOPS: Final = 5


@dataclass(frozen=True, slots=True)
class Status:
    """processes: of the relay, at work on this store. untold: report lines by client. owned: clients with an owner.
    overdue: clients with an owner whose oldest line should have been told. first_due: of the queued copies.
    failing: next hops, as WaitingMail tells them. homeless: queued copies of streams that no policy has.
    """

    now: datetime
    processes: int
    tallies: Sequence[Tally]
    ages: Sequence[Ages]
    held: Sequence[HeldTogether]
    deferring: Sequence[Deferring]
    stock: Stock
    untold: dict[str, int]
    owned: frozenset[str]
    overdue: tuple[str, ...]
    octets: int
    wal_octets: int
    last_decided: datetime | None
    behind: bool
    asking: Sequence[Asking] = ()
    first_due: Waiting | None = None
    failing: Mapping[str, int] = field(default_factory=dict)
    homeless: int = 0

    def age_of(self, state: State) -> Ages | None:
        return next((one for one in self.ages if one.state is state), None)

    def octets_of(self, state: State) -> int:
        return sum(one.octets for one in self.tallies if one.state is state)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_option(parser)
    parser.add_argument("--json", action="store_true", help="print it as JSON, for monitoring")


def run(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    with reader_of(settings, tell_behind=False) as reader:
        status = status_of(reader, settings, now_in_utc())
    problems = list(_problems(status, settings))
    if arguments.json:
        print(json.dumps(document(status, settings, problems), indent=2))
    else:
        print("\n".join(screen(status, settings, problems)))
    return 1 if problems else 0


def status_of(reader: Reader, settings: Settings, now: datetime) -> Status:
    mail = reader.waiting()
    owned = frozenset(one.name for one in settings.clients if one.owner is not None)
    untold = reader.untold_lines()
    return Status(
        now=now,
        processes=mail.processes(),
        tallies=mail.tallies(),
        ages=mail.ages(now - LATE),
        held=mail.held(WantedCopies(states=(State.HELD,))),
        deferring=mail.deferring(_MOST_NEXT_HOPS),
        stock=mail.stock(),
        untold=untold,
        owned=owned,
        overdue=tuple(client for client in sorted(owned & untold.keys()) if _is_overdue(reader, client, now)),
        octets=_octets(settings.store.path),
        wal_octets=_octets(Path(f"{settings.store.path}-wal")),
        last_decided=mail.last_decided(),
        behind=lacks_withdrawals(reader, settings),
        asking=reader.asking(settings.asking),
        first_due=mail.first_due(),
        failing=mail.failing(now - LATELY),
        homeless=mail.count(WantedCopies(states=(State.QUEUED,), reason=Reason.STREAM_UNKNOWN)),
    )


def _is_overdue(reader: Reader, client: str, now: datetime) -> bool:
    return reader.oldest_untold(client, now - _TOLD_WITHIN) is not None


def _problems(status: Status, settings: Settings) -> Iterator[str]:
    """What an operator has to look at; the chapter "Mail that waits" of the manual lists them."""
    if status.behind:
        yield (
            f"the store lacks withdrawals that {settings.store.journal} has; "
            "run: consent-relay db migrate --replay-withdrawals"
        )
    if not status.processes:
        yield "the relay does not run on this store; start it: nothing is sent meanwhile"
    aside = status.age_of(State.ASIDE)
    if aside is not None:
        yield (
            f"{copies(aside.copies)} set aside: look with consent-relay queue list --state aside, then "
            "queue retry ID --aside, or queue drop ID"
        )
    if status.homeless:
        yield (
            f"{copies(status.homeless)} of streams that no policy has, not sent meanwhile: look with consent-relay queue "
            "list --reason stream-unknown; give the policy back, or the renamed stream its old id"
        )
    for one in status.ages:
        if one.late and one.next_due is not None:
            yield f"{copies(one.late)} {_LATE_WORDS[one.state]}, the first for {span(status.now - one.next_due)}"
    yield from map(stopped_in_words, (one.wave for one in status.asking if one.wave.stopped_at is not None))
    yield from _nearly_full(status, settings)
    for client in status.overdue:
        yield f'report lines of client "{client}" are not told to its owner; the log says why (report-failed)'


_LATE_WORDS: Final = {
    State.QUEUED: "due and not tried (is the next hop closed? see next-hop-closed in the log)",
    State.FAILED: "whose sender should have been told",
    State.HELD: "held and past their end",
    State.ASIDE: "set aside",
}


def _nearly_full(status: Status, settings: Settings) -> Iterator[str]:
    held = sum(one.copies for one in status.held)
    for what, found, cap, setting in (
        ("octets wait", status.stock.octets, settings.queue.octets, "[queue] octets"),
        ("copies are held", held, settings.hold.copies, "[hold] copies"),
    ):
        if found >= cap * _NEARLY:
            yield f"{found:,} {what}, {setting} allows {cap:,}; beyond it mail is refused for now (452 4.3.1)"
    streams: dict[str, int] = {}
    for one in status.held:
        streams[one.stream] = streams.get(one.stream, 0) + one.copies
    for stream, found in streams.items():
        cap = settings.hold.stream_copies
        if found >= cap * _NEARLY:
            yield f'{found:,} copies of "{stream}" are held, [hold] stream_copies allows {cap:,}'


def document(status: Status, settings: Settings, problems: Sequence[str]) -> dict[str, Any]:
    """Every state is always there, so that monitoring finds the same names with an empty queue."""
    return {
        "ok": not problems,
        "problems": list(problems),
        "at": iso(status.now),
        "processes": status.processes,
        "queue": {str(state): _state_as_json(status, state) for state in State},
        "messages": {
            "count": status.stock.messages,
            "octets": status.stock.octets,
            "octets_allowed": settings.queue.octets,
        },
        "held": [
            {
                "stream": one.stream,
                "reason": one.reason,
                "copies": one.copies,
                "octets": one.octets,
                "oldest": iso(one.oldest),
                "asked": one.asked,
            }
            for one in status.held
        ],
        "held_allowed": settings.hold.copies,
        "deferring": [
            {"next_hop": one.next_hop, "copies": one.copies, "answer": one.answer} for one in status.deferring
        ],
        "asking": [asking_as_json(one) for one in status.asking],
        "reports_untold": status.untold,
        "reports_without_owner": sum(count for client, count in status.untold.items() if client not in status.owned),
        "store": {"path": str(settings.store.path), "octets": status.octets, "wal_octets": status.wal_octets},
        "behind_journal": status.behind,
        "last_decision": iso(status.last_decided),
        "last_decision_age_seconds": _seconds(status.now, status.last_decided),
    }


def _state_as_json(status: Status, state: State) -> dict[str, Any]:
    one = status.age_of(state)
    return {
        "copies": one.copies if one else 0,
        "octets": status.octets_of(state),
        "oldest": iso(one.oldest) if one else None,
        "oldest_age_seconds": _seconds(status.now, one.oldest) if one else 0,
        "next_due": iso(one.next_due) if one else None,
        "late": one.late if one else 0,
        "worked_on": one.worked_on if one else 0,
    }


def screen(status: Status, settings: Settings, problems: Sequence[str]) -> Iterator[str]:
    now = status.now
    running = f"{status.processes} {'process' if status.processes == 1 else 'processes'}"
    yield _line("relay", f"{running} running" if status.processes else "not running")
    last = "nothing decided so far" if status.last_decided is None else f"{span(now - status.last_decided)} ago"
    yield _line("decided", last)
    for state in State:
        yield _line(state, _state_in_words(status, state))
        for one in status.held if state is State.HELD else ():
            asked = f", {one.asked:,} asked" if one.asked else ", nobody asked yet"
            waits = f"{copies(one.copies)}, oldest {span(now - one.oldest)}{asked}"
            yield _line("", f"  {one.stream or '-'}, {one.reason}: {waits}")
    for hop in status.deferring:
        yield _line("deferred", f"{copies(hop.copies)} by {hop.next_hop}: {hop.answer}")
    yield _line(
        "size",
        f"{size(status.stock.octets)} in {_messages(status.stock.messages)} of {size(settings.queue.octets)} allowed; "
        f"store {size(status.octets)}, WAL {size(status.wal_octets)}",
    )
    yield _line("reports", _reports_in_words(status))
    yield ""
    if not problems:
        yield "nothing needs an operator"
    yield from (f"PROBLEM: {problem}" for problem in problems)


def _messages(count: int) -> str:
    return f"{count:,} {'message' if count == 1 else 'messages'}"


def _state_in_words(status: Status, state: State) -> str:
    one = status.age_of(state)
    if one is None:
        return "none"
    words = [copies(one.copies), size(status.octets_of(state)), f"oldest {span(status.now - one.oldest)}"]
    if one.next_due is not None and state is State.QUEUED:
        words.append(
            "due now"
            if status.first_due is None
            else what_comes(status.first_due.copy, status.now, status.failing, worked_on=False)
        )
    if one.worked_on:
        words.append(f"{one.worked_on:,} being worked on")
    return ", ".join(words)


def _reports_in_words(status: Status) -> str:
    if not status.untold:
        return "every line told"
    parts = [
        f"{client} {count:,}{'' if client in status.owned else ' (no owner: told to nobody, see log report)'}"
        for client, count in status.untold.items()
    ]
    return f"lines not told yet: {', '.join(parts)}"


def _line(label: str, words: str) -> str:
    return f"{label:<10} {words}"


def _seconds(now: datetime, moment: datetime | None) -> int | None:
    return None if moment is None else max(0, int((now - moment).total_seconds()))


def _octets(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
