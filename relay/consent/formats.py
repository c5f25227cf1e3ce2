"""A list's columns and ours: how a row of another program becomes a row of `relay.consent.rows`. Pure.

A format is data: which of their columns is which of ours, what stands for all rows, what their words mean. The formats
that are known stand in `relay.consent.known_formats`; an operator's own is the same value, read from flags or a file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, Final

from relay.consent.moments import ISO, check_format, is_unset

#: Our columns, in the order in which they are exported.
COLUMNS: Final = (
    "address",
    "stream",
    "basis",
    "at",
    "act",
    "confirmed_at",
    "mail_sent_at",
    "last_contact_at",
    "withdrawn_at",
    "cause",
    "brand",
    "source",
    "form_url",
    "wording",
    "language",
    "ip",
    "user_agent",
)
TIMES: Final = frozenset({"at", "confirmed_at", "mail_sent_at", "last_contact_at", "withdrawn_at"})
#: Says of a row that was refused why; written into rejects, and not read.
REJECTED: Final = "rejected_because"
#: What a constant claims of every person: the ledger says that the operator stated it, not the list.
CLAIMS: Final = (
    "basis",
    "act",
    "at",
    "confirmed_at",
    "mail_sent_at",
    "last_contact_at",
    "withdrawn_at",
    "cause",
    "form_url",
    "wording",
    "ip",
    "user_agent",
)
CLAIMS_OF_A_YES: Final = frozenset({"basis", "act", "at", "confirmed_at", "mail_sent_at", "last_contact_at"})
_MOST_REMEMBERED: Final = 4096


class FormatError(Exception):
    """Why a format cannot be used, in words."""


@dataclass(frozen=True, slots=True)
class Format:
    """columns: ours -> theirs, lower case; of several the first that is not empty. `theirs` may go on inside of JSON:
    "attributes.city". constants: ours -> what holds for rows that do not say; those of a yes do not make a yes of a no.
    stated: the constants that the operator added. values: ours -> pairs of a pattern with `*` and what it means here.
    times: see `moments.parse_moment`. timezone: of times without a zone, "" when the operator has to say it. naive: the
    times have no zone. recognised_by: columns that only this format has, all of them, none of not_with. records: where
    the records stand in one JSON document. about, note, facts: for people; facts is where the format is described.
    """

    name: str
    columns: Mapping[str, tuple[str, ...]]
    constants: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    times: tuple[str, ...] = (ISO,)
    timezone: str = ""
    naive: bool = False
    encoding: str = "utf-8"
    recognised_by: frozenset[str] = frozenset()
    not_with: frozenset[str] = frozenset()
    records: tuple[str, ...] = ()
    about: str = ""
    note: str = ""
    facts: str = ""
    stated: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in (*self.columns, *self.constants, *self.values):
            if name not in COLUMNS:
                raise FormatError(f"{name!r} is no column of ours; they are {', '.join(COLUMNS)}")
        for time_format in self.times:
            try:
                check_format(time_format)
            except ValueError as error:
                raise FormatError(f"time_format: {error}") from None

    @property
    def statement(self) -> str:
        """What the operator claims for all rows, in the words that stand in the ledger; "" when nothing."""
        claims = [f"{name}={self.stated[name]}" for name in CLAIMS if self.stated.get(name)]
        return f"stated by the operator for all rows: {', '.join(claims)}" if claims else ""

    def changed(
        self,
        columns: Mapping[str, tuple[str, ...]] | None = None,
        constants: Mapping[str, str] | None = None,
        values: Mapping[str, tuple[tuple[str, str], ...]] | None = None,
        **others: Any,
    ) -> Format:
        """With the operator's own on top."""
        constants = constants or {}
        return replace(
            self,
            columns={**self.columns, **{ours: tuple(map(str.lower, names)) for ours, names in (columns or {}).items()}},
            constants={**self.constants, **constants},
            stated={**self.stated, **constants},
            values={**self.values, **(values or {})},
            **others,
        )

    def filled(self, columns: Sequence[str]) -> frozenset[str]:
        """Which of ours a list with these columns can fill, with the constants that count for its rows."""
        there = {ours for ours, theirs in self.columns.items() if any(_is_there(one, columns) for one in theirs)}
        constants = {ours for ours, value in self.constants.items() if value}
        return frozenset(there | (constants - CLAIMS_OF_A_YES if constants & {"cause", "withdrawn_at"} else constants))

    def used(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Columns of the list that somebody looks at."""
        used = {one for theirs in self.columns.values() for one in theirs}
        used |= {one.partition(".")[0] for one in used}
        return tuple(name for name in columns if name in used)

    def unused(self, columns: Sequence[str]) -> tuple[str, ...]:
        used = self.used(columns)
        return tuple(name for name in columns if name not in used and name != REJECTED)


class Reader:
    """Turns rows of one list into ours. Remembers what words mean, so that each is looked up once."""

    def __init__(self, form: Format) -> None:
        self.form = form
        self._meanings: dict[tuple[str, str], str] = {}
        self._of_a_no = {name: value for name, value in form.constants.items() if name not in CLAIMS_OF_A_YES}

    def row(self, theirs: Mapping[str, object]) -> tuple[dict[str, object], bool]:
        """Our columns that are filled, and whether a claim of the operator is among them. Raises FormatError."""
        row: dict[str, object] = {}
        for ours, names in self.form.columns.items():
            if ours in self.form.values:
                value = self._first_meaning(ours, theirs, names)
            else:
                value = self._first(theirs, names, is_time=ours in TIMES)
            if value not in ("", None):
                row[ours] = value
        says_no = "cause" in row or "withdrawn_at" in row or bool(self.form.constants.get("cause"))
        constants = self._of_a_no if says_no else self.form.constants
        claimed = False
        for ours, constant in constants.items():
            if ours not in row and constant:
                row[ours] = constant
                claimed = claimed or (ours in self.form.stated and ours in CLAIMS)
        return row, claimed

    def _first(self, row: Mapping[str, object], names: Sequence[str], *, is_time: bool) -> object:
        for name in names:
            value = row[name] if name in row else _inside(row, name)
            if is_time and isinstance(value, (int, float)) and not isinstance(value, bool):
                value = str(value)
            if isinstance(value, str):
                value = value.strip()
                if is_time and is_unset(value):
                    continue
            if value not in ("", None):
                return value
        return ""

    def _first_meaning(self, ours: str, row: Mapping[str, object], names: Sequence[str]) -> object:
        """Each of their columns is asked for its meaning: a member, but one who has switched the mail off."""
        for name in names:
            meaning = self._meaning(ours, self._first(row, (name,), is_time=False))
            if meaning:
                return meaning
        return ""

    def _meaning(self, ours: str, value: object) -> str:
        text = "" if value is None else value if isinstance(value, str) else json.dumps(value)
        known = self._meanings.get((ours, text))
        if known is not None:
            return known
        lower = text.lower()
        for pattern, meaning in self.form.values[ours]:
            if fnmatchcase(lower, pattern.lower()):
                if len(self._meanings) < _MOST_REMEMBERED:
                    self._meanings[ours, text] = meaning
                return meaning
        told = ", ".join(pattern or "nothing" for pattern, _ in self.form.values[ours])
        raise FormatError(f"{ours}: {text[:40]!a} is none of {told}")


def _inside(row: Mapping[str, object], name: str) -> object:
    """`attributes.city`: a value inside of a column that holds JSON, as an object or as text."""
    head, dot, rest = name.partition(".")
    value: Any = row.get(head) if dot else None
    if isinstance(value, str) and value.startswith("{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return ""
    for key in rest.split(".") if dot else ():
        if not isinstance(value, dict):
            return ""
        value = next((inner for one, inner in value.items() if str(one).lower() == key), "")
    return value


def _is_there(name: str, columns: Sequence[str]) -> bool:
    return name in columns or ("." in name and name.partition(".")[0] in columns)
