"""Where in an HTML part the footer goes: before the last real </body>, else before the last </html>, else at the end.

Where something hides that place, the last place before it that is seen; where a comment or a tag never ends, the place
before that; where a table never ends, in its last cell. Only when nothing would show the footer there is no place, and
the reason is said.
"""

from __future__ import annotations

import re
from typing import Final

from relay.message.html_nesting import place_beside_open_table, visible_place
from relay.message.html_sight import FOLDED, SWALLOWING, Sight
from relay.message.html_tokens import MARKUP, RAW, RAW_END, TAG, end_of_markup

#: The "<" of what may matter: not of a lower-case tag without attributes that says nothing of the end. Most are such.
_NOTABLE: Final = re.compile(
    MARKUP.pattern
    + rb"(?!/?+(?!(?:body|html|head|plaintext|frameset|"
    + b"|".join(sorted(RAW | SWALLOWING | FOLDED))
    + rb")>)[a-z][a-z0-9]*+>)"
)


def footer_place(view: bytes) -> int | str:
    """The offset for the footer, or why there is none."""
    scan = _Scan()
    problem = scan.read(view)
    if problem:
        return problem
    place, hidden = scan.stop, scan.sight.hidden
    for end, what in ((scan.body_end, scan.hidden_at_body_end), (scan.html_end, scan.hidden_at_html_end)):
        if end >= max(scan.begins, 0):  # an end before the beginning is of another document, put before this one
            place, hidden = end, what
            break
    if not hidden and not scan.sight.doubt:
        return place_beside_open_table(view, place) if _may_be_in_table(view, place) else place
    seen = visible_place(view, place)
    return seen if seen >= max(scan.begins, 0) else f"HTML whose end lies inside <{hidden.decode('latin-1')[:20]}>"


def _may_be_in_table(view: bytes, place: int) -> bool:
    """The cheap question: more tables begin than end, in what is written like most tags are."""
    return any(view.count(b"<" + name, 0, place) > view.count(b"</" + name, 0, place) for name in (b"table", b"TABLE"))


class _Scan:
    """One pass over the tags that matter, which are few: not over all `tokens`, since every page is read. stop: the end, or where something begins that never ends."""

    def __init__(self) -> None:
        self.body_end = -1
        self.html_end = -1
        self.begins = -1
        self.stop = 0
        self.sight = Sight()
        self.hidden_at_body_end = b""
        self.hidden_at_html_end = b""

    def read(self, view: bytes) -> str:
        """Reads all tokens. Returns why nothing in this HTML is seen, "" when something is."""
        self.stop = end_of_text = len(view)
        position = self._next(view, 0)
        while position < end_of_text:
            found = TAG.match(view, position)
            if found is None:
                after = end_of_markup(view, position)
                if after < 0:
                    self.stop = position
                    return ""
            else:
                closing, name, attributes = found.groups()
                after = found.end()
                name = name.lower()
                if closing:
                    self._end_tag(name, position)
                elif name in RAW:
                    end = RAW_END[name].search(view, after)
                    if end is None:
                        self.stop = position
                        return ""
                    after = end.start()
                elif name == b"plaintext":
                    self.stop = position
                    return ""
                elif name == b"frameset":
                    return "HTML with a <frameset>"
                else:
                    if name == b"body":
                        self.begins = after
                    self.sight.opened(name, attributes, position)
            position = self._next(view, after)
        return ""

    def _next(self, view: bytes, position: int) -> int:
        """Where the next token that matters begins; where something hides or is small every tag does."""
        found = MARKUP.search(view, position) if self.sight.counts else _NOTABLE.search(view, position)
        return len(view) if found is None else found.start()

    def _end_tag(self, name: bytes, start: int) -> None:
        if name == b"body":
            self.body_end, self.hidden_at_body_end = start, self.sight.hidden
        elif name == b"html":
            self.html_end, self.hidden_at_html_end = start, self.sight.hidden
        elif name == b"head":
            self.begins = max(self.begins, start)
        self.sight.closed(name)
