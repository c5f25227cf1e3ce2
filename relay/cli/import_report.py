"""What became of a list, in words and as JSON: how many rows were taken, as what, and who of them would get mail today."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from relay.cli.outlook import NOWHERE
from relay.cli.parsing import Noted
from relay.consent.causes import NOT_TAKEN, Cause
from relay.consent.events import EventKind
from relay.reason import MEANINGS, Reason, Verdict, in_precedence

_KINDS: Final = {
    EventKind.GRANT: ("yes", "yes"),
    EventKind.WITHDRAW: ("withdrawal", "withdrawals"),
    EventKind.COMPLAIN: ("complaint", "complaints"),
    EventKind.UNDELIVERABLE: ("dead mailbox", "dead mailboxes"),
}


@dataclass(slots=True)
class Tally:
    """What became of the rows. scope: of a no that names no stream, in words. today: how many of the rows taken fall
    under a reason and a verdict ("shadow" is sent).
    """

    format: str = ""
    scope: str = "all commercial mail of every brand"
    rows: int = 0
    taken: int = 0
    known: int = 0
    erased: int = 0
    refused: int = 0
    assumed: int = 0
    stated: int = 0
    statement: str = ""
    kinds: Counter[str] = field(default_factory=Counter)
    not_taken: Counter[str] = field(default_factory=Counter)
    by_cause: Counter[str] = field(default_factory=Counter)
    adrift: set[str] = field(default_factory=set)
    today: Counter[tuple[Reason, str]] = field(default_factory=Counter)

    def note(self, noted: Noted) -> None:
        self.rows += noted.rows
        self.refused += len(noted.refused)
        self.assumed += noted.assumed
        self.stated += noted.stated
        self.kinds += noted.kinds
        self.not_taken += noted.not_taken
        self.adrift |= noted.adrift

    def judged(self, key: int | str | None, count: int = 1) -> None:
        """key: of `outlook.key_of`."""
        if isinstance(key, str) and key != NOWHERE:
            reason, verdict = key.split()
            self.today[Reason(reason), verdict] += count

    @property
    def sent(self) -> int:
        return sum(count for (_, verdict), count in self.today.items() if _is_sent(verdict))


def in_words(tally: Tally, *, dry_run: bool) -> Iterator[str]:
    words = "would be taken" if dry_run else "taken"
    known = f" ({tally.known:,} of them known before)" if tally.known else ""
    skipped = f", {tally.not_taken.total():,} left out" if tally.not_taken else ""
    plural = "" if tally.rows == 1 else "s"
    yield f"{tally.rows:,} row{plural}: {tally.taken:,} {words}{known}{skipped}, {tally.refused:,} refused"
    if set(tally.kinds) - {EventKind.GRANT.value}:
        counts = ((tally.kinds[kind.value], names) for kind, names in _KINDS.items())
        kinds = ", ".join(f"{count:,} {one if count == 1 else several}" for count, (one, several) in counts if count)
        yield f"as {kinds}; a no without a stream concerns {tally.scope}"
    if tally.erased:
        yield f"left out: {tally.erased:,} of people who asked to be erased; a yes of their own, given later, counts"
    for cause, count in sorted(tally.not_taken.items()):
        yield f"left out: {count:,} {cause}: {NOT_TAKEN[Cause(cause)]}"
    if tally.refused:
        told = ", ".join(f"{count:,} for {cause}" for cause, count in tally.by_cause.most_common())
        yield f"refused: {told}"
    if tally.assumed:
        yield f"assumed: {tally.assumed:,} yes without an active act (ticked, clicked, typed, signed)"
    if tally.stated:
        yield f"{tally.statement}: {tally.stated:,}, and so it stands in the ledger"
    if tally.adrift:
        yield f"withdrawals from {', '.join(sorted(tally.adrift))} are kept, but no policy has such a stream (yet)"
    if tally.today:
        yield f"{tally.sent:,} of {tally.today.total():,} would get mail today:"
        width = max(len(reason) for reason, _ in tally.today)
        for reason, verdict, count in _ordered(tally):
            yield f"  {count:>10,}  {reason:<{width}}  {verdict:<7}  {MEANINGS[reason].explanation}"


def as_json(tally: Tally) -> dict[str, object]:
    """Stable: names are added, never renamed."""
    return {
        "format": tally.format,
        "rows": tally.rows,
        "taken": tally.taken,
        "known": tally.known,
        "erased": tally.erased,
        "not_taken": dict(sorted(tally.not_taken.items())),
        "refused": tally.refused,
        "refused_for": dict(sorted(tally.by_cause.items())),
        "events": {kind.value: tally.kinds[kind.value] for kind in _KINDS},
        "assumed": tally.assumed,
        "stated_by_operator": tally.stated,
        "would_get_mail": tally.sent,
        "today": [
            {"reason": reason.value, "verdict": verdict, "count": count} for reason, verdict, count in _ordered(tally)
        ],
    }


def _ordered(tally: Tally) -> Iterator[tuple[Reason, str, int]]:
    """What is sent first, then in order of precedence."""
    order = in_precedence(reason for reason, _ in tally.today)
    for reason, verdict in sorted(tally.today, key=lambda key: (not _is_sent(key[1]), order.index(key[0]))):
        yield reason, verdict, tally.today[reason, verdict]


def _is_sent(verdict: str) -> bool:
    return verdict in (Verdict.DELIVER.value, "shadow")
