"""One claimed message: each of its copies is decided anew with the facts of now, forwarded, and settled as soon as its
answer is there.

A decision is committed before its effect, and what became of an attempt before the lease on its copy ends: a crash
repeats at most what is in flight. Never claims, and never raises because of a message.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from relay.address import Address
from relay.config.settings import Mode
from relay.decision import Outcome, Result, refusal
from relay.disposal import Forwarder
from relay.envelope import Client, Transaction
from relay.judging import Judging
from relay.log import get_logger, write_outcome
from relay.message.index import index
from relay.policy.asking import objection_to_asking
from relay.policy.decide import objection
from relay.policy.model import Policies
from relay.policy.notices import stream_of
from relay.queued import Claimed, Copy, Message, Origin, Step
from relay.reason import Reason, Verdict
from relay.reply import Reply
from relay.rewriting import Plan
from relay.schedule import chance
from relay.second_look import SecondLook, Sight
from relay.store.port import Store, StoreUnavailableError
from relay.workers.deciding import Deciding, Passing
from relay.workers.in_hand import InHand
from relay.workers.receipts import Receipts
from relay.workers.settling import Settling, Terms, Turn

#: How often in a row a copy that is withheld at the last moment is decided anew at once.
_ROUNDS: Final = 3
#: Until a copy is looked at again when the store could not tell.
_OUTAGE: Final = timedelta(seconds=10)
#: Copies of one message under way at the same time, and how many octets these may have together.
_COPIES_AT_ONCE: Final = 10
_OCTETS_AT_ONCE: Final = 32 << 20


@dataclass(slots=True)
class _Job:
    """A message that is worked on. go_on: may anything new be begun? unmade: numbers of copies that pass, while there is
    nothing to send yet. failed: of those on which our own code failed.
    """

    in_hand: InHand
    plan: Plan
    settling: Settling
    go_on: Callable[[], bool]
    unmade: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)

    @property
    def message(self) -> Message:
        return self.in_hand.message


class Deliveries:
    """policies: those in force now. clients: of relay.toml, for what they want to see instead of a refusal. mode: of the
    relay. clock: aware UTC now. randomness: n -> n octets. receipts: what senders asked to hear, None to tell nobody.
    """

    def __init__(
        self,
        *,
        store: Store,
        policies: Callable[[], Policies],
        forwarder: Forwarder,
        clients: Sequence[Client],
        terms: Terms,
        mode: Mode,
        clock: Callable[[], datetime],
        randomness: Callable[[int], bytes],
        receipts: Receipts | None = None,
    ) -> None:
        judging = Judging(store=store, policies=policies, mode=mode, clock=clock, randomness=randomness)
        self._deciding = Deciding(judging, policies, clock)
        self._store = store
        self._policies = policies
        self._forwarder = forwarder
        self._clients = {client.name: client for client in clients}
        self._terms = terms
        self._observes = mode is Mode.OBSERVE
        self._clock = clock
        self._randomness = randomness
        self._receipts = receipts

    async def deliver(self, claimed: Claimed, go_on: Callable[[], bool]) -> None:
        """Returns when every copy is settled or given back. go_on: asked before each copy is begun; those that are not
        are given back as they were. Cancelled: what is under way counts as unknown.
        """
        in_hand = InHand(claimed, store=self._store, clock=self._clock, receipts=self._receipts)
        log = get_logger().bind(message=claimed.message.tx.id)
        try:
            if go_on():
                await self._work_on(in_hand, go_on)
            await in_hand.give_back()
        except asyncio.CancelledError:
            in_hand.cut_short()
            raise
        except StoreUnavailableError as error:
            log.warning("not-delivered", why=str(error))
            in_hand.put_back(in_hand.left, error.reason, _OUTAGE)
        except Exception:
            log.exception("internal-error")
            in_hand.put_back(in_hand.left, Reason.INTERNAL_ERROR, self._terms.retry[0])

    async def _work_on(self, in_hand: InHand, go_on: Callable[[], bool]) -> None:
        message = in_hand.message
        try:
            in_hand.content = await self._store.content(message.number)
        except KeyError:  # the person was erased, or an operator has dropped it
            in_hand.forget()
            return
        stream = stream_of(self._policies(), message.stream)
        settling = Settling(message, stream, self._terms, chance(self._randomness(4)))
        copies = list(in_hand.left.values())
        if stream is None and not (self._observes and not message.stream):
            turn = Turn(self._clock(), Reason.STREAM_UNKNOWN)
            await in_hand.settle([settling.later(one, turn) for one in copies])
            return
        tx = replace(message.tx, client=self._clients.get(message.tx.client.name, message.tx.client))
        plan = await self._forwarder.plan(tx, stream, index(in_hand.content), [copy.recipient for copy in copies])
        job = _Job(in_hand, plan, settling, go_on)
        await self._deliver(job, copies)
        in_hand.put_back(job.failed, Reason.INTERNAL_ERROR, self._terms.retry[0])

    async def _deliver(self, job: _Job, copies: Sequence[Copy]) -> None:
        todo = copies
        for _ in range(_ROUNDS):
            seen = Sight(self._store, self._clock)  # before any facts are read
            passing = await self._deciding.passing(job.in_hand, job.plan, job.settling, todo)
            job.unmade = {one.copy.number for one in passing}
            todo = await self._forward(job, passing, seen)
            if not todo:
                return
        turn = Turn(self._clock(), Reason.INTERNAL_ERROR)
        await job.in_hand.settle([job.settling.later(one, turn) for one in todo])

    async def _forward(self, job: _Job, passing: Sequence[Passing], seen: Sight) -> list[Copy]:
        """Those that were withheld at the last moment, to be decided anew."""
        if not job.plan.is_personal:
            return await self._hand_over(job, passing, seen) if passing else []
        gate = asyncio.Semaphore(copies_at_once(job.message.octets))

        async def in_turn(one: Passing) -> list[Copy]:
            async with gate:
                return await self._hand_over(job, [one], seen)

        # One that fails must not break off the others: they are in the next hop's hands.
        results = await asyncio.gather(*(in_turn(one) for one in passing), return_exceptions=True)
        errors = [one for one in results if isinstance(one, BaseException)]
        if errors:
            raise errors[0]
        return [copy for one in results if not isinstance(one, BaseException) for copy in one]

    async def _hand_over(self, job: _Job, group: Sequence[Passing], seen: Sight) -> list[Copy]:
        """One transaction for these; settled when this returns, but for those that were withheld."""
        if not job.go_on():
            return []
        copies = {one.judged.decision.id: one.copy for one in group}
        numbers = {one.copy.number for one in group}
        look = self._last_look(job, seen)  # of its own: what one has seen of its recipients says nothing of others

        async def made_and_looked_at(addresses: Sequence[Address]) -> Reply | None:
            await self._is_made(job, numbers)
            return await look(addresses)

        job.in_hand.started |= {one.copy.number: one.judged.decision.id for one in group}
        outcomes = await self._forwarder.forward(job.plan, [one.judged for one in group], made_and_looked_at)
        answered = [one for one in outcomes if one.result is not Result.WITHHELD]
        if answered:
            await job.in_hand.settle([job.settling.attempted(copies[one.decision], one) for one in answered])
        withheld = {copies[one.decision].number: one for one in outcomes if one.result is Result.WITHHELD}
        for number in withheld:
            del job.in_hand.started[number]
        return self._withheld(job, withheld)

    def _last_look(self, job: _Job, seen: Sight) -> SecondLook:
        asked_about = self._deciding.asked_about(job.message)
        return SecondLook(
            store=self._store,
            stream=asked_about or job.plan.stream,
            objects=objection_to_asking if job.message.origin is Origin.ASK else objection,
            seen=seen,
            clock=self._clock,
            outage=lambda error: _outage(job.plan.tx, error),
        )

    async def _is_made(self, job: _Job, numbers: set[int]) -> None:
        """Whoever dies once all copies are made does not die of this message, which is not to go aside for it."""
        was_suspect = job.message.starts > 1 and bool(job.unmade)
        job.unmade -= numbers
        if was_suspect and not job.unmade:
            with contextlib.suppress(StoreUnavailableError):
                await self._store.commit(Step(harmless=(job.message.number,)))

    def _withheld(self, job: _Job, withheld: Mapping[int, Outcome]) -> list[Copy]:
        anew: list[Copy] = []
        for number, outcome in withheld.items():
            write_outcome(outcome)
            copy = job.in_hand.left[number]
            match _reason_of(outcome.reply):
                case Reason.STORE_UNAVAILABLE | Reason.CLOCK_WRONG as reason:
                    job.in_hand.put_back([number], reason, _OUTAGE)
                case Reason.INTERNAL_ERROR:
                    job.failed.add(number)
                case Reason.DISCLOSURE_IMPOSSIBLE if number not in job.in_hand.refused:
                    job.in_hand.refused[number] = outcome.reply.text.rpartition(": ")[2]
                    anew.append(copy)
                case _:
                    anew.append(copy)
        return anew


def copies_at_once(octets: int) -> int:
    """How many copies of a message of that size are made and sent at the same time."""
    return max(1, min(_COPIES_AT_ONCE, _OCTETS_AT_ONCE // max(octets, 1)))


def _outage(tx: Transaction, error: StoreUnavailableError) -> Reply:
    get_logger().warning("not-delivered", message=tx.id, why=str(error))
    return refusal(error.reason, Verdict.DEFER, "", "", after_data=True)


def _reason_of(reply: Reply) -> Reason | None:
    """The reason that our own replies begin with."""
    try:
        return Reason(reply.text.partition(":")[0])
    except ValueError:
        return None
