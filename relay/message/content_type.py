"""The grammar of Content-Type, -Disposition and -Transfer-Encoding (RFC 2045, RFC 2183), with the place of every value.

Tolerant in what it reads, strict in what it calls sound: two parsers may disagree about the charset or the boundary of
anything unsound, so nothing that follows from it may be edited. What is left over after another parameter or instead of
one (a file name with spaces and no quotes, a forgotten line break) is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_TYPE: Final = re.compile(rb"[ \t\r\n]*([!#$&^_.+\-A-Za-z0-9]+)[ \t]*/[ \t]*([!#$&^_.+\-A-Za-z0-9]+)")
#: RFC 1049 had no subtypes, and mailers of today still write it so.
_BARE_TEXT: Final = re.compile(rb"[ \t\r\n]*text[ \t\r\n]*(?=;|\Z)", re.IGNORECASE)
_TOKEN: Final = re.compile(rb"[ \t\r\n]*([!#$&^_.+\-A-Za-z0-9]+)")
_TRANSFER: Final = re.compile(rb'(?:[ \t\r\n]|\([^()\"\\]*\))*"?([^\s;"()]*)')
_SPELT_OTHERWISE: Final = {"7-bit": "7bit", "8-bit": "8bit"}
_PARAMETER: Final = re.compile(
    rb"[ \t\r\n]*;[ \t\r\n]*(?:\([^()\"\\]*\)[ \t\r\n]*)*"
    rb"(?:([!-'*-:<>-~]+?)[ \t\r\n]*=[ \t\r\n]*"  # the name: no space, no parenthesis, no ; and no =
    rb'(?:("[^"\\]*+(?:\\.[^"\\]*+){0,1000}")|([^\s;"()]+))?)?',
    re.DOTALL,
)
_COMMENT: Final = re.compile(rb"[ \t\r\n]*\([^()\"\\]*\)")
_LEFT_OVER: Final = re.compile(rb"[^;\"]+")
_STRUCTURAL: Final = re.compile(rb"charset|boundary", re.IGNORECASE)
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
        bare = _BARE_TEXT.match(content, start, end)
        if bare is not None:
            return _with_parameters("text/plain", content, bare.end(), end)
        return Parameterised("", start, {}, sound=False)
    kind = (found[1] + b"/" + found[2]).decode("ascii").lower()
    return _with_parameters(kind, content, found.end(), end)


def read_disposition(content: bytes, start: int, end: int) -> Parameterised:
    found = _TOKEN.match(content, start, end)
    if found is None:
        return Parameterised("", start, {}, sound=False)
    return _with_parameters(found[1].decode("ascii").lower(), content, found.end(), end)


def read_transfer(content: bytes, start: int, end: int) -> str:
    """The encoding that a Content-Transfer-Encoding field names, lower case. Comments and what follows a ";" are none."""
    found = _TRANSFER.match(content, start, end)
    name = "" if found is None else found[1].decode("latin-1").lower()
    return _SPELT_OTHERWISE.get(name, name)


def _with_parameters(kind: str, content: bytes, position: int, end: int) -> Parameterised:
    kind_end = position
    parameters: dict[str, Parameter] = {}
    sound = True
    name = ""
    while True:
        found = _PARAMETER.match(content, position, end)
        if found is None:
            found = _COMMENT.match(content, position, end) or _left_over(content, position, end, name)
            if found is None:
                break
            position = found.end()
            continue
        position = found.end()
        if found[1] is None:
            name = "-"  # a semicolon with no parameter behind it
            continue
        name = found[1].decode("ascii").lower()
        which = 2 if found[2] is not None else 3
        raw = found[which]
        if raw is None:
            sound = False
            continue
        if which == 2:
            raw = _FOLD.sub(b"", raw[1:-1])
            if b"\\" in raw:  # filling in a template takes longer than all the rest
                raw = _ESCAPED.sub(rb"\1", raw)
        if name in parameters or (name.split("*", 1)[0] in ("charset", "boundary") and "*" in name):
            sound = False
        parameters.setdefault(name, Parameter(raw.decode("latin-1"), found.start(which), found.end(which)))
    return Parameterised(kind, kind_end, parameters, sound and not content[position:end].strip())


def _left_over(content: bytes, position: int, end: int, name: str) -> re.Match[bytes] | None:
    """Words behind the value of that parameter that belong to nothing, where no parser takes them for what matters."""
    if not name or _STRUCTURAL.match(name.encode("ascii")):
        return None
    found = _LEFT_OVER.match(content, position, end)
    return None if found is None or _STRUCTURAL.search(found[0]) else found
