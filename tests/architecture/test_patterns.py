"""Regular expressions mean the same under every Python that is supported.

In Python before 3.11.5, and Debian 12 has 3.11.2, a possessive group that fails in the middle of an iteration goes on behind
what that iteration consumed (gh-106052): `(?:ab?c)++` finds "aca" in "aca". Possessive single characters are right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
MODULES: Final = sorted(
    ".".join(file.relative_to(ROOT).with_suffix("").parts)
    for file in (ROOT / "relay").rglob("*.py")
    if file.name not in ("__init__.py", "__main__.py")
)
ONE_CHARACTER: Final = {_constants.LITERAL, _constants.NOT_LITERAL, _constants.IN, _constants.ANY}


def patterns_in(value: object, depth: int = 3) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif depth and isinstance(value, dict):
        for inner in value.values():
            yield from patterns_in(inner, depth - 1)
    elif depth and isinstance(value, (list, tuple, set, frozenset)):
        for inner in value:
            yield from patterns_in(inner, depth - 1)


def possessive_groups(parsed: Any) -> Iterator[Any]:
    """Every possessive repetition of more than one character in the tree."""
    for node in parsed:
        operation, argument = node
        if operation is _constants.POSSESSIVE_REPEAT:
            item = list(argument[2])
            if len(item) != 1 or item[0][0] not in ONE_CHARACTER:
                yield node
        yield from possessive_groups(list(inner_nodes(argument)))


def inner_nodes(argument: Any) -> Iterator[Any]:
    if isinstance(argument, _parser.SubPattern):
        yield from argument
    elif isinstance(argument, (tuple, list)):
        for one in argument:
            yield from inner_nodes(one)


def is_sound(pattern: re.Pattern[Any]) -> bool:
    return not list(possessive_groups(_parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)))


@pytest.mark.parametrize("name", MODULES)
def test_no_group_is_possessive(name: str) -> None:
    found = [one for value in vars(import_module(name)).values() for one in patterns_in(value)]
    assert [pattern.pattern for pattern in found if not is_sound(pattern)] == []


@pytest.mark.parametrize("text", [r"(?:ab?c)++", r"x(?:(?:aa|bb)*+)y", r"(?=(?:ab)?+)", r"a|(b(?:cd){2,3}+)"])
def test_an_offence_is_noticed(text: str) -> None:
    assert not is_sound(re.compile(text))


@pytest.mark.parametrize("text", [r"[ab]++c*+.?+", r"(?>(?:ab?c)+)", r"(?:a[^b]*+)*"])
def test_possessive_characters_and_atomic_groups_are_fine(text: str) -> None:
    assert is_sound(re.compile(text))
