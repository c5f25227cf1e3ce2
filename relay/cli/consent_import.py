"""`consent-relay consent import`: takes what it can of a list, tells what it could not take, and what would get mail.

Composes: opening (`lists`), what the columns mean (`list_mapping`), parsing, writing (`relay.store.bulk`), reporting.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from relay.cli import CommandError
from relay.cli.import_report import Tally, as_json, in_words
from relay.cli.known_outlook import KnownOutlook
from relay.cli.list_mapping import MappingFile, format_of, kind_of, mapping_of
from relay.cli.list_mapping import add_arguments as add_mapping_arguments
from relay.cli.lists import List, ListError, read_list
from relay.cli.parsing import Parser, Setup
from relay.cli.rejects import Rejects, rejects_of
from relay.cli.stored import committer_of, now_in_utc, outages_in_words, pseudonyms_of, settings_of, zone_of
from relay.config.settings import Settings
from relay.consent.formats import COLUMNS, Format
from relay.consent.known_formats import OWN, PLAIN, fitting_formats
from relay.consent.rows import RowRules, missing_columns
from relay.policy.files import load_policies
from relay.policy.model import Policies
from relay.store.bulk import import_bulk
from relay.store.committing import Committer
from relay.store.told import Parsed, Told

#: Octets between two updates of the progress bar.
_SHOWN_EVERY: Final = 1 << 16


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", help="CSV, JSON (one object a line, or one document), or one address a line; - reads standard input"
    )  # fmt: skip
    parser.add_argument("--stream", default="", metavar="S", help="stream of rows that name none")
    parser.add_argument("--brand", default="", metavar="B", help="brand whose mail a no without a stream concerns")
    add_mapping_arguments(parser)
    parser.add_argument("--timezone", default="", metavar="ZONE", help="of times without a zone: Asia/Tokyo or +09:00")
    parser.add_argument(
        "--source",
        default="",
        help="where the consents were given, for rows that do not say; readers see it in the footer",
    )
    parser.add_argument("--encoding", default="", help="of the file, e.g. cp932 (default: utf-8; a BOM is believed)")
    parser.add_argument("--rejects", metavar="FILE", help="write the rows that were refused here, each with the reason")
    parser.add_argument("--dry-run", action="store_true", help="say what would happen, change nothing")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    policies = load_policies(settings.policies)
    _check_scope(arguments, policies)
    mapping = mapping_of(arguments)
    name = "standard input" if arguments.file == "-" else Path(arguments.file).name
    with contextlib.ExitStack() as stack:
        file, size = stack.enter_context(_opened(arguments.file))
        bar = stack.enter_context(_Bar(size, f"reading {name}"))
        listed = _read(file, arguments, mapping, bar.read, name)
        form = format_of(arguments, mapping, listed.kind, listed.columns)
        rules = _rules(arguments, form, settings, policies, name=name, timezone=mapping.timezone)
        _check_columns(name, listed, form, rules)
        rejects = stack.enter_context(rejects_of(name, listed, file, arguments.rejects or ""))
        stack.enter_context(outages_in_words(settings))
        committer = stack.enter_context(_committer(arguments, settings, stack))
        # Of the store that was just opened, or made: a key for this moment would give each row another id.
        rules = replace(rules, pseudonyms=committer.pseudonyms)
        setup = Setup(listed.kind, listed.columns, listed.delimiter, form, rules, policies)
        tally = Tally(form.name, _scope(arguments), statement=form.statement)
        _import(committer, listed, setup, tally, rejects=rejects, bar=bar, dry_run=arguments.dry_run)
    for line in rejects.rest(form.name):
        print(line, file=sys.stderr)
    if arguments.json:
        print(json.dumps(as_json(tally), indent=2))
    else:
        print("\n".join(in_words(tally, dry_run=arguments.dry_run)))
    return 1 if tally.refused else 0


def _import(
    committer: Committer, listed: List, setup: Setup, tally: Tally, *, rejects: Rejects, bar: _Bar, dry_run: bool
) -> None:
    def on_parsed(parsed: Parsed) -> None:
        tally.note(parsed.extra)
        for refused in parsed.extra.refused:
            told = rejects.take(refused)
            if told:
                print(told, file=sys.stderr)

    outlook = KnownOutlook(setup.policies, setup.rules.pseudonyms, setup.rules.now)

    def judge(connection: sqlite3.Connection, rows: Sequence[Told]) -> None:
        for key, count in outlook.judged(connection, rows):
            tally.judged(key, count)

    try:
        taken = import_bulk(
            committer,
            listed.blocks,
            Parser(setup),
            on_parsed=on_parsed,
            judge=judge,
            progress=bar.progress,
            dry_run=dry_run,
        )
    except ListError as error:
        raise CommandError(str(error)) from None
    tally.taken, tally.known, tally.erased = taken.rows, taken.known, taken.erased
    tally.by_cause = rejects.by_cause
    for key, count in taken.alone.items():
        tally.judged(key, count)


def _check_scope(arguments: argparse.Namespace, policies: Policies) -> None:
    brands = sorted({stream.brand for stream in policies.streams})
    if arguments.brand and arguments.brand not in brands:
        raise CommandError(
            f"--brand: no policy has the brand {arguments.brand!r}; known are {', '.join(brands) or 'none'}",
            exit_code=2,
        )


def _scope(arguments: argparse.Namespace) -> str:
    """What a no concerns whose row does not say."""
    if arguments.stream:
        return f"the stream {arguments.stream}"
    return f"all commercial mail of {arguments.brand}" if arguments.brand else "all commercial mail of every brand"


def _rules(
    arguments: argparse.Namespace, form: Format, settings: Settings, policies: Policies, *, name: str, timezone: str
) -> RowRules:
    known_as = "" if form.name in (OWN.name, PLAIN.name) else f" as {form.name}"
    timezone = arguments.timezone or timezone or form.timezone
    rules = RowRules(
        brands={stream.id: stream.brand for stream in policies.streams},
        now=now_in_utc(),
        pseudonyms=pseudonyms_of(settings),
        source=arguments.source,
        recorder=f"import {name}{known_as}",
        stream=arguments.stream,
        brand=arguments.brand,
        timezone=zone_of(timezone),
        loose_domains=settings.addresses.loose_domains,
    )
    if form.naive and rules.timezone is None:
        raise CommandError(
            f"times of {form.name} have no zone; say which one they are in, as in --timezone UTC", exit_code=2
        )
    return rules


def _read(
    file: BinaryIO, arguments: argparse.Namespace, mapping: MappingFile, on_octets: Callable[[int], None], name: str
) -> List:
    encoding = arguments.encoding or mapping.encoding or "utf-8"
    try:
        return read_list(
            file, encoding, on_octets, header=arguments.header, kind=kind_of(arguments, mapping)
        )  # fmt: skip
    except ListError as error:
        raise CommandError(f"{name}: {error}") from None
    except LookupError:
        raise CommandError(f"--encoding: {encoding!r} is not known", exit_code=2) from None


def _check_columns(name: str, listed: List, form: Format, rules: RowRules) -> None:
    told = "" if form.name == OWN.name else f" ({form.name})"
    filled = form.filled(listed.columns)
    # A no is taken for a stream that has been given up, too; a yes has to find its policy.
    if (
        rules.stream
        and rules.stream not in rules.brands
        and ("basis" in filled or not {"cause", "withdrawn_at"} & filled)
    ):
        known = ", ".join(rules.brands) or "none"
        raise CommandError(f"--stream: no policy has the id {rules.stream!r}; known are {known}", exit_code=2)
    missing = missing_columns(filled, rules)
    if missing and listed.kind in ("csv", "plain"):
        fitting = [] if form.name != OWN.name else fitting_formats(listed.columns)
        hint = f"; the columns fit {' or '.join(f'--format {one.name}' for one in fitting)}" if fitting else ""
        raise CommandError(
            f"{name}:1: the header lacks {', '.join(missing)}{told}{hint}; name them (--column at=Joined) or say what holds "
            f"for all rows (--value at=2024-05-01T00:00:00Z); ours are {', '.join(COLUMNS)}"
        )
    twice = sorted({one for one in form.used(listed.columns) if listed.columns.count(one) > 1})
    if twice:
        raise CommandError(f"{name}:1: the header names {', '.join(twice)} twice")
    if form.name not in (OWN.name, PLAIN.name):
        print(f"{name}: read as {form.name}: {form.about}", file=sys.stderr)
    elif form.name == OWN.name and listed.kind == "csv" and form.unused(listed.columns):
        unused = ", ".join(form.unused(listed.columns))
        print(f"{name}:1: these columns are not used: {unused}", file=sys.stderr)
    if form.note:
        print(f"{name}: {form.note}", file=sys.stderr)
    if form.statement:
        print(
            f"{name}: {form.statement}; it is your word, not the list's, and the ledger says so of each row that takes it",
            file=sys.stderr,
        )


@contextlib.contextmanager
def _opened(file: str) -> Iterator[tuple[BinaryIO, int | None]]:
    if file == "-":
        yield sys.stdin.buffer, None
        return
    try:
        opened = Path(file).open("rb")  # noqa: SIM115 - closed below, an error while opening told apart
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from None
    with opened:
        yield opened, os.fstat(opened.fileno()).st_size


@contextlib.contextmanager
def _committer(arguments: argparse.Namespace, settings: Settings, stack: contextlib.ExitStack) -> Iterator[Committer]:
    if arguments.dry_run and not settings.store.path.exists():
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        journal = folder / "withdrawals.journal"
        with contextlib.closing(Committer(folder / "relay.db", journal, pseudonyms_of(settings))) as committer:
            yield committer
        return
    with committer_of(settings) as committer:
        yield committer


class _Bar:
    """On standard error, only on a terminal: octets while reading, rows while writing."""

    def __init__(self, total: int | None, words: str) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
        self._reading = self._bar.add_task(words, total=total)
        self._writing = self._bar.add_task("writing", total=None, visible=False)
        self._unseen = 0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def read(self, octets: int) -> None:
        self._unseen += octets
        if self._unseen >= _SHOWN_EVERY:
            self._bar.update(self._reading, advance=self._unseen)
            self._unseen = 0

    def progress(self, phase: str, done: int, total: int) -> None:
        if phase == "writing":
            self._bar.update(self._writing, completed=done, total=total or None, visible=True)
