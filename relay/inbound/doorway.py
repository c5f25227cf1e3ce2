"""What all sessions of one listener share. Values and references only; the sessions do the work."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from relay.address import Address
from relay.config.settings import Limits, Listener, Login, Tls
from relay.envelope import Client, Connection, MailParameters, Recipient, Transaction
from relay.inbound.clients import ClientDirectory
from relay.inbound.limits import Admission
from relay.inbound.login import Logins
from relay.reply import Reply


class Journey(Protocol):
    """What a session hands mail to (`relay.pipeline.Pipeline`). content: CR LF line ends, no NUL, no stuffing."""

    def begin(
        self, client: Client, connection: Connection, sender: Address | None, parameters: MailParameters
    ) -> Transaction: ...

    def at_mail(self, tx: Transaction) -> Awaitable[Reply]: ...

    def at_rcpt(self, tx: Transaction, recipient: Recipient) -> Awaitable[Reply]: ...

    def at_data(self, tx: Transaction, recipients: Sequence[Recipient], content: bytes) -> Awaitable[Reply]: ...


class Guest(Protocol):
    """A session as the drain sees it."""

    @property
    def task(self) -> asyncio.Task[None]: ...

    def leave(self) -> None: ...

    def abort(self) -> None: ...


@dataclass(frozen=True, slots=True, eq=False)
class Doorway:
    """tls: None where the listener has none. guests: every session that is not over yet. login_delay: seconds before a
    failed login is answered.
    """

    listener: Listener
    hostname: str
    limits: Limits
    loose_domains: frozenset[str]
    journey: Journey
    clients: ClientDirectory
    logins: Logins
    admission: Admission
    tls: ssl.SSLContext | None
    guests: set[Guest] = field(default_factory=set)
    login_delay: float = 1.0

    @property
    def may_log_in(self) -> bool:
        """Logins go over TLS only, so without it there are none (RFC 4954 section 4)."""
        return self.listener.login is not Login.OFF and self.tls is not None and self.logins.possible

    @property
    def is_implicit_tls(self) -> bool:
        return self.listener.tls is Tls.IMPLICIT

    def greeting(self, *, encrypted: bool) -> bytes:
        """The reply to EHLO (RFC 5321 section 4.1.1.1)."""
        lines = [
            self.hostname,
            f"SIZE {self.limits.message_size}",
            "8BITMIME",
            "SMTPUTF8",
            "ENHANCEDSTATUSCODES",
            "PIPELINING",
            "DSN",
        ]
        if self.tls is not None and not encrypted:
            lines.append("STARTTLS")
        if self.may_log_in and encrypted:
            lines.append("AUTH PLAIN LOGIN")
        return "".join(f"250{' ' if line is lines[-1] else '-'}{line}\r\n" for line in lines).encode("ascii")
