"""Copies that wait, in words and as JSON, for `queue`, `hold` and `status`. Reads nothing and asks no clock."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from relay.queued import Copy, Message, Origin, State
from relay.store.waiting import Waiting

_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"))
_ORIGINS: Final = {Origin.BOUNCE: "delivery report", Origin.REPORT: "report to an owner", Origin.ASK: "question"}
_HEADS: Final = ("state", "waits", "what comes", "tries", "reason", "stream", "recipient", "message")
#: Characters of an answer in a list; all of it stands in `queue show`.
_LONGEST_ANSWER: Final = 100
#: Attempts in a row that a next hop could not take, from which it is said: one may be about its recipient.
_SOME: Final = 2
#: So far back attempts count for whether a next hop takes anything.
LATELY: Final = timedelta(hours=1)
NONE_FAILS: Final[Mapping[str, int]] = {}


def span(time: timedelta) -> str:
    """`4 min`, `3 h`, `12 d`: the largest unit that fits."""
    seconds = max(0, int(time.total_seconds()))
    return next((f"{seconds // size} {unit}" for size, unit in _UNITS if seconds >= size), f"{seconds} s")


def what_comes(copy: Copy, now: datetime, failing: Mapping[str, int] = NONE_FAILS, *, worked_on: bool) -> str:
    """What happens to the copy next, and when. failing: of WaitingMail."""
    if worked_on:
        return "being tried now" if copy.state is State.QUEUED else "being ended now"
    if copy.state is State.ASIDE or copy.due_at is None:
        return "waits for an operator"
    ahead = copy.due_at - now
    if copy.state is State.QUEUED:
        return f"next try in {span(ahead)}" if ahead > timedelta() else _due(copy, -ahead, failing)
    if copy.state is State.FAILED:
        return f"sender told in {span(ahead)}" if ahead > timedelta() else "sender to be told"
    if ahead <= timedelta():
        return "to be given up"
    return f"{'asked, ' if copy.asked_at else ''}given up in {span(ahead)}"


def _due(copy: Copy, time: timedelta, failing: Mapping[str, int]) -> str:
    """A copy may be due and wait all the same: while its next hop takes nothing, that is probed with one message at a time."""
    due = "due now" if time < timedelta(minutes=1) else f"due since {span(time)}"
    if copy.attempts:
        hop, count = copy.next_hop, failing.get(copy.next_hop, 0)
    else:  # none has had it yet: it waits only where none takes anything
        hop, count = next(iter(failing), "") if len(failing) == 1 else "", sum(failing.values()) * all(failing.values())
    if count < _SOME:
        return due
    last = f"the last {count:,} attempts"
    return f"{due.removesuffix(' now')}; {f'{hop} deferred {last}' if hop else f'{last} failed'}"


def listed(found: Sequence[Waiting], now: datetime, failing: Mapping[str, int] = NONE_FAILS) -> Iterator[str]:
    """A line a copy under a line of heads, each with the last answer below."""
    rows = [_HEADS, *(_cells(one, now, failing) for one in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS) - 1)]
    for number, row in enumerate(rows):
        yield "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
        if number:
            yield from _answer(found[number - 1].copy)


def _cells(one: Waiting, now: datetime, failing: Mapping[str, int]) -> tuple[str, ...]:
    copy = one.copy
    return (
        copy.state,
        span(now - copy.at),
        what_comes(copy, now, failing, worked_on=one.worked_on),
        str(copy.attempts),
        copy.reason,
        copy.stream or "-",
        str(copy.recipient.address),
        one.message.tx.id,
    )


def _answer(copy: Copy) -> Iterator[str]:
    if copy.last is not None:
        answer = str(copy.last)
        short = answer if len(answer) <= _LONGEST_ANSWER else f"{answer[: _LONGEST_ANSWER - 3]}..."
        yield f"  {f'{copy.next_hop}: ' if copy.next_hop else ''}{short}"


def copy_at_length(one: Waiting, now: datetime, failing: Mapping[str, int] = NONE_FAILS) -> Iterator[str]:
    copy = one.copy
    comes = what_comes(copy, now, failing, worked_on=one.worked_on)
    yield f"  {copy.recipient.address}: {copy.state}, {copy.reason}; {comes}"
    yield f"    since      {second(copy.since)} ({span(now - copy.since)}), accepted {second(copy.at)}"
    if copy.due_at is not None:
        yield f"    {'given up' if copy.state is State.HELD else 'due':<10} {second(copy.due_at)}"
    if copy.asked_at is not None:
        yield f"    asked      {second(copy.asked_at)}"
    if copy.warned_at is not None:
        yield f"    warned     {second(copy.warned_at)}: the sender knows of the delay"
    if copy.attempts:
        where = f" by {copy.next_hop}" if copy.next_hop else ""
        yield f"    tries      {copy.attempts}; last answer{where}: {copy.last or 'none'}"
    elif copy.last is not None:
        yield f"    answer     {copy.last}"
    if copy.state is State.ASIDE:
        yield f"    to do      queue retry {copy.decision} --aside sends it, queue drop {copy.decision} takes it out"
    if copy.recipient.notify:
        yield f"    notify     {', '.join(copy.recipient.notify)}"
    yield f"    decision   {copy.decision}"


def message_at_length(message: Message, now: datetime) -> Iterator[str]:
    tx = message.tx
    yield f"message {tx.id}"
    yield f"  accepted   {second(message.at)} ({span(now - message.at)} ago), {message.octets:,} octets"
    if message.origin is not Origin.CLIENT:
        yield f"  own mail   {_ORIGINS[message.origin]}{f' about {message.about}' if message.about else ''}"
    yield f"  client     {tx.client.name}{f' from {tx.connection.peer}' if tx.connection.peer else ''}"
    yield f"  stream     {message.stream or 'none'}{f' of {message.brand}' if message.brand else ''}"
    yield f"  sender     {tx.sender_text or '<>'}"
    if message.starts:
        yield f"  starts     {message.starts}: workers that began with it and have not come to an end"
    if message.tellings:
        yield f"  tellings   {message.tellings}: workers that began to tell the sender and have not come to an end"


def as_json(one: Waiting) -> dict[str, Any]:
    copy, message = one.copy, one.message
    return {
        "id": copy.decision,
        "message": message.tx.id,
        "origin": message.origin.value,
        "about": message.about,
        "client": message.tx.client.name,
        "stream": message.stream,
        "brand": message.brand,
        "sender": message.tx.sender_text,
        "recipient": str(copy.recipient.address),
        "state": copy.state,
        "reason": copy.reason,
        "octets": copy.octets,
        "at": iso(copy.at),
        "since": iso(copy.since),
        "due_at": iso(copy.due_at),
        "asked_at": iso(copy.asked_at),
        "warned_at": iso(copy.warned_at),
        "attempts": copy.attempts,
        "next_hop": copy.next_hop,
        "reply": "" if copy.last is None else str(copy.last),
        "worked_on": one.worked_on,
        "starts": message.starts,
        "tellings": message.tellings,
    }


def json_line(values: Mapping[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def second(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%SZ}"


def copies(count: int) -> str:
    return f"{count:,} {'copy' if count == 1 else 'copies'}"


def size(octets: int) -> str:
    """`340 octets`, `1.5 MB`."""
    for unit, name in ((1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")):
        if octets >= unit:
            return f"{octets / unit:.1f} {name}"
    return f"{octets} octets"
