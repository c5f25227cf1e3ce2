"""What each event of a person's history is worth now: nothing is ever taken out of the ledger, most of it is superseded.

Pure values for explanations. Tells the same as `relay.consent.fold`, event by event and with the event that is to blame;
the fold alone decides about mail. Looks from one place, an address in a stream, or at each event from its own place.
Freshness is not told here: an old yes counts until something else does (`relay.consent.freshness` says how long).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from relay.address import Address
from relay.consent.events import Basis, Event, EventKind
from relay.consent.fold import basis_and_act, frees, is_active_yes, no_of_event, said_at


class State(StrEnum):
    """What an event is now."""

    COUNTS = "counts"  # the yes to go by, a no that stands, an open question, a dead mailbox, a word that cleared one
    RENEWS = "renews"  # the newest real yes after the one that counts
    SUPERSEDED = "superseded"  # by a stronger or a newer one of its kind
    BEATEN = "beaten"  # a yes or a question, by a no
    LIFTED = "lifted"  # a no, by the person's own later yes
    ANSWERED = "answered"  # a question, by a yes
    CLEARED = "cleared"  # a dead mailbox, by an operator or a yes
    IDLE = "idle"  # there was nothing to clear
    OUT_OF_SCOPE = "out-of-scope"  # about another spelling, stream or brand


@dataclass(frozen=True, slots=True)
class Mark:
    """by: the events that made it so, the most telling one first; () where it counts. Of a no that stands for other
    places, and was lifted in its own: the yeses that lifted it there. assumed: a yes without an active act.
    """

    event: Event
    state: State
    by: tuple[Event, ...] = ()
    assumed: bool = False


_NOES: Final = frozenset({EventKind.WITHDRAW, EventKind.COMPLAIN, EventKind.ERASE})
_Key = Callable[[Event], object]


def marks(events: Iterable[Event], brand: str, stream: str, address: Address) -> tuple[Mark, ...]:
    """Every event of one person, in the order of the acts, as it is seen from one address in one stream."""
    history = in_order_of_acts(events)
    view = _View(history, brand, stream, address)
    return tuple(view.mark(event) for event in history)


def marks_of_person(events: Iterable[Event]) -> tuple[Mark, ...]:
    """Every event of one person, in the order of the acts, each from its own place. A no to all commercial mail of a brand counts,
    and so does one to a stream until every spelling that has a yes there has lifted it; `by` has the yeses that did.
    """
    history = in_order_of_acts(events)
    return tuple(_own_mark(history, event) for event in history)


def in_order_of_acts(events: Iterable[Event]) -> list[Event]:
    """The first act first; at the same moment a question, then a yes, then a no, as the law has it."""
    return sorted(events, key=lambda event: (_when(event), _PLACE[event.kind], event.id))


class _View:
    """One history, seen from one place."""

    def __init__(self, history: Sequence[Event], brand: str, stream: str, address: Address) -> None:
        self._brand, self._stream, self._address = brand, stream, address
        here = [event for event in history if event.address == address and event.stream == stream]
        person = [event for event in history if event.address.wide == address.wide]
        self._yeses = [event for event in here if event.says_yes]
        self._requests = [event for event in here if event.kind is EventKind.REQUEST]
        self._freeing = [event for event in self._yeses if frees(event)]
        self._noes = [event for event in person if event.kind in _NOES and self._covers(event)]
        mailbox = [event for event in person if event.address == address]
        self._dead = [event for event in mailbox if event.kind is EventKind.UNDELIVERABLE and self._covers(event)]
        self._works = [event for event in mailbox if event.kind is EventKind.DELIVERABLE and self._covers(event)]
        self._alive = [*self._works, *(event for event in mailbox if is_active_yes(event))]
        self._counting = [event for event in self._yeses if not self._beating(event)]

    def mark(self, event: Event) -> Mark:
        if event in self._yeses:
            state, by = self._of_yes(event)
            return Mark(event, state, by, assumed=basis_and_act(event)[0] is Basis.ASSUMED)
        if event in self._requests:
            return Mark(event, *self._of_request(event))
        if event in self._noes:
            return Mark(event, *_first(State.LIFTED, self._lifting(event)) or _newest_of(event, self._standing, _scope))
        if event in self._dead:
            standing = [dead for dead in self._dead if not self._clearing(dead)]
            return Mark(event, *_first(State.CLEARED, self._clearing(event)) or _newest_of(event, standing, _scope))
        if event in self._works:
            cleared = any(_when(dead) < _when(event) for dead in self._dead)
            return Mark(event, State.COUNTS if cleared else State.IDLE)
        return Mark(event, State.OUT_OF_SCOPE)

    def _of_yes(self, event: Event) -> tuple[State, tuple[Event, ...]]:
        beating = self._beating(event)
        if beating:
            return State.BEATEN, beating
        best = max(self._counting, key=_strength)
        if event == best:
            return State.COUNTS, ()
        later = [one for one in self._counting if is_active_yes(one) and said_at(one) > said_at(best)]
        if event not in later:
            return State.SUPERSEDED, (best,)
        renewal = max(later, key=lambda one: (said_at(one), one.id))
        return (State.RENEWS, ()) if event == renewal else (State.SUPERSEDED, (renewal,))

    def _of_request(self, event: Event) -> tuple[State, tuple[Event, ...]]:
        beating = tuple(no for no in self._noes if _when(no) >= _when(event))
        if beating:
            return State.BEATEN, beating[:1]
        real = [yes for yes in self._yeses if is_active_yes(yes) and not self._beating(yes)]
        if event.is_question and self._counting:
            real.append(max(self._counting, key=_strength))
        answers = tuple(yes for yes in real if said_at(yes) >= _when(event))
        if event.is_question:
            # Every question of the relay's counts: two without an answer end the yes.
            return _first(State.ANSWERED, answers) or (State.COUNTS, ())
        wishes = [one for one in self._requests if not one.is_question]
        return _first(State.ANSWERED, answers) or _newest_of(event, wishes, lambda _: None)

    @property
    def _standing(self) -> list[Event]:
        return [no for no in self._noes if not self._lifting(no)]

    def _beating(self, event: Event) -> tuple[Event, ...]:
        """The noes that beat a yes: the first one after it, else the last one before it that still stood then."""
        said = said_at(event)
        beating = [no for no in self._noes if not any(_when(no) < said_at(free) <= said for free in self._freeing)]
        after = [no for no in beating if _when(no) >= said]
        return tuple(after[:1] or beating[-1:])

    def _lifting(self, no: Event) -> tuple[Event, ...]:
        return tuple(free for free in self._freeing if said_at(free) > _when(no))

    def _clearing(self, dead: Event) -> tuple[Event, ...]:
        return tuple(sign for sign in self._alive if _when(sign) > _when(dead))

    def _covers(self, event: Event) -> bool:
        no = no_of_event(event)
        return no is not None and no.covers(self._brand, self._stream, str(self._address))


def _own_mark(history: Sequence[Event], event: Event) -> Mark:
    if event.kind not in _NOES:
        return _View(history, event.brand, event.stream, event.address).mark(event)
    same = [other for other in history if other.kind in _NOES and _scope(other) == _scope(event)]
    state, by = _newest_of(event, same, _scope)
    if state is not State.COUNTS:
        return Mark(event, state, by)
    places = {(other.brand, other.stream, other.address) for other in history if other.says_yes}
    seen = [_View(history, *place).mark(event) for place in places]
    covered = [mark for mark in seen if mark.state is not State.OUT_OF_SCOPE]
    lifting = tuple(in_order_of_acts({free.id: free for mark in covered for free in mark.by}.values()))
    no = no_of_event(event)
    everywhere = no is not None and no.stream and covered and all(mark.state is State.LIFTED for mark in covered)
    return Mark(event, State.LIFTED if everywhere else State.COUNTS, lifting)


def _first(state: State, by: tuple[Event, ...]) -> tuple[State, tuple[Event, ...]] | None:
    return (state, by[:1]) if by else None


def _newest_of(event: Event, events: Iterable[Event], key: _Key) -> tuple[State, tuple[Event, ...]]:
    """Does it count, or is there a newer one like it? Two at the same moment count both."""
    newest = max((other for other in events if key(other) == key(event)), key=_when)
    return (State.COUNTS, ()) if _when(newest) == _when(event) else (State.SUPERSEDED, (newest,))


def _scope(event: Event) -> object:
    no = no_of_event(event)
    return None if no is None else (no.kind, no.brand, no.stream, no.address)


def _strength(event: Event) -> tuple[int, datetime, str]:
    return _STRENGTH[basis_and_act(event)[0]], said_at(event), event.id


def _when(event: Event) -> datetime:
    return said_at(event)


_STRENGTH: Final = {basis: -rank for rank, basis in enumerate(Basis)}
_PLACE: Final = {EventKind.REQUEST: 0, EventKind.GRANT: 1, EventKind.CONFIRM: 1, EventKind.RENEW: 1} | dict.fromkeys(
    (EventKind.WITHDRAW, EventKind.COMPLAIN, EventKind.UNDELIVERABLE, EventKind.DELIVERABLE, EventKind.ERASE), 2
)
