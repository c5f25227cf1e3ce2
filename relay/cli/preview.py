"""A message as the relay would send it to one person, made by the relay's own code, with links that lead nowhere.

Whoever looks at a preview must not be able to unsubscribe anybody: no key for tokens is read here. Writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from relay.address import Address
from relay.config.settings import Settings
from relay.consent.facts import Facts
from relay.envelope import Client, Connection, Transaction
from relay.message.compose import Copy, Shown, Undisclosable
from relay.message.dkim import DkimKeyError, Signer
from relay.message.index import index
from relay.message.rules import Fallback
from relay.policy.model import Mode, Stream
from relay.rewriting import DamagedCopyError, Plan, Reader, Rewriter
from relay.store.dkim_keys import load_signers
from relay.tokens import KEY_LENGTH, Claims, Purpose, TokenKeys, seal

#: Stands where the ids of a real message stand, and is as long.
_ID: Final = "PREVIEW".ljust(26, "0")
#: Upper case in front: no key has such an id, so no relay ever takes it for a token.
_INERT: Final = "PREVIEW-NOT-A-LIVE-LINK-"
_LENGTHS: Final = TokenKeys({"length": bytes(KEY_LENGTH)}, "length")


@dataclass(frozen=True, slots=True)
class Preview:
    """original: with CRLF. copy: as it would go on the wire, or why there is none. notes: what has to be said of it.

    filled: the placeholders of the mailer's that hold a value now. remedies: where the message cannot carry the footer,
    what the policy could say instead.
    """

    stream: Stream
    address: Address
    original: bytes
    copy: Copy | Undisclosable
    notes: tuple[str, ...]
    signers: tuple[Signer, ...] = ()
    filled: tuple[str, ...] = ()
    remedies: tuple[Fallback, ...] = ()


def preview_of(settings: Settings, stream: Stream, address: Address, facts: Facts, original: bytes) -> Preview:
    """original: with CRLF at the ends of its lines. Keys that cannot be read leave the preview without a signature.

    Raises DamagedCopyError, as the relay itself.
    """
    reader = Reader(address, facts, _ID)
    rewriter, notes = _rewriter(settings)
    tx = Transaction(_ID, _now(), Client("preview"), Connection("127.0.0.1", "preview", "ESMTP"), None)
    message = index(original)

    def made(stream: Stream) -> tuple[Plan, Copy | Undisclosable]:
        plan = rewriter.plan(tx, stream, message, address)
        return plan, rewriter.copy(plan, reader if plan.is_personal else None)

    def helps(fallback: Fallback) -> bool:
        try:
            return isinstance(made(_with_fallback(stream, fallback))[1], Copy)
        except DamagedCopyError:
            return False

    plan, copy = made(stream)
    if isinstance(copy, Undisclosable):
        others = [one for one in Fallback if one not in (stream.message.undisclosable, Fallback.REJECT)]
        helping = [one for one in others if helps(one)]
        return Preview(stream, address, original, copy, notes, remedies=tuple(helping))
    if plan.is_personal:
        notes += ("the links are dead: a preview unsubscribes nobody",)
    if stream.mode is Mode.SHADOW:
        notes = (f'{stream.id} has mode = "shadow": its mail passes as it came; --enforced shows the rest',)
    return Preview(stream, address, original, copy, notes, plan.signers, _filled(plan, copy))


def _filled(plan: Plan, copy: Copy) -> tuple[str, ...]:
    if plan.prepared is None or copy.shown not in (Shown.ADDED, Shown.OWN_WORDS):
        return ()
    return tuple(sorted({name for one in plan.prepared.plans for name in one.fills}))


def _rewriter(settings: Settings) -> tuple[Rewriter, tuple[str, ...]]:
    notes: tuple[str, ...] = ()
    try:
        signers = load_signers(settings.dkim)
    except (DkimKeyError, OSError) as error:
        signers = {}
        why = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
        notes = (f"not signed, and so perhaps without List-Unsubscribe-Post: {why}",)
    rewriter = Rewriter(
        dkim=signers,
        seal=dead_token,
        hostname=settings.identity.hostname,
        mail_domain=settings.identity.mail_domain,
        public_url=settings.web.public_url,
        is_local=settings.web.is_loopback,
        clock=_now,
    )
    return rewriter, notes


def _with_fallback(stream: Stream, fallback: Fallback) -> Stream:
    return replace(stream, message=replace(stream.message, undisclosable=fallback))


def dead_token(purpose: Purpose, claims: Claims) -> str:
    """As long as the real one, so that lines break as they will."""
    length = len(seal(_LENGTHS, purpose, claims))
    return (_INERT * (length // len(_INERT) + 1))[:length]


def _now() -> datetime:
    return datetime.now(UTC)
