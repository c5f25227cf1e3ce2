"""Pieces of text put into the octets of a part: which octets they replace, and how they are written between the others.

ISO-2022-JP: what is put in begins and ends in the state of what is around it, and never are two escape sequences next to
each other, which some decoders take for an error (WHATWG encoding issue 115).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from relay.message.charset import Charset, Shape, octet_offset, text_of
from relay.message.iso_2022 import TO_ASCII, States
from relay.message.layout import LineEnds, Piece, Spot
from relay.message.transfer import Cut

_ESCAPE: Final = rb"\x1b(?:\([BJI]|\$[@B]|\$\(D)"
_LAST_ESCAPE: Final = re.compile(_ESCAPE + rb"\Z")
_FIRST_OF_TWO: Final = re.compile(_ESCAPE + rb"(?=" + _ESCAPE + rb")")


@dataclass(frozen=True, slots=True)
class Place:
    """Pieces that stand side by side. start, end: the octets that they replace; with the escape sequence before them
    where there is one, `escape`. before, after: escape sequences that lead to ASCII and back. joins: does an escape
    sequence follow?
    """

    pieces: tuple[Piece, ...]
    start: int
    end: int
    escape: bytes = b""
    before: bytes = b""
    after: bytes = b""
    joins: bool = False

    def written(self, insertion: bytes) -> bytes:
        """insertion: in the part's charset, from ASCII to ASCII."""
        if not (self.escape or self.before or self.joins):
            return insertion
        whole = _FIRST_OF_TWO.sub(b"", self.escape + self.before + insertion + self.after)
        return _LAST_ESCAPE.sub(b"", whole) if self.joins else whole


def placed(pieces: Sequence[Piece], octets: bytes, charset: Charset, *, apart: bool = False) -> tuple[Place, ...]:
    """pieces: in their order, none over another. apart: the line ends before a footer and the footer are two insertions,
    so that it is written in the same way when it stands there already.
    """
    groups = _together(_apart(pieces)) if apart else _together(pieces)
    if charset.shape is Shape.ESCAPED and b"\x1b" in octets:
        states = States(octets)
        return tuple([_place_in_states(together, octets, states) for together in groups])
    return tuple(
        [
            Place(together, octet_offset(together[0].start, charset), octet_offset(together[-1].end, charset))
            for together in groups
        ]
    )


def kept_as_utf_8(octets: bytes, charset: Charset, places: Sequence[Place]) -> tuple[bytes, tuple[Cut, ...]] | None:
    """The octets without those that the places replace, in UTF-8, and where the places are in that; None where they
    cannot be read.
    """
    if charset.shape is Shape.WIDE:
        return None  # it lacks nothing
    pieces: list[bytes] = []
    cuts: list[Cut] = []
    size = position = 0
    states = States(octets)
    for start, end in (*((place.start, place.end) for place in places), (len(octets), len(octets))):
        state = states.at(position) if charset.shape is Shape.ESCAPED else TO_ASCII
        stretch = octets[position:start]
        text = text_of(stretch if state == TO_ASCII else state + stretch, charset)
        if text is None:
            return None
        pieces.append(text.encode("utf-8"))
        size += len(pieces[-1])
        cuts.append((size, size))
        position = end
    return b"".join(pieces), tuple(cuts[:-1])


def _together(pieces: Iterable[Piece]) -> list[tuple[Piece, ...]]:
    groups: list[list[Piece]] = []
    for piece in pieces:
        if groups and groups[-1][-1].end == piece.start and not isinstance(groups[-1][-1], LineEnds):
            groups[-1].append(piece)
        else:
            groups.append([piece])
    return [tuple(group) for group in groups]


def _apart(pieces: Sequence[Piece]) -> Iterator[Piece]:
    for piece in pieces:
        if isinstance(piece, Spot) and piece.before:
            yield LineEnds(piece.start, piece.start, piece.before)
            yield Spot(piece.start, piece.end, "", follows=True)
        else:
            yield piece


def _place_in_states(pieces: tuple[Piece, ...], octets: bytes, states: States) -> Place:
    start, end = pieces[0].start, pieces[-1].end
    escape, before, after = b"", states.at(start), states.at(end)
    if isinstance(pieces[0], Spot) and pieces[0].follows:
        before = TO_ASCII
    else:
        last = _LAST_ESCAPE.search(octets[max(start - 4, 0) : start])
        escape = b"" if last is None else last[0]
    goes_on = not isinstance(pieces[-1], LineEnds)
    return Place(
        pieces,
        start - len(escape),
        end,
        escape,
        b"" if before == TO_ASCII else TO_ASCII,
        after if goes_on and after != TO_ASCII and end < len(octets) else b"",
        goes_on and octets.startswith(b"\x1b", end),
    )
