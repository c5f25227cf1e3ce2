"""A comparison for people at a terminal: the original on the left, the result on the right, what is equal folded away.

Whatever a message holds, nothing here lets it speak to the terminal: control characters and those that turn the
direction of writing are shown by their numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby
from operator import itemgetter
from typing import Final

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from relay.cli.comparison import Comparison, HeaderField, PartPair

#: Equal lines around a change, and equal characters around one inside a long line.
_CONTEXT: Final = 2
_NEAR: Final = 60
#: A line that is longer is cut down to its change; it is longer than any window is wide.
_LONG: Final = 400
#: More lines or words than this are not matched with each other: it would take their product in steps.
_MOST_MATCHED: Final = 10_000
#: From here on those that occur all over are no hold for a match.
_MANY: Final = 1500

_UNSAFE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufff9-\ufffb]"
)
_WORD: Final = re.compile(r"<[^<>]*+>?|[^<\s]++|\s++")
_GONE: Final = "red"
_NEW: Final = "green"
_DIM: Final = "dim"


@dataclass(frozen=True, slots=True)
class _Row:
    """One line on each side, None where there is none. note: across both instead."""

    left: str | None
    right: str | None
    note: str = ""

    @property
    def is_equal(self) -> bool:
        return self.left == self.right


def safe(text: str) -> str:
    """Without anything that a terminal might obey."""
    return _UNSAFE.sub(_number, text.expandtabs(4))


def print_comparison(console: Console, comparison: Comparison) -> None:
    for block in _blocks(comparison):
        with console.capture() as capture:
            console.print(block, highlight=False, soft_wrap=False)
        lines = capture.get().split("\n")
        # A table fills its cells up; who copies a line does not want the blanks.
        console.file.write("\n".join([re.sub(r"[ ]+$", "", line) for line in lines]))


def _blocks(comparison: Comparison) -> Iterator[RenderableType]:
    fields = list(_field_rows(comparison.removed, comparison.added))
    yield _heading("header fields", "" if fields else "untouched")
    if fields:
        yield _table(fields)
    for pair in comparison.parts:
        yield _heading(_name(pair), _state(pair))
        if pair.changed:
            yield from _part(pair)


def _part(pair: PartPair) -> Iterator[RenderableType]:
    before = None if pair.before is None else pair.before.text
    after = None if pair.after is None else pair.after.text
    if before is None and after is None:
        return
    rows = list(_rows(_lines(before), _lines(after)))
    if any(not row.is_equal for row in rows):
        yield _table(list(_folded(rows)))
    else:
        yield Text("  the same text in other octets", style=_DIM)


def _heading(name: str, state: str) -> Text:
    return Text.assemble((name, "bold"), f": {state}" if state else "")


def _name(pair: PartPair) -> str:
    """`part 1.2 text/html, 7bit -> quoted-printable, utf-8`."""
    sides = [side for side in (pair.before, pair.after) if side is not None]
    path = _change([side.path for side in sides])
    described = [_change([getattr(side, name) for side in sides]) for name in ("kind", "transfer", "charset")]
    return safe(f"part {path} {', '.join(word for word in described if word)}")


def _change(words: Sequence[str]) -> str:
    return words[0] if words[0] == words[-1] else f"{words[0] or 'none'} -> {words[-1] or 'none'}"


def _state(pair: PartPair) -> str:
    side = pair.after or pair.before
    size = f"{side.octets if side else 0:,} octets"
    if not pair.changed:
        moved = pair.before is not None and pair.after is not None and pair.before.path != pair.after.path
        return f"{size}, untouched" + (", in another place" if moved else "")
    if pair.before is None:
        return f"{size}, added"
    if pair.after is None:
        return f"{size}, taken out"
    return f"{pair.before.octets:,} -> {pair.after.octets:,} octets"


def _field_rows(removed: Sequence[HeaderField], added: Sequence[HeaderField]) -> Iterator[_Row]:
    """Fields of the same name beside each other."""
    rest = list(added)
    for left in removed:
        right = next((one for one in rest if one.name.lower() == left.name.lower()), None)
        if right is not None:
            rest.remove(right)
        yield _Row(_field(left), _field(right) if right else None)
    yield from (_Row(None, _field(one)) for one in rest)


def _field(one: HeaderField) -> str:
    return f"{one.name}: {one.value}"


def _lines(text: str | None) -> list[str]:
    return [] if not text else text.removesuffix("\n").split("\n")


def _rows(left: list[str], right: list[str]) -> Iterator[_Row]:
    """All lines of both, matched. Equal lines at both ends come first: what is between is short in most mail."""
    start = _common(left, right)
    end = _common(left[start:][::-1], right[start:][::-1])
    yield from (_Row(line, line) for line in left[:start])
    yield from _between(left[start : len(left) - end], right[start : len(right) - end])
    yield from (_Row(line, line) for line in left[len(left) - end :])


def _between(left: list[str], right: list[str]) -> Iterator[_Row]:
    if max(len(left), len(right)) > _MOST_MATCHED:
        yield from _replaced(left, right)
        return
    for tag, start, end, new_start, new_end in _opcodes(left, right):
        if tag == "equal":
            yield from (_Row(line, line) for line in left[start:end])
        else:
            yield from _replaced(left[start:end], right[new_start:new_end])


def _replaced(left: list[str], right: list[str]) -> Iterator[_Row]:
    for number in range(max(len(left), len(right))):
        yield _Row(
            left[number] if number < len(left) else None,
            right[number] if number < len(right) else None,
        )


def _folded(rows: Sequence[_Row]) -> Iterator[_Row]:
    """Equal stretches but for a few lines next to what changed."""
    shown = [False] * len(rows)
    for number, row in enumerate(rows):
        if not row.is_equal:
            first, last = max(number - _CONTEXT, 0), min(number + _CONTEXT + 1, len(rows))
            shown[first:last] = [True] * (last - first)
    for is_shown, several in groupby(zip(rows, shown, strict=True), key=itemgetter(1)):
        stretch = [row for row, _ in several]
        if is_shown:
            yield from stretch
        else:
            count = len(stretch)
            yield _Row(None, None, f"... {count:,} equal line{'s' if count > 1 else ''} ...")


def _table(rows: Sequence[_Row]) -> Table:
    table = Table(box=None, show_header=False, expand=True, padding=0, pad_edge=False)
    for _ in range(2):
        table.add_column(width=2)
        table.add_column(ratio=1, overflow="fold")
    for row in rows:
        if row.note:
            table.add_row("", Text(row.note, style=_DIM), "", Text(row.note, style=_DIM))
        elif row.left == row.right:
            line = _shortened(row.left or "", row.left or "")[0]
            table.add_row("", line, "", line)
        else:
            left, right = _shortened(row.left, row.right)
            table.add_row(
                Text("" if row.left is None else "-", style=_GONE),
                left,
                Text("" if row.right is None else "+", style=_NEW),
                right,
            )
    return table


def _shortened(left: str | None, right: str | None) -> tuple[Text, Text]:
    """The two lines with what differs in colour; of long lines only that, and what stands next to it."""
    if left is None or right is None:
        return Text(safe(left or ""), style=_GONE), Text(safe(right or ""), style=_NEW)
    is_long = max(len(left), len(right)) > _LONG
    texts = (Text(), Text())
    for is_equal, *pieces in _pieces(left, right, is_long=is_long):
        for text, piece, style in zip(texts, pieces, (_GONE, _NEW), strict=True):
            if is_equal:
                text.append(safe(_without_middle(piece) if is_long else piece))
            else:
                text.append(safe(piece), style)
    return texts


def _pieces(left: str, right: str, *, is_long: bool) -> Iterator[tuple[bool, str, str]]:
    """Both lines in pieces that are equal or not; in a long one, which may be a whole HTML page, word by word."""
    start = _common(left, right)
    end = _common(left[start:][::-1], right[start:][::-1])
    before, after = left[:start], left[len(left) - end :]
    yield True, before, before
    left, right = left[start : len(left) - end], right[start : len(right) - end]
    words, others = _WORD.findall(left), _WORD.findall(right)
    if is_long and max(len(words), len(others)) <= _MOST_MATCHED:
        for tag, first, last, new_first, new_last in _opcodes(words, others):
            yield tag == "equal", "".join(words[first:last]), "".join(others[new_first:new_last])
    else:
        yield False, left, right
    yield True, after, after


def _without_middle(piece: str) -> str:
    hidden = len(piece) - 2 * _NEAR
    return piece if hidden < _NEAR else f"{piece[:_NEAR]}[{hidden:,} equal characters]{piece[-_NEAR:]}"


def _opcodes(left: list[str], right: list[str]) -> list[tuple[str, int, int, int, int]]:
    return list(SequenceMatcher(None, left, right, autojunk=len(right) > _MANY).get_opcodes())


def _common(left: Sequence[str], right: Sequence[str]) -> int:
    """How many items both begin with."""
    number = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        number += 1
    return number


def _number(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
