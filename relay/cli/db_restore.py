"""`consent-relay db restore`: put a backup in place, checked before anything is touched; what was there is kept."""

from __future__ import annotations

import argparse
import contextlib
import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, cast

from relay.cli import CommandError
from relay.cli.db_backup import bar, passphrase_of
from relay.cli.db_migrate import replayed_in_words
from relay.cli.stored import now_in_utc, settings_of
from relay.config.load import load_settings, shipped_policies
from relay.config.problems import ProblemsError
from relay.config.settings import Settings
from relay.store.age import MAGIC, AgeError, AgeReader, Unwrap, with_identities, with_passphrase
from relay.store.backup import Manifest, Role, Stored, dkim_files, policy_files
from relay.store.committing import Committer
from relay.store.keys import load_pseudonyms
from relay.store.port import StoreUnavailableError
from relay.store.restoring import Exchange, Placed, carry_out, check_keys, check_store, plan
from relay.store.uncertain import set_all_aside_in
from relay.store.unfinished import mark_of
from relay.store.unpacking import BackupError, unpack
from relay.workers.instance import AlreadyRunningError, only_instance


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a backup; - is standard input")
    parser.add_argument("--into", metavar="FOLDER", help="set up a relay there, with the backup's own relay.toml")
    parser.add_argument("--force", action="store_true", help="replace what is there; it is put aside, not deleted")
    parser.add_argument(
        "--passphrase-file", metavar="FILE", help="its first line is the passphrase (else it is asked for)"
    )
    parser.add_argument("--identity", metavar="FILE", help="file with the AGE-SECRET-KEY-1... that opens the backup")
    parser.add_argument(
        "--replay-withdrawals",
        action="store_true",
        help="then add the withdrawals that only withdrawals.journal has, as db migrate does",
    )


@dataclass(frozen=True, slots=True)
class _Places:
    """Where the files of each role go. dkim: by their names in the archive. notes: what the user has to know."""

    settings: Settings
    store: Path
    journal: Path
    toml: Path
    policies: Path
    tokens: Path
    people: Path
    addresses: Path
    ledger: Path
    heads: Path
    dkim: dict[str, Path]
    notes: tuple[str, ...] = ()

    def of(self, one: Stored) -> Path:
        match one.role:
            case Role.POLICY:
                return self.policies / one.name.removeprefix("policies/")
            case Role.TOKEN_KEY:
                return self.tokens / Path(one.name).name
            case Role.DKIM_KEY:
                return self.dkim.get(one.name, self.tokens.parent / Path(one.name).name)
            case _:
                return {
                    Role.STORE: self.store,
                    Role.JOURNAL: self.journal,
                    Role.SETTINGS: self.toml,
                    Role.PEOPLE_KEY: self.people,
                    Role.ADDRESSES_KEY: self.addresses,
                    Role.LEDGER_KEY: self.ledger,
                    Role.HEADS: self.heads,
                }[one.role]


def run(arguments: argparse.Namespace) -> int:
    into = Path(arguments.into).resolve() if arguments.into else None
    if into is not None and arguments.config:
        raise CommandError("--into brings the backup's own relay.toml; leave -c out", exit_code=2)
    here = None if into is not None else settings_of(arguments)
    folder = into / "var" if into is not None else cast(Settings, here).store.path.parent
    try:
        with only_instance(folder), _staging(folder) as staged, contextlib.ExitStack() as stack:
            manifest = _unpacked(arguments, staged)
            places = _places_of(here) if here is not None else _places_in(cast(Path, into), staged)
            if places.store.parent != folder:
                stack.enter_context(only_instance(places.store.parent))
            exchange = _checked(manifest, staged, places)
            _require_leave(exchange, arguments, places)
            now = now_in_utc()
            aside = folder / f"replaced-{now:%Y%m%dT%H%M%SZ}"
            waiting = set_all_aside_in(exchange.store.staged, now)
            lacking = carry_out(exchange, aside)
            _tell(manifest, exchange, places, aside)
            if waiting:
                print(
                    f"{waiting:,} {'copy' if waiting == 1 else 'copies'} of mail waited when the backup was made; nobody "
                    "knows which went out since, so all were set aside: look at queue list, then queue retry or queue drop"
                )
            _bring_up(places, lacking, replay=arguments.replay_withdrawals)
    except AlreadyRunningError as error:
        raise CommandError(str(error)) from None
    except (BackupError, AgeError) as error:
        raise CommandError(f"{arguments.file}: {error}; nothing was changed") from None
    except StoreUnavailableError as error:
        raise CommandError(str(error)) from None
    return 0


def _bring_up(places: _Places, lacking: int, *, replay: bool) -> None:
    if replay:
        pseudonyms = load_pseudonyms(places.people)
        with contextlib.closing(Committer(places.store, places.journal, pseudonyms, behind_is_fine=True)) as committer:
            print(replayed_in_words(committer))
    elif lacking:
        print(
            f"{places.journal} has withdrawals or erasures that this store lacks ({lacking:,}); the relay starts only after "
            "consent-relay db migrate --replay-withdrawals, or with serve --replay-withdrawals"
        )


@contextlib.contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """A folder on the file system of the store, for our eyes only; what one that was killed has left goes."""
    for left in folder.glob(".restoring-*"):
        shutil.rmtree(left, ignore_errors=True)
    staged = Path(tempfile.mkdtemp(prefix=".restoring-", dir=folder))
    try:
        yield staged
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _unpacked(arguments: argparse.Namespace, staged: Path) -> Manifest:
    with contextlib.ExitStack() as stack:
        file: BinaryIO = sys.stdin.buffer if arguments.file == "-" else stack.enter_context(_opened(arguments.file))
        on_progress = stack.enter_context(bar("reading the backup"))
        octets = 0 if arguments.file == "-" else Path(arguments.file).stat().st_size
        source = io.BufferedReader(cast(io.RawIOBase, file), 1 << 16) if not hasattr(file, "peek") else file
        start = cast(io.BufferedReader, source).peek(len(MAGIC))[: len(MAGIC)]
        if start == MAGIC:
            source = cast(BinaryIO, io.BufferedReader(AgeReader(source, _unwrap(arguments)), 1 << 20))
        return unpack(source, staged, lambda done: on_progress(done, max(octets, done)))


def _opened(file: str) -> BinaryIO:
    try:
        return Path(file).open("rb")
    except FileNotFoundError:
        raise CommandError(f"there is no file {file}", exit_code=2) from None


def _unwrap(arguments: argparse.Namespace) -> Unwrap:
    if arguments.identity:
        return with_identities(Path(arguments.identity).read_text("utf-8"))
    return with_passphrase(passphrase_of(arguments.passphrase_file))


def _checked(manifest: Manifest, staged: Path, places: _Places) -> Exchange:
    roles = {staged / one.name: one.role for one in manifest.files}
    people = staged / "keys" / "people.key"
    with bar("checking the backup"):
        check_keys(roles)
        check_store(staged / "relay.db", manifest, people if people in roles else None)
    for rest in ("relay.db-wal", "relay.db-shm"):
        (staged / rest).unlink(missing_ok=True)
    placed = {one.name: Placed(staged / one.name, places.of(one), one.name) for one in manifest.files}
    store = placed.pop("relay.db")
    journal = placed.pop(
        "withdrawals.journal", Placed(staged / "withdrawals.journal", places.journal, "withdrawals.journal")
    )
    wanted = {one.destination for one in placed.values()}
    has_policies = any(one.role is Role.POLICY for one in manifest.files)
    extra = tuple(path for path in policy_files(places.policies) if path not in wanted) if has_policies else ()
    toml = placed.get("relay.toml")
    if toml is not None and places.settings.file is not None and toml.destination == places.settings.file:
        # Who names a relay.toml means that one.
        same = toml.destination.read_bytes() == toml.staged.read_bytes()
        del placed["relay.toml"]
        if not same:
            placed["relay.toml"] = Placed(toml.staged, toml.destination.with_name("relay.toml.restored"), "relay.toml")
    return plan(store, journal, tuple(placed.values()), extra)


def _require_leave(exchange: Exchange, arguments: argparse.Namespace, places: _Places) -> None:
    there = [str(one.destination) for one in exchange.replaced] + [str(path) for path in exchange.removed]
    if there and not arguments.force and not mark_of(places.store).exists():
        more = f" and {len(there) - 3:,} more" if len(there) > 3 else ""
        raise CommandError(
            f"there already: {', '.join(there[:3])}{more}; --force replaces them and keeps the old ones in a folder beside "
            "the store"
        )


def _tell(manifest: Manifest, exchange: Exchange, places: _Places, aside: Path) -> None:
    print(f"restored {places.store}: the store of {_text(manifest.at)}, the ledger up to line {manifest.line:,}")
    print(f"{len(exchange.files):,} other {'file' if len(exchange.files) == 1 else 'files'} restored")
    if exchange.replaced or exchange.removed:
        print(f"what was there is in {aside}")
    for note in places.notes:
        print(note)


def _places_of(settings: Settings) -> _Places:
    """As relay.toml and the environment of this machine say."""
    policies = settings.policies if settings.policies != shipped_policies() else settings.folder / "policies"
    return _Places(
        settings=settings,
        store=settings.store.path,
        journal=settings.store.journal,
        toml=settings.file or settings.folder / "relay.toml",
        policies=policies,
        tokens=settings.keys.tokens,
        people=settings.keys.people,
        addresses=settings.keys.addresses,
        ledger=settings.keys.ledger,
        heads=settings.ledger.heads,
        dkim=dkim_files(settings),
    )


def _places_in(folder: Path, staged: Path) -> _Places:
    """As the backup's own relay.toml says, below `folder`; what it puts elsewhere goes to the usual place, with a note."""
    toml = staged / "relay.toml"
    notes: list[str] = []
    try:
        settings = load_settings(toml if toml.exists() else None, {})
    except ProblemsError as error:
        raise BackupError(f"its relay.toml is not understood ({error.problems[0]})") from None
    base = toml.parent if toml.exists() else settings.folder

    def place(path: Path, usual: str) -> Path:
        if path.is_relative_to(base) and ".." not in path.relative_to(base).parts:
            return folder / path.relative_to(base)
        notes.append(f"relay.toml names {path}; it is in {folder / usual} now: change relay.toml")
        return folder / usual

    own_policies = settings.policies != shipped_policies()
    store = place(settings.store.path, "var/relay.db")
    return _Places(
        settings=settings,
        store=store,
        journal=store.with_name(settings.store.journal.name),
        toml=folder / "relay.toml",
        policies=place(settings.policies, "policies") if own_policies else folder / "policies",
        tokens=place(settings.keys.tokens, "var/keys/tokens"),
        people=place(settings.keys.people, "var/keys/people.key"),
        addresses=place(settings.keys.addresses, "var/keys/addresses.key"),
        ledger=place(settings.keys.ledger, "var/keys/ledger.pem"),
        heads=place(settings.ledger.heads, "var/ledger.heads"),
        dkim={name: place(path, f"var/{name}") for name, path in dkim_files(settings).items()},
        notes=tuple(notes),
    )


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
