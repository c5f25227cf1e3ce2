"""Whatever can have happened to a few people in a few streams, made by hypothesis."""

from __future__ import annotations

from typing import Any

from consent.acts import (
    ANN,
    BOB,
    SHOUTED,
    TAGGED,
    day,
    event,
    facts,
)
from hypothesis import strategies as st

from relay.address import Address
from relay.consent.events import RELAY, Act, Basis, Event, EventKind
from relay.consent.facts import Facts

HOMOGLYPH = Address("аnn", "example.com")  # the first letter is Cyrillic: another mailbox  # noqa: RUF001
SPELLINGS = (ANN, SHOUTED, TAGGED)
STREAMS = {"newsletter": "brand", "offers": "brand", "other-news": "other"}
ADDRESSES = st.sampled_from([ANN, ANN, ANN, *SPELLINGS, BOB, HOMOGLYPH])
IN_ONE_STREAM = (EventKind.REQUEST, EventKind.GRANT, EventKind.CONFIRM, EventKind.RENEW)


@st.composite
def events(draw: st.DrawFn, *, own: bool = True, crowded: bool = False) -> Event:
    """Whatever can have happened, on few days, so that much of it happens at once. own: also yeses that free. crowded:
    all of it to one address in one stream, on three days.
    """
    kind = draw(st.sampled_from(EventKind))
    on = draw(st.integers(1, 3 if crowded else 6))
    more: dict[str, Any] = {"id": draw(st.uuids(version=4)).hex, "at": day(on)}
    if draw(st.integers(0, 4)) == 0:
        more |= {"at": None, "recorded_at": day(on)}
    streams = ["newsletter"] if crowded else [*STREAMS]
    stream = draw(st.sampled_from(["newsletter", *streams, *([] if kind in IN_ONE_STREAM else [""])]))
    brand = STREAMS.get(stream, "")
    if kind not in IN_ONE_STREAM:
        brand = draw(st.sampled_from([brand, "brand", "other", ""]))
    if kind in (EventKind.GRANT, EventKind.CONFIRM, EventKind.RENEW):
        more |= {
            "basis": Basis.DOUBLE_OPT_IN if kind is EventKind.CONFIRM else draw(st.sampled_from(Basis)),
            "act": draw(st.sampled_from([None, Act.CLICKED] + [Act.PRETICKED] * (kind is not EventKind.CONFIRM))),
            "own_act": own and draw(st.booleans()),
            "live": draw(st.booleans()),
            "source": draw(st.sampled_from(["", "fair"])),
        }
        if more["at"] and kind is EventKind.GRANT and more["basis"].is_by_act and draw(st.booleans()):
            more["confirmed_at"] = day(draw(st.integers(on, 4 if crowded else 7)))
        if draw(st.booleans()):
            more["last_contact_at"] = day(draw(st.integers(0, 7))) if more["at"] else day(0)
    if kind is EventKind.REQUEST:
        more["live"] = draw(st.booleans())
        if more["at"] and draw(st.booleans()):
            more["mail_sent_at"] = day(on + draw(st.integers(0, 2)))
        if draw(st.booleans()):
            more["recorder"] = RELAY
    return event(kind, on, ANN if crowded else draw(ADDRESSES), stream=stream, brand=brand, **more)


HISTORIES = st.lists(events(), max_size=9) | st.lists(events(crowded=True), max_size=7)


def everybody(history: list[Event]) -> dict[tuple[Address, str], Facts]:
    """What is known of every address in every stream: each person folded alone, as the store does."""
    found = {}
    for address in (*SPELLINGS, BOB, HOMOGLYPH):
        own = [one for one in history if one.address.wide == address.wide]
        for stream, brand in STREAMS.items():
            found[address, stream] = facts(*own, address=address, stream=stream, brand=brand)
    return found
