"""What of a page's HTML its reader sees: text that is not blank, images with words, and what hides the place one has come to.

Goes by tags and their own attributes; style sheets and scripts are not read. Where the end of something hidden was left
out, `html_nesting` knows more.
"""

from __future__ import annotations

import re
from typing import Final

from relay.message.html_hiding import hides_its_content, is_there
from relay.message.html_tokens import VOID, Token, attributes

#: What stands inside is not shown as text of the message.
SWALLOWING: Final = frozenset(
    b"template select svg math object audio video canvas noscript button datalist progress meter rp".split()
)
#: What stands inside is shown when they are open.
FOLDED: Final = frozenset({b"details", b"dialog"})
#: Drawings and formulas, which a slash in their tag ends at once.
FOREIGN: Final = frozenset({b"svg", b"math"})
_BLANK: Final = re.compile(rb"(?:\s|&(?:nbsp|zwnj|zwj|shy|#160|#8203|#8204|#8205|#847);|\xc2\xa0|\xe2\x80[\x8b-\x8d])*")


def is_blank(text: bytes) -> bool:
    return _BLANK.fullmatch(text) is not None


def has_words(view: bytes, token: Token) -> bool:
    """An image that says something where images are not loaded."""
    return token.name == b"img" and any(
        one.name == b"alt" and not is_blank(view[one.start : one.end]) for one in attributes(view, token)
    )


class Sight:
    """What hides the place that a walk over the tags has come to, by counting tags of the same name.

    hidden: the outermost element that swallows or hides what stands here, b"" for none. since: where its tag begins.
    doubt: something that hides stood in something hidden and was left open there.
    """

    __slots__ = ("_inside", "_known", "_level", "doubt", "hidden", "since")

    def __init__(self) -> None:
        self.hidden = b""
        self.since = -1
        self.doubt = False
        self._level = 0
        self._inside: list[bytes] = []
        self._known: dict[bytes, bool] = {}  # newsletters repeat the same styles

    def opened(self, name: bytes, values: bytes, start: int) -> None:
        if not self.hidden:
            if self.hides(name, values):
                self.hidden, self.since, self._level = name, start, 1
        elif name == self.hidden:
            self._level += 1
        elif self.hides(name, values):
            self._inside.append(name)

    def closed(self, name: bytes) -> None:
        if not self.hidden:
            return
        if name == self.hidden:
            self._level -= 1
            if not self._level:
                self.hidden = b""
                self.doubt = self.doubt or bool(self._inside)
                self._inside.clear()
        elif self._inside and self._inside[-1] == name:
            self._inside.pop()

    def hides(self, name: bytes, values: bytes) -> bool:
        """Would such an element hide what stands inside? values: its attributes, as they are written."""
        if name in SWALLOWING:
            return name not in FOREIGN or not values.endswith(b"/")
        if name in FOLDED and not is_there(values, b"open"):
            return True
        if not values or name in VOID:
            return False
        known = self._known.get(values)
        if known is None:
            known = self._known[values] = hides_its_content(values)
        return known
