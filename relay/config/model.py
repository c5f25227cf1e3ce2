"""relay.toml as it is written: every key with its default, its kind and its line of documentation.

The reference, the commented relay.toml of `init` and the environment variables come from here. Checks of one table
stand in its class; checks between tables are in `clashes`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from relay.config import settings
from relay.config.durations import Duration
from relay.config.fields import (
    ClientName,
    DkimDomain,
    DomainText,
    ListeningAddress,
    MailAddress,
    NetworkText,
    PasswordHash,
    PathText,
    PublicUrl,
    RemoteAddress,
    Selector,
    SenderPattern,
    StoreUrl,
)
from relay.config.mistakes import Mistake, Mistakes, Table
from relay.config.settings import HostPort, LoggedAddresses, Login, Mode, NextHopTls, Role, Tls
from relay.envelope import Refusal

_LIMITS: Final = settings.Limits()
_QUEUE: Final = settings.QueueSettings()
_TIMEOUTS: Final = settings.Timeouts()
_WORKERS: Final = settings.Workers()

Count = Annotated[int, Field(ge=1, le=1_000_000)]
#: A timer of zero would end what it guards before it began.
Wait = Annotated[Duration, Field(gt=timedelta(0))]


class IdentityTable(Table):
    """How the relay names itself."""

    hostname: DomainText = Field(default="localhost", description="name in the banner, in EHLO and in Received fields")
    mail_domain: DomainText | None = Field(
        default=None,
        description="domain of the relay's own addresses (unsubscribe, bounces); without it, the hostname",
        examples=["relay.brand.example"],
    )


class ListenerTable(Table):
    """Where mail comes in; one table for each address. Without any: 127.0.0.1:2525."""

    address: ListeningAddress = Field(
        default=HostPort("127.0.0.1", 2525), description="IP address and port to listen on"
    )
    role: Role = Field(
        default=Role.RELAY,
        description='"relay" for your mailers, "mail-in" for mail to the relay\'s own addresses, from anyone',
    )
    tls: Tls = Field(default=Tls.NONE, description='"none", "starttls" or "implicit" (TLS from the first byte)')
    certificate: PathText | None = Field(
        default=None,
        description="PEM file with the certificate and its chain, for tls",
        examples=["/etc/ssl/relay.pem"],
    )
    key: PathText | None = Field(
        default=None, description="PEM file with the key of the certificate", examples=["/etc/ssl/relay.key"]
    )
    login: Login = Field(
        default=Login.OPTIONAL,
        description='"required", "optional" (listed networks need none) or "off"; offered over TLS only',
    )
    proxy_from: tuple[NetworkText, ...] = Field(
        default=(), description="networks of load balancers whose PROXY header is believed", examples=[["10.0.0.5"]]
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        mistakes = []
        if self.tls is Tls.NONE:
            if self.login is Login.REQUIRED:
                mistakes.append(
                    Mistake(
                        'login = "required" without TLS shuts everybody out, passwords are taken over TLS only',
                        'write tls = "starttls" with certificate and key, or login = "optional"',
                        at=("login",),
                    )
                )
            mistakes += [
                Mistake(
                    f'{key} is not used, this listener has tls = "none"',
                    'write tls = "starttls" or leave it out',
                    at=(key,),
                )
                for key in ("certificate", "key")
                if getattr(self, key)
            ]
        else:
            mistakes += [
                Mistake(f'tls = "{self.tls}" needs a {key}', f'write {key} = "/path/to/{key}.pem"', at=("tls",))
                for key in ("certificate", "key")
                if not getattr(self, key)
            ]
        if self.role is Role.MAIL_IN and self.login is Login.REQUIRED:
            mistakes.append(
                Mistake(
                    'role = "mail-in" takes mail from anyone, nobody can log in there',
                    'write login = "off"',
                    at=("login",),
                )
            )
        Mistakes.raise_any(mistakes)
        return self


class ClientTable(Table):
    """A mailer that may relay, known by its login or its network. Without any: "local", 127.0.0.0/8."""

    name: ClientName = Field(description="its name, in policies and in the log; also its user name when it logs in")
    password: PasswordHash = Field(
        default="",
        description="argon2id hash, made by consent-relay keys hash",
        examples=["$argon2id$v=19$m=65536,t=3,p=4$..."],
    )
    networks: tuple[NetworkText, ...] = Field(
        default=(), description="may relay from here without login", examples=[["10.0.0.0/8"]]
    )
    senders: tuple[SenderPattern, ...] = Field(
        default=("*",),
        description='sender addresses it may use: "*" any, "<>" the null sender, "*@brand.example"',
        min_length=1,
    )
    retries: bool = Field(
        default=False, description="does it keep mail and try again after a 4xx? Then a next hop's 4xx passes back"
    )
    refusal: Refusal = Field(
        default=Refusal.REJECT, description='what it sees instead of a refusal: "reject", "hold" or "accept-and-report"'
    )
    owner: MailAddress | None = Field(
        default=None, description="who gets reports about its mail", examples=["mailer-team@brand.example"]
    )

    @model_validator(mode="after")
    def _can_be_known(self) -> Self:
        if not self.password and not self.networks:
            raise Mistake(
                "nobody can be this client", 'give it networks = ["..."] or a password (consent-relay keys hash)'
            )
        return self


class NextHopTable(Table):
    """The MTA that mail goes to; several are tried in order. Without any: 127.0.0.1:25."""

    address: RemoteAddress = Field(default=HostPort("127.0.0.1", 25), description="host and port")
    tls: NextHopTls = Field(
        default=NextHopTls.NONE, description='"none", "starttls" or "implicit"; the certificate is always verified'
    )
    tls_name: DomainText | None = Field(
        default=None,
        description="name that the certificate must bear; without it, the host",
        examples=["mx.brand.example"],
    )
    ca: PathText | None = Field(
        default=None,
        description="PEM file with the authorities to trust instead of the system's",
        examples=["/etc/ssl/ca.pem"],
    )
    username: str = Field(default="", description="user name to log in with", examples=["relay"])
    password: str = Field(
        default="",
        description="password to log in with; better kept in password_file or the environment",
        examples=["..."],
    )
    password_file: PathText | None = Field(
        default=None, description="file whose first line is the password", examples=["/run/credentials/next-hop"]
    )
    domains: tuple[DomainText, ...] = Field(
        default=(),
        description="recipients' domains that go here; none: all that no other hop names",
        examples=[["brand.example"]],
    )
    connections: Count = Field(default=20, description="connections kept open at most, for each process")
    connect_timeout: Wait = Field(default=_TIMEOUTS.connect, description="for the connection and its TLS")
    reply_timeout: Wait = Field(default=_TIMEOUTS.reply, description="for each reply before the end of the message")
    dot_timeout: Wait = Field(default=_TIMEOUTS.dot, description="for the reply to the end of the message")
    idle_timeout: Wait = Field(
        default=_TIMEOUTS.idle, description="a connection is kept for the next message this long"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        mistakes = []
        if self.tls is NextHopTls.NONE:
            if (self.username or self.password or self.password_file) and not self.address.is_loopback:
                mistakes.append(
                    Mistake(
                        'with tls = "none" the password would cross the network readable by anyone',
                        'write tls = "starttls" or "implicit"',
                        at=("tls",),
                    )
                )
            mistakes += [
                Mistake(
                    f'{key} is not used, this hop has tls = "none"', 'write tls = "starttls" or leave it out', at=(key,)
                )
                for key in ("ca", "tls_name")
                if getattr(self, key)
            ]
        if self.password and self.password_file:
            mistakes.append(Mistake("there is a password already", "keep one of the two", at=("password_file",)))
        if self.username and not (self.password or self.password_file):
            mistakes.append(
                Mistake("there is no password for this user name", 'write password_file = "..."', at=("username",))
            )
        if (self.password or self.password_file) and not self.username:
            given = "password" if self.password else "password_file"
            mistakes.append(Mistake("there is no user name for this password", 'write username = "..."', at=(given,)))
        Mistakes.raise_any(mistakes)
        return self


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
    idle: Wait = Field(default=_LIMITS.idle, description="longest wait for the next command")
    data_rate: int = Field(default=_LIMITS.data_rate, description="least octets a second while a message is sent", ge=1)
    data_time: Wait = Field(default=_LIMITS.data_time, description="longest time for sending one message")
    transaction: Wait = Field(
        default=_LIMITS.transaction,
        description="longest wait between the end of a message and our reply",
        lt=timedelta(minutes=10),
    )

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
    """Mail that the next hop could not take at once."""

    retry: tuple[Wait, ...] = Field(
        default=_QUEUE.retry, description="waits between attempts; the last is repeated until expire", min_length=1
    )
    expire: Wait = Field(default=_QUEUE.expire, description="when to give up and tell the sender")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.expire < self.retry[0]:
            raise Mistake(
                "mail would expire before it is tried again", "make expire longer than retry's first", at=("expire",)
            )
        return self


class RetentionTable(Table):
    """How long things are kept."""

    decisions: Wait = Field(default=settings.Retention().decisions, description="decisions and what became of them")


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
    drain: Wait = Field(default=_WORKERS.drain, description="how long a stop waits for messages already received")


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
        description="folder of the policy files; without it, policies or the shipped ones",
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
    limits: LimitsTable = Field(default=LimitsTable())
    queue: QueueTable = Field(default=QueueTable())
    retention: RetentionTable = Field(default=RetentionTable())
    log: LogTable = Field(default=LogTable())
    workers: WorkersTable = Field(default=WorkersTable())
    addresses: AddressesTable = Field(default=AddressesTable())
