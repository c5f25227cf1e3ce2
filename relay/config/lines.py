"""On which line each key of a TOML file stands. Values come from tomllib, which does not tell; this asks tree-sitter.

Works on broken files too, as far as they can be read, so that a syntax error can be explained.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import tree_sitter_toml
from tree_sitter import Language, Node, Parser

Location: TypeAlias = tuple[str | int, ...]
_LANGUAGE: Final = Language(tree_sitter_toml.language())
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
#: Nothing that people write is nested deeper; parsers that call themselves stay far from their own limits.
_DEEPEST: Final = 32
_KEYS: Final = frozenset({"bare_key", "quoted_key", "dotted_key"})


@dataclass(frozen=True, slots=True)
class Repeated:
    """A key or the header of a table that stands a second time."""

    location: Location
    first: int
    again: int
    is_table: bool


@dataclass(frozen=True, slots=True)
class Lines:
    """first: the line (from 1) of each key, table and list item. repeated: what stands twice.
    too_deep: a line with lists or tables nested past all use, where reading stopped; 0 when there is none.
    """

    first: Mapping[Location, int]
    repeated: tuple[Repeated, ...]
    too_deep: int = 0


def dotted(location: Sequence[str | int]) -> str:
    """A location as a person would write it: `dkim."brand.example".key`; numbers of list items are left out."""
    return ".".join(part if _BARE.fullmatch(part) else f'"{part}"' for part in location if isinstance(part, str))


def lines_of(source: bytes) -> Lines:
    index = _Index()
    index.document(Parser(_LANGUAGE).parse(source).root_node)
    return Lines(index.first, tuple(index.repeated), index.too_deep)


@dataclass(slots=True)
class _Index:
    first: dict[Location, int] = field(default_factory=dict)
    repeated: list[Repeated] = field(default_factory=list)
    #: how many [[tables]] of a name were seen: later headers below it mean the last one
    counts: dict[Location, int] = field(default_factory=dict)
    tables: set[Location] = field(default_factory=set)
    too_deep: int = 0

    def document(self, root: Node) -> None:
        for node in root.named_children:
            if node.type == "pair":
                self.pair((), node)
            elif node.type in ("table", "table_array_element"):
                self.table(node)

    def table(self, node: Node) -> None:
        header = next((child for child in node.named_children if child.type in _KEYS), None)
        if header is None:
            return
        *above, last = _keys_of(header)
        line = _line(node)
        if len(above) > _DEEPEST:
            self.too_deep = self.too_deep or line
            return
        here: Location = ()
        for key in above:
            here = self.enter((*here, key), line)
        here = (*here, last)
        is_listed = node.type == "table_array_element"
        if here in self.tables if is_listed else here in self.tables or here in self.counts:
            self.repeated.append(Repeated(here, self.first[here], line, is_table=True))
            return  # its keys would all seem to stand twice
        if is_listed:
            self.first.setdefault(here, line)
            number = self.counts[here] = self.counts.get(here, -1) + 1
            here = (*here, number)
        self.tables.add(here)
        self.first.setdefault(here, line)
        for child in node.named_children:
            if child.type == "pair":
                self.pair(here, child)

    def enter(self, here: Location, line: int) -> Location:
        self.first.setdefault(here, line)
        return (*here, self.counts[here]) if here in self.counts else here

    def pair(self, here: Location, node: Node) -> None:
        key, *values = node.named_children
        line = _line(key)
        *above, last = _keys_of(key)
        if len(here) + len(above) > _DEEPEST:
            self.too_deep = self.too_deep or line
            return
        for name in above:
            here = (*here, name)
            self.first.setdefault(here, line)
        here = (*here, last)
        if here in self.first:
            self.repeated.append(Repeated(here, self.first[here], line, is_table=False))
        self.first.setdefault(here, line)
        for value in values:
            self.value(here, value)

    def value(self, here: Location, node: Node) -> None:
        if len(here) > _DEEPEST:
            self.too_deep = self.too_deep or _line(node)
            return
        items = [child for child in node.named_children if child.type != "comment"]
        if node.type == "inline_table":
            for pair in items:
                if pair.type == "pair":
                    self.pair(here, pair)
        elif node.type == "array":
            for number, item in enumerate(items):
                self.first[*here, number] = _line(item)
                self.value((*here, number), item)


def _line(node: Node) -> int:
    return node.start_point[0] + 1


def _keys_of(node: Node) -> list[str]:
    keys: list[str] = []
    waiting = [node]
    while waiting:
        this = waiting.pop()
        if this.type == "dotted_key":
            waiting += reversed(this.named_children)
        else:
            keys.append(_key(this))
    return keys


def _key(node: Node) -> str:
    text = (node.text or b"").decode("utf-8", "replace")
    if node.type == "bare_key":
        return text
    try:
        return next(iter(tomllib.loads(f"{text} = 0")))
    except tomllib.TOMLDecodeError:
        return text
