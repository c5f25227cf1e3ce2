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
from relay.consent.facts import NOTHING_KNOWN, Facts
from relay.decision import Decision, Outcome, Result, new_id, refusal
from relay.disposal import Forwarder, Passing, copies_at_once
from relay.envelope import Client, Transaction
from relay.log import get_logger, write_decision, write_moves, write_outcome
from relay.message.index import index
from relay.policy.asking import may_be_asked_now, objection_to_asking
from relay.policy.decide import decide, objection, without_stream
from relay.policy.holding import give_up_at
from relay.policy.model import Policies, Stream
from relay.policy.notices import stream_of
from relay.queued import Claimed, Copy, Message, Move, Origin, State, Step
from relay.reason import MEANINGS, Group, Reason, Verdict
from relay.reply import Reply
from relay.rewriting import Plan
from relay.second_look import SecondLook, Sight
from relay.store.port import ClockWrongError, Store, StoreUnavailableError
from relay.workers.bounces import Bouncer
from relay.workers.settling import Settling, Terms, merged

#: How often in a row a copy that is withheld at the last moment is decided anew at once.
_ROUNDS: Final = 3
#: Until a copy is looked at again when the store could not tell.
_OUTAGE: Final = timedelta(seconds=10)
#: Reasons of copies whose attempt failed: the decision on them passed, and stands while it passes still.
_ATTEMPTED: Final = frozenset({Reason.NEXT_HOP_DEFERRED, Reason.OUTCOME_UNKNOWN})


@dataclass(slots=True)
class _Job:
    """A message in hand. left: its copies that are not settled, by number. started: those that were handed to a next hop.
    content: of the message, once it was read. failed: those on which our own code failed. refused: why a copy cannot
    carry the footer, of those that were made. go_on: may anything new be begun? unmade: those that pass, without a copy.
    """

    message: Message
    left: dict[int, Copy]
    go_on: Callable[[], bool]
    started: set[int] = field(default_factory=set)
    content: bytes = b""
    failed: set[int] = field(default_factory=set)
    refused: dict[int, str] = field(default_factory=dict)
    unmade: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Judged:
    copy: Copy
    decision: Decision
    facts: Facts | None


class Deliveries:
    """policies: those in force now. clients: of relay.toml, for what they want to see instead of a refusal. mode: of the
    relay. clock: aware UTC now. randomness: n -> n octets. bouncer: tells senders of delays, None to tell nobody.
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
        bouncer: Bouncer | None = None,
    ) -> None:
        self._store = store
        self._policies = policies
        self._forwarder = forwarder
        self._clients = {client.name: client for client in clients}
        self._terms = terms
        self._observes = mode is Mode.OBSERVE
        self._clock = clock
        self._randomness = randomness
        self._bouncer = bouncer

    async def deliver(self, claimed: Claimed, go_on: Callable[[], bool]) -> None:
        """Returns when every copy is settled or given back. go_on: asked before each copy is begun; those that are not
        are given back as they were. Cancelled: what is under way counts as unknown.
        """
        job = _Job(claimed.message, {copy.number: copy for copy in claimed.copies}, go_on)
        log = get_logger().bind(message=claimed.message.tx.id)
        try:
            if go_on():
                await self._work_on(job)
            if job.failed:
                self._put_back(job, job.failed, Reason.INTERNAL_ERROR, self._terms.retry[0])
            await self._give_back(job)
        except asyncio.CancelledError:
            self._cut_short(job)
            raise
        except StoreUnavailableError as error:
            log.warning("not-delivered", why=str(error))
            self._put_back(job, job.left, _outage_reason(error), _OUTAGE)
        except Exception:
            log.exception("internal-error")
            self._put_back(job, job.left, Reason.INTERNAL_ERROR, self._terms.retry[0])

    async def _work_on(self, job: _Job) -> None:
        message = job.message
        try:
            content = await self._store.content(message.number)
        except KeyError:  # the person was erased, or an operator has dropped it
            job.left.clear()
            return
        job.content = content
        stream = stream_of(self._policies(), message.stream)
        settling = Settling(message, stream, self._terms, self._chance())
        if stream is None and not (self._observes and not message.stream):
            now = self._clock()
            copies = list(job.left.values())
            await self._settle(job, [settling.later(one, "", Reason.STREAM_UNKNOWN, now) for one in copies])
            return
        client = self._clients.get(message.tx.client.name, message.tx.client)
        tx = replace(message.tx, client=client)
        recipients = [copy.recipient for copy in job.left.values()]
        plan = await self._forwarder.plan(tx, stream, index(content), recipients)
        todo = list(job.left.values())
        for _ in range(_ROUNDS):
            passing, seen = await self._judge(job, settling, plan, todo)
            job.unmade = {one.copy.number for one in passing}
            todo = await self._forward(job, settling, plan, passing, seen)
            if not todo:
                return
        now = self._clock()
        await self._settle(job, [settling.later(one, "", Reason.INTERNAL_ERROR, now) for one in todo])

    async def _judge(
        self, job: _Job, settling: Settling, plan: Plan, copies: Sequence[Copy]
    ) -> tuple[list[_Judged], Sight]:
        """Those that pass, with what was known of noes before. What is new about any of them is on disk then."""
        seen = Sight(self._store, self._clock)
        if job.message.origin is Origin.ASK:
            copies = await self._still_asked(job, copies)
        facts = await self._facts(plan.stream, copies)
        steps: list[Step] = []
        passing: list[_Judged] = []
        for copy in copies:
            one = self._judged(job, plan, copy, facts)
            if one.decision.passes:
                passing.append(one)
                if one.decision.id != copy.decision:
                    steps.append(Step(decisions=(one.decision,)))
            else:
                steps.append(self._kept_back(settling, plan, one))
        if steps:
            await self._settle(job, steps, at_once=True)
        return passing, seen

    async def _still_asked(self, job: _Job, copies: Sequence[Copy]) -> list[Copy]:
        """Whom the question may still be put to; for the others it is over. They have answered, or said no (law 1)."""
        stream = self._asked_about(job.message)
        now = self._clock()
        facts = {} if stream is None else await self._facts(stream, copies)
        people = {copy: copy.recipient.address for copy in copies}
        asked = [
            copy
            for copy, who in people.items()
            if stream is not None and may_be_asked_now(stream, facts[who], who, now)
        ]
        over = [copy for copy in copies if copy not in asked]
        if over:
            why = "no question is open any more"
            get_logger().info("dropped", message=job.message.tx.id, copies=len(over), why=why)
            # Written down, or an attempt of before would be its last word: a bounce, where nobody was asked.
            outcomes = tuple(Outcome(copy.decision, now, Result.WITHHELD, Reply(550, "5.7.1", why)) for copy in over)
            moves = tuple(Move(copy.number, now) for copy in over)
            await self._settle(job, [Step(outcomes=outcomes, moves=moves)], at_once=True)
        return asked

    def _asked_about(self, message: Message) -> Stream | None:
        """The stream that a question of the relay's own is about."""
        return self._policies().by_id.get(message.about)

    def _judged(self, job: _Job, plan: Plan, copy: Copy, facts: Mapping[Address, Facts]) -> _Judged:
        """The decision of now: with the id of the one that stands, where that has passed and this passes, too."""
        now = self._clock()
        fresh = new_id(now, self._randomness(10))
        address = copy.recipient.address
        if plan.stream is None:
            known = None
            decision = without_stream(plan.tx, address, Reason.OBSERVED, now, decision_id=fresh, after_data=True)
        else:
            known = facts[address]
            decision = decide(
                plan.tx,
                plan.stream,
                address,
                known,
                now,
                decision_id=fresh,
                after_data=True,
                undisclosable=plan.undisclosable or job.refused.get(copy.number, ""),
            )
        if decision.passes and _has_passed(copy):
            decision = replace(decision, id=copy.decision)
        return _Judged(copy, decision, known)

    def _kept_back(self, settling: Settling, plan: Plan, one: _Judged) -> Step:
        copy, decision = one.copy, one.decision
        now = decision.at
        match decision.verdict:
            case Verdict.HOLD if plan.stream is not None:
                facts = one.facts or NOTHING_KNOWN
                until = give_up_at(plan.stream, decision.reason, facts, now, self._terms.asking, asked_at=copy.asked_at)
                return settling.held(copy, decision, until, now)
            case Verdict.DISCARD:
                return settling.discarded(copy, decision, now)
            case Verdict.REJECT:
                return settling.rejected(copy, decision, now)
            case _ if copy.reason is decision.reason:  # as before: nothing new to record
                return settling.later(copy, "", decision.reason, now, last=decision.reply)
            case _:
                later = settling.later(copy, decision.id, decision.reason, now, last=decision.reply)
                return merged([Step(decisions=(decision,)), later])

    async def _forward(
        self, job: _Job, settling: Settling, plan: Plan, passing: Sequence[_Judged], seen: Sight
    ) -> list[Copy]:
        """Those that were withheld at the last moment, to be decided anew."""
        if not plan.is_personal:
            return await self._hand_over(job, settling, plan, passing, seen) if passing else []
        gate = asyncio.Semaphore(copies_at_once(job.message.octets))

        async def in_turn(one: _Judged) -> list[Copy]:
            async with gate:
                return await self._hand_over(job, settling, plan, [one], seen)

        # One that fails must not break off the others: they are in the next hop's hands.
        results = await asyncio.gather(*(in_turn(one) for one in passing), return_exceptions=True)
        errors = [one for one in results if isinstance(one, BaseException)]
        if errors:
            raise errors[0]
        return [copy for one in results if not isinstance(one, BaseException) for copy in one]

    async def _hand_over(
        self, job: _Job, settling: Settling, plan: Plan, group: Sequence[_Judged], seen: Sight
    ) -> list[Copy]:
        """One transaction for these; settled when this returns, but for those that were withheld."""
        if not job.go_on():
            return []
        # A look of its own for each: what one has seen of its recipients says nothing of others.
        asks = job.message.origin is Origin.ASK
        look = SecondLook(
            store=self._store,
            stream=(self._asked_about(job.message) if asks else None) or plan.stream,
            objects=objection_to_asking if asks else objection,
            seen=seen,
            clock=self._clock,
            outage=lambda error: self._outage(plan.tx, error),
        )
        copies = {one.decision.id: one.copy for one in group}
        job.started.update(one.copy.number for one in group)

        async def last_look(addresses: Sequence[Address]) -> Reply | None:
            await self._is_made(job, group)
            return await look(addresses)

        outcomes = await self._forwarder.forward(
            plan, [Passing(one.decision, one.copy.recipient, one.facts) for one in group], last_look
        )
        answered = [one for one in outcomes if one.result is not Result.WITHHELD]
        if answered:
            await self._settle(job, [settling.attempted(copies[one.decision], one) for one in answered])
        withheld = {copies[one.decision].number: one for one in outcomes if one.result is Result.WITHHELD}
        job.started.difference_update(withheld)
        return self._withheld(job, withheld)

    async def _is_made(self, job: _Job, group: Sequence[_Judged]) -> None:
        """Whoever dies once all copies are made does not die of this message, which is not to go aside for it."""
        was_suspect = job.message.starts > 1 and bool(job.unmade)
        job.unmade.difference_update(one.copy.number for one in group)
        if was_suspect and not job.unmade:
            with contextlib.suppress(StoreUnavailableError):
                await self._store.commit(Step(harmless=(job.message.number,)))

    def _withheld(self, job: _Job, withheld: Mapping[int, Outcome]) -> list[Copy]:
        anew: list[Copy] = []
        for number, outcome in withheld.items():
            write_outcome(outcome)
            copy = job.left[number]
            match _reason_of(outcome.reply):
                case Reason.STORE_UNAVAILABLE | Reason.CLOCK_WRONG as reason:
                    self._put_back(job, [number], reason, _OUTAGE)
                case Reason.INTERNAL_ERROR:
                    job.failed.add(number)
                case Reason.DISCLOSURE_IMPOSSIBLE if number not in job.refused:
                    job.refused[number] = outcome.reply.text.rpartition(": ")[2]
                    anew.append(copy)
                case _:
                    anew.append(copy)
        return anew

    async def _settle(self, job: _Job, steps: Sequence[Step], *, at_once: bool = False) -> None:
        """Write what has become of copies; they are not ours any more then.

        at_once: raise where it cannot be written, because there is a decision that is to have an effect. Else it is
        written once the store is there again, and the copies stay leased until then.
        """
        step = merged(steps)
        if self._bouncer is not None:
            step = self._bouncer.told_in(job.message, job.content, job.left, step)
        moved = [move.copy for move in step.moves]
        try:
            await self._store.commit(step)
        except StoreUnavailableError as error:
            if at_once:
                raise
            get_logger().warning("settled-later", message=job.message.tx.id, copies=len(moved), why=str(error))
            self._store.commit_later(step)
        for number in moved:
            job.left.pop(number, None)
        for decision in step.decisions:
            write_decision(decision)
        for outcome in step.outcomes:
            write_outcome(outcome)
        write_moves(step, job.message.tx.id)

    def _put_back(
        self, job: _Job, numbers: Sequence[int] | Mapping[int, Copy] | set[int], reason: Reason, wait: timedelta
    ) -> None:
        now = self._clock()
        moves = tuple(Move(one, now, State.QUEUED, reason, now + wait) for one in list(numbers) if one in job.left)
        if moves:
            self._store.commit_later(Step(moves=moves))
        for move in moves:
            job.left.pop(move.copy)

    async def _give_back(self, job: _Job) -> None:
        """What was not begun, because the relay stops or the next hop is gone: as if it had not been claimed."""
        if job.left:
            await self._store.give_back(tuple(job.left))
            job.left.clear()

    def _cut_short(self, job: _Job) -> None:
        """The time to finish is over. Nobody knows of what is in the next hop's hands: it is tried again (RFC 1047)."""
        now = self._clock()
        moves = tuple(
            Move(copy.number, now, State.QUEUED, Reason.OUTCOME_UNKNOWN, now, counts=True)
            if copy.number in job.started
            else Move(copy.number, now, State.QUEUED, copy.reason, copy.due_at or now)
            for copy in job.left.values()
        )
        if moves:
            self._store.commit_later(Step(moves=moves))

    async def _facts(self, stream: Stream | None, copies: Sequence[Copy]) -> Mapping[Address, Facts]:
        if stream is None:
            return {}
        addresses = [copy.recipient.address for copy in copies]
        return await self._store.facts(stream.brand, stream.id, addresses)

    def _outage(self, tx: Transaction, error: StoreUnavailableError) -> Reply:
        reason = _outage_reason(error)
        get_logger().warning("not-delivered", message=tx.id, why=str(error))
        return refusal(reason, Verdict.DEFER, "", "", after_data=True)

    def _chance(self) -> float:
        return int.from_bytes(self._randomness(4)) / 2**32


def _has_passed(copy: Copy) -> bool:
    """Did the decision that stands pass? One that was let go of a hold waits for its next decision."""
    if copy.reason in _ATTEMPTED:
        return True
    return MEANINGS[copy.reason].group is Group.PASS and copy.since == copy.at


def _outage_reason(error: StoreUnavailableError) -> Reason:
    return Reason.CLOCK_WRONG if isinstance(error, ClockWrongError) else Reason.STORE_UNAVAILABLE


def _reason_of(reply: Reply) -> Reason | None:
    """The reason that our own replies begin with."""
    try:
        return Reason(reply.text.partition(":")[0])
    except ValueError:
        return None
