"""`consent-relay consent import`: takes what it can of a list, tells what it could not take, and what would get mail."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from relay.address import Address
from relay.cli import CommandError
from relay.cli.lists import Item, List, ListError, read_list
from relay.cli.stored import committer_of, now_in_utc, outages_in_words, pseudonyms_of, settings_of, zone_of
from relay.consent.events import Basis, Event
from relay.consent.pseudonyms import Pseudonyms
from relay.consent.rows import COLUMNS, RowError, RowRules, events_of_row, missing_columns
from relay.policy.evaluate import evaluate
from relay.policy.files import load_policies
from relay.policy.model import Policies
from relay.reason import MEANINGS, Reason, Verdict, in_precedence
from relay.store.appending import NOES, append_events
from relay.store.committing import Committer, Work
from relay.store.facts import read_facts

#: Rows of one transaction: enough to share its cost, few enough that mail does not wait for it (some 50 ms).
_BATCH: Final = 1000
#: Octets between two updates of the progress bar.
_SHOWN_EVERY: Final = 1 << 16


@dataclass(slots=True)
class Tally:
    """What became of the rows. today: how many of the rows taken fall under a reason and a verdict ("shadow" is sent).
    adrift: streams of withdrawals that no policy has.
    """

    rows: int = 0
    taken: int = 0
    known: int = 0
    refused: int = 0
    actless: int = 0
    adrift: set[str] = field(default_factory=set)
    today: Counter[tuple[Reason, str]] = field(default_factory=Counter)


class _Undone(Exception):  # noqa: N818 - no error: it carries the result of a dry run out of its transaction
    def __init__(self, result: _BatchResult) -> None:
        super().__init__()
        self.result = result


@dataclass(frozen=True, slots=True)
class _BatchResult:
    fresh: frozenset[str]
    today: Counter[tuple[Reason, str]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="CSV with a header, or JSON lines; - reads standard input")
    parser.add_argument("--stream", default="", metavar="S", help="stream of rows that name none")
    parser.add_argument("--timezone", default="", metavar="ZONE", help="of times without a zone: Asia/Tokyo or +09:00")
    parser.add_argument(
        "--source",
        default="",
        help="where the consents were given, for rows that do not say; readers see it in the footer",
    )
    parser.add_argument("--encoding", default="utf-8", help="of the file, e.g. cp932 (default: utf-8)")
    parser.add_argument("--rejects", metavar="FILE", help="write the rows that were not taken here, as they stood")
    parser.add_argument("--dry-run", action="store_true", help="say what would happen, change nothing")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    policies = load_policies(settings.policies)
    name = "standard input" if arguments.file == "-" else Path(arguments.file).name
    rules = RowRules(
        brands={stream.id: stream.brand for stream in policies.streams},
        now=now_in_utc(),
        source=arguments.source,
        recorder=f"import {name}",
        stream=arguments.stream,
        timezone=zone_of(arguments.timezone),
        loose_domains=settings.addresses.loose_domains,
    )
    if arguments.stream and arguments.stream not in rules.brands:
        known = ", ".join(rules.brands) or "none"
        raise CommandError(f"--stream: no policy has the id {arguments.stream!r}; known are {known}", exit_code=2)
    with contextlib.ExitStack() as stack:
        file, size = stack.enter_context(_opened(arguments.file))
        progress = stack.enter_context(_progress(size, f"reading {name}"))
        listed = _read(file, arguments.encoding, progress, rules, name)
        rejects = stack.enter_context(_rejects(arguments.rejects, listed, file))
        committer = stack.enter_context(_committer(arguments, stack))
        stack.enter_context(outages_in_words(settings))
        tally = Tally()
        for batch in _batches(listed.items, rules, tally, _reporter(name, rejects)):
            _take(committer, batch, tally, policies, rules.now, dry_run=arguments.dry_run)
    if arguments.json:
        print(json.dumps(_as_json(tally), indent=2))
    else:
        _print(tally, dry_run=arguments.dry_run)
    return 1 if tally.refused else 0


def _read(file: BinaryIO, encoding: str, progress: Callable[[int], None], rules: RowRules, name: str) -> List:
    try:
        listed = read_list(file, encoding, progress)
    except ListError as error:
        raise CommandError(f"{name}: {error}") from None
    except LookupError:
        raise CommandError(f"--encoding: {encoding!r} is not known", exit_code=2) from None
    if listed.kind == "csv":
        missing = missing_columns(listed.columns, rules)
        if missing:
            raise CommandError(f"{name}:1: the header lacks {', '.join(missing)}; columns are {', '.join(COLUMNS)}")
        ignored = [column for column in listed.columns if column not in COLUMNS]
        if ignored:
            print(f"{name}:1: these columns are not used: {', '.join(ignored)}", file=sys.stderr)
    return listed


def _batches(
    items: Iterator[Item], rules: RowRules, tally: Tally, report: Callable[[Item, str], None]
) -> Iterator[list[tuple[Event, ...]]]:
    """The rows that can be taken, each as its events, in batches; the others are reported."""
    batch: list[tuple[Event, ...]] = []
    for item in items:
        tally.rows += 1
        wrong = item.wrong
        if not wrong:
            try:
                batch.append(events_of_row(item.row, rules))
            except RowError as error:
                wrong = str(error)
        if wrong:
            tally.refused += 1
            report(item, wrong)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _take(
    committer: Committer,
    batch: Sequence[tuple[Event, ...]],
    tally: Tally,
    policies: Policies,
    now: datetime,
    *,
    dry_run: bool,
) -> None:
    events = [event for row in batch for event in row]

    def work(connection: sqlite3.Connection) -> _BatchResult:
        before = connection.execute("SELECT coalesce(max(sequence), 0) FROM ledger").fetchone()[0]
        numbers = append_events(connection, events, committer.pseudonyms, os.urandom)
        fresh = frozenset(event.id for event, number in zip(events, numbers, strict=True) if number > before)
        result = _BatchResult(fresh, _today(connection, committer.pseudonyms, batch, policies, now))
        if dry_run:
            raise _Undone(result)
        return result

    says_no = not dry_run and any(event.kind in NOES for event in events)
    (result,) = committer.commit([Work(work, says_no)])
    committer.checkpoint()
    if isinstance(result, _Undone):
        result = result.result
    elif isinstance(result, BaseException):
        raise result
    fresh = set(result.fresh)
    for row in batch:
        tally.taken += 1
        ids = {event.id for event in row}
        tally.known += not ids & fresh
        fresh -= ids
        tally.adrift |= {event.stream for event in row if event.stream and event.stream not in policies.by_id}
        tally.actless += any(event.basis is Basis.SINGLE_OPT_IN and event.act is None for event in row)
    tally.today += result.today


def _today(
    connection: sqlite3.Connection,
    pseudonyms: Pseudonyms,
    batch: Sequence[tuple[Event, ...]],
    policies: Policies,
    now: datetime,
) -> Counter[tuple[Reason, str]]:
    """Would these rows get mail, with all that is known of them now?"""
    by_stream: dict[str, list[Address]] = {}
    for row in batch:
        if row[0].stream in policies.by_id:
            by_stream.setdefault(row[0].stream, []).append(row[0].address)
    found: Counter[tuple[Reason, str]] = Counter()
    for name, addresses in by_stream.items():
        stream = policies.by_id[name]
        facts = read_facts(connection, pseudonyms, stream.brand, stream.id, addresses)
        for address in addresses:
            evaluation = evaluate(stream, facts[address], address, now)
            verdict = evaluation.verdict.value if evaluation.enforced else "shadow"
            found[evaluation.reasons[0], verdict] += 1
    return found


def _print(tally: Tally, *, dry_run: bool) -> None:
    words = "would be taken" if dry_run else "taken"
    known = f" ({tally.known:,} of them known before)" if tally.known else ""
    print(
        f"{tally.rows:,} row{'' if tally.rows == 1 else 's'}: {tally.taken:,} {words}{known}, {tally.refused:,} refused"
    )
    if tally.actless:
        print(
            f"{tally.actless:,} single opt-ins do not state the act (ticked, clicked, typed, signed) and count as assumed"
        )
    if tally.adrift:
        print(f"withdrawals from {', '.join(sorted(tally.adrift))} are kept, but no policy has such a stream (yet)")
    if not tally.today:
        return
    sent = sum(count for (_, verdict), count in tally.today.items() if _is_sent(verdict))
    print(f"{sent:,} of {tally.today.total():,} would get mail today:")
    width = max(len(reason) for reason, _ in tally.today)
    for reason, verdict, count in _ordered(tally):
        print(f"  {count:>10,}  {reason:<{width}}  {verdict:<7}  {MEANINGS[reason].explanation}")


def _as_json(tally: Tally) -> dict[str, object]:
    return {
        "rows": tally.rows,
        "taken": tally.taken,
        "known": tally.known,
        "refused": tally.refused,
        "would_get_mail": sum(count for (_, verdict), count in tally.today.items() if _is_sent(verdict)),
        "today": [
            {"reason": reason.value, "verdict": verdict, "count": count} for reason, verdict, count in _ordered(tally)
        ],
    }


def _ordered(tally: Tally) -> Iterator[tuple[Reason, str, int]]:
    """What is sent first, then in order of precedence."""
    order = in_precedence(reason for reason, _ in tally.today)
    for reason, verdict in sorted(tally.today, key=lambda key: (not _is_sent(key[1]), order.index(key[0]))):
        yield reason, verdict, tally.today[reason, verdict]


def _is_sent(verdict: str) -> bool:
    return verdict in (Verdict.DELIVER.value, "shadow")


def _reporter(name: str, rejects: TextIO | None) -> Callable[[Item, str], None]:
    def report(item: Item, wrong: str) -> None:
        print(f"{name}:{item.line}: {wrong}", file=sys.stderr)
        if rejects is not None:
            rejects.write(item.raw if item.raw.endswith("\n") else f"{item.raw}\n")

    return report


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
def _rejects(file: str | None, listed: List, source: BinaryIO) -> Iterator[TextIO | None]:
    """The rejects are a list of the same kind, so that they can be mended and imported. Never over the list itself."""
    if file is None:
        yield None
        return
    try:
        if Path(file).exists() and os.path.samestat(Path(file).stat(), os.fstat(source.fileno())):
            raise CommandError(f"--rejects: {file} is the list that is read; name another file", exit_code=2)
        opened = Path(file).open("w", encoding="utf-8", errors="surrogateescape", newline="")  # noqa: SIM115 - see above
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from None
    with opened:
        opened.write(listed.header)
        yield opened


@contextlib.contextmanager
def _committer(arguments: argparse.Namespace, stack: contextlib.ExitStack) -> Iterator[Committer]:
    settings = settings_of(arguments)
    if arguments.dry_run and not settings.store.path.exists():
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        opened = Committer(folder / "relay.db", folder / "withdrawals.journal", pseudonyms_of(settings))
        with contextlib.closing(opened) as committer:
            yield committer
        return
    with committer_of(settings) as committer:
        yield committer


@contextlib.contextmanager
def _progress(total: int | None, words: str) -> Iterator[Callable[[int], None]]:
    """A bar on standard error, only on a terminal; the value takes how many octets were read."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(words, total=total)
        unseen = 0

        def on_octets(octets: int) -> None:
            nonlocal unseen
            unseen += octets
            if unseen >= _SHOWN_EVERY:
                progress.update(task, advance=unseen)
                unseen = 0

        yield on_octets
