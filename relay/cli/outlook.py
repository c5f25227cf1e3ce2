"""What a row of a list would come to today, if nothing else were known of its person: reason and verdict, quickly.

Most rows of a list are alike but for their times, and a verdict changes only where a limit is passed; so whole days are
judged at once, and only the days on which something changes row by row. Decides nothing of its own.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from relay.consent.fold import NOTHING_FOLDED, facts_of, fold_person
from relay.consent.rows import Line
from relay.policy.evaluate import Evaluation, evaluate, is_internal
from relay.policy.model import Policies, Stream
from relay.store.rows import address_of
from relay.store.told import event_told

_DAY: Final = 86_400_000_000
_MOST_REMEMBERED: Final = 200_000
#: Places of times in a told row: at, confirmed_at, last_contact_at.
_TIMES: Final = (6, 12, 14)
#: Of a row that concerns no stream that a policy has.
NOWHERE: Final = ""


def key_of(evaluation: Evaluation) -> str:
    """Reason and verdict, a space between; what a shadowed stream only notes down is sent all the same."""
    verdict = evaluation.verdict.value if evaluation.enforced else "shadow"
    return f"{evaluation.reasons[0].value} {verdict}"


class Outlook:
    def __init__(self, policies: Policies, now: datetime) -> None:
        self._streams = dict(policies.by_id)
        self._now = now
        self._days: dict[tuple[object, ...], str | None] = {}

    def key(self, line: Line) -> str:
        """line: without its last. NOWHERE where no policy has its stream."""
        stream = self._streams.get(line[5])
        if stream is None:
            return NOWHERE
        internal = bool(stream.internal) and is_internal(stream, address_of(line[3]))
        at, confirmed_at, contact_at = line[6], line[12], line[14]
        asked = (
            line[2], line[5], line[10], line[11], internal,
            None if at is None else at // _DAY,
            None if confirmed_at is None else confirmed_at // _DAY,
            None if contact_at is None else contact_at // _DAY,
        )  # fmt: skip
        try:
            known = self._days[asked]
        except KeyError:
            known = self._of_whole_day(stream, line)
            if len(self._days) < _MOST_REMEMBERED:
                self._days[asked] = known
        return self._judged(stream, line) if known is None else known

    def _of_whole_day(self, stream: Stream, line: Line) -> str | None:
        """None when it is not the same at the day's beginning and at its end."""
        first, last = list(line), list(line)
        for place in _TIMES:
            if line[place] is not None:
                first[place] = line[place] // _DAY * _DAY
                last[place] = min(first[place] + _DAY - 1, line[7])
        judged = self._judged(stream, tuple(first))
        return judged if judged == self._judged(stream, tuple(last)) else None

    def _judged(self, stream: Stream, line: Line) -> str:
        event = event_told((*line, None))
        rows, noes = fold_person([event])
        folded = rows.get((event.stream, event.address))
        covering = [no for no in noes if no.covers(stream.brand, stream.id, str(event.address))]
        facts = facts_of(folded or NOTHING_FOLDED, covering, None, stream.id)
        return key_of(evaluate(stream, facts, event.address, self._now))
