"""Looks for what does not hold in a stretch of the ledger: changed, missing, moved lines, changed seals. Pure.

Each seal is checked with the stored hash of the seal before it, so that stretches can be checked at the same time and in
any order. Never says that the ledger as a whole is the one it was: that takes signed heads (`relay.consent.heads`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from relay.address_wide import wide_key
from relay.consent.ledger import GENESIS, MARK_OCTETS, PERSONAL, PLAIN, Row, Seal, UnsoundError, digest, seal_hash

#: Kept of one check; the others are only counted.
MOST_FINDINGS: Final = 200
#: Lines that are compared with each other to see which were moved.
_MOST_MOVED: Final = 100
_ADDRESS: Final = 1 + len(PLAIN) + PERSONAL.index("address")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was recorded. line: where it shows, 0 for the whole. about: "line 12", "seal 3"."""

    line: int
    about: str
    words: str

    def __str__(self) -> str:
        return f"{self.about}: {self.words}"


@dataclass(frozen=True, slots=True)
class Strange:
    """A line that is not the one recorded there. mark: of the recorded one. row: what stands there now, None: nothing."""

    sequence: int
    mark: bytes
    row: Row | None
    words: str


@dataclass(slots=True)
class Checked:
    """What was found in a stretch of the ledger. more: findings beyond MOST_FINDINGS, only counted."""

    lines: int = 0
    findings: list[Finding] = field(default_factory=list)
    more: int = 0
    strange: list[Strange] = field(default_factory=list)

    def find(self, line: int, about: str, words: str) -> None:
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(line, about, words))
        else:
            self.more += 1

    def find_strange(self, strange: Strange) -> None:
        if len(self.strange) < MOST_FINDINGS:
            self.strange.append(strange)
        self.find(strange.sequence, f"line {strange.sequence}", strange.words)

    def add(self, other: Checked) -> None:
        """What was found behind this stretch."""
        self.lines += other.lines
        room = MOST_FINDINGS - len(self.findings)
        self.more += other.more + len(other.findings[room:])
        self.findings += other.findings[:room]
        self.strange += other.strange[: MOST_FINDINGS - len(self.strange)]


def check_seal(found: Checked, before: Seal | None, seal: Seal, rows: Iterable[Row]) -> None:
    """Check one seal and the lines under it. before: the seal in front of it, None for the first. rows: those that
    stand between its first and last line, in order, each with its wide key at the end.
    """
    number, first, previous = (1, 1, GENESIS) if before is None else (before.number + 1, before.last + 1, before.hash)
    about = f"seal {seal.number} ({lines_in_words(seal.first, seal.last)})"
    gap = seal.number != number
    if gap:
        found.find(first, f"seal {number}", f"missing: the next one has the number {seal.number}")
    if (
        (seal.first != first and not gap)
        or len(seal.marks) != MARK_OCTETS * (seal.last - seal.first + 1)
        or not seal.marks
    ):
        found.find(
            min(first, seal.first), about, "changed: the lines that it names are not those that it was made over"
        )
        return
    rows = list(rows)
    found.lines += len(rows)
    for row in rows:
        _check_wide(found, row)
    digests = _digests(seal, rows)
    whole = digests is not None and (gap or seal.hash == seal_hash(previous, seal.numbers, digests))
    if digests is not None and whole and b"".join([one[:MARK_OCTETS] for one in digests]) == seal.marks:
        return
    strange = [] if whole and not gap else list(_strange(seal, rows))
    for one in strange:
        found.find_strange(one)
    if whole and not strange:
        found.find(seal.first, about, "changed: its marks are not those of its lines, which hold")
    elif not strange:
        found.find(seal.first, about, "changed: it is not what was made of its lines and of the seal before it")


def check_unsealed(found: Checked, last: int, rows: Iterable[Row]) -> None:
    """Lines that no seal covers yet: all there, and lines at all. last: the number of the last sealed line."""
    for row in rows:
        sequence = row[0]
        if sequence != last + 1:
            found.find(last + 1, lines_in_words(last + 1, sequence - 1), "missing")
        last = sequence
        found.lines += 1
        try:
            digest(row)
        except UnsoundError as error:
            found.find(sequence, f"line {sequence}", f"changed: {error}")
        _check_wide(found, row)


def name_moved(strange: Sequence[Strange]) -> dict[int, str]:
    """In words, by line: of lines that are not what was recorded there, those that were recorded at another place."""
    marks = {one.mark: one.sequence for one in strange[:_MOST_MOVED]}
    words: dict[int, str] = {}
    for one in strange[:_MOST_MOVED]:
        if one.row is None:
            continue
        content = tuple(one.row[1:])
        for mark, sequence in marks.items():
            if sequence != one.sequence and _digest_or_none((sequence, *content))[:MARK_OCTETS] == mark:
                words[one.sequence] = f"reordered: what stands here was recorded as line {sequence}"
                words.setdefault(sequence, f"missing: it stands at line {one.sequence} now")
    return words


def _digests(seal: Seal, rows: list[Row]) -> list[bytes] | None:
    """Those of all lines under the seal, None where one is missing or none at all."""
    try:
        return [digest(row) for row in rows] if len(rows) == seal.last - seal.first + 1 else None
    except UnsoundError:
        return None


def _strange(seal: Seal, rows: list[Row]) -> Iterator[Strange]:
    """The lines that are not what their marks say."""
    by_number = {row[0]: row for row in rows}
    for sequence in range(seal.first, seal.last + 1):
        row, mark = by_number.get(sequence), seal.mark_of(sequence)
        if row is None:
            yield Strange(sequence, mark, None, "missing")
            continue
        try:
            if digest(row)[:MARK_OCTETS] != mark:
                yield Strange(sequence, mark, row, "changed: it is not what was recorded")
        except UnsoundError as error:
            yield Strange(sequence, mark, row, f"changed: {error}")


def _check_wide(found: Checked, row: Row) -> None:
    """The wide key stands beside the address, not in the digest: it is folded anew when the rules of folding change."""
    address, wide = row[_ADDRESS], row[-1]
    if address is None:
        right = wide is None
    else:
        local, _, domain = str(address).rpartition("@")
        right = wide == wide_key(local[1:-1] if local.startswith('"') else local, domain)
    if not right:
        found.find(row[0], f"line {row[0]}", "changed: its wide key is not that of its address")


def _digest_or_none(row: Row) -> bytes:
    try:
        return digest(row)
    except UnsoundError:
        return b""


def lines_in_words(first: int, last: int) -> str:
    return f"line {first}" if first == last else f"lines {first} to {last}"
