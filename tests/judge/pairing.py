"""Original and rewritten message side by side: which part became which, and what was promised for this copy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from judge.reading import Entity, read


@dataclass(frozen=True, slots=True)
class Promise:
    """What this copy has to be. link: its unsubscribe URL, which nothing else contains.

    commercial: with list fields. footer: the text carries it; False for a copy that has the header fields alone.
    values: what a mailer's placeholder of that name becomes. own_list_fields: the mailer's List-Unsubscribe may stay.
    amp_dropped: text/x-amp-html alternatives are taken out. signed: DKIM signatures stand on top.
    """

    link: str
    commercial: bool = True
    footer: bool = True
    values: Mapping[str, str] = field(default_factory=dict)
    own_list_fields: bool = False
    amp_dropped: bool = False
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Violation:
    """rule: the name of its function. where: the part's path. what: words for whoever repairs it."""

    rule: str
    where: str
    what: str


@dataclass(frozen=True)
class Pair:
    """before, after: the messages. matches: parts in both, from the outside to the inside, each once; what a sealed part
    contains is no part of its own. added, dropped: parts that only one has. wrapped: the original became a part.
    misfit: why the two do not match at all, "" when they do.
    """

    before: Entity
    after: Entity
    raw_before: bytes
    raw_after: bytes
    promise: Promise
    matches: tuple[tuple[Entity, Entity], ...]
    added: tuple[Entity, ...] = ()
    dropped: tuple[Entity, ...] = ()
    wrapped: bool = False
    misfit: str = ""

    @cached_property
    def edited(self) -> list[tuple[Entity, Entity]]:
        """Leaves whose octets, or whose account of them, have changed."""
        return [
            (before, after)
            for before, after in self.matches
            if not before.children and (before.body != after.body or _content(before) != _content(after))
        ]


class _MisfitError(Exception):
    pass


def _content(entity: Entity) -> list[bytes]:
    return [one.raw for one in entity.fields if one.name.startswith("content-")]


def pair(original: bytes, rewritten: bytes, promise: Promise) -> Pair:
    before, after = read(original), read(rewritten)
    base = Pair(before, after, original, rewritten, promise, ())
    if after.kind == "multipart/mixed" and len(after.children) == 2 and _is_wrapping(before, after):
        kept = next(child for child in after.children if _content(child) == _content(before))
        rest = tuple(child for child in after.children if child is not kept)
        shell = replace(kept, fields=before.fields)
        return replace(base, matches=((before, shell),), added=rest, wrapped=True)
    matching = _Matching(promise)
    try:
        matching.match(before, after)
    except _MisfitError as error:
        base = replace(base, misfit=str(error))
    return replace(base, matches=tuple(matching.matches), added=tuple(matching.added), dropped=tuple(matching.dropped))


def _is_wrapping(before: Entity, after: Entity) -> bool:
    if before.kind == "multipart/mixed" and before.seen.get_boundary() == after.seen.get_boundary():
        return False
    return any(child.body == before.body and _content(child) == _content(before) for child in after.children)


class _Matching:
    """Goes down both trees at once."""

    def __init__(self, promise: Promise) -> None:
        self.matches: list[tuple[Entity, Entity]] = []
        self.added: list[Entity] = []
        self.dropped: list[Entity] = []
        self._promise = promise

    def match(self, before: Entity, after: Entity) -> None:
        self.matches.append((before, after))
        if before.kind != after.kind:
            raise _MisfitError(f"{before.path}: {before.kind} became {after.kind}")
        old, new = list(before.children), list(after.children)
        if self._promise.amp_dropped and before.kind == "multipart/alternative":
            gone = [child for child in old if child.kind == "text/x-amp-html"]
            if len(new) == len(old) - len(gone):
                self.dropped += gone
                old = [child for child in old if child not in gone]
        if len(new) == len(old) + 1 and before.kind == "multipart/mixed" and _holds_the_link(new[0], self._promise):
            self.added.append(new.pop(0))
        if len(old) != len(new):
            raise _MisfitError(f"{before.path}: {len(before.children)} parts became {len(after.children)}")
        for one, other in zip(old, new, strict=True):
            self.match(one, other)


def _holds_the_link(part: Entity, promise: Promise) -> bool:
    return part.is_text and promise.link in (part.text or "")
