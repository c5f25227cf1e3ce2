"""Who and what the relay speaks with, as relay.toml writes it: [[listener]], [[client]], [[next_hop]].

Each class documents its keys and checks what one table says; see `model` for the whole file.
"""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from relay.config import settings
from relay.config.durations import LastingDuration
from relay.config.fields import (
    ClientName,
    DomainText,
    ListeningAddress,
    MailAddress,
    NetworkText,
    PasswordHash,
    PathText,
    RemoteAddress,
    SenderPattern,
)
from relay.config.mistakes import Mistake, Mistakes, Table
from relay.config.settings import HostPort, Login, NextHopTls, Role, Tls
from relay.envelope import Refusal

_TIMEOUTS: Final = settings.Timeouts()

Count = Annotated[int, Field(ge=1, le=1_000_000)]


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
        files = [key for key in ("certificate", "key") if getattr(self, key)]
        if self.role is Role.MAIL_IN and self.login is Login.REQUIRED:
            mistakes.append(
                Mistake(
                    'role = "mail-in" takes mail from anyone, nobody logs in there',
                    'write login = "off"',
                    at=("login",),
                )
            )
        elif self.tls is Tls.NONE and self.login is Login.REQUIRED:
            mistakes.append(
                Mistake(
                    'login = "required" without TLS shuts everybody out, passwords are taken over TLS only',
                    'write tls = "starttls" with certificate and key, or login = "optional"',
                    at=("login",),
                )
            )
        if self.tls is Tls.NONE:
            mistakes += [
                Mistake('this is not used while tls = "none"', 'write tls = "starttls" or leave it out', at=(key,))
                for key in files
            ]
        elif len(files) < 2:
            missing = [key for key in ("certificate", "key") if key not in files]
            mistakes.append(
                Mistake(
                    f'tls = "{self.tls}" needs a {" and a ".join(missing)}',
                    "write " + " and ".join(f'{key} = "/path/to/{key}.pem"' for key in missing),
                    at=("tls",),
                )
            )
        Mistakes.raise_any(mistakes)
        return self


class ClientTable(Table):
    """A mailer that may relay, known by its login or its network. Without any: "local", 127.0.0.0/8."""

    name: ClientName = Field(
        description="its name, in policies and in the log; also its user name when it logs in", examples=["mautic"]
    )
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
        default=False,
        description="does it keep mail and try again after a 4xx? If not, the relay does it for its mail",
    )
    refusal: Refusal = Field(
        default=Refusal.REJECT,
        description='what it gets when a person may not be written to: "reject", "hold" or "accept-and-report"',
    )
    owner: MailAddress | None = Field(
        default=None,
        description="who gets the daily report about its mail that was accepted and did not go out",
        examples=["mailer-team@brand.example"],
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
    connect_timeout: LastingDuration = Field(default=_TIMEOUTS.connect, description="for the connection and its TLS")
    reply_timeout: LastingDuration = Field(
        default=_TIMEOUTS.reply, description="for each reply before the end of the message"
    )
    dot_timeout: LastingDuration = Field(default=_TIMEOUTS.dot, description="for the reply to the end of the message")
    idle_timeout: LastingDuration = Field(
        default=_TIMEOUTS.idle, description="a connection is kept for the next message this long"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        mistakes = []
        if self.tls is NextHopTls.NONE:
            secret = next((key for key in ("password", "password_file", "username") if getattr(self, key)), "")
            if secret and not self.address.is_loopback:
                mistakes.append(
                    Mistake(
                        'with tls = "none" the password would cross the network readable by anyone',
                        'write tls = "starttls" or "implicit"',
                        at=(secret,),
                    )
                )
            mistakes += [
                Mistake('this is not used while tls = "none"', 'write tls = "starttls" or leave it out', at=(key,))
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
