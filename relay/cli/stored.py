"""Settings, policies and store for commands; what goes wrong there becomes one line for the person at the terminal."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from relay.address import Address, AddressError, address_from_text
from relay.cli import CommandError
from relay.cli.sealing import seal_written
from relay.config.load import load_settings
from relay.config.settings import Settings
from relay.consent.events import NOES, Event
from relay.consent.moments import parse_moment
from relay.consent.pseudonyms import KEY_OCTETS, Pseudonyms
from relay.decision import new_id
from relay.store.appending import append_events
from relay.store.committing import Committer, Work
from relay.store.journal import Journal
from relay.store.keys import KeyFileError, load_pseudonyms
from relay.store.port import StoreUnavailableError
from relay.store.reading import Reader, open_reader

#: How often, and how many seconds apart, a journal is looked at that seems to be ahead.
_LOOKS: Final = 5
_BETWEEN_LOOKS: Final = 0.1


def settings_of(arguments: argparse.Namespace) -> Settings:
    """As `-c` and the environment say. Raises ProblemsError."""
    return load_settings(Path(arguments.config) if arguments.config else None, os.environ)


def pseudonyms_of(settings: Settings) -> Pseudonyms:
    """Of the key in `[keys] people`. Where there is no store yet either, of a key for this moment: who only looks leaves
    no file behind.
    """
    if not settings.keys.people.exists() and not settings.store.path.exists():
        return Pseudonyms(os.urandom(KEY_OCTETS))
    try:
        return load_pseudonyms(settings.keys.people, settings.store.path)
    except KeyFileError as error:
        raise CommandError(str(error)) from None


@contextlib.contextmanager
def reader_of(settings: Settings, *, tell_behind: bool = True) -> Iterator[Reader]:
    """tell_behind: say on standard error that the store lacks withdrawals, so that nobody believes an answer that they
    would change. Who looks may look all the same.
    """
    with outages_in_words(settings), open_reader(settings.store.path, pseudonyms_of(settings)) as reader:
        if tell_behind and lacks_withdrawals(reader, settings):
            print(
                f"WARNING: {settings.store.path} lacks withdrawals that {settings.store.journal} has, so this may be wrong; "
                "run: consent-relay db migrate --replay-withdrawals",
                file=sys.stderr,
            )
        yield reader


def lacks_withdrawals(reader: Reader, settings: Settings) -> bool:
    """Of a running relay the journal is ahead for the moment of each commit; so it has to be behind for a while."""
    journal = Journal(settings.store.journal)
    for _ in range(_LOOKS):
        if not reader.is_behind(journal):
            return False
        time.sleep(_BETWEEN_LOOKS)
    return True


@contextlib.contextmanager
def committer_of(settings: Settings, *, behind_is_fine: bool = False) -> Iterator[Committer]:
    """The store open for writing; it may be open in a running relay at the same time. What was written is sealed then."""
    with outages_in_words(settings):
        committer = Committer(
            settings.store.path,
            settings.store.journal,
            load_pseudonyms(settings.keys.people, settings.store.path),
            behind_is_fine=behind_is_fine,
        )
        with contextlib.closing(committer):
            yield committer
        seal_written(settings)


def append(committer: Committer, events: Sequence[Event], texts: Mapping[str, str] | None = None) -> tuple[int, ...]:
    """Add events to the ledger; their numbers. texts: words by their hash, of the wordings that the events name."""
    says_no = any(event.kind in NOES for event in events)
    pseudonyms = committer.pseudonyms
    (result,) = committer.commit(
        [Work(lambda connection: append_events(connection, events, pseudonyms, os.urandom, texts or {}), says_no)]
    )
    if isinstance(result, UnicodeError):
        raise CommandError("an option is not valid text in this terminal's encoding", exit_code=2)
    if isinstance(result, BaseException):
        raise result
    numbers: tuple[int, ...] = result
    return numbers


@contextlib.contextmanager
def outages_in_words(settings: Settings) -> Iterator[None]:
    try:
        yield
    except StoreUnavailableError as error:
        raise CommandError(f"{settings.store.path}: {error}") from None
    except KeyFileError as error:
        raise CommandError(str(error)) from None


def address_of(text: str, settings: Settings) -> Address:
    try:
        return address_from_text(text, loose_domains=settings.addresses.loose_domains)
    except AddressError as error:
        raise CommandError(f"the address cannot be used: {error}", exit_code=2) from None


def zone_of(text: str) -> tzinfo | None:
    """A time zone by name ("Asia/Tokyo") or offset ("+09:00"); None for ""."""
    if not text:
        return None
    with contextlib.suppress(ValueError):
        offset = datetime.fromisoformat(f"2000-01-01T00:00:00{text}").utcoffset()
        return timezone(offset or timedelta())
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise CommandError(f"--timezone: {text!r} is no time zone; write Asia/Tokyo or +09:00", exit_code=2) from None


def moment_of(option: str, text: str, zone: tzinfo | None, now: datetime) -> datetime:
    """A time given as an option: ISO 8601 or "now"."""
    if text == "now":
        return now
    try:
        moment = parse_moment(text, zone)
    except ValueError as error:
        raise CommandError(f"{option}: {text!r} {error}", exit_code=2) from None
    if moment > now:
        raise CommandError(f"{option}: {text!r} lies in the future", exit_code=2)
    return moment


def fresh_id(now: datetime) -> str:
    return new_id(now, os.urandom(10))


def now_in_utc() -> datetime:
    return datetime.now(UTC)
