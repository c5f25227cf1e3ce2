"""The kinds of text that relay.toml holds, each with its grammar and, where it is broken, what to write instead.

Every parser takes the text of one value and returns a value or raises Mistake. Nothing here reads files.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from pathlib import PurePath
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import GetPydanticSchema
from pydantic_core import CoreSchema, core_schema

from relay.address import Address, AddressError, address_from_text, check_pattern
from relay.config.mistakes import Mistake, shown
from relay.config.settings import HostPort, Network

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SELECTOR: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9-]{1,63})*")
_ARGON2ID: Final = re.compile(r"\$argon2id\$v=19\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+")


def _text(parse: Callable[[str], Any]) -> GetPydanticSchema:
    """A field that is text in the file and what `parse` makes of it in the program."""

    def schema(_source: Any, _handler: Any) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            parse, core_schema.str_schema(), serialization=core_schema.to_string_ser_schema()
        )

    return GetPydanticSchema(schema)


def listening_address(text: str) -> HostPort:
    """An IP address, port 0 for any free one; for a name a process could not know which address is meant."""
    found = _host_port(text, "127.0.0.1:2525", lowest=0)
    if found.host == "*":
        raise Mistake(f"{shown(text)} is not an address", f'write "0.0.0.0:{found.port}" or "[::]:{found.port}"')
    if found.host == "localhost":
        return HostPort("127.0.0.1", found.port)
    try:
        return HostPort(str(ip_address(found.host)), found.port)
    except ValueError:
        raise Mistake(
            f"{shown(text)} has no IP address to listen on",
            f'write e.g. "127.0.0.1:{found.port}" or "[::1]:{found.port}"',
        ) from None


def remote_address(text: str) -> HostPort:
    found = _host_port(text, "127.0.0.1:25", lowest=1)
    try:
        return HostPort(str(ip_address(found.host)), found.port)
    except ValueError:
        pass
    if re.fullmatch(r"[\d.]+", found.host):
        raise Mistake(f"{shown(text)} is not an IP address", 'write four numbers up to 255: "127.0.0.1:25"')
    return HostPort(domain(found.host), found.port)


def _host_port(text: str, example: str, *, lowest: int) -> HostPort:
    if " " in text or not text.isprintable():
        raise Mistake(f"{shown(text)} has spaces or control characters", f'write "{example}"')
    if "://" in text:
        raise Mistake(f"{shown(text)} is a URL", f'write address and port only: "{example}"')
    if text.count(":") > 1 and not text.startswith("["):
        host, _, port = text.rpartition(":")
        raise Mistake(f"{shown(text)} does not tell address from port", f'put brackets around IPv6: "[{host}]:{port}"')
    host, colon, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not colon:
        port = example.rpartition(":")[2]
        missing = port if text.isdecimal() else text
        instead = f'write "127.0.0.1:{text}"' if text.isdecimal() else f'write "{missing}:{port}"'
        raise Mistake(f"{shown(text)} lacks {'an address' if text.isdecimal() else 'a port'}", instead)
    if not host:
        raise Mistake(f"{shown(text)} lacks an address", f'write "127.0.0.1:{port}" or "0.0.0.0:{port}"')
    if not re.fullmatch(r"\d{1,9}", port, re.ASCII) or not lowest <= int(port) <= 65_535:
        raise Mistake(f"{shown(port)} is not a port", f"write a number from {lowest} to 65535 after the colon")
    return HostPort(host[1:-1] if host.startswith("[") and host.endswith("]") else host, int(port))


def network(text: str) -> Network:
    try:
        found = ip_network(text)
    except ValueError:
        try:
            meant = ip_network(text, strict=False)
        except ValueError:
            raise Mistake(
                f"{shown(text)} is not a network", 'write e.g. "10.0.0.0/8", "192.0.2.7" or "2001:db8::/32"'
            ) from None
        raise Mistake(f"{shown(text)} has bits set after its prefix", f'write "{meant}"') from None
    if found.prefixlen == 0:
        raise Mistake(f"{shown(text)} is the whole internet", "list only the networks of your own mailers")
    return found


def domain(text: str) -> str:
    """Lower case A-labels, by the same grammar as in addresses."""
    try:
        return address_from_text(f"postmaster@{text}").domain
    except AddressError:
        raise Mistake(f"{shown(text)} is not a domain name", 'write e.g. "mail.brand.example"') from None


def dkim_domain(text: str) -> str:
    """Of the From field, or "default"."""
    instead = 'write [dkim."brand.example"] or [dkim.default]'
    if text in ("selector", "key", "domain"):
        raise Mistake("this stands below [dkim] itself, which names no domain", instead)
    try:
        return text if text == "default" else domain(text)
    except Mistake as mistake:
        raise Mistake(mistake.wrong, instead) from None


def mail_address(text: str) -> Address:
    try:
        return address_from_text(text)
    except AddressError as error:
        raise Mistake(
            f"{shown(text)} is not a mail address ({error})", 'write e.g. "postmaster@brand.example"'
        ) from None


def sender_pattern(text: str) -> str:
    try:
        check_pattern(text)
    except AddressError:
        raise Mistake(
            f"{shown(text)} is not a pattern of sender addresses",
            'write "*" for any, "<>" for the null sender, "*@brand.example" or "news@brand.example"',
        ) from None
    return text


def client_name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise Mistake(
            f"{shown(text)} is not a name for a client",
            "write up to 64 ASCII letters, digits, dots, dashes or underscores",
        )
    return text


def selector(text: str) -> str:
    if not _SELECTOR.fullmatch(text):
        raise Mistake(f"{shown(text)} is not a DKIM selector", 'write letters, digits and dashes, e.g. "s1"')
    return text


def password_hash(text: str) -> str:
    if text and not _ARGON2ID.fullmatch(text):
        # the value is not shown: it may be the password itself
        raise Mistake("this is not an argon2id hash", "write what consent-relay keys hash prints")
    return text


def store_url(text: str) -> str:
    scheme, _, rest = text.partition("://")
    if scheme in ("postgresql", "postgres"):
        raise Mistake("PostgreSQL is not in this version yet", 'write "sqlite:///var/relay.db"')
    if scheme != "sqlite" or not rest:
        raise Mistake(f"{shown(text)} is not the URL of a store", 'write "sqlite:///var/relay.db"')
    if not rest.startswith("/"):
        raise Mistake(
            f"{shown(text)} has a host where the path should begin",
            f'write "sqlite:///{rest}" (relative) or "sqlite:////{rest}" (absolute)',
        )
    if len(rest) < 2 or "?" in rest or rest.endswith("/"):
        raise Mistake(f"{shown(text)} names no file", 'write "sqlite:///var/relay.db"')
    return text


def public_url(text: str) -> str:
    """Without a slash at its end; "" for the address of [web]."""
    if not text:
        return text
    try:
        parts = urlsplit(text)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_is_fine = urlsplit(""), False
    plain = text.isascii() and text.isprintable() and not set(text) & set(' <>"\\^`{|}')
    if not port_is_fine or parts.scheme not in ("http", "https") or not parts.hostname or not plain:
        instead = (
            f'write "https://{text}"' if "://" not in text and plain else 'write e.g. "https://mail.brand.example"'
        )
        raise Mistake(f"{shown(text)} is not the URL of a web site", instead)
    if parts.username is not None or parts.query or parts.fragment or text.endswith(("?", "#")):
        raise Mistake(
            f"{shown(text)} has more than a host and a path", f'write "{parts.scheme}://{parts.hostname}{parts.path}"'
        )
    return text.rstrip("/")


def path_text(text: str) -> str:
    if not text or "\0" in text:
        raise Mistake("this is not a path", "write one or leave the key out")
    return str(PurePath(text))


ListeningAddress = Annotated[HostPort, _text(listening_address)]
RemoteAddress = Annotated[HostPort, _text(remote_address)]
NetworkText = Annotated[Network, _text(network)]
DomainText = Annotated[str, _text(domain)]
DkimDomain = Annotated[str, _text(dkim_domain)]
MailAddress = Annotated[Address, _text(mail_address)]
SenderPattern = Annotated[str, _text(sender_pattern)]
ClientName = Annotated[str, _text(client_name)]
Selector = Annotated[str, _text(selector)]
PasswordHash = Annotated[str, _text(password_hash)]
StoreUrl = Annotated[str, _text(store_url)]
PublicUrl = Annotated[str, _text(public_url)]
PathText = Annotated[str, _text(path_text)]
