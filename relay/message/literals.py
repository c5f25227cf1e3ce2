"""Does a mailer's own text say something word for word: a name, a postal address, a link? Reads only what is shown."""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Mapping
from typing import Final

from relay.message.html_sight import Sight, has_words, is_blank
from relay.message.html_tokens import Kind, attributes, tokens

#: Between these there is no gap on the screen.
_INLINE: Final = frozenset(
    b"a abbr b bdi bdo big cite code em font i ins mark nobr q ruby rb rt s small span strong sub sup tt u wbr".split()
)
_WORD: Final = re.compile(r"[A-Za-z0-9]")
_LINKED: Final = re.compile(r"[A-Za-z0-9_/?#&=%~+@-]")
_LINK: Final = re.compile(r"https?://|[^\s@]+@[^\s@]+\Z")


def said_in_plain(text: str, literals: Mapping[str, Collection[str]]) -> frozenset[str]:
    """Names of what the text says."""
    return _said(_collapsed(text), set(), literals)


def said_in_html(page: str, literals: Mapping[str, Collection[str]]) -> frozenset[str]:
    """As in plain text; a link is said where it can be clicked on, too."""
    shown: list[str] = []
    links: set[str] = set()
    view = page.encode("utf-8", "replace")
    sight, anchor = Sight(), ""
    for token in tokens(view):
        if token.kind is Kind.TEXT and not sight.hidden:
            piece = view[token.start : token.end]
            shown.append(html.unescape(piece.decode("utf-8")))
            if anchor and not is_blank(piece):
                links.add(anchor)
        elif token.kind is Kind.START:
            sight.opened(token.name, view[slice(*token.attributes)], token.start)
            if token.name == b"a":
                target = next(
                    (view[one.start : one.end] for one in attributes(view, token) if one.name == b"href"), b""
                )
                anchor = html.unescape(target.decode("utf-8")).strip().removeprefix("mailto:")
            elif anchor and not sight.hidden and has_words(view, token):
                links.add(anchor)
        elif token.kind is Kind.END:
            sight.closed(token.name)
            anchor = "" if token.name == b"a" else anchor
        if token.kind in (Kind.START, Kind.END) and token.name not in _INLINE:
            shown.append(" ")
    return _said(_collapsed("".join(shown)), links, literals)


def _said(shown: str, links: Collection[str], literals: Mapping[str, Collection[str]]) -> frozenset[str]:
    return frozenset(
        name
        for name, spellings in literals.items()
        if any(_stands(_collapsed(one), shown) or one.strip() in links for one in spellings if one.strip())
    )


def _stands(literal: str, shown: str) -> bool:
    """As words of their own: "Brand" is not said by "Brandy"; a link not by a longer one."""
    letter = _LINKED if _LINK.match(literal) else _WORD
    at = shown.find(literal)
    while at >= 0:
        before, after = shown[at - 1 : at] if at else "", shown[at + len(literal) : at + len(literal) + 1]
        if not (_meet(before, literal[0], letter) or _meet(literal[-1], after, letter)):
            return True
        at = shown.find(literal, at + 1)
    return False


def _meet(left: str, right: str, letter: re.Pattern[str]) -> bool:
    return letter.match(left) is not None and letter.match(right) is not None


def _collapsed(text: str) -> str:
    return " ".join(text.split())
