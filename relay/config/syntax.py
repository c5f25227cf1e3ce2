"""What tomllib says of a file that is not TOML, in the words of somebody who has to mend it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from relay.config.lines import Lines, Repeated, dotted
from relay.config.problems import Problem

#: Put before what tomllib says when it came to the end of the file in the middle of something.
_CUT: Final = "end: "
_PLACE: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")

#: (name of the key in this line, what stands from the place of the error on) -> what is wrong, what to write instead
_Words: TypeAlias = Callable[[str, str], tuple[str, str]]


def syntax_problems(file: str, text: str, lines: Lines, said: str) -> Sequence[Problem]:
    """said: the message of tomllib.TOMLDecodeError. It stops at the first error; repeated keys are found all."""
    repeated = [_twice(file, one) for one in lines.repeated]
    place = _PLACE.search(said)
    what = _PLACE.sub("", said)
    if repeated and what.startswith("Cannot"):
        return repeated
    written = text.splitlines()
    number = int(place[1]) if place and place[1] else max(1, len(text.rstrip().splitlines()))
    line = written[number - 1] if number <= len(written) else ""
    rest = line[int(place[2]) - 1 :].strip() if place and place[2] else ""
    is_cut = not place or not place[2]
    if is_cut and not line.rstrip().endswith("="):
        what = f"{_CUT}{what}"
    wrong, instead = _in_words(what, line, rest)
    return [*repeated, Problem(file, number, "", wrong, instead)]


def _twice(file: str, repeated: Repeated) -> Problem:
    key = dotted(repeated.location)
    instead = f"keep one of them, or write [[{key}]] for each" if repeated.is_table else "keep one of them"
    return Problem(file, repeated.again, key, f"stands twice, first in line {repeated.first}", instead)


def _in_words(what: str, line: str, rest: str) -> tuple[str, str]:
    name = line.split("=", 1)[0].strip()
    if "password" in name and rest:
        rest = "..."  # problems end in logs
    for start, words in _WORDS.items():
        if what.startswith(start):
            return words(name, rest[:40])
    return f"this is not TOML: {what[:1].lower()}{what[1:]}", ""


def _invalid_value(name: str, rest: str) -> tuple[str, str]:
    if not rest or rest.startswith("#"):
        return f"{name} has no value", f'write {name} = "..."'
    if rest.casefold() in ("true", "false", "yes", "no", "on", "off"):
        return f"{rest} is not a value", "write true or false, in small letters"
    return f"the value {rest} is not TOML", f'put text in quotes: {name} = "{rest}"'


def _neither(_name: str, _rest: str) -> tuple[str, str]:
    return "this line is neither a key with a value nor a table", 'write key = "value" or [table]'


_WORDS: Final[dict[str, _Words]] = {
    f"{_CUT}Expected '=' after a key": _neither,
    f"{_CUT}Expected ']": lambda _name, _rest: ("the name of the table is not closed", "write [table] or [[table]]"),
    f"{_CUT}Cannot": lambda _name, _rest: ("this gives a second value to what already has one", "keep one of them"),
    _CUT: lambda _name, _rest: ("the file ends in the middle of a value", "close the text, list or table"),
    "Invalid value": _invalid_value,
    "Illegal character": lambda _name, _rest: ("the text is not closed", 'put a " at its end'),
    "Unterminated string": lambda _name, _rest: ("the text is not closed", 'put a " at its end'),
    "Expected '=' after a key": _neither,
    "Expected newline or end of document": lambda _name, rest: (
        f"there is more after the value: {rest}",
        "put each key on its own line and text in quotes",
    ),
    "Unclosed array": lambda _name, _rest: (
        "the list is not closed",
        "put commas between its items and a ] at its end",
    ),
    "Unclosed inline table": lambda _name, _rest: (
        "the table is not closed",
        "put commas between its keys and a } at its end, all on one line",
    ),
    "Expected ']": lambda _name, _rest: ("the name of the table is not closed", "write [table] or [[table]]"),
    "Invalid initial character for a key part": lambda _name, _rest: (
        "a key begins with a letter, a digit or a quote",
        'write key = "value"',
    ),
    "Unescaped": lambda _name, _rest: (
        "a backslash has a meaning of its own in double quotes",
        "put the text in single quotes or double the backslash",
    ),
    "Cannot": lambda _name, _rest: ("this gives a second value to what already has one", "keep one of them"),
}
