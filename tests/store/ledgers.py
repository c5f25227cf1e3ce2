"""A sealed and signed ledger in a folder, and everything that `consent verify` finds in it."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from store.samples import NOW, committer, grant, withdraw

from relay.address import Address
from relay.consent.checking import Checked
from relay.consent.events import NOES, Event, Evidence
from relay.consent.evidence import wording_hash
from relay.consent.heads import Seen, check_heads, find_lost
from relay.store.appending import append_events
from relay.store.committing import Committer, Work
from relay.store.connection import open_for_reading
from relay.store.heads import HeadsFile, Signer
from relay.store.seals import Sealer, place_of
from relay.store.signing import public_text
from relay.store.verifying import extent_of, verify_lines, verify_wordings

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
WORDS = "Yes, send me news about tea."


def some_events(count: int, seed: int = 1) -> list[Event]:
    """Of all sorts, in an order that a seed gives; the wide key is not always the address."""
    chosen = random.Random(seed)
    events = []
    for number in range(count):
        address = Address(f"Reader{number % 40}" if number % 3 else f"reader{number % 40}+tag", "example.com")
        evidence = Evidence(
            "https://brand.example/join" if number % 2 else "",
            wording_hash(WORDS) if number % 4 == 0 else "",
            "ja",
            "192.0.2.7" if number % 5 == 0 else "",
            "Mozilla/5.0" if number % 5 < 2 else "",
        )
        make = withdraw if chosen.random() < 0.2 else grant
        at = NOW - timedelta(minutes=chosen.randrange(1, 10_000))
        events.append(make(address, at=at, source=f"fair {number % 7}", evidence=evidence, recorded_at=NOW))
    return events


def append(opened: Committer, events: list[Event]) -> None:
    texts = {wording_hash(WORDS): WORDS}
    says_no = any(event.kind in NOES for event in events)
    work = Work(lambda connection: append_events(connection, events, opened.pseudonyms, os.urandom, texts), says_no)
    (result,) = opened.commit([work])
    if isinstance(result, BaseException):
        raise result


def write(folder: Path, count: int, *, seed: int = 1) -> None:
    with committer(folder) as opened:
        append(opened, some_events(count, seed))


@contextlib.contextmanager
def sealer(folder: Path) -> Iterator[Sealer]:
    with contextlib.closing(Sealer(folder / "relay.db", lambda: NOW)) as opened, opened.turn(patience=30):
        yield opened


def seal_and_sign(folder: Path, *, most: int = 8192, now: datetime = NOW, key: Ed25519PrivateKey = KEY) -> None:
    """Seals of at most so many lines, and a head for each of them."""
    with sealer(folder) as opened:
        while opened.step(most):
            sign(folder, opened, now=now, key=key)
        sign(folder, opened, now=now, key=key)


def sign(folder: Path, opened: Sealer, *, now: datetime = NOW, key: Ed25519PrivateKey = KEY) -> None:
    signer = Signer(HeadsFile(folder / "ledger.heads"), key, timedelta(minutes=5))
    signer.sign(opened.last(), opened.place_of, now, at_once=True)


def make_ledger(folder: Path, count: int = 60, *, most: int = 10) -> None:
    write(folder, count)
    seal_and_sign(folder, most=most)


def findings(folder: Path, *, processes: int = 1, trusted: tuple[str, ...] = (public_text(KEY),)) -> list[str]:
    found, _ = verified(folder, processes=processes, trusted=trusted)
    return [str(finding) for finding in sorted(found.findings, key=lambda finding: finding.line)]


def verified(
    folder: Path, *, processes: int = 1, trusted: tuple[str, ...] = (public_text(KEY),)
) -> tuple[Checked, Seen]:
    path = folder / "relay.db"
    with contextlib.closing(open_for_reading(path)) as connection:
        extent = extent_of(connection)
        found = verify_lines(path, extent, processes=processes)
        verify_wordings(found, connection)
        heads = HeadsFile(folder / "ledger.heads").lines()
        seen = check_heads(found, heads, trusted, lambda number: place_of(connection, number))
        find_lost(found, seen, extent.lines)
    return found, seen
