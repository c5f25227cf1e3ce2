"""What happens to a message once it is known who may get it: copies are made, signed, and handed to the next hop.

Decides nothing about consent. Work that is the same for all recipients is done once a message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias, TypeVar

from relay.address import Address
from relay.consent.events import Basis
from relay.consent.facts import Facts
from relay.decision import Decision, Outcome, Result
from relay.envelope import Recipient, Transaction
from relay.log import get_logger
from relay.message.compose import Common, Personal, Prepared, Undisclosable, copy_for, prepare
from relay.message.dkim import Signer, choose_signers, signed
from relay.message.footer import FooterFacts
from relay.message.headers import from_domain
from relay.message.index import Index
from relay.message.received import date_field, message_id_field, received_field
from relay.message.rules import Fallback, Rules
from relay.outbound.attempt import Attempt, Mail, NextHops
from relay.policy.model import Mode, Stream, text_in
from relay.reason import Reason
from relay.reply import Reply
from relay.tokens import Claims, Purpose, TokenKeys, seal

#: Why these recipients must not have their copy any more; None while nothing speaks against it. Raises nothing.
LastLook: TypeAlias = Callable[[Sequence[Address]], Awaitable[Reply | None]]

#: Octets from which a message is worked on in a thread, so that the loop is never blocked for long.
_LARGE: Final = 256 * 1024
#: Threads that work on large messages: each holds the process for the length of one step over all octets.
_LARGE_AT_ONCE: Final = 2
#: Copies of one message under way at the same time, and how many octets these may have together.
_COPIES_AT_ONCE: Final = 10
_OCTETS_AT_ONCE: Final = 32 << 20
#: What is called consent in a footer; the other bases are not (a purchase is no yes).
_AGREED: Final = frozenset({Basis.DOUBLE_OPT_IN, Basis.SINGLE_OPT_IN, Basis.WRITTEN})
_OURS: Final = Reply(451, "4.3.0", f"{Reason.INTERNAL_ERROR}: the copy could not be made, try again")

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Passing:
    """A recipient whose decision passed. facts: None where no policy claims the message."""

    decision: Decision
    recipient: Recipient
    facts: Facts | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A message and how its copies are made. prepared: None where it passes byte for byte."""

    tx: Transaction
    stream: Stream | None
    message: Index
    prepared: Prepared | None
    signers: tuple[Signer, ...]

    @property
    def undisclosable(self) -> str:
        """Why no copy can carry the footer, "" when one can or need not."""
        found = None if self.prepared is None else self.prepared.undisclosable
        return "" if found is None else found.why


class Forwarder:
    """public_url: of the recipients' pages, without a slash at its end; is_local: only this machine can open it, so
    that RFC 8058's demand for https does not apply. dkim: signers by From domain. clock: aware UTC now.
    """

    def __init__(
        self,
        *,
        next_hops: NextHops,
        dkim: Mapping[str, tuple[Signer, ...]],
        tokens: TokenKeys,
        hostname: str,
        mail_domain: str,
        public_url: str,
        is_local: bool,
        clock: Callable[[], datetime],
    ) -> None:
        self._next_hops = next_hops
        self._dkim = dkim
        self._tokens = tokens
        self._hostname = hostname
        self._mail_domain = mail_domain
        self._public_url = public_url
        self._is_local = is_local
        self._clock = clock
        self._large = asyncio.Semaphore(_LARGE_AT_ONCE)

    async def plan(
        self, tx: Transaction, stream: Stream | None, message: Index, recipients: Sequence[Recipient]
    ) -> Plan:
        """What no policy claims, and what a policy only shadows, passes as it came."""
        if stream is None or stream.mode is Mode.SHADOW:
            return Plan(tx, stream, message, None, ())
        only = recipients[0].address if len(recipients) == 1 else None
        common = Common(
            received=received_field(tx, self._hostname, only, tx.started),
            date=date_field(tx.started),
            message_id=message_id_field(tx.id, self._mail_domain),
        )
        rules = Rules(
            commercial=stream.is_commercial,
            list_id=stream.list_id,
            fallback=Fallback(stream.message.undisclosable.value),
        )
        prepared = await self._off_loop_if_large(message.content, lambda: prepare(message, common, rules))
        return Plan(tx, stream, message, prepared, choose_signers(self._dkim, from_domain(message)))

    async def forward(self, plan: Plan, passing: Sequence[Passing], last_look: LastLook) -> list[Outcome]:
        """One outcome for each, in their order. Never raises for what a next hop does.

        last_look: asked for each copy right before it goes out; why its recipients must not have it any more.
        """
        if not passing:
            return []
        if plan.stream is not None and plan.stream.is_commercial and plan.prepared is not None:
            if len(passing) == 1:  # the usual case, without a task of its own
                return await self._hand_over(plan, passing, self._personal(plan, passing[0]), last_look)
            gate = asyncio.Semaphore(copies_at_once(len(plan.message.content)))
            groups = await asyncio.gather(*(self._own_copy(plan, one, gate, last_look) for one in passing))
            return [outcome for group in groups for outcome in group]
        return await self._hand_over(plan, passing, None, last_look)

    async def _own_copy(self, plan: Plan, one: Passing, gate: asyncio.Semaphore, last_look: LastLook) -> list[Outcome]:
        async with gate:
            return await self._hand_over(plan, [one], self._personal(plan, one), last_look)

    async def _hand_over(
        self, plan: Plan, passing: Sequence[Passing], personal: Personal | None, last_look: LastLook
    ) -> list[Outcome]:
        """One copy for these recipients, to the next hop."""
        try:
            copy = await self._off_loop_if_large(plan.message.content, lambda: self._copy(plan, personal))
        except Exception:  # noqa: BLE001 - a bug with one message must not lose the outcome of its other copies
            get_logger().exception("internal-error", message=plan.tx.id)
            copy = Undisclosable("internal error")
        if isinstance(copy, Undisclosable):
            return [_withheld(one, self._clock()) for one in passing]
        recipients = tuple(one.recipient for one in passing)
        addresses = [one.address for one in recipients]
        mail = Mail(plan.tx.sender, plan.tx.parameters, recipients, copy, lambda: last_look(addresses))
        attempts = await self._next_hops.deliver(mail)
        now = self._clock()
        return [_outcome(one, attempt, now) for one, attempt in zip(passing, attempts, strict=True)]

    async def _off_loop_if_large(self, content: bytes, work: Callable[[], _T]) -> _T:
        if len(content) <= _LARGE:
            return work()
        async with self._large:
            return await asyncio.to_thread(work)

    def _copy(self, plan: Plan, personal: Personal | None) -> bytes | Undisclosable:
        if plan.prepared is None:
            return plan.message.content
        copy = copy_for(plan.prepared, personal)
        return copy if isinstance(copy, Undisclosable) else signed(copy, plan.signers, self._clock())

    def _personal(self, plan: Plan, one: Passing) -> Personal:
        stream, address = plan.stream, one.recipient.address
        if stream is None:
            raise ValueError("what no policy claims has no copies of its own")
        language = (one.facts and one.facts.yes and one.facts.yes.language) or stream.message.language
        return Personal(
            unsubscribe_url=self._unsubscribe_url(address, stream.id, one.decision.id),
            one_click=self._is_local or (self._public_url.startswith("https://") and bool(plan.signers)),
            footer=footer_facts(stream, one.facts, language),
            language=language,
        )

    def _unsubscribe_url(self, address: Address, stream: str, decision: str) -> str:
        token = seal(self._tokens, Purpose.UNSUBSCRIBE, Claims(address, stream, decision))
        return f"{self._public_url}/u/{token}"


def copies_at_once(octets: int) -> int:
    """How many copies of a message of that size are made and sent at the same time."""
    return max(1, min(_COPIES_AT_ONCE, _OCTETS_AT_ONCE // max(octets, 1)))


def footer_facts(stream: Stream, facts: Facts | None, language: str) -> FooterFacts:
    """What the footer tells this recipient. Raises ValueError for a stream without a sender: it is not commercial."""
    if stream.sender is None:
        raise ValueError(f"stream {stream.id} has no [sender]")
    yes = None if facts is None else facts.yes
    return FooterFacts(
        sender=text_in(stream.sender.name, language),
        postal_address=text_in(stream.sender.postal_address, language),
        contact=stream.sender.contact,
        privacy_policy=stream.sender.privacy_policy,
        purpose=text_in(stream.purpose, language),
        audience=text_in(stream.audience, language),
        agreed=yes is not None and yes.basis in _AGREED,
        consented_on=None if yes is None else yes.at.astimezone(UTC).date(),
        source="" if yes is None else yes.form_url or yes.source,
    )


def _outcome(one: Passing, attempt: Attempt, now: datetime) -> Outcome:
    decision = one.decision
    return Outcome(
        decision.id,
        now,
        attempt.result,
        attempt.reply,
        attempt.next_hop,
        attempt.seconds,
        # Law: only a stream's own message whose enforced verdict was `deliver` is a contact.
        contact=attempt.result is Result.DELIVERED and decision.enforced and decision.reason is Reason.CONFIRMED,
        address=one.recipient.address,
        stream=decision.stream,
    )


def _withheld(one: Passing, now: datetime) -> Outcome:
    return Outcome(one.decision.id, now, Result.WITHHELD, _OURS)
