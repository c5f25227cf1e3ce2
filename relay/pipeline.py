"""One message's whole journey: MAIL, RCPT, DATA. Policy looks, the message is changed, the next hop takes it.

Every decision is committed before its effect; where consent cannot be known, nothing is sent; a 250 is said when the
next hop has said it, or when what waits is committed (laws 1 and 3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from relay.address import Address, matches_pattern
from relay.config.settings import Mode
from relay.consent.facts import Facts
from relay.decision import Decision, Outcome, Result, new_id, refusal
from relay.disposal import Forwarder, Passing
from relay.envelope import Client, Connection, MailParameters, Recipient, Transaction
from relay.log import get_logger, write_acceptance, write_decision, write_outcome
from relay.message.headers import header_values
from relay.message.index import index
from relay.policy.acceptance import (
    Accepted,
    Judged,
    Mail,
    Waits,
    accept,
    accept_later,
    accept_untried,
    reply_after,
    turned_down,
)
from relay.policy.decide import decide, without_stream
from relay.policy.match import bound_streams, needs_headers, settle
from relay.policy.model import Policies, Stream
from relay.queued import Step
from relay.reason import Reason, Verdict
from relay.reply import Reply
from relay.rewriting import Plan
from relay.second_look import SecondLook, Sight
from relay.store.port import ClockWrongError, QueueFullError, Store, StoreUnavailableError

_RECIPIENT_ACCEPTED: Final = Reply(250, "2.1.5", "recipient accepted")


class Pipeline:
    """clock: aware UTC now. randomness: n -> n octets. policies: the set in force now. waits: of mail that waits.
    nudge: called when something was queued, so that it goes out at once. is_away: is the next hop of this recipient known
    not to answer? receipt: what a sender is told of mail that was
    passed on to where nobody tells more.
    """

    def __init__(
        self,
        *,
        store: Store,
        policies: Callable[[], Policies],
        forwarder: Forwarder,
        mode: Mode,
        clock: Callable[[], datetime],
        randomness: Callable[[int], bytes],
        waits: Waits,
        nudge: Callable[[], None] = lambda: None,
        is_away: Callable[[Address], bool] = lambda _: False,
        receipt: Callable[[Transaction, str, bytes, Recipient, Outcome], Step | None] = lambda *_: None,
    ) -> None:
        self._store = store
        self._policies = policies
        self._forwarder = forwarder
        self._observes = mode is Mode.OBSERVE
        self._clock = clock
        self._randomness = randomness
        self._waits = waits
        self._receipt = receipt
        self._nudge = nudge
        self._is_away = is_away

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
            if decision.reply.is_success:  # only the look at DATA counts, and is recorded
                return _RECIPIENT_ACCEPTED
            await self._record([decision])
        except StoreUnavailableError as error:
            return self._outage(tx, error)
        return decision.reply

    async def at_data(self, tx: Transaction, recipients: Sequence[Recipient], content: bytes) -> Reply:
        recipients = _each_once(recipients)
        message = index(content)
        stream = settle(self._bound(tx), tx.client.name, tx.sender, header_values(message))
        mail = Mail(tx, stream, content)
        try:
            plan = await self._forwarder.plan(tx, stream, message, recipients)  # takes minutes where it is large
            seen = Sight(self._store, self._clock)
            facts = await self._facts(stream, [one.address for one in recipients])  # again: this decision counts
            judged = [self._judged(plan, one, facts) for one in recipients]
            if len(judged) > 1 or not judged[0].decision.passes:
                return await self._take_over(mail, judged)
            if self._is_away(judged[0].recipient.address) and not tx.client.retries:
                return await self._take_over(mail, judged, accept_untried(mail, judged[0], self._clock()))
            return await self._forward(plan, mail, judged[0], seen)
        except StoreUnavailableError as error:
            return self._outage(tx, error)

    async def _forward(self, plan: Plan, mail: Mail, one: Judged, seen: Sight) -> Reply:
        """To the next hop while the client waits: its answer is the answer, unless the message waits here instead."""
        await self._record([one.decision])
        look = SecondLook(
            store=self._store,
            stream=plan.stream,
            seen=seen,
            clock=self._clock,
            outage=lambda error: self._outage(plan.tx, error),
        )
        (outcome,) = await self._forwarder.forward(plan, [Passing(one.decision, one.recipient, one.facts)], look)
        write_outcome(outcome)
        accepted = accept_later(mail, one, outcome, self._waits, self._chance())
        if accepted is not None and await self._is_kept(mail, accepted):
            return accepted.reply
        self._store.settle_later([outcome])  # the next hop's 250 is the promise
        if outcome.silent:
            self._tell_passed_on(mail, one, outcome)
        if outcome.result is Result.WITHHELD:
            judged = self._judged(plan, one.recipient, await self._facts(plan.stream, [one.recipient.address]))
            # Said no meanwhile: this is another decision, with an id of its own. (And yes again: then it is tried anew.)
            if not judged.decision.passes or outcome.reply.is_permanent:
                return await self._take_over(mail, [judged])
        return reply_after(outcome)

    def _tell_passed_on(self, mail: Mail, one: Judged, outcome: Outcome) -> None:
        told = self._receipt(mail.tx, one.decision.stream, mail.content, one.recipient, outcome)
        if told is not None:
            self._store.commit_later(told)

    async def _take_over(self, mail: Mail, judged: Sequence[Judged], accepted: Accepted | None = None) -> Reply:
        """Nothing goes out while the client waits. accepted: what is taken over, where that is known."""
        accepted = accepted or accept(mail, judged, self._clock(), self._waits, self._chance())
        try:
            await self._write(accepted)
        except QueueFullError as error:
            get_logger().error("queue-full", message=mail.tx.id, stream=judged[0].decision.stream, why=str(error))
            accepted = turned_down(judged, str(error))
            await self._write(accepted)
        return accepted.reply

    async def _is_kept(self, mail: Mail, accepted: Accepted) -> bool:
        """Is the message here now? Else the next hop's own answer goes back, and the client keeps it."""
        try:
            await self._write(accepted)
        except StoreUnavailableError as error:
            get_logger().error("not-queued", message=mail.tx.id, why=str(error))
            return False
        return True

    async def _write(self, accepted: Accepted) -> None:
        if accepted.takes_over:
            await self._store.commit(accepted.step)
            self._nudge()
        else:
            await self._store.record(accepted.step.decisions)
        for decision in accepted.step.decisions:
            write_decision(decision)
        write_acceptance(accepted.step)

    def _bound(self, tx: Transaction) -> tuple[Stream, ...]:
        return bound_streams(self._policies(), tx.client.name, tx.sender)

    def _id(self, now: datetime) -> str:
        return new_id(now, self._randomness(10))

    def _chance(self) -> float:
        return int.from_bytes(self._randomness(4)) / 2**32

    def _judged(self, plan: Plan, recipient: Recipient, facts: Mapping[Address, Facts]) -> Judged:
        now = self._clock()
        known = facts.get(recipient.address)
        if plan.stream is None or known is None:
            reason = Reason.OBSERVED if self._observes else Reason.STREAM_UNKNOWN
            decision = without_stream(
                plan.tx, recipient.address, reason, now, decision_id=self._id(now), after_data=True
            )
        else:
            decision = decide(
                plan.tx,
                plan.stream,
                recipient.address,
                known,
                now,
                decision_id=self._id(now),
                after_data=True,
                undisclosable=plan.undisclosable,
            )
        return Judged(recipient, decision, known)

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


def _each_once(recipients: Sequence[Recipient]) -> list[Recipient]:
    """Named twice, sent once, with what was asked of the first."""
    named: dict[Address, Recipient] = {}
    for one in recipients:
        named.setdefault(one.address, one)
    return list(named.values())
