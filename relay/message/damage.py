"""Has a finished copy the parts that its message had? Looked at before it leaves, so that no reader finds out first.

Reads the copy's own octets and believes nothing of how they were made. Nothing that this finds should ever happen. The
signatures on a copy are read back by `verified`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

from relay.message.compose import Copy, Prepared, Shown
from relay.message.index import Part, index, parts_of

_MIXED: Final = "multipart/mixed"


def damage(prepared: Prepared, copy: Copy) -> str:
    """What is wrong with a copy that is about to leave, "" when a receiver finds in it the parts that it has to have.

    copy: of that message, signed or not.
    """
    if prepared.root is None or copy.shown is Shown.NONE:
        return ""
    edited = frozenset(plan.part.body for plan in prepared.plans)
    dropped = frozenset(part.body for part in prepared.displayed.dropped)
    root, after = prepared.root, parts_of(index(copy.content))
    expected, notice = _piece(root, edited, dropped), _Piece("text/plain")
    whole = _Piece(root.kind.kind, None, len(prepared.message.content) - root.body)
    if copy.shown is Shown.WRAPPED:
        expected = _Piece(_MIXED, (whole, notice))
    elif copy.shown is Shown.FIRST_PART and root.kind.kind == _MIXED:
        expected = replace(expected, children=(notice, *(expected.children or ())))
    elif copy.shown is Shown.FIRST_PART:
        expected = _Piece(_MIXED, (notice, whole))
    return "" if _is_as(after, expected) else "the parts of the copy are not those of the message"


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of the finished copy. octets: of its body, -1 where that is not known beforehand. children: None where
    whatever is in it stands in it untouched, and may now lie deeper than is read.
    """

    kind: str
    children: tuple[_Piece, ...] | None = ()
    octets: int = -1


def _piece(part: Part, edited: Collection[int], dropped: Collection[int]) -> _Piece:
    children = tuple([_piece(child, edited, dropped) for child in part.children if child.body not in dropped])
    return _Piece(part.kind.kind, children, -1 if part.children or part.body in edited else part.end - part.body)


def _is_as(part: Part, piece: _Piece) -> bool:
    if part.kind.kind != piece.kind or piece.octets not in (-1, part.end - part.body):
        return False
    if piece.children is None:
        return True
    return len(part.children) == len(piece.children) and all(map(_is_as, part.children, piece.children))
