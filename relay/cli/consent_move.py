"""`consent-relay consent move`: a person's address has changed. The old one gets no more mail; the new one is
to be asked, by the operator: the relay asks nobody for a first yes.

Nothing is inherited: an address that somebody typed may be mistyped, and then belongs to somebody else.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from relay.address import Address
from relay.cli import CommandError
from relay.cli.stored import address_of, append, committer_of, fresh_id, now_in_utc, reader_of, settings_of
from relay.consent.events import Event, EventKind
from relay.consent.facts import Facts
from relay.policy.evaluate import evaluate
from relay.policy.files import load_policies
from relay.policy.model import Policies, Stream
from relay.reason import Reason
from relay.store.reading import Reader

_NOES = frozenset({Reason.WITHDRAWN, Reason.COMPLAINED})


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, by stream. asked: the old address had a yes there. old_no: it has said no, which stays its own.
    new_no: the new one has. there: the new one has a yes of its own. stopping: where the old one has not said no yet.
    """

    asked: tuple[Stream, ...]
    old_no: tuple[Stream, ...]
    new_no: tuple[Stream, ...]
    there: tuple[Stream, ...]
    stopping: tuple[Stream, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("old", metavar="OLD", help="the address of until now")
    parser.add_argument("new", metavar="NEW", help="the new one, exactly as the person gave it")
    parser.add_argument("--source", default="", metavar="TEXT", help="how you know, such as a letter or a call")
    parser.add_argument("--json", action="store_true", help="print what was recorded as JSON")


def run(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    policies, now = load_policies(settings.policies), now_in_utc()
    old, new = address_of(arguments.old, settings), address_of(arguments.new, settings)
    if old == new:
        raise CommandError("OLD and NEW are the same address", exit_code=2)
    with reader_of(settings) as reader:
        if reader.erased_at(old) is not None:  # and writing the address down again would undo it
            raise CommandError(f"{old} was erased, so nothing is known that could move; ask {new} as anybody new")
        if not reader.events_of(old):  # a slip of the pen would stop a stranger's mail
            raise CommandError(
                f"nothing is recorded of {old}, so nothing was changed; is it spelt as the person gave it?"
            )
        plan = plan_of(reader, policies, old, new, now)
    source = f"address change: {arguments.source}" if arguments.source else "address change"
    noes = _withdrawals(plan, old, source, now)
    with committer_of(settings) as committer:
        # The old one first: when both reach the same person, the new request follows the no.
        numbers = append(committer, noes)
        if plan.asked:
            proof = f"{source}; line {numbers[0]} of the ledger"
            append(committer, _requests(plan, new, proof, now + timedelta(microseconds=1)))
    if arguments.json:
        print(json.dumps(_as_json(plan, old, new), indent=2))
    else:
        print("\n".join(_told(plan, old, new)))
    return 0 if plan.asked or plan.there else 1


def plan_of(reader: Reader, policies: Policies, old: Address, new: Address, now: datetime) -> Plan:
    asked, old_no, new_no, there, stopping = [], [], [], [], []
    for stream in policies.streams:
        if not stream.is_commercial:
            continue
        known = reader.facts(stream.brand, stream.id, [old, new])
        if _said_no(stream, old, known[old], now):
            old_no.append(stream)
            continue
        stopping.append(stream)
        if known[old].yes is None:
            continue
        if _said_no(stream, new, known[new], now):
            new_no.append(stream)
        elif known[new].yes is not None:
            there.append(stream)
        else:
            asked.append(stream)
    return Plan(tuple(asked), tuple(old_no), tuple(new_no), tuple(there), tuple(stopping))


def _said_no(stream: Stream, address: Address, facts: Facts, now: datetime) -> bool:
    return bool(_NOES & set(evaluate(stream, facts, address, now).reasons))


def _withdrawals(plan: Plan, old: Address, source: str, now: datetime) -> list[Event]:
    """From all commercial mail of each brand that still sends any."""
    return [
        Event(
            id=fresh_id(now),
            kind=EventKind.WITHDRAW,
            address=old,
            brand=brand,
            stream="",
            at=now,
            recorded_at=now,
            source=source,
            recorder="cli",
            live=True,
        )
        for brand in sorted({stream.brand for stream in plan.stopping})
    ]


def _requests(plan: Plan, new: Address, source: str, now: datetime) -> list[Event]:
    """The line of the withdrawal proves why; the old address itself is not repeated, so that it can be erased."""
    return [
        Event(
            id=fresh_id(now),
            kind=EventKind.REQUEST,
            address=new,
            brand=stream.brand,
            stream=stream.id,
            at=now,
            recorded_at=now,
            source=source,
            recorder="cli",
            live=True,
        )
        for stream in plan.asked
    ]


def _told(plan: Plan, old: Address, new: Address) -> list[str]:
    lines = [f"{old} gets no more commercial mail, under whatever spelling"]
    if plan.asked:
        lines.append(f"{new} is to be asked for {_names(plan.asked)}, and gets nothing before it has confirmed")
        lines.append(
            "the relay asks nobody for a first yes: ask the person yourself, and record the yes with consent grant"
        )
    if plan.there:
        lines.append(f"{new} has a consent of its own for {_names(plan.there)}, which stays as it is")
    if plan.old_no:
        lines.append(f"{old} has said no to {_names(plan.old_no)}: that stays, and nothing is asked of {new} there")
    if plan.new_no:
        lines.append(f"{new} has said no to {_names(plan.new_no)} itself, so nothing is asked of it there")
    if not plan.asked and not plan.there:
        lines.append(f"nothing is asked of {new}: there is no consent of {old} to ask anew")
    if old.wide == new.wide:
        lines.append(f"{old} and {new} reach the same person, so the withdrawal holds for both until {new} confirms")
    return lines


def _as_json(plan: Plan, old: Address, new: Address) -> dict[str, object]:
    def ids(streams: tuple[Stream, ...]) -> list[str]:
        return [stream.id for stream in streams]

    return {
        "old": str(old),
        "new": str(new),
        "asked": ids(plan.asked),
        "has_its_own": ids(plan.there),
        "old_has_said_no": ids(plan.old_no),
        "new_has_said_no": ids(plan.new_no),
        "same_person": old.wide == new.wide,
    }


def _names(streams: tuple[Stream, ...]) -> str:
    return ", ".join(stream.id for stream in streams)
