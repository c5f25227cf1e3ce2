"""Placeholders in a mailer's HTML: where one may be filled, and which of them a reader sees.

Filled is shown text and the value of an attribute; never a comment, a conditional comment, a script, a style, the name
of a tag or of an attribute, or what an attribute holds of those. Offsets are those of `ascii_view`.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import Final

from relay.message.html_sight import Sight, has_words, is_blank
from relay.message.html_tokens import Attribute, Kind, Token, attributes, tokens
from relay.message.items import LINKED
from relay.message.placeholders import FOOTER, IN_LINK, MAX_FILLS, PLACEHOLDER, Context, Fill

_URL_ATTRIBUTES: Final = frozenset(
    b"href src action formaction cite background poster data longdesc lowsrc dynsrc xlink:href srcset ping codebase".split()
)
_NEVER: Final = frozenset({b"style", b"srcdoc", b"class", b"id"})
_SCRIPTED: Final = re.compile(r"(?:javascript|vbscript|data):", re.IGNORECASE)
#: Browsers read a scheme without these.
_UNREAD: Final = re.compile(r"[\x00-\x20]+")
#: Editors take no link without a scheme; the value brings its own.
_BEFORE_LINK: Final = re.compile(rb"\s*(?:https?://|mailto:)?", re.IGNORECASE)


@dataclass(slots=True)
class Template:
    """said: what a reader of the page sees of the fills."""

    fills: list[Fill] = field(default_factory=list)
    said: set[str] = field(default_factory=set)


def template_in(view: bytes) -> Template:
    reader = _Reader(view)
    for token in tokens(view):
        reader.read(token)
    return reader.template


class _Reader:
    def __init__(self, view: bytes) -> None:
        self.template = Template()
        self._view = view
        self._sight = Sight()
        self._anchor = ""
        self._quotations = 0

    def read(self, token: Token) -> None:
        view = self._view
        if token.kind is Kind.TEXT:
            if self._anchor and not is_blank(view[token.start : token.end]):
                self._clickable()
            self._text(token)
        elif token.kind is Kind.START:
            self._sight.opened(token.name, view[slice(*token.attributes)], token.start)
            if token.name == b"a":
                self._anchor = ""
            elif token.name == b"blockquote":
                self._quotations += 1
            elif self._anchor and has_words(view, token):
                self._clickable()
            self._tag(token)
        elif token.kind is Kind.END:
            if token.name == b"a":
                self._anchor = ""
            elif token.name == b"blockquote":
                self._quotations = max(self._quotations - 1, 0)
            self._sight.closed(token.name)

    def _clickable(self) -> None:
        if not self._sight.hidden:
            self.template.said.add(self._anchor)
            self._anchor = ""

    def _text(self, token: Token) -> None:
        behind = -1  # of the fill before, where a "<" stands in front of it: it may be nothing
        for found in PLACEHOLDER.finditer(self._view, token.start, token.end):
            name = found[1].decode("ascii")
            if not self._sight.hidden:
                if name == FOOTER and self._quotations:
                    continue
                self.template.said.add(name if len(self.template.fills) < MAX_FILLS else FOOTER)
            elif name == FOOTER:
                continue
            bare = found.start() == behind or self._view.endswith(b"<", 0, found.start())
            behind = found.end() if bare else -1
            self._add(found, found.start(), Context.SHOWN, bare=bare)

    def _tag(self, token: Token) -> None:
        if IN_LINK.search(self._view, *token.attributes) is None:
            return
        for one in attributes(self._view, token):
            if one.name in _NEVER or one.name.startswith(b"on"):
                continue
            if one.name in _URL_ATTRIBUTES:
                self._url(token, one)
            elif one.quoted:
                for found in PLACEHOLDER.finditer(self._view, one.start, one.end):
                    if found[1] != b"footer":
                        self._add(found, found.start(), Context.VALUE)

    def _url(self, token: Token, attribute: Attribute) -> None:
        """Only the first one in it can be the link; one behind `javascript:` is none."""
        view = self._view
        before = b""
        for number, found in enumerate(IN_LINK.finditer(view, attribute.start, attribute.end)):
            name = found[1].decode("ascii")
            if not number:
                before = view[attribute.start : found.start()]
                if _SCRIPTED.match(_UNREAD.sub("", html.unescape(before.decode("latin-1")))):
                    return
            if name == FOOTER or (not attribute.quoted and name not in LINKED):
                continue
            if number or name not in LINKED or not _BEFORE_LINK.fullmatch(before):
                self._add(found, found.start(), Context.IN_URL, bare=not attribute.quoted)
                continue
            self._add(found, attribute.start, Context.LINK, bare=not attribute.quoted)
            after = view[found.end() : attribute.end]
            whole = not after.strip() or after.startswith(b"?")
            if whole and token.name == b"a" and attribute.name == b"href" and not self._sight.hidden:
                self._anchor = name

    def _add(self, found: re.Match[bytes], start: int, context: Context, *, bare: bool = False) -> None:
        if len(self.template.fills) >= MAX_FILLS:
            return
        original = self._view[start : found.end()].decode("latin-1")
        self.template.fills.append(Fill(start, found.end(), found[1].decode("ascii"), context, original, bare=bare))
