"""What holds for each view of a message: whichever alternative a program shows, its reader is told once, and can stop."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Final

from judge.pairing import Pair, Promise, Violation
from judge.reading import Entity
from judge.shown import read_html
from judge.text_rules import PLAIN_FOOTER, PLAIN_MARK, holes_in, may_have_footer, new_footers, texts_of


def readers_see_one_footer(pair: Pair) -> Iterator[Violation]:
    """Whichever alternative a program shows, its reader sees one footer, or the author's own words in its place."""
    if not (pair.promise.commercial and pair.promise.footer) or pair.misfit:
        return
    added = sum(1 for _ in pair.added)
    view = pair.after if not pair.wrapped else None
    befores = {after.path: before for before, after in pair.matches}
    counts = {1} if view is None else _views(view, befores, pair.promise, [part.path for part in pair.added])
    if counts != {1}:
        yield Violation(
            "readers_see_one_footer", "1", f"footers in the views of this message: {sorted(counts)} ({added} added)"
        )


def _views(part: Entity, befores: dict[str, Entity], promise: Promise, added: list[str]) -> set[int]:
    """How many footers a reader may see in this part, by the alternatives that a program may choose."""
    if part.path in added:
        return {1}
    if part.children:
        views = [(child, _views(child, befores, promise, added)) for child in part.children]
        if part.kind == "multipart/alternative":
            shown = [counts for child, counts in views if _can_show(child)]
            return set().union(*shown) if shown else {0}
        if part.kind == "multipart/related":
            return _views(_root_of(part), befores, promise, added)
        sums = {0}
        for _, counts in views:
            sums = {one + other for one in sums for other in counts}
        return sums
    before = befores.get(part.path)
    return {_told(before, part, promise)} if part.is_text else {0}


def _can_show(part: Entity) -> bool:
    """Text that a program would choose, and that we could write to."""
    if part.children:
        return any(_can_show(child) for child in part.children)
    return part.is_text and bool(part.gap or part.body)


def _root_of(part: Entity) -> Entity:
    start = part.parameters.get("start", "").strip()
    for child in part.children:
        if start and any(one.value == start for one in child.named("content-id")):
            return child
    return part.children[0]


def _told(before: Entity | None, after: Entity, promise: Promise) -> int:
    """Footers in one text; the author's placeholders, when they say it all, count as one."""
    if before is None or after.octets is None:
        return 0
    text = after.text if after.text is not None else after.octets.decode("latin-1")
    if not (may_have_footer(text) or _says(text, after.kind, promise)):
        return 0
    old = before.text if before.text is not None else (before.octets or b"").decode("latin-1")
    if after.kind == "text/html":
        unquoted = read_html(text).unquoted_footers
    else:
        unquoted = (
            len(PLAIN_FOOTER.findall(text))
            if not _own_rule(old)
            else (1 if new_footers(text, after.kind, promise) else 0)
        )
    if unquoted == 0 and any(hole.name for hole in holes_in(old, before.kind)) and _says(text, after.kind, promise):
        return 1
    return unquoted


def _own_rule(text: str) -> bool:
    """Does the author draw lines of forty underscores too? Then blocks cannot be counted, only looked for."""
    return (
        len(
            re.findall(
                rf"^{PLAIN_MARK}\s*$",
                PLAIN_FOOTER.sub(lambda found: "\n" if "http" in found[0] else found[0], text),
                re.MULTILINE,
            )
        )
        > 0
    )


def _says(text: str, kind: str, promise: Promise) -> bool:
    return promise.link in text or (kind == "text/html" and html.escape(promise.link) in text)


def the_link_can_be_reached(pair: Pair) -> Iterator[Violation]:
    """Every edited text has this copy's link, once in a footer of ours, and no other copy's link beside it."""
    if not (pair.promise.commercial and pair.promise.footer):
        return
    for before, after in pair.edited:
        texts = texts_of(before, after)
        text = "" if texts is None else texts[1]
        if not _says(text, after.kind, pair.promise):
            yield Violation("the_link_can_be_reached", before.path, "the link is nowhere in the text")
        for footer in new_footers(text, after.kind, pair.promise)[:1]:
            inside = text[footer.start : footer.end]
            if inside.count(pair.promise.link) > 1 and after.kind == "text/plain":
                yield Violation("the_link_can_be_reached", before.path, "the link stands in the footer more than once")


RULES: Final = (
    readers_see_one_footer,
    the_link_can_be_reached,
)
