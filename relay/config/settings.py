"""What relay.toml comes to: frozen values, every path absolute, every default filled in. No reading, no checking.

The keys of the file, their documentation and their checks are in `model`; `load` turns one into the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import TypeAlias

from relay.address import Address
from relay.envelope import Refusal

Network: TypeAlias = IPv4Network | IPv6Network


class Mode(StrEnum):
    """enforce: what no policy claims is refused. observe: it passes byte-identical and is logged."""

    ENFORCE = "enforce"
    OBSERVE = "observe"


class Role(StrEnum):
    RELAY = "relay"
    MAIL_IN = "mail-in"


class Tls(StrEnum):
    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


class Login(StrEnum):
    REQUIRED = "required"
    OPTIONAL = "optional"
    OFF = "off"


class NextHopTls(StrEnum):
    """Verified when used at all: there is no opportunistic kind, which an attacker could downgrade."""

    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


class LoggedAddresses(StrEnum):
    CLEAR = "clear"
    HASHED = "hashed"


@dataclass(frozen=True, slots=True, order=True)
class HostPort:
    """host: an IP address without brackets or a name. port 0: any free one (for listening)."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class Identity:
    """hostname: how the relay names itself (banner, EHLO, Received). mail_domain: of its own addresses."""

    hostname: str
    mail_domain: str


@dataclass(frozen=True, slots=True)
class Listener:
    """certificate and key: PEM files, both set unless tls is none. proxy_from: peers whose PROXY header is believed."""

    address: HostPort
    role: Role = Role.RELAY
    tls: Tls = Tls.NONE
    certificate: Path | None = None
    key: Path | None = None
    login: Login = Login.OPTIONAL
    proxy_from: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """A mailer. password: argon2id hash, "" for none. owner: who gets reports about discarded mail."""

    name: str
    password: str = field(default="", repr=False)
    networks: tuple[Network, ...] = ()
    senders: tuple[str, ...] = ("*",)
    retries: bool = False
    refusal: Refusal = Refusal.REJECT
    owner: Address | None = None


@dataclass(frozen=True, slots=True)
class Timeouts:
    """connect: TCP and TLS. reply: one reply before the dot. dot: the reply after it. idle: how long a connection is
    kept for the next message.
    """

    connect: timedelta = timedelta(seconds=30)
    reply: timedelta = timedelta(minutes=2)
    dot: timedelta = timedelta(minutes=5)
    idle: timedelta = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class NextHop:
    """tls_name: name in the certificate, the host's unless set. ca: PEM file instead of the system's authorities.
    domains: lower case A-labels this hop is for, empty for all others. connections: at most, in one process.
    """

    address: HostPort
    tls: NextHopTls = NextHopTls.NONE
    tls_name: str = ""
    ca: Path | None = None
    username: str = ""
    password: str = field(default="", repr=False)
    domains: tuple[str, ...] = ()
    timeouts: Timeouts = Timeouts()
    connections: int = 20


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """path: of the SQLite database. journal: withdrawals.journal beside it."""

    url: str
    path: Path
    journal: Path


@dataclass(frozen=True, slots=True)
class WebSettings:
    """public_url: how the pages are reached from outside, without a slash at its end."""

    address: HostPort
    public_url: str

    @property
    def is_https(self) -> bool:
        return self.public_url.startswith("https://")

    @property
    def is_loopback(self) -> bool:
        """Is the public URL one that only this machine can open?"""
        host = self.public_url.partition("://")[2].partition("/")[0]
        name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        return HostPort(name, 0).is_loopback


@dataclass(frozen=True, slots=True)
class DkimKey:
    """domain: the d= of the signature. key: PEM file."""

    domain: str
    selector: str
    key: Path


@dataclass(frozen=True, slots=True)
class Keys:
    """tokens: a folder, one file a key. addresses: file with the secret for hashed addresses in the log. people: file
    with the secret of pseudonyms (tombstones, ids of imported events). ledger: PEM file that signs heads of the ledger.
    """

    tokens: Path
    addresses: Path
    people: Path
    ledger: Path


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """heads: file of signed heads, one JSON object a line. sign_every: how often one is added while the ledger grows."""

    heads: Path = Path("var/ledger.heads")
    sign_every: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client can make grow. Sizes and rates in octets.

    errors, logins: before the connection is closed. commands: without a message in between. idle: between commands.
    data_rate: least octets a second in DATA. data_time: longest DATA. transaction: longest wait between the dot and
    our reply; below the 10 minutes of RFC 5321 section 4.5.3.2.6. received: Received fields before it is a loop.
    """

    message_size: int = 52_428_800
    recipients: int = 1000
    line_length: int = 65_536
    received: int = 50
    errors: int = 20
    logins: int = 3
    commands: int = 1000
    connections: int = 500
    connections_per_address: int = 100
    idle: timedelta = timedelta(minutes=5)
    data_rate: int = 256
    data_time: timedelta = timedelta(minutes=30)
    transaction: timedelta = timedelta(minutes=8)


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """retry: waits between attempts, the last one repeated up to `expire` after the mail was accepted. octets: of all
    that waits, held mail included; beyond that nothing more is taken over. bounces: notifications an hour to one sender
    address, in equal shares for the processes.
    """

    retry: tuple[timedelta, ...] = (
        timedelta(minutes=5),
        timedelta(minutes=15),
        timedelta(hours=1),
        timedelta(hours=4),
    )
    expire: timedelta = timedelta(days=5)
    octets: int = 4 << 30
    bounces: int = 1000


@dataclass(frozen=True, slots=True)
class HoldSettings:
    """Mail that waits for its recipient's yes. copies, stream_copies: how many may wait, in all and of one stream.
    release: copies a second that are let go. waiting: how long a copy may wait until its recipient is asked.
    """

    copies: int = 100_000
    stream_copies: int = 50_000
    release: int = 50
    waiting: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class AskingSettings:
    """Mail that asks people for a new yes. every: one person at most once in so long, over all streams of a brand.
    wave: how many are asked in a brand's first wave; the next has twice as many, up to `rate`. pause: from one wave to
    the next. bounces, complaints: per cent of a wave from which asking stops.
    """

    every: timedelta = timedelta(days=30)
    wave: int = 100
    rate: int = 10_000
    pause: timedelta = timedelta(hours=1)
    bounces: float = 2.0
    complaints: float = 0.25


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """Daily reports to clients' owners. hour: of the day (UTC) from which they go out."""

    hour: int = 6


@dataclass(frozen=True, slots=True)
class Retention:
    """decisions: how long decisions and outcomes are kept."""

    decisions: timedelta = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class LogSettings:
    """path: "-" for standard output, else an absolute path."""

    path: str = "-"
    addresses: LoggedAddresses = LoggedAddresses.CLEAR


@dataclass(frozen=True, slots=True)
class Workers:
    """drain: how long a stop waits for what is past the dot."""

    processes: int = 1
    drain: timedelta = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class AddressSettings:
    """loose_domains: whose addresses may have dots where RFC 5321 allows none."""

    loose_domains: frozenset[str] = frozenset({"docomo.ne.jp", "ezweb.ne.jp"})


@dataclass(frozen=True, slots=True)
class Settings:
    """folder: where relative paths start. file: relay.toml, None for the embedded defaults.

    dkim: by From domain, lower case A-label; "default" for all others; several keys sign with all of them.
    """

    folder: Path
    file: Path | None
    mode: Mode
    policies: Path
    identity: Identity
    listeners: tuple[Listener, ...]
    clients: tuple[ClientSettings, ...]
    next_hops: tuple[NextHop, ...]
    store: StoreSettings
    web: WebSettings
    keys: Keys
    dkim: Mapping[str, tuple[DkimKey, ...]] = field(default_factory=dict)
    ledger: LedgerSettings = LedgerSettings()
    limits: Limits = Limits()
    queue: QueueSettings = QueueSettings()
    hold: HoldSettings = HoldSettings()
    asking: AskingSettings = AskingSettings()
    reports: ReportSettings = ReportSettings()
    retention: Retention = Retention()
    log: LogSettings = LogSettings()
    workers: Workers = Workers()
    addresses: AddressSettings = AddressSettings()
