"""Which mailer is it: by network or by name. Knows no sockets and checks no passwords."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeAlias

from relay.config.settings import ClientSettings, Network
from relay.envelope import Client

Peer: TypeAlias = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Credentials:
    """password: argon2 hash."""

    client: Client
    password: str = field(repr=False)


class ClientDirectory:
    """Of several networks that hold an address, the narrowest decides; of equal ones, the first in the file."""

    def __init__(self, clients: Sequence[ClientSettings]) -> None:
        known = [(one, Client(one.name, one.senders, one.retries, one.refusal)) for one in clients]
        networks = [(network, client) for one, client in known for network in one.networks]
        self._networks = sorted(networks, key=lambda pair: -pair[0].prefixlen)
        self._credentials = {one.name: Credentials(client, one.password) for one, client in known if one.password}

    def by_network(self, peer: Peer) -> Client | None:
        return next((client for network, client in self._networks if peer in network), None)

    def by_name(self, name: str) -> Credentials | None:
        """None when there is no client of that name, or it has no password."""
        return self._credentials.get(name)

    @property
    def anyone(self) -> Credentials | None:
        """Somebody's credentials, to spend the same time on names that do not exist; None when nobody has any."""
        return next(iter(self._credentials.values()), None)


def peer_of(text: str) -> Peer:
    """An address as the socket gives it; IPv4 seen through an IPv6 socket is IPv4. Raises ValueError."""
    peer = ip_address(text)
    mapped = peer.ipv4_mapped if isinstance(peer, IPv6Address) else None
    return peer if mapped is None else mapped


def is_listed(peer: Peer, networks: Sequence[Network]) -> bool:
    return any(peer in network for network in networks)
