"""What a list says, ready for the tables: one flat tuple an event, quick to sort, to send to another process and to bind.

Knows how such a tuple is made from an event and read back; nothing of files, processes or connections.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from relay.consent.events import Act, Basis, Event, EventKind
from relay.consent.evidence import Evidence
from relay.consent.fold import basis_and_act
from relay.consent.ledger import SALT_OCTETS, moment_of
from relay.consent.rows import line_of
from relay.store.rows import address_of, loaded

#: wide, id, kind, address, brand, stream, at, recorded_at, source, recorder, basis, act, confirmed_at, mail_sent_at,
#: last_contact_at, form_url, wording (its hash or ""), language, ip, user_agent, alone. Times are microseconds since
#: 1970. Imports are neither live nor the person's own act. alone: what the row of this event would come to if nothing
#: else were known of its person, an int or a str; None for a further event of the same row.
Told = tuple[Any, ...]

#: A told with what the tables need beside it, split in two so that little has to be carried and bound for each row: wide,
#: id, address, at, confirmed_at, mail_sent_at, last_contact_at, ip, user_agent, salt, time of the yes (None for anything
#: else), place in the list, shape.
Ready = tuple[Any, ...]
#: What many rows share: kind, brand, stream, recorded_at, source, recorder, basis, act, form_url, wording, language, alone,
#: basis and act of the yes (None for anything else).
Shape = tuple[Any, ...]

#: Number of its first line in the list, octets of whole records.
Block = tuple[int, bytes]

#: Places in a Told.
TOLD_KIND: Final = 2
TOLD_AT: Final = 6
TOLD_RECORDED: Final = 7
TOLD_WORDING: Final = 16
TOLD_LANGUAGE: Final = 17
TOLD_ALONE: Final = 20
#: Places in a Ready.
WIDE: Final = 0
ID: Final = 1
ADDRESS: Final = 2
SALT: Final = 9
PLACE: Final = 11
SHAPE: Final = 12
#: Places in a Shape.
KIND: Final = 0
STREAM: Final = 2
WORDING: Final = 9
ALONE: Final = 11

#: What a row comes to; bound to statements on its way.
Alone = int | str | None

#: What one person said stands together, and mostly of one address.
_address_of: Final = lru_cache(maxsize=16)(address_of)
#: Shapes that are remembered while rows are made ready; a list may have one for each row.
_MOST_SHAPES: Final = 10_000
#: What the lone event of a person comes to needs no folding for this kind and for noes.
GRANT: Final = EventKind.GRANT.value


@dataclass(frozen=True, slots=True)
class Parsed:
    """What came out of one piece of a list. told: in its order. extra: what the importing command wants to know of it
    (bad rows); it travels between processes. texts: words by their hash.
    """

    told: list[Told]
    extra: Any = None
    texts: Mapping[str, str] = field(default_factory=dict)


def told_of(event: Event, alone: Alone) -> Told:
    """The event as it stands in a list. Raises ValueError for what no list may say."""
    if event.live or event.own_act:
        raise ValueError("what is imported was not recorded live, and frees nobody from a withdrawal")
    return (*line_of(event), alone)


def event_told(told: Told) -> Event:
    """The event that it stands for."""
    (
        _, identity, kind, address, brand, stream, at, recorded_at, source, recorder, basis, act, confirmed_at,
        mail_sent_at, last_contact_at, form_url, wording, language, ip, user_agent, _,
    ) = told  # fmt: skip
    return Event(
        id=identity,
        kind=EventKind(kind),
        address=_address_of(address),
        brand=brand,
        stream=stream,
        at=loaded(at),
        recorded_at=moment_of(recorded_at),
        source=source,
        recorder=recorder,
        basis=None if basis is None else Basis(basis),
        act=None if act is None else Act(act),
        confirmed_at=loaded(confirmed_at),
        mail_sent_at=loaded(mail_sent_at),
        last_contact_at=loaded(last_contact_at),
        evidence=Evidence(form_url, wording, language, ip, user_agent),
    )


def ready(told: Iterable[Told], first_place: int, octets: bytes) -> list[Ready]:
    """octets: SALT_OCTETS fresh random ones for each."""
    shapes: dict[Shape, Shape] = {}
    worth: dict[tuple[str | None, str | None], tuple[str, str]] = {}
    made: list[Ready] = []
    start = 0
    for place, row in enumerate(told, first_place):
        (
            wide, identity, kind, address, brand, stream, at, recorded_at, source, recorder, basis, act, confirmed_at,
            mail_sent_at, last_contact_at, form_url, wording, language, ip, user_agent, alone,
        ) = row  # fmt: skip
        yes_basis = yes_act = yes_at = None
        if kind == GRANT:
            if (basis, act) not in worth:
                worth[basis, act] = _worth(row)
            yes_basis, yes_act = worth[basis, act]
            yes_at = confirmed_at if confirmed_at is not None else at if at is not None else recorded_at
        shape = (
            kind, brand, stream, recorded_at, source, recorder, basis, act, form_url, wording, language, alone,
            yes_basis, yes_act,
        )  # fmt: skip
        if len(shapes) > _MOST_SHAPES:
            shapes.clear()
        end = start + SALT_OCTETS
        made.append(
            (
                wide, identity, address, at, confirmed_at, mail_sent_at, last_contact_at, ip, user_agent,
                octets[start:end], yes_at, place, shapes.setdefault(shape, shape),
            )
        )  # fmt: skip
        start = end
    return made


def told_again(row: Ready) -> Told:
    """What it was made of."""
    wide, identity, address, at, confirmed_at, mail_sent_at, last_contact_at, ip, user_agent, _, _, _, shape = row
    kind, brand, stream, recorded_at, source, recorder, basis, act, form_url, wording, language, alone, _, _ = shape
    return (
        wide, identity, kind, address, brand, stream, at, recorded_at, source, recorder, basis, act, confirmed_at,
        mail_sent_at, last_contact_at, form_url, wording, language, ip, user_agent, alone,
    )  # fmt: skip


def line_of_told(told: Told, row: Ready) -> tuple[Any, ...]:
    """For insert_told. row: what the same was made ready as."""
    return (*told[:TOLD_WORDING], told[TOLD_WORDING] or None, *told[TOLD_LANGUAGE:TOLD_ALONE], row[SALT])


def _worth(told: Told) -> tuple[str, str]:
    """What the basis and the act of a grant count as."""
    basis, act = basis_and_act(event_told(told))
    return basis.value, act.value
