"""relay.toml as it is written: every key with its default, its kind and its line of documentation.

The reference, the commented relay.toml of `init` and the environment variables come from here. Checks of one table
stand in its class; checks between tables are in `clashes`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final, Self

from pydantic import Field, field_validator, model_validator

from relay.config import settings
from relay.config.durations import LastingDuration
from relay.config.endpoints import ClientTable, Count, ListenerTable, NextHopTable
from relay.config.fields import DkimDomain, DomainText, ListeningAddress, PathText, PublicUrl, Selector, StoreUrl
from relay.config.mistakes import Mistake, Table
from relay.config.settings import HostPort, LoggedAddresses, Mode

_LIMITS: Final = settings.Limits()
_QUEUE: Final = settings.QueueSettings()
_HOLD: Final = settings.HoldSettings()
_ASKING: Final = settings.AskingSettings()
_WORKERS: Final = settings.Workers()

#: RFC 5321 section 4.5.3.2.6: a client waits this long for the reply to the end of its message.
_CLIENTS_PATIENCE: Final = timedelta(minutes=10)


class IdentityTable(Table):
    """How the relay names itself."""

    hostname: DomainText = Field(default="localhost", description="name in the banner, in EHLO and in Received fields")
    mail_domain: DomainText | None = Field(
        default=None,
        description="domain of the relay's own addresses (unsubscribe, bounces); without it, the hostname",
        examples=["relay.brand.example"],
    )


class StoreTable(Table):
    """Consents, decisions and outcomes."""

    url: StoreUrl = Field(
        default="sqlite:///var/relay.db", description="three slashes: relative path; four: absolute path"
    )


class WebTable(Table):
    """The recipients' pages."""

    address: ListeningAddress = Field(
        default=HostPort("127.0.0.1", 8025), description="IP address and port to listen on"
    )
    public_url: PublicUrl = Field(
        default="",
        description="how people's browsers reach it, https for one-click unsubscribing; without it, http and the address",
        examples=["https://mail.brand.example"],
    )


class DkimTable(Table):
    """Keys that sign, by domain of the From field; [dkim.default] signs for all others. Several keys: [[dkim."..."]]."""

    selector: Selector = Field(description="selector of the DNS record", examples=["s1"])
    key: PathText = Field(
        description="PEM file, RSA or Ed25519, made by consent-relay keys generate",
        examples=["var/keys/brand.example.s1.pem"],
    )
    domain: DomainText | None = Field(
        default=None,
        description="domain that signs (d=); without it, the table's own, for default the mail_domain",
        examples=["brand.example"],
    )


class KeysTable(Table):
    """The relay's own secrets, made when missing. Keep them: links in mail already sent depend on them."""

    tokens: PathText = Field(
        default="var/keys/tokens", description="folder with the keys of unsubscribe links, one file a key"
    )
    addresses: PathText = Field(
        default="var/keys/addresses.key", description="file with the key of hashed addresses in the log"
    )
    people: PathText = Field(
        default="var/keys/people.key",
        description="file with the key of tombstones: without it the no of an erased person is lost",
    )
    ledger: PathText = Field(
        default="var/keys/ledger.pem", description="PEM file, the Ed25519 key that signs the ledger"
    )


class LedgerTable(Table):
    """Proof that nobody has changed the ledger afterwards."""

    heads: PathText = Field(
        default="var/ledger.heads",
        description="file to which signed heads are added; let it lie where the relay may only add to it",
    )
    sign_every: LastingDuration = Field(
        default=settings.LedgerSettings().sign_every, description="how often a new head is signed"
    )


class LimitsTable(Table):
    """What one client can make grow. Sizes in octets."""

    message_size: int = Field(default=_LIMITS.message_size, description="largest message", ge=1024, le=2_147_483_647)
    recipients: int = Field(default=_LIMITS.recipients, description="recipients of one message", ge=1, le=100_000)
    line_length: int = Field(
        default=_LIMITS.line_length, description="longest line in a message", ge=1000, le=16_777_216
    )
    received: int = Field(
        default=_LIMITS.received, description="Received fields before a message counts as looping", ge=5, le=1000
    )
    errors: Count = Field(default=_LIMITS.errors, description="wrong commands before the connection is closed")
    logins: Count = Field(default=_LIMITS.logins, description="failed logins before the connection is closed")
    commands: Count = Field(
        default=_LIMITS.commands, description="commands without a message before the connection is closed"
    )
    connections: Count = Field(default=_LIMITS.connections, description="connections at a time, for each process")
    connections_per_address: Count = Field(
        default=_LIMITS.connections_per_address,
        description="connections at a time from one IP address, for each process",
    )
    idle: LastingDuration = Field(default=_LIMITS.idle, description="longest wait for the next command")
    data_rate: int = Field(default=_LIMITS.data_rate, description="least octets a second while a message is sent", ge=1)
    data_time: LastingDuration = Field(default=_LIMITS.data_time, description="longest time for sending one message")
    transaction: LastingDuration = Field(
        default=_LIMITS.transaction, description="longest wait between the end of a message and our reply"
    )

    @field_validator("transaction")
    @classmethod
    def _within_patience(cls, transaction: timedelta) -> timedelta:
        if transaction >= _CLIENTS_PATIENCE:
            raise Mistake("clients give up after ten minutes and send again", 'write at most "9m"')
        return transaction

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.connections_per_address > self.connections:
            raise Mistake(
                f"one address may have more connections than there are in all ({self.connections})",
                f"write at most {self.connections}, or raise connections",
                at=("connections_per_address",),
            )
        return self


class QueueTable(Table):
    """Mail that was accepted and waits for the next hop."""

    retry: tuple[LastingDuration, ...] = Field(
        default=_QUEUE.retry, description="waits between attempts; the last is repeated until expire", min_length=1
    )
    expire: LastingDuration = Field(default=_QUEUE.expire, description="when to give up and tell the sender")
    octets: int = Field(
        default=_QUEUE.octets,
        description="size of all mail that waits, held mail included; beyond it the client gets 452 4.3.1",
        ge=1 << 20,
    )
    bounces: int = Field(
        default=_QUEUE.bounces,
        description="notifications an hour to one sender address, in equal shares for the processes; beyond it the client's "
        "owner is told",
        ge=1,
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.expire < self.retry[0]:
            raise Mistake(
                "mail would expire before it is tried again", "make expire longer than retry's first", at=("expire",)
            )
        return self


class HoldTable(Table):
    """Mail that waits for its recipient's yes; how long, the policies say."""

    copies: int = Field(
        default=_HOLD.copies, description="copies held in all; beyond it the client gets 452 4.3.1", ge=1
    )
    stream_copies: int = Field(default=_HOLD.stream_copies, description="copies held of one stream", ge=1)
    release: Count = Field(default=_HOLD.release, description="copies let go in one second when many get their yes")
    waiting: LastingDuration = Field(
        default=_HOLD.waiting, description="longest wait until the recipient is asked; then the mail is given up"
    )


class AskingTable(Table):
    """Mail from relay-notices that asks people for a new yes, where a policy's hold.ask_again allows it."""

    every: LastingDuration = Field(
        default=_ASKING.every, description="one person is asked at most once in so long, over all streams of a brand"
    )
    wave: Count = Field(default=_ASKING.wave, description="people asked in the first wave of a brand; it doubles")
    rate: Count = Field(default=_ASKING.rate, description="people asked in one wave at most")
    pause: LastingDuration = Field(default=_ASKING.pause, description="from one wave to the next")
    bounces: float = Field(
        default=_ASKING.bounces, description="per cent of a wave that bounce from which asking stops", gt=0, le=100
    )
    complaints: float = Field(
        default=_ASKING.complaints, description="per cent of a wave that complain from which asking stops", gt=0, le=100
    )


class ReportsTable(Table):
    """One mail a day to each client's owner about mail that was accepted and did not go out."""

    hour: int = Field(
        default=settings.ReportSettings().hour, description="hour of the day (UTC) from which it is sent", ge=0, le=23
    )


class RetentionTable(Table):
    """How long things are kept; of consents the policies say it. Once a day the relay takes out what is over."""

    decisions: LastingDuration = Field(
        default=settings.Retention().decisions, description="decisions and what became of them"
    )


class LogTable(Table):
    """One JSON object a line."""

    path: PathText = Field(default="-", description='a file, "-" for standard output')
    addresses: LoggedAddresses = Field(
        default=LoggedAddresses.CLEAR, description='recipients in "clear" or "hashed" with a key'
    )


class WorkersTable(Table):
    """The processes that do the work."""

    processes: int = Field(
        default=_WORKERS.processes, description="how many; one for each core is enough", ge=1, le=256
    )
    drain: LastingDuration = Field(
        default=_WORKERS.drain, description="how long a stop waits for messages already received"
    )


class AddressesTable(Table):
    """Exceptions to the grammar of addresses."""

    loose_domains: tuple[DomainText, ...] = Field(
        default=tuple(sorted(settings.AddressSettings().loose_domains)),
        description="domains with old addresses that have dots where none may stand",
    )


#: What listens, who may relay and where mail goes when relay.toml does not say.
DEFAULT_CLIENT: Final = ClientTable.model_validate({"name": "local", "networks": ["127.0.0.0/8"]})


class RelayFile(Table):
    """relay.toml."""

    mode: Mode = Field(
        default=Mode.ENFORCE,
        description='"enforce", or "observe" for the first days: what no policy claims passes unchanged and is logged',
    )
    policies: PathText | None = Field(
        default=None,
        description="folder of the policy files; without it, policies beside this file, else the shipped examples",
        examples=["policies"],
    )
    identity: IdentityTable = Field(default=IdentityTable())
    listener: tuple[ListenerTable, ...] = Field(default=(ListenerTable(),), min_length=1)
    client: tuple[ClientTable, ...] = Field(default=(DEFAULT_CLIENT,), min_length=1)
    next_hop: tuple[NextHopTable, ...] = Field(default=(NextHopTable(),), min_length=1)
    store: StoreTable = Field(default=StoreTable())
    web: WebTable = Field(default=WebTable())
    dkim: dict[DkimDomain, DkimTable | tuple[DkimTable, ...]] = Field(default_factory=dict)
    keys: KeysTable = Field(default=KeysTable())
    ledger: LedgerTable = Field(default=LedgerTable())
    limits: LimitsTable = Field(default=LimitsTable())
    queue: QueueTable = Field(default=QueueTable())
    hold: HoldTable = Field(default=HoldTable())
    asking: AskingTable = Field(default=AskingTable())
    reports: ReportsTable = Field(default=ReportsTable())
    retention: RetentionTable = Field(default=RetentionTable())
    log: LogTable = Field(default=LogTable())
    workers: WorkersTable = Field(default=WorkersTable())
    addresses: AddressesTable = Field(default=AddressesTable())
