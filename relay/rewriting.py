"""A message as its recipients get it: the policy's wishes, the reader's facts and our keys, brought to the rewriting.

What the relay sends and what `consent-relay rewrite` shows is made here, and nowhere else. Does no IO and decides
nothing about consent; large messages take time, so callers may want a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from relay.address import Address
from relay.consent.events import Basis
from relay.consent.facts import Facts
from relay.envelope import Transaction
from relay.message.compose import Common, Copy, Personal, Prepared, Undisclosable, copy_for, prepare
from relay.message.damage import damage
from relay.message.dkim import Signer, choose_signers, signed
from relay.message.footer import Disclosure, FooterFacts, Version
from relay.message.headers import from_domain
from relay.message.index import Index
from relay.message.language import DEFAULT_LANGUAGE, choose_language, language_of
from relay.message.received import date_field, message_id_field, received_field
from relay.message.rules import ExtraFields, Rules
from relay.message.verified import signature_problem
from relay.message.wording import WORDINGS, wording_for
from relay.policy.footers import wordings
from relay.policy.model import Mode, Stream, text_in
from relay.tokens import Claims, Purpose

#: What is called consent in a footer; the other bases are not (a purchase is no yes).
_AGREED: Final = frozenset({Basis.DOUBLE_OPT_IN, Basis.SINGLE_OPT_IN, Basis.WRITTEN})


class DamagedCopyError(Exception):
    """A copy that must not leave: our own look at it found it broken. A bug, or broken hardware; str(): what is wrong."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who one commercial copy is for. facts: of the ledger. decision: the id that the links in the copy name."""

    address: Address
    facts: Facts | None
    decision: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A message and how its copies are made. prepared: None where it passes byte for byte. language: the mail's own."""

    tx: Transaction
    stream: Stream | None
    message: Index
    prepared: Prepared | None
    signers: tuple[Signer, ...]
    language: str = ""

    @property
    def is_personal(self) -> bool:
        """Has every recipient a copy of their own?"""
        return self.prepared is not None and self.stream is not None and self.stream.is_commercial

    @property
    def undisclosable(self) -> str:
        """Why no copy can carry the footer, "" when one can or need not."""
        found = None if self.prepared is None else self.prepared.undisclosable
        return "" if found is None else found.why


class Rewriter:
    """public_url: of the recipients' pages, without a slash at its end; is_local: only this machine can open it, so
    that RFC 8058's demand for https does not apply. dkim: signers by From domain. seal: the token for a purpose and
    its claims. clock: aware UTC now.
    """

    def __init__(
        self,
        *,
        dkim: Mapping[str, tuple[Signer, ...]],
        seal: Callable[[Purpose, Claims], str],
        hostname: str,
        mail_domain: str,
        public_url: str,
        is_local: bool,
        clock: Callable[[], datetime],
    ) -> None:
        self._dkim = dkim
        self._seal = seal
        self._hostname = hostname
        self._mail_domain = mail_domain
        self._public_url = public_url
        self._is_local = is_local
        self._clock = clock

    def plan(self, tx: Transaction, stream: Stream | None, message: Index, only: Address | None) -> Plan:
        """Once a message. only: its recipient, where there is just one. Never raises, whatever the content.

        What no policy claims, and what a policy only shadows, passes as it came.
        """
        if stream is None or stream.mode is Mode.SHADOW:
            return Plan(tx, stream, message, None, ())
        common = Common(
            received=received_field(tx, self._hostname, only, tx.started),
            date=date_field(tx.started),
            message_id=message_id_field(tx.id, self._mail_domain),
        )
        prepared = prepare(message, common, _rules(stream))
        language = "" if prepared.root is None else language_of(message, prepared.root)
        return Plan(tx, stream, message, prepared, choose_signers(self._dkim, from_domain(message)), language)

    def copy(self, plan: Plan, reader: Reader | None) -> Copy | Undisclosable:
        """Once a recipient, signed. reader: None where the copy is not personal. Raises DamagedCopyError."""
        if plan.prepared is None:
            return Copy(plan.message.content)
        personal = None if plan.stream is None or reader is None else self._personal(plan, plan.stream, reader)
        copy = copy_for(plan.prepared, personal)
        if isinstance(copy, Undisclosable):
            return copy
        copy = replace(copy, content=signed(copy.content, plan.signers, self._clock()))
        problem = damage(plan.prepared, copy) or signature_problem(copy.content, plan.signers)
        if problem:
            raise DamagedCopyError(problem)
        return copy

    def _personal(self, plan: Plan, stream: Stream, reader: Reader) -> Personal:
        claims = Claims(reader.address, stream.id, reader.decision)
        url = f"{self._public_url}/u/{self._seal(Purpose.UNSUBSCRIBE, claims)}"
        return Personal(
            unsubscribe_url=url,
            one_click=self._is_local or (self._public_url.startswith("https://") and bool(plan.signers)),
            disclosure=Disclosure(_versions(stream, reader.facts, plan.language), url),
            feedback_token=self._seal(Purpose.FEEDBACK, claims) if stream.message.cfbl_address else "",
        )


def _rules(stream: Stream) -> Rules:
    """What the policy wants of every message of the stream."""
    message = stream.message
    return Rules(
        commercial=stream.is_commercial,
        stream=stream.id,
        brand=stream.brand,
        list_id=stream.list_id,
        fallback=message.undisclosable,
        existing=message.existing_list_unsubscribe,
        amp=message.amp,
        charset=message.charset,
        old_signatures=message.old_signatures,
        extra=ExtraFields(message.feedback_id, message.cfbl_address, message.precedence, message.auto_submitted),
        literals=_literals(stream),
    )


def _literals(stream: Stream) -> Mapping[str, tuple[str, ...]]:
    """What a mailer's template may say word for word instead of by a placeholder."""
    sender = stream.sender
    if sender is None:
        return {}
    return {
        "sender": tuple(sender.name.values()),
        "postal_address": tuple(sender.postal_address.values()),
        "contact": (sender.contact,),
        "privacy_policy": (sender.privacy_policy,),
        "stop_address": (sender.stop_address,) if sender.stop_address else (),
    }


def _versions(stream: Stream, facts: Facts | None, mail_language: str) -> tuple[Version, ...]:
    """The footer in the reader's language, and behind it in English for a charset that cannot hold the other."""
    own = wordings(stream.footers) if stream.footers else {}
    person = (facts and facts.yes and facts.yes.language) or ""
    wanted = choose_language(person, mail_language, stream.message.language, {*own, *WORDINGS})
    versions: list[Version] = []
    for language in dict.fromkeys((wanted, DEFAULT_LANGUAGE)):
        spoken, wording = wording_for(language, own)
        versions.append(Version(footer_facts(stream, facts, spoken), wording, spoken))
    return tuple(versions)


def footer_facts(stream: Stream, facts: Facts | None, language: str) -> FooterFacts:
    """What the footer tells this reader. Raises ValueError for a stream without a sender: it is not commercial."""
    if stream.sender is None:
        raise ValueError(f"stream {stream.id} has no [sender]")
    yes = None if facts is None else facts.yes
    zone = ZoneInfo(stream.message.timezone)
    return FooterFacts(
        sender=text_in(stream.sender.name, language),
        postal_address=text_in(stream.sender.postal_address, language),
        contact=stream.sender.contact,
        privacy_policy=stream.sender.privacy_policy,
        purpose=text_in(stream.purpose, language),
        audience=text_in(stream.audience, language),
        agreed=yes is not None and yes.basis in _AGREED,
        consented_on=None if yes is None else yes.at.astimezone(zone).date(),
        source="" if yes is None else yes.form_url or yes.source,
        stop_address=stream.sender.stop_address,
    )
