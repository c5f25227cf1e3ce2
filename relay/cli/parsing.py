"""Parses blocks of a list into what the store takes. Runs in the command's own process or in others beside it.

What it needs comes with it (`Setup` passes between processes); it opens nothing and remembers nothing but what it has
looked up before.
"""

from __future__ import annotations

import copyreg
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from relay.cli.lists import Block, records_of
from relay.cli.outlook import Outlook
from relay.consent.causes import Cause
from relay.consent.events import Basis, EventKind
from relay.consent.fold import basis_and_act
from relay.consent.formats import Format
from relay.consent.row_reader import RowReader
from relay.consent.rows import Line, RowError, RowRules
from relay.policy.model import Policies
from relay.store.told import Parsed, Told, event_told

_GRANT: Final = EventKind.GRANT.value


# Policies hold tables that cannot be changed, which Python cannot pass to another process by itself.
copyreg.pickle(MappingProxyType, lambda table: (_unchangeable, (dict(table),)))


@dataclass(frozen=True, slots=True)
class Setup:
    """How a list is read. kind, columns, delimiter: of the list."""

    kind: str
    columns: tuple[str, ...]
    delimiter: str
    form: Format
    rules: RowRules
    policies: Policies


@dataclass(frozen=True, slots=True)
class Refused:
    """line: where the record begins. raw: as it stands there, without the last line end."""

    line: int
    raw: str
    why: str


@dataclass(slots=True)
class Noted:
    """What a block came to, beside its rows for the store. kinds: events by kind. not_taken: rows by cause. assumed:
    yeses without an active act. stated: rows that say something because the operator does. adrift: streams of noes that
    no policy has.
    """

    rows: int = 0
    refused: list[Refused] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    not_taken: Counter[str] = field(default_factory=Counter)
    assumed: int = 0
    stated: int = 0
    adrift: set[str] = field(default_factory=set)


class Parser:
    """Call it with a block; it passes to another process as its setup alone."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._reader = RowReader(setup.form, setup.columns, setup.rules)
        self._outlook = Outlook(setup.policies, setup.rules.now)
        self._statement = setup.form.statement
        self._brands: Mapping[str, str] = setup.rules.brands
        self._assumed: dict[tuple[str, str | None], bool] = {}

    def __reduce__(self) -> tuple[type[Parser], tuple[Setup]]:
        return Parser, (self._setup,)

    def __call__(self, block: Block) -> Parsed:
        setup, reader = self._setup, self._reader
        first, octets = block
        text = octets.decode("utf-8", "surrogateescape")
        lines = text.split("\n")
        noted = Noted()
        told: list[Told] = []
        is_csv = setup.kind == "csv"
        for place, count, record, wrong in records_of(setup.kind, lines, setup.delimiter, len(setup.columns)):
            noted.rows += 1
            try:
                if wrong:
                    raise RowError(wrong)  # noqa: TRY301 - one way to be refused
                found = (
                    reader.read(record, lines[place])  # type: ignore[arg-type]
                    if is_csv and count == 1
                    else reader.read_row(record if not is_csv else dict(zip(setup.columns, record, strict=True)))  # type: ignore[arg-type]
                )
            except RowError as error:
                noted.refused.append(Refused(first + place, "\n".join(lines[place : place + count]), str(error)))
                continue
            if isinstance(found, Cause):
                noted.not_taken[found.value] += 1
            else:
                self._take(found, told, noted)
        texts = dict(reader.texts)
        reader.texts.clear()
        return Parsed(told, noted, texts)

    def _take(self, lines: tuple[Line, ...], told: list[Told], noted: Noted) -> None:
        key: str | None = self._outlook.key(lines[0])
        for line in lines:
            told.append((*line, key))
            key = None
            kind = line[2]
            noted.kinds[kind] += 1
            if kind == _GRANT:
                said = line[10], line[11]
                noted.assumed += self._assumed[said] if said in self._assumed else self._counts_as_assumed(line)
            elif line[5] and line[5] not in self._brands:
                noted.adrift.add(line[5])
        if self._statement:
            noted.stated += self._statement in lines[0][9]

    def _counts_as_assumed(self, line: Line) -> bool:
        """By its basis and act, which are looked up once."""
        counts = basis_and_act(event_told((*line, None)))[0] is Basis.ASSUMED
        self._assumed[line[10], line[11]] = counts
        return counts


def _unchangeable(table: dict[object, object]) -> MappingProxyType[object, object]:
    return MappingProxyType(table)
