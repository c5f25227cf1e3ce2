"""The Content-Type and Content-Disposition grammar (RFC 2045 section 5.1, RFC 2183), with the place of every value.

Tolerant in what it reads, strict in what it calls sound: two parsers may disagree about anything unsound, so nothing
that follows from it may be edited.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_TYPE: Final = re.compile(rb"[ \t\r\n]*([!#$&^_.+\-A-Za-z0-9]+)[ \t]*/[ \t]*([!#$&^_.+\-A-Za-z0-9]+)")
_TOKEN: Final = re.compile(rb"[ \t\r\n]*([!#$&^_.+\-A-Za-z0-9]+)")
_PARAMETER: Final = re.compile(
    rb"[ \t\r\n]*;[ \t\r\n]*"
    rb"(?:([!-'*-:<>-~]+?)[ \t\r\n]*=[ \t\r\n]*"  # the name: no space, no parenthesis, no ; and no =
    rb'(?:("[^"\\]*+(?:\\.[^"\\]*+){0,1000}")|([^\s;"()]+))?)?',
    re.DOTALL,
)
_COMMENT: Final = re.compile(rb"[ \t\r\n]*\([^()\"\\]*\)")
_ESCAPED: Final = re.compile(rb"\\(.)", re.DOTALL)
_FOLD: Final = re.compile(rb"\r\n(?=[ \t])")


@dataclass(frozen=True, slots=True)
class Parameter:
    """value: unquoted and unfolded, as latin-1. start and end: where the value stands, quotes included."""

    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Parameterised:
    """A value with parameters. kind: "text/plain", "attachment", lower case. kind_end: where it ends.

    sound: False when anything was left over, doubled, or spelt in RFC 2231 pieces that matter for the structure.
    """

    kind: str
    kind_end: int = 0
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    sound: bool = True

    def __getitem__(self, name: str) -> str:
        """A parameter's value, "" without it."""
        found = self.parameters.get(name)
        return "" if found is None else found.value

    def has(self, name: str) -> bool:
        """Is the parameter there in any spelling: `name`, `name*`, `name*0*`?"""
        return any(key.split("*", 1)[0] == name for key in self.parameters)


def read_content_type(content: bytes, start: int, end: int) -> Parameterised:
    """The value of a Content-Type field that stands at start (after the colon) and ends at end (its CRLF included)."""
    found = _TYPE.match(content, start, end)
    if found is None:
        return Parameterised("", start, {}, sound=False)
    kind = (found[1] + b"/" + found[2]).decode("ascii").lower()
    return _with_parameters(kind, content, found.end(), end)


def read_disposition(content: bytes, start: int, end: int) -> Parameterised:
    found = _TOKEN.match(content, start, end)
    if found is None:
        return Parameterised("", start, {}, sound=False)
    return _with_parameters(found[1].decode("ascii").lower(), content, found.end(), end)


def _with_parameters(kind: str, content: bytes, position: int, end: int) -> Parameterised:
    kind_end = position
    parameters: dict[str, Parameter] = {}
    sound = True
    while True:
        found = _PARAMETER.match(content, position, end)
        if found is None:
            found = _COMMENT.match(content, position, end)
            if found is None:
                break
            position = found.end()
            continue
        position = found.end()
        if found[1] is None:
            continue
        name = found[1].decode("ascii").lower()
        which = 2 if found[2] is not None else 3
        raw = found[which]
        if raw is None:
            sound = False
            continue
        if which == 2:
            raw = _ESCAPED.sub(rb"\1", _FOLD.sub(b"", raw[1:-1]))
        if name in parameters or (name.split("*", 1)[0] in ("charset", "boundary") and "*" in name):
            sound = False
        parameters.setdefault(name, Parameter(raw.decode("latin-1"), found.start(which), found.end(which)))
    return Parameterised(kind, kind_end, parameters, sound and not content[position:end].strip())
