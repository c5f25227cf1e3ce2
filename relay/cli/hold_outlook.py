"""What would be decided today on copies that are held: the relay's own decision, made and not recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from relay.address import Address
from relay.cli.bar import bar
from relay.cli.waiting_words import copies
from relay.config.settings import Settings
from relay.consent.facts import Facts
from relay.decision import Decision
from relay.envelope import Client
from relay.policy.decide import decide
from relay.policy.model import Policies, Stream
from relay.policy.notices import stream_of
from relay.reason import MEANINGS, Verdict
from relay.store.reading import Reader
from relay.store.waiting import Waiting

#: Addresses looked up at once.
_TOGETHER: Final = 500
_THEN: Final = {
    Verdict.DELIVER: "would pass",
    Verdict.HOLD: "would be held again",
    Verdict.REJECT: "would be refused, and the sender told",
    Verdict.DISCARD: "would be thrown away, and the owner told",
    Verdict.DEFER: "would wait, and be decided anew later",
}


def decisions_of_today(
    reader: Reader, settings: Settings, policies: Policies, found: Sequence[Waiting], now: datetime
) -> dict[int, Decision | None]:
    """By the copy's number; None where no policy has its stream any more, so that it waits for one."""
    clients = {one.name: Client(one.name, one.senders, one.retries, one.refusal) for one in settings.clients}
    by_stream: dict[str, list[Waiting]] = {}
    for one in found:
        by_stream.setdefault(one.copy.stream, []).append(one)
    decided: dict[int, Decision | None] = {}
    for name, together in by_stream.items():
        stream = stream_of(policies, name)
        if stream is None:
            decided |= dict.fromkeys((one.copy.number for one in together), None)
            continue
        with bar("what would be decided today", len(together)) as on_more:
            for start in range(0, len(together), _TOGETHER):
                some = together[start : start + _TOGETHER]
                facts = reader.facts(stream.brand, stream.id, [one.copy.recipient.address for one in some])
                decided |= {one.copy.number: _decided(one, stream, clients, facts, now) for one in some}
                on_more(len(some))
    return decided


def _decided(
    one: Waiting, stream: Stream, clients: Mapping[str, Client], facts: Mapping[Address, Facts], now: datetime
) -> Decision:
    address, tx = one.copy.recipient.address, one.message.tx
    tx = replace(tx, client=clients.get(tx.client.name, tx.client))
    return decide(tx, stream, address, facts[address], now, decision_id=one.copy.decision, after_data=True)


def passes(decision: Decision | None) -> bool:
    return decision is not None and decision.passes


def in_words(decision: Decision | None) -> str:
    if decision is None:
        return "would wait: no policy has this stream any more"
    if decision.passes:
        return _THEN[Verdict.DELIVER]
    return f"{_THEN[decision.verdict]}: {decision.reason}: {MEANINGS[decision.reason].explanation}"


def summed_up(decided: Mapping[int, Decision | None]) -> list[str]:
    """How many would get which decision, most first."""
    counts = Counter(_kind(decision) for decision in decided.values())
    return [f"{copies(count)} {words}" for words, count in counts.most_common()]


def _kind(decision: Decision | None) -> str:
    if decision is None:
        return "would wait: no policy has the stream any more"
    return _THEN[Verdict.DELIVER] if decision.passes else f"{_THEN[decision.verdict]} ({decision.reason})"


def as_json(decided: Mapping[int, Decision | None]) -> list[dict[str, object]]:
    counts = Counter(
        ("", "") if one is None else ("deliver" if one.passes else str(one.verdict), str(one.reason))
        for one in decided.values()
    )
    return [
        {"verdict": verdict, "reason": reason, "copies": count} for (verdict, reason), count in counts.most_common()
    ]
