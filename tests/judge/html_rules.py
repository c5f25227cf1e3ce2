"""What holds for the footer in HTML: it is seen, behind the author's text, inside the document."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Final

from judge.pairing import Pair, Violation
from judge.reading import Entity
from judge.shown import Placed, Shown, read_html
from judge.text_rules import PLACEHOLDER, new_footers

#: A footer inside one of these is quoted, clickable as a whole, or laid out in a cell of somebody's table.
_FOREIGN: Final = frozenset({"blockquote", "a", "pre", "ul", "ol", "table", "tr", "p", "h1", "h2", "h3"})


def _documents(pair: Pair) -> Iterator[tuple[Entity, str, Shown]]:
    if not (pair.promise.commercial and pair.promise.footer):
        return
    for before, after in pair.edited:
        if after.kind == "text/html" and after.octets is not None:
            text = after.text if after.text is not None else after.octets.decode("latin-1")
            yield before, text, read_html(text)


def _ours(pair: Pair, shown: Shown) -> list[Placed]:
    return [one for one in shown.footers if not one.quoted] or list(shown.footers)


def html_footers_are_seen(pair: Pair) -> Iterator[Violation]:
    """The footer stands in the shown body, in nothing that hides or swallows it, with its link as a link."""
    rule = "html_footers_are_seen"
    for before, text, shown in _documents(pair):
        if shown.readable and new_footers(text, "text/html", pair.promise) and not shown.footers:
            yield Violation(rule, before.path, "to a parser the footer is no part of the document")
        for one in _ours(pair, shown):
            if "body" not in one.above:
                yield Violation(rule, before.path, f"not in the body: {one.above}")
            if one.hidden:
                yield Violation(rule, before.path, f"not seen, inside {one.hidden}")
            if (
                pair.promise.link in html.unescape(text)
                and PLACEHOLDER.search(_before(before)) is None
                and pair.promise.link not in one.links
            ):
                yield Violation(rule, before.path, f"its link goes to {one.links}")


def _before(part: Entity) -> str:
    return part.text if part.text is not None else (part.octets or b"").decode("latin-1")


def html_footers_stand_last(pair: Pair) -> Iterator[Violation]:
    """Behind the author's text, before the last </body>, else before </html>, else at the end."""
    rule = "html_footers_stand_last"
    for before, _, shown in _documents(pair):
        old = _before(before)
        if read_html(old).unquoted_footers or any("footer" in one[0].lower() for one in PLACEHOLDER.finditer(old)):
            continue  # the author chose the place, or another footer of ours did
        for one in _ours(pair, shown)[-1:]:
            follows = "".join(one.behind.split())
            if follows and not "".join(one.last_text.split()).endswith(follows):
                yield Violation(rule, before.path, f"text follows it: {one.behind.strip()[:40]!r}")
            if one.ends.count("body") > 1:
                yield Violation(rule, before.path, "before a </body> that is not the last")
            closed = [name for kind, name in shown.tokens if kind == "end" and name in ("body", "html")]
            if closed and not one.ends:
                yield Violation(rule, before.path, "behind the end of the document")
            if "body" in closed and "body" not in one.ends:
                yield Violation(rule, before.path, "behind </body>")


def html_footers_stand_free(pair: Pair) -> Iterator[Violation]:
    """Not inside a quotation, a link, a list or a table cell that the author closed."""
    for before, _, shown in _documents(pair):
        for one in _ours(pair, shown):
            foreign = _FOREIGN.intersection(one.around)
            if foreign and not _left_open(_before(before), foreign):
                yield Violation("html_footers_stand_free", before.path, f"inside {sorted(foreign)}")


def _left_open(text: str, names: frozenset[str]) -> bool:
    """Does the author's own document never close these? Then the end of the document lies inside them."""
    tokens = read_html(text).tokens
    if "table" in names:  # left open: its last cell is the place where the footer stands behind the text
        names -= {"tr"}
    return all(tokens.count(("start", name)) > tokens.count(("end", name)) for name in names)


def no_placeholder_is_shown(pair: Pair) -> Iterator[Violation]:
    """No reader sees a placeholder of ours, nor clicks on one."""
    for before, _, shown in _documents(pair):
        left = [found[0] for value in (shown.text, *shown.attributes) for found in PLACEHOLDER.finditer(value)]
        if left:
            yield Violation("no_placeholder_is_shown", before.path, f"still there: {left[:3]}")


RULES: Final = (html_footers_are_seen, html_footers_stand_last, html_footers_stand_free, no_placeholder_is_shown)
