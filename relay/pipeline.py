"""One message's whole journey: MAIL, RCPT, DATA. Policy looks, the message is changed, the next hop takes it.

Every decision is committed before its effect; where consent cannot be known, nothing is sent (laws 1 and 3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from relay.address import Address, matches_pattern
from relay.config.settings import Mode
from relay.consent.facts import Facts
from relay.decision import Decision, Outcome, Result, new_id, refusal
from relay.disposal import Forwarder, LastLook, Passing
from relay.envelope import Client, Connection, MailParameters, Recipient, Transaction
from relay.log import get_logger, write_decision, write_outcome
from relay.message.headers import header_values
from relay.message.index import index
from relay.policy.decide import decide, has_to_wait, objection, reply_to_data, without_stream
from relay.policy.match import bound_streams, needs_headers, settle
from relay.policy.model import Policies, Stream
from relay.reason import Reason, Verdict
from relay.reply import Reply
from relay.rewriting import Plan
from relay.store.port import ClockWrongError, Store, StoreUnavailableError

#: Facts read so shortly before are not read again: a mail and a withdrawal that cross within it cannot be told apart.
_FRESH: Final = timedelta(milliseconds=100)
_RECIPIENT_ACCEPTED: Final = Reply(250, "2.1.5", "recipient accepted")


class Pipeline:
    """clock: aware UTC now. randomness: n -> n octets. policies: the set in force now."""

    def __init__(
        self,
        *,
        store: Store,
        policies: Callable[[], Policies],
        forwarder: Forwarder,
        mode: Mode,
        clock: Callable[[], datetime],
        randomness: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._policies = policies
        self._forwarder = forwarder
        self._observes = mode is Mode.OBSERVE
        self._clock = clock
        self._randomness = randomness

    def begin(
        self, client: Client, connection: Connection, sender: Address | None, parameters: MailParameters
    ) -> Transaction:
        now = self._clock()
        return Transaction(self._id(now), now, client, connection, sender, parameters)

    async def at_mail(self, tx: Transaction) -> Reply:
        if not any(matches_pattern(pattern, tx.sender) for pattern in tx.client.senders):
            return await self._refuse_sender(tx, Reason.SENDER_NOT_ALLOWED)
        if not self._bound(tx) and not self._observes:
            return await self._refuse_sender(tx, Reason.STREAM_UNKNOWN)
        return Reply(250, "2.1.0", "sender accepted")

    async def at_rcpt(self, tx: Transaction, recipient: Recipient) -> Reply:
        bound = self._bound(tx)
        stream = None if needs_headers(bound) else settle(bound, tx.client.name, tx.sender, {})
        if stream is None:  # a header settles it, or nobody claims it
            return _RECIPIENT_ACCEPTED
        try:
            facts = await self._facts(stream, [recipient.address])
            now = self._clock()
            decision = decide(
                tx,
                stream,
                recipient.address,
                facts[recipient.address],
                now,
                decision_id=self._id(now),
                after_data=False,
            )
            if decision.passes:  # only the look at DATA counts, and is recorded
                return _RECIPIENT_ACCEPTED
            await self._record([decision])
        except StoreUnavailableError as error:
            return self._outage(tx, error)
        return decision.reply

    async def at_data(self, tx: Transaction, recipients: Sequence[Recipient], content: bytes) -> Reply:
        recipients = list({one.address: one for one in recipients}.values())  # named twice, sent once
        message = index(content)
        stream = settle(self._bound(tx), tx.client.name, tx.sender, header_values(message))
        read_at = self._clock()
        try:
            facts = await self._facts(stream, [one.address for one in recipients])  # again: this decision counts
            plan = await self._forwarder.plan(tx, stream, message, recipients)
            decisions = [self._decide(plan, one.address, facts) for one in recipients]
            await self._record(decisions)
        except StoreUnavailableError as error:
            return self._outage(tx, error)
        outcomes = await self._dispose(plan, decisions, recipients, facts, read_at)
        self._store.settle_later(outcomes)  # the next hop's 250 is the promise
        for outcome in outcomes:
            write_outcome(outcome)
        return reply_to_data(decisions, outcomes)

    def _bound(self, tx: Transaction) -> tuple[Stream, ...]:
        return bound_streams(self._policies(), tx.client.name, tx.sender)

    def _id(self, now: datetime) -> str:
        return new_id(now, self._randomness(10))

    def _decide(self, plan: Plan, address: Address, facts: Mapping[Address, Facts]) -> Decision:
        now = self._clock()
        if plan.stream is None:
            reason = Reason.OBSERVED if self._observes else Reason.STREAM_UNKNOWN
            return without_stream(plan.tx, address, reason, now, decision_id=self._id(now), after_data=True)
        return decide(
            plan.tx,
            plan.stream,
            address,
            facts[address],
            now,
            decision_id=self._id(now),
            after_data=True,
            undisclosable=plan.undisclosable,
        )

    async def _facts(self, stream: Stream | None, addresses: Sequence[Address]) -> Mapping[Address, Facts]:
        return {} if stream is None else await self._store.facts(stream.brand, stream.id, addresses)

    async def _record(self, decisions: Sequence[Decision]) -> None:
        await self._store.record(decisions)
        for decision in decisions:
            write_decision(decision)

    async def _refuse_sender(self, tx: Transaction, reason: Reason) -> Reply:
        now = self._clock()
        decision = without_stream(tx, None, reason, now, decision_id=self._id(now), after_data=False)
        try:
            await self._record([decision])
        except StoreUnavailableError as error:
            return self._outage(tx, error)
        return decision.reply

    async def _dispose(
        self,
        plan: Plan,
        decisions: Sequence[Decision],
        recipients: Sequence[Recipient],
        facts: Mapping[Address, Facts],
        read_at: datetime,
    ) -> list[Outcome]:
        passing = [
            Passing(decision, recipient, facts.get(recipient.address))
            for decision, recipient in zip(decisions, recipients, strict=True)
            if decision.passes
        ]
        waits = has_to_wait(decisions)
        if waits is not None:
            now = self._clock()
            return [Outcome(one.decision.id, now, Result.WITHHELD, waits.reply) for one in passing]
        return await self._forwarder.forward(plan, passing, self._last_look(plan, read_at))

    def _last_look(self, plan: Plan, read_at: datetime) -> LastLook:
        """A copy may have waited long for its turn: whoever has withdrawn meanwhile does not get it."""

        async def look(addresses: Sequence[Address]) -> Reply | None:
            if plan.stream is None or timedelta(0) <= self._clock() - read_at < _FRESH:
                return None
            try:
                facts = await self._facts(plan.stream, addresses)
            except StoreUnavailableError as error:
                return self._outage(plan.tx, error)
            now = self._clock()
            objections = (objection(plan.stream, address, facts[address], now) for address in addresses)
            found = next((one for one in objections if one is not None), None)
            if found is None or len(addresses) == 1:
                return found
            return replace(found, code=451, enhanced="4.7.1")  # the others are to have it: RCPT sorts them out

        return look

    def _outage(self, tx: Transaction, error: StoreUnavailableError) -> Reply:
        now = self._clock()
        outage = self._id(now)
        if isinstance(error, ClockWrongError):  # the guard has raised the alarm; here it is one mail among many
            get_logger().warning("mail-not-judged", id=outage, message=tx.id, why=str(error))
            return refusal(Reason.CLOCK_WRONG, Verdict.DEFER, "", outage, after_data=True)
        get_logger().error("store-unavailable", id=outage, message=tx.id, why=str(error))
        if error.full:
            return Reply(
                452, "4.3.1", f"{Reason.STORE_UNAVAILABLE}: no space left for records, try again (id {outage})"
            )
        return refusal(Reason.STORE_UNAVAILABLE, Verdict.DEFER, "", outage, after_data=True)
