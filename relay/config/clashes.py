"""What is wrong between the tables of relay.toml, each of them being fine in itself. Values in, findings out.

Broken tables are left out before, so that one mistake does not hide another and none is reported twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias, TypeVar

from relay.config.endpoints import ClientTable, ListenerTable, NextHopTable
from relay.config.fields import dkim_domain
from relay.config.lines import Location
from relay.config.mistakes import Found, Table, shown
from relay.config.model import DkimTable, WebTable, WorkersTable
from relay.config.settings import HostPort, Login, Network, Role, Tls

#: Every table that is valid, by its place in the file (or where it would stand, for defaults).
Tables: TypeAlias = Mapping[Location, Table]

T = TypeVar("T", bound=Table)
_WILDCARDS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not listened on


def clashes(tables: Tables, *, listeners_are_known: bool, clients_are_known: bool) -> list[Found]:
    """The flags: no table of the kind was left out, so that what is missing is really missing."""
    found = [problem for check in _CHECKS for problem in check(tables)]
    if listeners_are_known:
        found += _logins_without_listener(tables)
    if clients_are_known:
        found += _listeners_without_login(tables)
    return found


def _client_names(tables: Tables) -> Iterator[Found]:
    seen: dict[str, str] = {}
    for place, client in _of(tables, ClientTable):
        folded = client.name.casefold()
        if folded in seen:
            yield Found(
                (*place, "name"),
                f"there is another client called {shown(seen[folded])}",
                "give each client a name of its own",
            )
        seen.setdefault(folded, client.name)


def _client_networks(tables: Tables) -> Iterator[Found]:
    seen: dict[Network, str] = {}
    for place, client in _of(tables, ClientTable):
        for number, network in enumerate(client.networks):
            first = seen.setdefault(network, client.name)
            if first != client.name:
                yield Found(
                    (*place, "networks", number),
                    f'"{network}" belongs to client {shown(first)} already',
                    "keep it in one of them; a smaller network inside it is fine",
                )


def _same_address(tables: Tables) -> Iterator[Found]:
    seen: list[tuple[HostPort, str]] = []
    listening: list[tuple[Location, HostPort, str]] = [
        (place, listener.address, "another listener") for place, listener in _of(tables, ListenerTable)
    ]
    listening += [(place, web.address, "[web]") for place, web in _of(tables, WebTable)]
    for place, address, name in listening:
        taken = next((other for known, other in seen if _overlap(known, address)), "")
        if taken:
            said = "a listener" if name == "[web]" else taken
            yield Found((*place, "address"), f'{said} is on "{address}" already', "give each its own port")
        seen.append((address, name))


def _own_listener(tables: Tables) -> Iterator[Found]:
    listening = [listener.address for _, listener in _of(tables, ListenerTable)]
    for place, hop in _of(tables, NextHopTable):
        target = HostPort("127.0.0.1", hop.address.port) if hop.address.host == "localhost" else hop.address
        if any(
            target == own or (own.host in _WILDCARDS and target.is_loopback and own.port == target.port)
            for own in listening
        ):
            yield Found(
                (*place, "address"),
                f'"{hop.address}" is the relay itself, mail would loop',
                "write the address of the real MTA",
            )


def _no_route(tables: Tables) -> Iterator[Found]:
    hops = list(_of(tables, NextHopTable))
    if hops and all(hop.domains for _, hop in hops):
        yield Found(
            (*hops[-1][0], "domains"),
            "every next hop is for some domains only, mail to all others has no way",
            "add a [[next_hop]] without domains",
        )


def _dkim_keys(tables: Tables) -> Iterator[Found]:
    names: dict[str, str] = {}
    selectors: set[tuple[str, str]] = set()
    for place, key in _of(tables, DkimTable):
        name = str(place[1])
        domain = dkim_domain(name)
        if names.setdefault(domain, name) != name:
            yield Found(place[:2], f"[dkim.{shown(names[domain])}] is the same domain", "keep one table a domain")
        elif (domain, key.selector.casefold()) in selectors:
            yield Found(
                (*place, "selector"),
                f"there is another key with selector {shown(key.selector)}",
                "give each key of a domain its own",
            )
        selectors.add((domain, key.selector.casefold()))


def _any_port(tables: Tables) -> Iterator[Found]:
    several = any(workers.processes > 1 for _, workers in _of(tables, WorkersTable))
    listening = [(place, listener.address) for place, listener in _of(tables, ListenerTable)]
    listening += [(place, web.address) for place, web in _of(tables, WebTable)]
    for place, address in listening if several else []:
        if address.port == 0:
            yield Found(
                (*place, "address"),
                "with port 0 each process would take a port of its own",
                "write a port, or processes = 1",
            )


def _logins_without_listener(tables: Tables) -> Iterator[Found]:
    if any(_takes_logins(listener) for _, listener in _of(tables, ListenerTable)):
        return
    for place, client in _of(tables, ClientTable):
        if client.password and not client.networks:
            yield Found(
                (*place, "password"),
                f"client {shown(client.name)} has no listener to log in at, passwords are taken over TLS only",
                'give a [[listener]] tls = "starttls" with certificate and key, or the client networks',
            )


def _listeners_without_login(tables: Tables) -> Iterator[Found]:
    if any(client.password for _, client in _of(tables, ClientTable)):
        return
    for place, listener in _of(tables, ListenerTable):
        if listener.login is Login.REQUIRED:
            yield Found(
                (*place, "login"),
                "no client has a password to log in with",
                "give a [[client]] the password that consent-relay keys hash prints",
            )


_CHECKS: Final[Sequence[Callable[[Tables], Iterator[Found]]]] = (
    _client_names,
    _client_networks,
    _same_address,
    _own_listener,
    _no_route,
    _dkim_keys,
    _any_port,
)


def _of(tables: Tables, kind: type[T]) -> Iterator[tuple[Location, T]]:
    return ((place, table) for place, table in tables.items() if isinstance(table, kind))


def _takes_logins(listener: ListenerTable) -> bool:
    return listener.role is Role.RELAY and listener.tls is not Tls.NONE and listener.login is not Login.OFF


def _overlap(one: HostPort, other: HostPort) -> bool:
    if one.port == 0 or one.port != other.port:
        return False
    same_family = (":" in one.host) == (":" in other.host)
    return one.host == other.host or (same_family and bool({one.host, other.host} & _WILDCARDS))
