"""What a client was told after DATA about a recipient whose decision passed, in words. A decision keeps the reply to RCPT;
what followed is read off what waits and what came of it, and where that does not settle it, the words say both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from relay.decision import Decision, Outcome, Result
from relay.policy.model import RELAY_NOTICES
from relay.queued import State
from relay.reason import Verdict

_TAKEN: Final = frozenset({Verdict.HOLD, Verdict.DISCARD})
_OR_NOT: Final = "250 queued; or, with retries = true of its client, the next hop's answer below"
#: After one attempt, of a message that waits nowhere any more.
_AFTER: Final[Mapping[Result, str]] = {
    Result.DELIVERED: "250: the next hop's own below, or queued and delivered a little later",
    Result.REFUSED: "the next hop's refusal below, if it was tried at once; else 250 queued, and its sender was told later",
    Result.WITHHELD: "see the outcome: it was stopped before it went out",
    Result.DEFERRED: _OR_NOT,
    Result.UNKNOWN: _OR_NOT,
}


def told_at_data(
    decision: Decision, of_message: Sequence[Decision], outcomes: Sequence[Outcome], waits: State | None
) -> str:
    """of_message: all decisions on its message. outcomes: of this one. waits: the state of its copy, None where none waits.

    "" for a decision that does not pass: its own reply is what was said.
    """
    if not decision.passes:
        return ""
    taken = {one.recipient for one in of_message if one.passes or one.verdict in _TAKEN}
    known = (
        (decision.stream == RELAY_NOTICES, "nobody was told: it is the relay's own mail"),
        (
            any(one.recipient == decision.recipient and one.at < decision.at for one in of_message),
            "250 before, for an earlier decision; this one was made anew while the mail waited",
        ),
        (waits is not None, f"250 queued: taken over, {waits} now"),
        (len(taken) > 1, "250 queued: taken over, as it had several recipients"),
        (len(outcomes) > 1, "250 queued: taken over after the first attempt"),
        (not outcomes, "not known: no attempt is recorded"),
    )
    return next((words for is_so, words in known if is_so), "") or _AFTER[outcomes[0].result]
