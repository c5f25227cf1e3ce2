"""What goes where in one text part: the footer, the values of placeholders, old footers out. Found once a message.

Offsets are those of `ascii_view`. Decides the places only; what is written there is a matter of each copy.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from relay.message.html_end import footer_place
from relay.message.html_placeholders import template_in
from relay.message.items import REQUIRED
from relay.message.literals import said_in_html, said_in_plain
from relay.message.own_footer import OwnFooter, masked, own_in_html, own_in_plain
from relay.message.placeholders import FOOTER, Fill, fills_in_plain, has_placeholder

#: It takes seconds to read as many, and web mail cuts a page off long before.
_MAX_TAGS: Final = 400_000

Literals = Mapping[str, Collection[str]]


@dataclass(frozen=True, slots=True)
class Spot:
    """Where the footer goes. before: line ends that bring it to a line of its own. follows: do they stand apart?"""

    start: int
    end: int
    before: str = ""
    follows: bool = False


@dataclass(frozen=True, slots=True)
class LineEnds:
    """The line ends before a footer, where they are put in by themselves."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Gap:
    """What is taken out."""

    start: int
    end: int


Piece = Fill | Spot | LineEnds | Gap


@dataclass(frozen=True, slots=True)
class Layout:
    """pieces: in their order, none over another. said: the items that the mailer's own text says. whole: has the mailer
    said where the footer goes, with `{{footer}}`?
    """

    pieces: tuple[Piece, ...]
    said: frozenset[str] = frozenset()
    whole: bool = False


def plain_layout(view: bytes, text: Callable[[], str], literals: Literals, *, flowed: bool) -> Layout:
    """text: the part's text, asked for only where it matters."""
    own = own_in_plain(view)
    if not own and not has_placeholder(view):
        size = len(view)
        return Layout((Spot(size, size, "\n\n" if view and not view.endswith(b"\n") else "\n"),))
    without = masked(view, own)
    fills = fills_in_plain(without, flowed=flowed)
    said = {one.name for one in fills if one.name != FOOTER}
    if said:
        said |= said_in_plain(text(), literals)
    pieces: list[Piece] = []
    whole = _whole(fills)
    for one in fills:
        if one is whole:
            pieces.append(Spot(one.start, one.end, _before_in_plain(view, one.start, flowed=flowed)))
        else:
            pieces.append(Gap(one.start, one.end) if one.name == FOOTER else one)
    if whole is None and own:
        last = own.pop()
        pieces.append(Spot(last.start, last.end))
    elif whole is None:
        size = len(view)
        pieces.append(Spot(size, size, "\n\n" if view and not view.endswith(b"\n") else "\n"))
    pieces += [_gap_in_plain(view, one) for one in own]
    return Layout(_ordered(pieces), frozenset(said), whole is not None)


def html_layout(view: bytes, text: Callable[[], str], literals: Literals) -> Layout | str:
    """As in plain text, or why there is no place for the footer."""
    if view.count(b"<") > _MAX_TAGS:
        return "HTML with more tags than any letter has"
    place = footer_place(view)
    own = own_in_html(view, place if isinstance(place, int) else len(view))
    if not own and not has_placeholder(view):
        return place if isinstance(place, str) else Layout((Spot(place, place, _line_start(view, place)),))
    if own:
        view = masked(view, own)
        place = footer_place(view)
    template = template_in(view)
    said = template.said - {FOOTER}
    if any(one.name != FOOTER for one in template.fills):
        said |= said_in_html(text(), literals)
    # Behind the end of the page not all programs show it.
    whole = _whole([one for one in template.fills if not isinstance(place, int) or one.start <= place])
    pieces: list[Piece] = []
    for one in template.fills:
        if one is whole:
            pieces.append(Spot(one.start, one.end, _line_start(view, one.start)))
        else:
            pieces.append(Gap(one.start, one.end) if one.name == FOOTER else one)
    if whole is None and own and not own[-1].hidden and isinstance(place, int) and own[-1].start <= place:
        last = own.pop()
        # An escape sequence right before it came with it, at the start of a line that was not yet ASCII.
        before = "" if view.endswith(b"\x1b(B", 0, last.start) else _line_start(view, last.start)
        pieces.append(Spot(last.start, last.end, before))
    elif whole is None and isinstance(place, int):
        above = next((one.start for one in own if one.end == place), place)  # what is taken out begins no line
        pieces.append(Spot(place, place, _line_start(view, above)))
    elif whole is None and not said >= REQUIRED:
        return str(place)
    pieces += [Gap(one.start, one.end) for one in own]
    return Layout(_ordered(pieces), frozenset(said), whole is not None)


def _whole(fills: Sequence[Fill]) -> Fill | None:
    return next((one for one in fills if one.name == FOOTER), None)


def _ordered(pieces: list[Piece]) -> tuple[Piece, ...]:
    return tuple(sorted(pieces, key=lambda one: (one.start, one.end)))


def _line_start(view: bytes, place: int) -> str:
    before = view[max(place - 5, 0) : place].removesuffix(b"\x1b(B")  # of ISO-2022-JP, and shown by nobody
    return "\n" if before and not before.endswith(b"\n") else ""


def _before_in_plain(view: bytes, place: int, *, flowed: bool) -> str:
    """In format=flowed a line that ends in a space goes on in the next one (RFC 3676 section 4.1)."""
    lines = _line_start(view, place)
    rest = view[:place] if lines else view[:place].rstrip(b"\r\n")
    return lines + "\n" if flowed and rest.endswith(b" ") else lines


def _gap_in_plain(view: bytes, own: OwnFooter) -> Gap:
    """With the empty line before it, which came with it."""
    start = own.start
    if view.endswith(b"\n", 0, start):
        line_end = start - 2 if view.endswith(b"\r\n", 0, start) else start - 1
        if line_end == 0 or view.endswith(b"\n", 0, line_end):
            start = line_end
    return Gap(start, own.end)
