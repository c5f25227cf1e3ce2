"""`consent-relay db backup`: one file with the store, the journal, policies and keys, while the relay runs."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import getpass
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from relay.cli import CommandError
from relay.cli.stored import now_in_utc, outages_in_words, settings_of
from relay.config.settings import Settings
from relay.store.age import AgeError, AgeWriter, Wrap, for_passphrase, for_recipient
from relay.store.backup import Manifest, write_backup
from relay.store.connection import sync_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="the backup to write; - is standard output")
    parser.add_argument("--encrypt", action="store_true", help="with a passphrase, in the format of age")
    parser.add_argument(
        "--passphrase-file", metavar="FILE", help="its first line is the passphrase (else it is asked for)"
    )
    parser.add_argument(
        "--recipient",
        action="append",
        default=[],
        metavar="age1...",
        help="encrypt for this key of age; may be repeated",
    )
    parser.add_argument("--json", action="store_true", help="print what was written as JSON")


def run(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    to_output = arguments.file == "-"
    if to_output and sys.stdout.isatty():
        raise CommandError("a backup is no text for a terminal; write it to a file or into a pipe", exit_code=2)
    if to_output and arguments.json:
        raise CommandError("--json has no place beside a backup on standard output", exit_code=2)
    wraps = _wraps(arguments)
    if to_output:
        _write(settings, sys.stdout.buffer, wraps, settings.store.path.parent)
        sys.stdout.buffer.flush()
        _tell(wraps)
        return 0
    target = Path(arguments.file)
    with _ended_in_order(), _whole_or_nothing(target) as file:
        manifest = _write(settings, file, wraps, target.absolute().parent)
    octets = target.stat().st_size
    if arguments.json:
        values = json.loads(manifest.octets())
        print(json.dumps({"file": str(target), "octets": octets, "encrypted": bool(wraps), **values}, indent=2))
    else:
        print(f"{target}: {octets:,} octets, {len(manifest.files)} files, the ledger up to line {manifest.line:,}")
    _tell(wraps)
    return 0


def _tell(wraps: list[Wrap]) -> None:
    if not wraps:
        print("consent-relay db: this backup holds keys and personal data in clear: keep it secret", file=sys.stderr)


def _wraps(arguments: argparse.Namespace) -> list[Wrap]:
    """For whom it is encrypted; nobody: in clear."""
    try:
        wraps = [for_recipient(text) for text in arguments.recipient]
    except AgeError as error:
        raise CommandError(f"--recipient: {error}", exit_code=2) from None
    if not arguments.encrypt and not arguments.passphrase_file:
        return wraps
    if wraps:
        if arguments.passphrase_file:
            # age's own rule: who had the passphrase could forge a file for the others
            raise CommandError("a file has recipients or a passphrase, not both", exit_code=2)
        return wraps
    passphrase = passphrase_of(arguments.passphrase_file, twice=True)
    return [for_passphrase(passphrase, os.urandom)]


def passphrase_of(file: str | None, *, twice: bool = False) -> str:
    """From the file's first line, or from whoever sits at the terminal."""
    if file:
        try:
            lines = Path(file).read_text("utf-8").splitlines()
        except UnicodeDecodeError:
            raise CommandError(f"--passphrase-file: {file} is no text in UTF-8", exit_code=2) from None
        passphrase = lines[0] if lines else ""
    elif not sys.stdin.isatty():
        raise CommandError("nobody is there to give a passphrase: name --passphrase-file", exit_code=2)
    else:
        passphrase = getpass.getpass("Passphrase: ")
        if twice and getpass.getpass("Once more: ") != passphrase:
            raise CommandError("these were two different passphrases", exit_code=2)
    if not passphrase:
        raise CommandError("the passphrase is empty", exit_code=2)
    return passphrase


def _write(settings: Settings, file: BinaryIO, wraps: list[Wrap], folder: Path) -> Manifest:
    with outages_in_words(settings), bar("writing the backup") as on_progress:
        if not wraps:
            return write_backup(settings, file, folder, now_in_utc(), on_progress)
        out = AgeWriter(file, wraps, os.urandom)
        manifest = write_backup(settings, cast(BinaryIO, out), folder, now_in_utc(), on_progress)
        out.finish()
        return manifest


@contextlib.contextmanager
def _ended_in_order() -> Iterator[None]:
    """A stop by the system (SIGTERM) leaves as little behind as one from the keyboard."""

    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _whole_or_nothing(target: Path) -> Iterator[BinaryIO]:
    """A file under another name beside it, which gets its name when all is on disk; for our eyes only."""
    if target.exists() or target.is_symlink():
        raise CommandError(f"{target} is there already; name another file", exit_code=2)
    draft = target.with_name(f".{target.name}.partial")
    with open(
        draft,
        "wb",
        opener=lambda path, _: os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600),
    ) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(f"{target}: another backup is being written to it") from None
        try:
            file.truncate(0)  # what one that was killed has left
            yield file
            file.flush()
            os.fsync(file.fileno())
            draft.rename(target)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
    sync_folder(target.absolute().parent)


@contextlib.contextmanager
def bar(words: str) -> Iterator[Callable[[int, int], None]]:
    """On standard error, only on a terminal; the value takes octets done and octets in all."""
    if not sys.stderr.isatty():
        yield lambda _done, _all: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(words, total=None)
        yield lambda done, octets: progress.update(task, completed=done, total=octets)
