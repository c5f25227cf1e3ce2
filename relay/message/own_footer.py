"""The marks around a footer of ours, and the footers that this relay wrote into a message before.

A second pass over a message, or a forwarded copy of one, must not end with two footers, and the old one's link belongs
to somebody else: it is taken out. What somebody quoted is theirs and stays. In HTML the marks say enough. In plain text a
line of underscores may be anybody's: there a link of ours has to stand between the marks or, where the mailer's own
words have the link, before the last such block, which nothing follows. Offsets are those of `ascii_view`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from relay.message.html_sight import Sight
from relay.message.html_tokens import VOID, Kind, Token, tokens
from relay.tokens import is_well_formed

#: Stands alone on the line before a plain footer and on the line after it.
PLAIN_RULE: Final = "_" * 40
#: Stand around an HTML footer.
HTML_BEGIN: Final = "<!--consent-relay:footer-->"
HTML_END: Final = "<!--/consent-relay:footer-->"

_RULE: Final = PLAIN_RULE.encode("ascii")
_BEGIN: Final = HTML_BEGIN.encode("ascii")
_END: Final = HTML_END.encode("ascii")
_RULE_LINE: Final = re.compile(rb"(?:\A|(?<=\n))" + _RULE + rb"(?:\r?\n|\Z)")
_LINK: Final = re.compile(rb"/u/([A-Za-z0-9_-]{1,1000}+)")
#: Who to ask, and where to read more.
_HINTS: Final = re.compile(rb"https?://|[a-z0-9]@[a-z0-9]")
_EMPTY_LINE: Final = (b"\n\n", b"\n\r\n")
_NEWLINE: Final = re.compile(rb"\r?\n")
#: A footer of ours is never longer, in octets of text.
_MAX_LENGTH: Final = 50_000
#: Their end tags may be left out.
_OPTIONAL: Final = frozenset(b"p li dd dt td th tr tbody thead tfoot".split())
_DOCUMENT: Final = frozenset({b"html", b"head", b"body", b"frameset", b"plaintext"})


@dataclass(frozen=True, slots=True)
class OwnFooter:
    """From the first mark to the end of the last mark's line. hidden: nobody would see what is put in its place."""

    start: int
    end: int
    hidden: bool = False


def own_in_plain(view: bytes) -> list[OwnFooter]:
    """Those at the start of their lines: what is quoted begins with ">"."""
    if _RULE not in view:
        return []
    rules = list(_RULE_LINE.finditer(view))
    pairs = [(first, last) for first, last in pairwise(rules) if _is_ours(view, first.end(), last.start())]
    found: list[OwnFooter] = []
    taken: set[int] = set()
    # First those below an empty line, as nearly all are, since a last mark is none; then the shortest. A footer that lost
    # a mark would reach to the next one, with all that is written in between.
    for first, last in sorted(
        pairs, key=lambda pair: (not _begins(view, pair[0].start()), pair[1].end() - pair[0].end())
    ):
        if taken.isdisjoint((first.start(), last.start())) and not _is_quoted(view, first, last):
            taken |= {first.start(), last.start()}
            found.append(OwnFooter(first.start(), last.end()))
    if len(rules) > 1 and taken.isdisjoint((rules[-2].start(), rules[-1].start())):
        first, last = rules[-2:]
        if _is_the_rest(view, first, last) and not _is_quoted(view, first, last):
            found.append(OwnFooter(first.start(), last.end()))
    return sorted(found, key=lambda one: one.start)


def _begins(view: bytes, start: int) -> bool:
    return not start or view.endswith(_EMPTY_LINE, 0, start)


def _is_the_rest(view: bytes, first: re.Match[bytes], last: re.Match[bytes]) -> bool:
    """What a footer says where the mailer's own words have the link: no link, and it is the end of the text."""
    text = view[first.end() : last.start()]
    if len(text) > _MAX_LENGTH or view[last.end() :].strip() or _HINTS.search(text) is None:
        return False
    return any(is_well_formed(link[1].decode("ascii")) for link in _LINK.finditer(view, 0, first.start()))


def own_in_html(view: bytes, place: int) -> list[OwnFooter]:
    """Those in the text of the page, outside quotations. place: where a footer would go; a quotation that is not ended
    before that is none, or every footer put there would be one of somebody else's.
    """
    if _BEGIN not in view:
        return []
    reader = _Reader(view, place)
    for token in tokens(view):
        reader.read(token)
    return reader.found


def masked(view: bytes, footers: Sequence[OwnFooter]) -> bytes:
    """The view as if they were not there; offsets stay."""
    pieces: list[bytes] = []
    position = 0
    for one in footers:
        pieces += (view[position : one.start], b" " * (one.end - one.start))
        position = one.end
    return b"".join([*pieces, view[position:]])


def _is_ours(view: bytes, start: int, end: int) -> bool:
    """A footer never ends in an empty line. Above one there always is one, and maybe a first mark without its last."""
    if end - start > _MAX_LENGTH or view.endswith(_EMPTY_LINE, start, end):
        return False
    return any(is_well_formed(link[1].decode("ascii")) for link in _LINK.finditer(view, start, end))


def _is_quoted(view: bytes, first: re.Match[bytes], last: re.Match[bytes]) -> bool:
    """No line of a footer of ours begins so."""
    return view.find(b"\n>", first.start(), last.start()) >= 0


class _Reader:
    """found: the footers so far that no ended quotation contains."""

    def __init__(self, view: bytes, place: int) -> None:
        self.found: list[OwnFooter] = []
        self._view = view
        self._place = place
        self._begin: Token | None = None
        self._hidden = False
        self._open: list[bytes] = []
        #: Of each open quotation: where it begins, and how many footers stand before it.
        self._quotations: list[tuple[int, int]] = []
        self._sight = Sight()

    def read(self, token: Token) -> None:
        if token.kind is Kind.COMMENT:
            self._mark(token)
        elif token.kind is Kind.RAW:
            self._begin = None
        elif token.kind is Kind.START:
            self._started(token)
        elif token.kind is Kind.END:
            self._ended(token)

    def _mark(self, token: Token) -> None:
        text = self._view[token.start : token.end]
        if text == _BEGIN:
            self._begin, self._open, self._hidden = token, [], bool(self._sight.hidden)
        elif text == _END and self._begin is not None:
            start = self._begin.start
            if _OPTIONAL.issuperset(self._open) and token.start - start <= _MAX_LENGTH:
                line_end = _NEWLINE.match(self._view, token.end)
                end = token.end if line_end is None else line_end.end()
                self.found.append(OwnFooter(start, end, self._hidden))
            self._begin = None

    def _started(self, token: Token) -> None:
        if token.name == b"blockquote":
            self._quotations.append((token.start, len(self.found)))
        self._sight.opened(token.name, self._view[slice(*token.attributes)], token.start)
        if token.name in _DOCUMENT:
            self._begin = None
        elif self._begin is not None and token.name not in VOID:
            self._open.append(token.name)

    def _ended(self, token: Token) -> None:
        if token.name == b"blockquote" and self._quotations:
            start, before = self._quotations.pop()
            if not start < self._place <= token.start:
                del self.found[before:]
        self._sight.closed(token.name)
        if self._begin is None:
            return
        while self._open and self._open[-1] != token.name and self._open[-1] in _OPTIONAL:
            self._open.pop()
        if self._open and self._open[-1] == token.name:
            self._open.pop()
        else:
            self._begin = None  # it ends something outside: this was never one piece
