"""The few people of any history, every spelling of them, and what their words mean to the naive reading of the law."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from hypothesis import strategies as st
from store.any_store import STREAMS, iso
from store.naive_history import EVERYTHING, History, No, Sign, Yes

from relay.address import Address, address_from_text
from relay.consent.events import Act, Basis, EventKind

#: Each person's spellings. Below: what else there is of them. No text of one is part of another's.
PEOPLE: Final = {
    "quannabel": ("quannabel@gmail.com", "Quan.Nabel@googlemail.com", "quannabel+sale@gmail.com"),
    "quentbob": ("quentbob@example.com", "QUENTBOB+news@EXAMPLE.com"),
    "quent.bob": ("quent.bob@example.com",),  # the neighbour
    "zkimura": ("zkimura@fastmail.com", "shop@zkimura.fastmail.com"),
    "żółwix": ("żółwix@example.jp", "ŻÓŁWIX@example.jp", "z\u0307o\u0301łwix@example.jp"),
}
SPELLED: Final = {text: name for name, texts in PEOPLE.items() for text in texts}
#: Bases by what the shipped policy takes for a yes.
ACCEPTED: Final = frozenset({Basis.DOUBLE_OPT_IN, Basis.SINGLE_OPT_IN, Basis.WRITTEN})
#: Words of a list for a no.
CAUSES: Final = {
    "unsubscribe": EventKind.WITHDRAW,
    "complaint": EventKind.COMPLAIN,
    "hard-bounce": EventKind.UNDELIVERABLE,
}

#: Most of what happens, happens to one person and in one stream, or nothing would ever meet.
addresses = st.sampled_from([*PEOPLE["quannabel"], *PEOPLE["quannabel"], *PEOPLE["quannabel"], *sorted(SPELLED)])
streams = st.sampled_from(["newsletter", "newsletter", *STREAMS])
scopes = st.sampled_from([EVERYTHING, *(("", one) for one in STREAMS), *((one, "") for one in set(STREAMS.values()))])
days = st.integers(0, 900)


def address(text: str) -> Address:
    return address_from_text(text)


def person_of(text: str) -> str:
    return SPELLED[text]


def wide_of(person: str) -> str:
    return address(PEOPLE[person][0]).wide


def needles(person: str) -> set[bytes]:
    """Octets by which a person would be found in a file, in lower case."""
    locals_ = {str(address(text)).rpartition("@")[0] for text in PEOPLE[person] if not text.startswith("shop@")}
    return {one.encode() for text in locals_ | {person, source(person)} for one in (text, text.lower())}


def source(person: str) -> str:
    return f"told by {person} herself"


def scope_of(kind: EventKind, brand: str, stream: str) -> tuple[str, str]:
    if kind is EventKind.COMPLAIN and brand:
        return brand, ""
    return ("", stream) if stream else (brand, "")


def yes_of(text: str, stream: str, basis: Basis, act: Act | None, at: datetime, *, own: bool) -> Yes:
    active = basis in (Basis.DOUBLE_OPT_IN, Basis.WRITTEN) if act is None else act is Act.TICKED
    active = active and basis in ACCEPTED
    return Yes(person_of(text), str(address(text)), STREAMS[stream], stream, at, active, own, accepted=active)


@dataclass(frozen=True)
class Row:
    """Of a list. brand: whose list it is. at: None, where it has no time. word: the basis, or the cause of a no."""

    text: str
    stream: str
    brand: str
    at: datetime | None
    word: str

    @property
    def columns(self) -> dict[str, str]:
        common = {"address": self.text, "stream": self.stream, "source": source(person_of(self.text))}
        if self.word in CAUSES:
            return common | {
                "cause": self.word, "withdrawn_at": iso(self.at), "brand": "" if self.stream else self.brand,
            }  # fmt: skip
        return common | {"basis": self.word, "at": iso(self.at), "act": "ticked" if self._act else ""}

    def no(self, now: datetime) -> No | None:
        kind = CAUSES.get(self.word)
        if kind is None or kind is EventKind.UNDELIVERABLE:
            return None
        at = self.at or now
        return No(person_of(self.text), self._scope(kind), at, now=at == now)

    def told_to(self, history: History, now: datetime) -> None:
        at, no = self.at or now, self.no(now)
        if no is not None:
            history.say_no(no)
        elif self.word in CAUSES:
            sign = Sign(str(address(self.text)), at, True, self._scope(CAUSES[self.word]))
            history.is_listed_dead(sign, has_time=self.at is not None)
        else:
            history.yeses.append(yes_of(self.text, self.stream, Basis(self.word), self._act, at, own=False))

    @property
    def _act(self) -> Act | None:
        return Act.TICKED if self.word == "single-opt-in" else None

    def _scope(self, kind: EventKind) -> tuple[str, str]:
        return scope_of(kind, STREAMS.get(self.stream, self.brand), self.stream)
