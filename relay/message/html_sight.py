"""What of a page's HTML its reader sees: text that is not blank, images with words, and what hides the place one has come to.

Goes by tags and their own attributes; style sheets and scripts are not read. Where the end of something hidden was left
out, `html_nesting` knows more.
"""

from __future__ import annotations

import re
from typing import Final

from relay.message.html_hiding import Effect, effect_of, is_there
from relay.message.html_tokens import VOID, Token, attributes

#: What stands inside is not shown as text of the message.
SWALLOWING: Final = frozenset(
    b"template select svg math object audio video canvas noscript button datalist progress meter rp".split()
)
#: What stands inside is shown when they are open.
FOLDED: Final = frozenset({b"details", b"dialog"})
#: Drawings and formulas, which a slash in their tag ends at once.
FOREIGN: Final = frozenset({b"svg", b"math"})
_HIDES: Final = frozenset({Effect.HIDES, Effect.SMALL})
#: What counts inside an element with some effect: text has its size where newsletters' tables have none.
_OVER: Final = {
    Effect.HIDES: frozenset[Effect](),
    Effect.SMALL: frozenset({Effect.READABLE, Effect.HIDES}),
    Effect.READABLE: _HIDES,
}
#: So deep nobody goes back and forth; odd, so that the last one is small.
_MAX_EFFECTS: Final = 19
_BLANK: Final = re.compile(rb"(?:\s|&(?:nbsp|zwnj|zwj|shy|#160|#8203|#8204|#8205|#847);|\xc2\xa0|\xe2\x80[\x8b-\x8d])*")


def is_blank(text: bytes) -> bool:
    return _BLANK.fullmatch(text) is not None


def has_words(view: bytes, token: Token) -> bool:
    """An image that says something where images are not loaded."""
    return token.name == b"img" and any(
        one.name == b"alt" and not is_blank(view[one.start : one.end]) for one in attributes(view, token)
    )


class _Open:
    """An element whose effect lasts until its end tag. level: how many of its name are open. others: of the names of
    those around it, how many were opened inside it.
    """

    __slots__ = ("effect", "level", "name", "others")

    def __init__(self, name: bytes, effect: Effect) -> None:
        self.name = name
        self.effect = effect
        self.level = 1
        self.others: dict[bytes, int] = {}


class Sight:
    """What hides the place that a walk over the tags has come to, by counting tags of the same name.

    hidden: the element that swallows or hides what stands here, b"" for none. since: where the outermost begins. doubt:
    something that hides stood in something hidden and was left open there.
    """

    __slots__ = ("_inside", "_known", "_stack", "doubt", "hidden", "since")

    def __init__(self) -> None:
        self.hidden = b""
        self.since = -1
        self.doubt = False
        self._stack: list[_Open] = []
        self._inside: list[bytes] = []
        self._known: dict[bytes, Effect] = {}  # newsletters repeat the same styles

    @property
    def counts(self) -> bool:
        """Does any tag matter now?"""
        return bool(self._stack)

    def opened(self, name: bytes, values: bytes, start: int) -> None:
        effect = self._effect(name, values)
        if not self._stack:
            if effect in _HIDES:
                self.since = start
                self._push(name, effect)
            return
        top = self._stack[-1]
        if effect in _OVER[top.effect] and len(self._stack) < _MAX_EFFECTS:
            self._push(name, effect)
        elif name == top.name:
            top.level += 1
        elif effect in _HIDES:
            self._inside.append(name)
        elif any(one.name == name for one in self._stack):
            top.others[name] = top.others.get(name, 0) + 1

    def closed(self, name: bytes) -> None:
        if not self._stack:
            return
        top = self._stack[-1]
        if name == top.name:
            self._ended(top)
        elif self._inside and self._inside[-1] == name:
            self._inside.pop()
        elif top.others.get(name):
            top.others[name] -= 1
        else:
            at = next((at for at in range(len(self._stack) - 1, -1, -1) if self._stack[at].name == name), -1)
            if at >= 0:  # it ends what was left open inside, too
                self.doubt = self.doubt or any(one.effect in _HIDES for one in self._stack[at + 1 :])
                del self._stack[at + 1 :]
                self._ended(self._stack[at])

    def _push(self, name: bytes, effect: Effect) -> None:
        self._stack.append(_Open(name, effect))
        self.hidden = name if effect in _HIDES else b""

    def _ended(self, top: _Open) -> None:
        """One of that name."""
        top.level -= 1
        if not top.level:
            self._stack.pop()
            self.doubt = self.doubt or bool(self._inside)
            self._inside.clear()
        last = self._stack[-1] if self._stack else None
        self.hidden = last.name if last is not None and last.effect in _HIDES else b""

    def hides(self, name: bytes, values: bytes) -> bool:
        """Would such an element hide what stands inside? values: its attributes, as they are written."""
        return self._effect(name, values) in _HIDES

    def _effect(self, name: bytes, values: bytes) -> Effect:
        if name in SWALLOWING:
            return Effect.NONE if name in FOREIGN and values.endswith(b"/") else Effect.HIDES
        if name in FOLDED and not is_there(values, b"open"):
            return Effect.HIDES
        if not values or name in VOID:
            return Effect.NONE
        known = self._known.get(values)
        if known is None:
            known = self._known[values] = effect_of(values)
        return known
