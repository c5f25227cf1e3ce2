"""`consent-relay consent verify`: has nobody changed what was recorded?

Needs the store alone, and for the proof that it is the same ledger as before, signed heads and the public key.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from relay.cli import CommandError
from relay.cli.bar import bar
from relay.cli.sealing import tell_signed
from relay.cli.stored import now_in_utc, pseudonyms_of, settings_of
from relay.config.settings import Settings
from relay.consent.checking import MOST_FINDINGS, Checked
from relay.consent.heads import Seen, check_heads, find_lost
from relay.store.connection import errors_of_the_store, open_for_reading
from relay.store.heads import HeadsFile, Signer
from relay.store.journal import Journal
from relay.store.keys import KeyFileError
from relay.store.port import StoreUnavailableError
from relay.store.reading import open_reader
from relay.store.refolding import verify_facts
from relay.store.schema import migrations, version_of
from relay.store.seals import Sealer, place_of
from relay.store.signing import load_ledger_key, read_public
from relay.store.verifying import Extent, extent_of, verify_lines, verify_wordings

#: Findings that are printed; the others are counted.
_PRINTED: Final = 50
#: Seconds to wait for others that seal.
_PATIENCE: Final = 10.0


@dataclass(slots=True)
class Verified:
    """found: everything that is wrong. people: whose facts were folded anew, None when they were not."""

    extent: Extent
    found: Checked
    wordings: int = 0
    seen: Seen | None = None
    heads: Path | None = None
    people: int | None = None
    remarks: list[str] = field(default_factory=list)

    @property
    def unsealed(self) -> int:
        """None where lines are missing that were sealed: those are findings."""
        return max(0, self.extent.lines - self.extent.sealed)

    @property
    def signed(self) -> int:
        """Up to which of the lines looked at; the relay may have signed more meanwhile."""
        return 0 if self.seen is None else min(self.seen.signed, self.extent.lines)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--heads", metavar="FILE", help="signed heads to check against (default: [ledger] heads)")
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="PUBKEY",
        help="public key that may have signed, or a file with it; several times for keys of before "
        "(default: the one of [keys] ledger)",
    )
    parser.add_argument("--store", metavar="FILE", help="a copy of the store (default: the one of [store] url)")
    parser.add_argument(
        "--facts",
        action="store_true",
        help="fold the whole ledger anew and compare with what decides about mail; takes longer",
    )
    parser.add_argument(
        "--accept-loss",
        default="",
        metavar="WHY",
        help="sign that lines are gone for a known reason (a restored backup); the signed words stay in the heads",
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    store = Path(arguments.store) if arguments.store else settings.store.path
    if arguments.store and not store.exists():
        raise CommandError(f"--store: there is no file {arguments.store}")
    with _outages(store):
        if arguments.accept_loss:
            _accept(settings, arguments.accept_loss)
        verified = _verify(store, settings, arguments)
    verified.found.findings.sort(key=lambda finding: finding.line)
    if arguments.json:
        print(json.dumps(_as_json(verified), indent=2))
    else:
        _print(verified)
    return 1 if verified.found.findings else 0


def _verify(store: Path, settings: Settings, arguments: argparse.Namespace) -> Verified:
    heads = Path(arguments.heads) if arguments.heads else settings.ledger.heads
    with contextlib.closing(_opened(store)) as connection:
        extent = extent_of(connection)
        with bar("lines", extent.lines) as on_lines:
            found = verify_lines(store, extent, processes=os.cpu_count() or 1, on_lines=on_lines)
        verified = Verified(extent, found, heads=heads)
        with errors_of_the_store():
            verified.wordings = verify_wordings(found, connection)
            _check_heads(
                verified, heads, _trusted(arguments.key, settings), lambda number: place_of(connection, number)
            )
        if arguments.facts:
            _check_facts(verified, store, settings)
    return verified


def _check_heads(
    verified: Verified, heads: Path, trusted: Sequence[str], seals: Callable[[int], tuple[int, str] | None]
) -> None:
    found, extent = verified.found, verified.extent
    try:
        verified.seen = check_heads(found, HeadsFile(heads).lines(), trusted, seals)
    except FileNotFoundError:
        if extent.seals:
            found.find(0, str(heads), "there is no such file of signed heads: nothing shows that it is the same ledger")
        return
    except OSError as error:
        found.find(0, str(heads), f"cannot be read: {error.strerror}")
        return
    find_lost(found, verified.seen, extent.lines)
    verified.remarks += verified.seen.notes
    if extent.seals and not verified.seen.heads:
        found.find(0, str(heads), "holds no signed head: nothing shows that it is the same ledger")
    elif extent.seals and not trusted:
        found.find(0, str(heads), "no public key to check its signatures with; name one with --key")


def _trusted(keys: Sequence[str], settings: Settings) -> list[str]:
    if keys:
        return [read_public(key) for key in keys]
    return [read_public(str(settings.keys.ledger))] if settings.keys.ledger.exists() else []


def _check_facts(verified: Verified, store: Path, settings: Settings) -> None:
    """Also what the journal of withdrawals has, and whether SQLite finds the file sound."""
    with open_reader(store, pseudonyms_of(settings)) as reader:
        pseudonyms = reader.pseudonyms
    with contextlib.closing(_opened(store)) as connection:
        with bar("people", None) as on_people:
            verified.people = verify_facts(verified.found, connection, pseudonyms, on_people)
        with errors_of_the_store():
            missing = sum(1 for _ in Journal(settings.store.journal).missing_in(connection))
            if missing:
                verified.found.find(0, str(settings.store.journal), f"has {missing:,} withdrawals that the store lacks")
            for (words,) in connection.execute("PRAGMA integrity_check(20)").fetchall():
                if words != "ok":
                    verified.found.find(0, str(store), f"damaged: {words}")


def _accept(settings: Settings, note: str) -> None:
    """Sign, in turn with the relay, that what was lost is known."""
    key = load_ledger_key(settings.keys.ledger)
    signer = Signer(HeadsFile(settings.ledger.heads), key, settings.ledger.sign_every)
    with contextlib.closing(Sealer(settings.store.path)) as sealer, sealer.turn(patience=_PATIENCE) as mine:
        if not mine:
            raise CommandError("another process is sealing the ledger just now; try again in a while")
        sealer.seal_all()
        last = sealer.last()
        if last is None:
            raise CommandError("the ledger is empty, there is nothing to sign for")
        try:
            signed = signer.accept(last, sealer.place_of, now_in_utc(), note)
        except OSError as error:
            raise CommandError(f"{settings.ledger.heads}: {error.strerror}") from None
    tell_signed(signed, settings)
    print(f"signed for {last.last:,} lines, loss behind line {signed.head.kept:,} accepted: {note}", file=sys.stderr)


def _opened(store: Path) -> sqlite3.Connection:
    if not store.exists():
        raise StoreUnavailableError("there is no store yet; consent-relay db migrate makes one")
    with errors_of_the_store():
        connection = open_for_reading(store)
        try:
            is_ours = version_of(connection) == len(migrations())
        except BaseException:
            connection.close()
            raise
    if not is_ours:
        connection.close()
        raise StoreUnavailableError("the store has another schema than this version; run consent-relay db migrate")
    return connection


@contextlib.contextmanager
def _outages(store: Path) -> Iterator[None]:
    try:
        yield
    except StoreUnavailableError as error:
        raise CommandError(f"{store}: {error}") from None
    except KeyFileError as error:
        raise CommandError(str(error)) from None
    except UnicodeDecodeError:  # even the names of its tables are none
        raise CommandError(f"{store}: the file is damaged") from None


def _print(verified: Verified) -> None:
    extent, found = verified.extent, verified.found
    for finding in found.findings[:_PRINTED]:
        print(finding, file=sys.stderr)
    more = found.more + len(found.findings[_PRINTED:])
    if more:
        print(f"and {more:,} findings more", file=sys.stderr)
    for remark in verified.remarks:
        print(f"note: {remark}")
    unsealed = verified.unsealed
    ending = f"; the last {unsealed:,} are not sealed yet" if unsealed else ""
    if found.findings:
        print(f"{extent.lines:,} lines looked at, something is wrong{ending}")
    else:
        print(f"all {extent.lines:,} lines hold{ending}")
    if verified.seen is not None and verified.seen.at is not None:
        when = f"{verified.seen.at:%Y-%m-%d %H:%M:%S} UTC"
        print(
            f"signed up to line {verified.signed:,}, last at {when}: {verified.seen.heads:,} heads in {verified.heads}"
        )
    if verified.people is not None and not found.findings:
        print(f"what decides about mail follows from the ledger, for each of {verified.people:,} people")


def _as_json(verified: Verified) -> dict[str, object]:
    extent, found, seen = verified.extent, verified.found, verified.seen
    return {
        "holds": not found.findings,
        "lines": extent.lines,
        "sealed": extent.sealed,
        "unsealed": verified.unsealed,
        "seals": extent.seals,
        "wordings": verified.wordings,
        "heads": 0 if seen is None else seen.heads,
        "signed": verified.signed,
        "signed_at": None if seen is None or seen.at is None else seen.at.isoformat(),
        "people": verified.people,
        "findings": [
            {"line": one.line, "about": one.about, "wrong": one.words} for one in found.findings[:MOST_FINDINGS]
        ],
        "more": found.more,
        "notes": verified.remarks,
    }
