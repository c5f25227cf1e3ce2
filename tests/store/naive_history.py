"""Who may get mail, read naively from everything that was ever said: the law once more, in the plainest words.

Nothing of `relay.consent.fold` is used, nothing is kept up to date, and every question walks through the whole history.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

EVERYTHING = ("", "")


@dataclass(frozen=True)
class Yes:
    """brand: whose stream it was then. active: by an act of the person. own: the person's own doing, not a list's."""

    person: str
    address: str
    brand: str
    stream: str
    at: datetime
    active: bool
    own: bool
    accepted: bool


@dataclass(frozen=True)
class No:
    """scope: ("", stream), (brand, "") or EVERYTHING. now: said when it was recorded."""

    person: str
    scope: tuple[str, str]
    at: datetime
    now: bool
    erasure: bool = False

    def covers(self, brand: str, stream: str) -> bool:
        return _covers(self.scope, brand, stream)


@dataclass(frozen=True)
class Sign:
    """Of one mailbox: dead, or (an operator's word) working."""

    address: str
    at: datetime
    dead: bool
    scope: tuple[str, str] = EVERYTHING


@dataclass
class History:
    """timeless: what lists said of dead mailboxes without a time; the same said again is the same line."""

    yeses: list[Yes] = field(default_factory=list)
    noes: list[No] = field(default_factory=list)
    signs: list[Sign] = field(default_factory=list)
    timeless: set[tuple[str, tuple[str, str]]] = field(default_factory=set)

    def copy(self) -> History:
        return History(list(self.yeses), list(self.noes), list(self.signs), set(self.timeless))

    def is_listed_dead(self, sign: Sign, *, has_time: bool) -> None:
        if not has_time:
            if (sign.address, sign.scope) in self.timeless:
                return
            self.timeless.add((sign.address, sign.scope))
        self.signs.append(sign)

    def say_no(self, no: No) -> None:
        """One that comes now follows every yes before it, whatever the clock says."""
        latest = [yes.at for yes in self.yeses if yes.person == no.person] if no.now else []
        self.noes.append(replace(no, at=max([no.at, *latest])))

    def moments(self, *people: str) -> list[datetime]:
        """When these people said yes or no."""
        yeses = [one.at for one in self.yeses if one.person in people]
        return yeses + [one.at for one in self.noes if one.person in people]

    def says_as_much(self, no: No) -> bool:
        """Has the person said this, or more, at that time or later?"""
        return any(
            one.at >= no.at and all(mine in ("", theirs) for mine, theirs in zip(one.scope, no.scope, strict=True))
            for one in self.noes
            if one.person == no.person
        )

    def says_no_to_everything(self, person: str) -> bool:
        return any(no.person == person and no.scope == EVERYTHING for no in self.noes)

    def forget(self, person: str, addresses: set[str]) -> None:
        """All but the noes."""
        self.yeses = [yes for yes in self.yeses if yes.person != person]
        self.signs = [sign for sign in self.signs if sign.address not in addresses]
        self.timeless = {one for one in self.timeless if one[0] not in addresses}

    def has_said_no(self, person: str, address: str, brand: str, stream: str) -> bool:
        """Is there a no that no later own yes for exactly this address and stream has lifted?"""
        own = [yes.at for yes in self._said(address, stream) if yes.own and yes.active]
        return any(not any(at > no.at for at in own) for no in self._against(person, brand, stream))

    def standing(self, person: str, address: str, brand: str, stream: str) -> list[Yes]:
        """Every yes that no no beats: all, without any; else those from the first own one after the last no on."""
        said = list(self._said(address, stream))
        brands = {brand, *(yes.brand for yes in said)}
        noes = [no.at for brand in brands for no in self._against(person, brand, stream)]
        if not noes:
            return said
        own = [yes.at for yes in said if yes.own and yes.active and yes.at > max(noes)]
        return [yes for yes in said if own and yes.at >= min(own)]

    def is_dead(self, address: str, brand: str, stream: str) -> bool:
        told = [one for one in self.signs if one.address == address and _covers(one.scope, brand, stream)]
        dead = [sign.at for sign in told if sign.dead]
        alive = [sign.at for sign in told if not sign.dead]
        alive += [yes.at for yes in self.yeses if yes.address == address and yes.active]
        return bool(dead) and not any(at > max(dead) for at in alive)

    def may_get(self, person: str, address: str, brand: str, stream: str) -> bool:
        """As far as anybody's word goes; whether a yes is still fresh is not asked here."""
        return (
            not self.has_said_no(person, address, brand, stream)
            and not self.is_dead(address, brand, stream)
            and any(yes.accepted for yes in self.standing(person, address, brand, stream))
        )

    def _said(self, address: str, stream: str) -> Iterator[Yes]:
        return (yes for yes in self.yeses if (yes.address, yes.stream) == (address, stream))

    def _against(self, person: str, brand: str, stream: str) -> Iterator[No]:
        return (no for no in self.noes if no.person == person and no.covers(brand, stream))


def _covers(scope: tuple[str, str], brand: str, stream: str) -> bool:
    return scope in (EVERYTHING, (brand, ""), ("", stream))
