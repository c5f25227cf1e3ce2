"""Who sends, over which connection, to whom: what is known of a message apart from its content. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from relay.address import Address


class Body(StrEnum):
    """The BODY parameter of MAIL (RFC 6152)."""

    SEVEN_BIT = "7BIT"
    EIGHT_BIT = "8BITMIME"


class Refusal(StrEnum):
    """What a client wants to see instead of a refusal by consent."""

    REJECT = "reject"
    HOLD = "hold"
    ACCEPT_AND_REPORT = "accept-and-report"


@dataclass(frozen=True, slots=True)
class Client:
    """A mailer that was let in. senders: patterns of sender addresses it may use, `*` for any, `<>` for the null one."""

    name: str
    senders: tuple[str, ...] = ("*",)
    retries: bool = False
    refusal: Refusal = Refusal.REJECT


@dataclass(frozen=True, slots=True)
class Connection:
    """How the client reached us; becomes the Received field (RFC 5321 section 4.4, RFC 3848 for `protocol`).

    peer: the client's IP address as text (from the PROXY header where a listed peer sent one). helo: as the client
    said it, already checked to be printable ASCII. tls: "" or e.g. "TLSv1.3 TLS_AES_256_GCM_SHA384".
    """

    peer: str
    helo: str
    protocol: str
    tls: str = ""


@dataclass(frozen=True, slots=True)
class MailParameters:
    """Parameters of MAIL: SIZE (octets), BODY, SMTPUTF8 (RFC 6531), RET and ENVID (RFC 3461, xtext as received)."""

    size: int | None = None
    body: Body = Body.SEVEN_BIT
    smtputf8: bool = False
    ret: str = ""
    envid: str = ""


@dataclass(frozen=True, slots=True)
class Recipient:
    """One RCPT: the canonical address and its DSN parameters (RFC 3461; notify upper case, orcpt as received)."""

    address: Address
    notify: tuple[str, ...] = ()
    orcpt: str = ""


@dataclass(frozen=True, slots=True)
class Transaction:
    """A mail transaction from MAIL on. id: ULID, stands in our Received field, the log and the store as `message`."""

    id: str
    started: datetime
    client: Client
    connection: Connection
    sender: Address | None
    parameters: MailParameters = MailParameters()

    @property
    def sender_text(self) -> str:
        """Canonical sender address, "" for the null reverse-path."""
        return "" if self.sender is None else str(self.sender)
