"""Which elements are still open at a place in HTML, as the standard's tree builder says (section 13.2.6): enough of it to
know whether an element that hides what stands in it was left open, or ended where its author did not say so.

For the rare page that seems to end in something hidden or in the middle of a table. Where the standard's rules are more
than is known here, the element counts as open.
"""

from __future__ import annotations

from typing import Final

from relay.message.html_sight import FOREIGN, Sight
from relay.message.html_tokens import VOID, Kind, tokens

_BLOCKS: Final = frozenset(
    b"address article aside blockquote center details dialog dir div dl fieldset figcaption figure footer header hgroup"
    b" listing main menu nav ol pre search section summary ul".split()
)
_HEADINGS: Final = frozenset({b"h1", b"h2", b"h3", b"h4", b"h5", b"h6"})
_ITEMS: Final = {b"li": frozenset({b"li"}), b"dd": frozenset({b"dd", b"dt"}), b"dt": frozenset({b"dd", b"dt"})}
_FORMATTING: Final = frozenset(b"a b big code em font i nobr s small strike strong tt u".split())
_CELLS: Final = frozenset({b"td", b"th"})
_GROUPS: Final = frozenset({b"tbody", b"thead", b"tfoot"})
_TABLE: Final = frozenset({b"table"})
_IN_TABLE: Final = _CELLS | _GROUPS | {b"tr", b"caption"}
#: What these table parts have to stand in: everything above it ends where one begins.
_CONTEXT: Final = {b"tr": _GROUPS | _TABLE, **dict.fromkeys(_CELLS, _GROUPS | _TABLE | {b"tr"})}
#: A tag inside these ends nothing outside of them.
_WALLS: Final = frozenset({b"applet", b"caption", b"marquee", b"object", b"table", b"td", b"template", b"th"})
_CLOSED_BY_NAME: Final = frozenset({b"select", b"noscript", b"template"})
_SPECIAL: Final = (
    _BLOCKS | _HEADINGS | _IN_TABLE | _WALLS | _CLOSED_BY_NAME | {b"li", b"dd", b"dt", b"p", b"form", b"button"}
)
_NO_ELEMENT: Final = frozenset({b"html", b"head", b"body", b"col", b"colgroup"})
#: These end a drawing or a formula that they stand in (section 13.2.6.5).
_NEVER_FOREIGN: Final = (
    frozenset(
        b"b big blockquote br center code dd div dl dt em embed hr i img li menu meta nobr ol p pre ruby s".split()
    )
    | frozenset(b"small span strong strike sub sup table tt u ul var".split())
    | _HEADINGS
)
_CLOSES_P: Final = _BLOCKS | _HEADINGS | {b"p", b"form", b"li", b"dd", b"dt", b"hr"}
#: How often a stack is looked through; past it a page is taken for an attack.
_BUDGET: Final = 200_000


def visible_place(view: bytes, place: int) -> int:
    """The place, or where the outermost element begins that hides it; -1 where there is no telling."""
    nest = _Nest()
    for token in tokens(view):
        if token.start >= place or nest.budget < 0:
            break
        values = view[slice(*token.attributes)]
        if token.kind is Kind.START and token.name not in _NO_ELEMENT:
            nest.opened(token.name, values, token.start)
        elif token.kind is Kind.START and nest.hides(token.name, values):
            return -1  # the page itself
        elif token.kind is Kind.END and token.name not in _NO_ELEMENT:
            nest.closed(token.name)
    if nest.budget < 0:
        return -1
    hiding = [since for _, since in nest.open if since >= 0]
    hiding += [nest.lost] if nest.lost >= 0 else []
    return min(hiding, default=place)


def place_beside_open_table(view: bytes, place: int) -> int:
    """The place, or the end of the last cell before it where a table was left open there: what stands in a table and in
    no cell is shown above it, which may be above all of the page.
    """
    nest, cell = _Nest(), -1
    for token in tokens(view):
        if token.start >= place or nest.budget < 0:
            break
        if token.kind is Kind.START and token.name not in _NO_ELEMENT:
            nest.opened(token.name, view[slice(*token.attributes)], token.start)
        elif token.kind is Kind.END and token.name not in _NO_ELEMENT:
            nest.closed(token.name)
            cell = token.start if token.name in _CELLS else cell
    between_cells = bool(nest.open) and nest.open[-1][0] in _TABLE | _GROUPS | {b"tr"}
    if nest.budget < 0 or not between_cells or cell < 0:
        return place
    return cell if visible_place(view, cell) == cell else place


class _Nest:
    """open: name and, of one that hides, since where nothing is seen, else -1. lost: such a place that nothing ends any more."""

    def __init__(self) -> None:
        self.open: list[tuple[bytes, int]] = []
        self.lost = -1
        self.budget = _BUDGET
        self.hides = Sight().hides

    def opened(self, name: bytes, values: bytes, start: int) -> None:
        hides = self.hides(name, values)
        since = self._first_hidden(start) if hides else -1
        if self._closed_by_name():
            if hides:
                self._lose(since)  # it may outlive what it stands in
            return
        if name in _IN_TABLE and self._above(_TABLE, frozenset()) < 0:
            return  # ignored outside a table
        self._end_before(name)
        if name not in VOID:
            self.open.append((name, since))

    def _end_before(self, name: bytes) -> None:
        """What ends where such an element begins."""
        if name in _NEVER_FOREIGN:
            self._cut(self._above(FOREIGN, frozenset()))
        if name in _IN_TABLE:
            self._cut(self._above(_CONTEXT.get(name, _TABLE), frozenset()) + 1)
        elif name == b"table":
            outer = self._above(_WALLS, frozenset())
            if outer >= 0 and self.open[outer][0] == b"table":
                self._cut(outer)
        elif name in _ITEMS:
            self._cut(self._above(_ITEMS[name], _SPECIAL - {b"address", b"div", b"p"}))
        if name in _CLOSES_P:
            self._cut(self._above(frozenset({b"p"}), _WALLS | {b"button"}))

    def closed(self, name: bytes) -> None:
        inside = self._closed_by_name()
        if inside and inside != name:
            return
        wanted = _HEADINGS if name in _HEADINGS else frozenset({name})
        if name in _IN_TABLE or name == b"table":
            at = self._above(wanted, _TABLE)
        elif name in _SPECIAL:
            at = self._above(wanted, _WALLS | {b"button"} if name == b"p" else _WALLS)
        else:
            at = self._above(wanted, _WALLS if name in _FORMATTING else _SPECIAL)
        if name not in _FORMATTING and name != b"form":
            self._cut(at)
        elif at >= 0:
            _, since = self.open.pop(at)
            if at < len(self.open):
                self._lose(since)

    def _closed_by_name(self) -> bytes:
        """Nothing but its own end tag ends such an element, whoever reads it."""
        at = self._above(_CLOSED_BY_NAME, frozenset())
        return self.open[at][0] if at >= 0 else b""

    def _above(self, wanted: frozenset[bytes], walls: frozenset[bytes]) -> int:
        """The innermost open element of that name, -1 where there is none or a wall stands before it."""
        for at in range(len(self.open) - 1, -1, -1):
            self.budget -= 1
            name = self.open[at][0]
            if name in wanted:
                return at
            if name in walls or self.budget < 0:
                break
        return -1

    def _cut(self, at: int) -> None:
        """Ends that element and all in it; what formats text goes on behind them (section 13.2.4.3)."""
        if at < 0:
            return
        for name, since in self.open[at:]:
            if name in _FORMATTING:
                self._lose(since)
        del self.open[at:]

    def _lose(self, since: int) -> None:
        if since >= 0:
            self.lost = since if self.lost < 0 else min(self.lost, since)

    def _first_hidden(self, start: int) -> int:
        """Since when nothing is seen, counting from that place: a tag may end elements that hide the place before it."""
        self.budget -= len(self.open)
        return next((since for _, since in self.open if since >= 0), start)
