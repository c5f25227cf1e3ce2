"""One message's whole journey: MAIL, RCPT, DATA. Policy looks, the message is changed, the next hop takes it.

Every decision is committed before its effect; where consent cannot be known, nothing is sent; a 250 is said when the
next hop has said it, or when what waits is committed (laws 1 and 3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from relay.address import Address
from relay.config.settings import Mode
from relay.decision import Outcome, Result
from relay.disposal import Forwarder
from relay.envelope import Client, Connection, MailParameters, Recipient, Transaction
from relay.judging import Judging
from relay.log import write_outcome
from relay.message.headers import header_values
from relay.message.index import index
from relay.policy.acceptance import Judged, Mail, Waits, accept, accept_later, accept_untried, reply_after
from relay.policy.match import needs_headers, settle
from relay.policy.model import Policies
from relay.queued import Step
from relay.records import Records
from relay.reply import Reply
from relay.rewriting import Plan
from relay.schedule import chance
from relay.second_look import SecondLook, Sight
from relay.store.port import Store, StoreUnavailableError

_RECIPIENT_ACCEPTED: Final = Reply(250, "2.1.5", "recipient accepted")


class Pipeline:
    """clock: aware UTC now. randomness: n -> n octets. policies: the set in force now. waits: of mail that waits.
    nudge: called when something was queued, so that it goes out at once. is_away: is the next hop of this recipient known
    not to answer? receipt: what a sender is told of mail that was passed on to where nobody tells more.
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
        self._judging = Judging(store=store, policies=policies, mode=mode, clock=clock, randomness=randomness)
        self._records = Records(store, nudge)
        self._store = store
        self._forwarder = forwarder
        self._clock = clock
        self._randomness = randomness
        self._waits = waits
        self._is_away = is_away
        self._receipt = receipt

    def begin(
        self, client: Client, connection: Connection, sender: Address | None, parameters: MailParameters
    ) -> Transaction:
        now = self._clock()
        return Transaction(self._judging.identifier(now), now, client, connection, sender, parameters)

    async def at_mail(self, tx: Transaction) -> Reply:
        decision = self._judging.sender(tx)
        if decision is None:
            return Reply(250, "2.1.0", "sender accepted")
        try:
            await self._records.decided([decision])
        except StoreUnavailableError as error:
            return self._judging.outage(tx, error)
        return decision.reply

    async def at_rcpt(self, tx: Transaction, recipient: Recipient) -> Reply:
        bound = self._judging.bound(tx)
        stream = None if needs_headers(bound) else settle(bound, tx.client.name, tx.sender, {})
        if stream is None:  # a header settles it, or nobody claims it
            return _RECIPIENT_ACCEPTED
        try:
            decision = await self._judging.before_data(tx, stream, recipient.address)
            if decision.reply.is_success:  # only the look at DATA counts, and is recorded
                return _RECIPIENT_ACCEPTED
            await self._records.decided([decision])
        except StoreUnavailableError as error:
            return self._judging.outage(tx, error)
        return decision.reply

    async def at_data(self, tx: Transaction, recipients: Sequence[Recipient], content: bytes) -> Reply:
        recipients = _each_once(recipients)
        message = index(content)
        stream = settle(self._judging.bound(tx), tx.client.name, tx.sender, header_values(message))
        mail = Mail(tx, stream, content)
        try:
            plan = await self._forwarder.plan(tx, stream, message, recipients)  # takes minutes where it is large
            seen = Sight(self._store, self._clock)
            facts = await self._judging.facts(stream, [one.address for one in recipients])  # again: this look counts
            judged = [self._judging.after_data(plan, one, facts) for one in recipients]
            if len(judged) > 1 or not judged[0].decision.passes:
                return await self._take_over(mail, judged)
            if self._is_away(judged[0].recipient.address) and not tx.client.retries:
                return await self._records.taken_over(mail, judged, accept_untried(mail, judged[0], self._clock()))
            return await self._forward(plan, mail, judged[0], seen)
        except StoreUnavailableError as error:
            return self._judging.outage(tx, error)

    async def _forward(self, plan: Plan, mail: Mail, one: Judged, seen: Sight) -> Reply:
        """To the next hop while the client waits: its answer is the answer, unless the message waits here instead."""
        await self._records.decided([one.decision])
        look = SecondLook(
            store=self._store,
            stream=plan.stream,
            seen=seen,
            clock=self._clock,
            outage=lambda error: self._judging.outage(plan.tx, error),
        )
        (outcome,) = await self._forwarder.forward(plan, [one], look)
        write_outcome(outcome)
        accepted = accept_later(mail, one, outcome, self._waits, chance(self._randomness(4)))
        if accepted is not None and await self._records.is_kept(mail, accepted):
            return accepted.reply
        self._store.settle_later([outcome])  # the next hop's 250 is the promise
        if outcome.silent:
            self._tell_passed_on(mail, one, outcome)
        if outcome.result is Result.WITHHELD:
            facts = await self._judging.facts(plan.stream, [one.recipient.address])
            judged = self._judging.after_data(plan, one.recipient, facts)
            # Said no meanwhile: this is another decision, with an id of its own. (And yes again: then it is tried anew.)
            if not judged.decision.passes or outcome.reply.is_permanent:
                return await self._take_over(mail, [judged])
        return reply_after(outcome)

    async def _take_over(self, mail: Mail, judged: Sequence[Judged]) -> Reply:
        """Nothing goes out while the client waits."""
        accepted = accept(mail, judged, self._clock(), self._waits, chance(self._randomness(4)))
        return await self._records.taken_over(mail, judged, accepted)

    def _tell_passed_on(self, mail: Mail, one: Judged, outcome: Outcome) -> None:
        told = self._receipt(mail.tx, one.decision.stream, mail.content, one.recipient, outcome)
        if told is not None:
            self._store.commit_later(told)


def _each_once(recipients: Sequence[Recipient]) -> list[Recipient]:
    """Named twice, sent once, with what was asked of the first."""
    named: dict[Address, Recipient] = {}
    for one in recipients:
        named.setdefault(one.address, one)
    return list(named.values())
