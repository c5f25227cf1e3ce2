"""Who may get a message: the facts of now are read, and the pure decision is made from them.

Records nothing and sends nothing. Where nothing can be known nobody is judged, and the client is to come again (law 1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from relay.address import Address, matches_pattern
from relay.config.settings import Mode
from relay.consent.facts import Facts
from relay.decision import Decision, new_id, refusal
from relay.envelope import Recipient, Transaction
from relay.log import get_logger
from relay.policy.acceptance import Judged
from relay.policy.decide import decide, without_stream
from relay.policy.match import bound_streams
from relay.policy.model import Policies, Stream
from relay.reason import Reason, Verdict
from relay.reply import Reply
from relay.rewriting import Plan
from relay.store.port import ClockWrongError, Store, StoreUnavailableError


class Judging:
    """clock: aware UTC now. randomness: n -> n octets. policies: the set in force now."""

    def __init__(
        self,
        *,
        store: Store,
        policies: Callable[[], Policies],
        mode: Mode,
        clock: Callable[[], datetime],
        randomness: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._policies = policies
        self._observes = mode is Mode.OBSERVE
        self._clock = clock
        self._randomness = randomness

    def identifier(self, now: datetime) -> str:
        return new_id(now, self._randomness(10))

    def bound(self, tx: Transaction) -> tuple[Stream, ...]:
        """The streams that the message may be of, as far as client and sender say."""
        return bound_streams(self._policies(), tx.client.name, tx.sender)

    def sender(self, tx: Transaction) -> Decision | None:
        """Against the whole message; None where nothing speaks against its sender."""
        if not any(matches_pattern(pattern, tx.sender) for pattern in tx.client.senders):
            reason = Reason.SENDER_NOT_ALLOWED
        elif not self.bound(tx) and not self._observes:
            reason = Reason.STREAM_UNKNOWN
        else:
            return None
        now = self._clock()
        return without_stream(tx, None, reason, now, decision_id=self.identifier(now), after_data=False)

    async def before_data(self, tx: Transaction, stream: Stream, address: Address) -> Decision:
        """Raises StoreUnavailableError."""
        facts = await self.facts(stream, [address])
        now = self._clock()
        return decide(tx, stream, address, facts[address], now, decision_id=self.identifier(now), after_data=False)

    async def facts(self, stream: Stream | None, addresses: Sequence[Address]) -> Mapping[Address, Facts]:
        """Of now; none where no policy claims the message. Raises StoreUnavailableError."""
        return {} if stream is None else await self._store.facts(stream.brand, stream.id, addresses)

    def after_data(
        self, plan: Plan, recipient: Recipient, facts: Mapping[Address, Facts], *, undisclosable: str = ""
    ) -> Judged:
        """The decision that counts, at DATA and before each attempt from the queue. facts: of now, of every recipient
        where the plan has a stream. undisclosable: why this recipient's own copy cannot carry the footer, beside what the
        plan says of all.
        """
        now, address = self._clock(), recipient.address
        identifier = self.identifier(now)
        if plan.stream is None:
            reason = Reason.OBSERVED if self._observes else Reason.STREAM_UNKNOWN
            decision = without_stream(plan.tx, address, reason, now, decision_id=identifier, after_data=True)
            return Judged(recipient, decision, None)
        known = facts[address]
        decision = decide(
            plan.tx,
            plan.stream,
            address,
            known,
            now,
            decision_id=identifier,
            after_data=True,
            undisclosable=plan.undisclosable or undisclosable,
        )
        return Judged(recipient, decision, known)

    def outage(self, tx: Transaction, error: StoreUnavailableError) -> Reply:
        """What the client is told when nothing can be known, or nothing written down."""
        now = self._clock()
        outage = self.identifier(now)
        if isinstance(error, ClockWrongError):  # the guard has raised the alarm; here it is one mail among many
            get_logger().warning("mail-not-judged", id=outage, message=tx.id, why=str(error))
            return refusal(error.reason, Verdict.DEFER, "", outage, after_data=True)
        get_logger().error("store-unavailable", id=outage, message=tx.id, why=str(error))
        if error.full:
            return Reply(452, "4.3.1", f"{error.reason}: no space left for records, try again (id {outage})")
        return refusal(error.reason, Verdict.DEFER, "", outage, after_data=True)
