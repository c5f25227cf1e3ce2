"""`consent-relay consent erase`: take out all that is held of a person who asks for it. What stays is their no, as a
keyed hash that nobody can turn back into an address.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Final

from rich.console import Console

from relay.address import Address
from relay.cli import CommandError
from relay.cli.stored import address_of, committer_of, now_in_utc, outages_in_words, settings_of
from relay.config.settings import LoggedAddresses, Settings
from relay.store.erasing import Erased, erase_everywhere, erased_at, is_known

_LONGEST_REASON: Final = 200
#: Characters of a local part below which it is found in any sentence.
_SHORTEST_NAME: Final = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("address", metavar="ADDRESS", help="of one person; every other spelling goes, too")
    parser.add_argument(
        "--reason",
        default="",
        metavar="TEXT",
        help="why, for the ledger, such as a file number; nothing that names them",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask first: what is erased does not come back")
    parser.add_argument("--json", action="store_true", help="print what went as JSON")


def run(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    address = address_of(arguments.address, settings)
    reason = _reason(arguments.reason, address)
    looking = Console(stderr=True).status("looking through the store")
    with committer_of(settings) as committer, outages_in_words(settings):
        with looking:
            known = is_known(committer.connection, address.wide, committer.pseudonyms)
            before = erased_at(committer.connection, address.wide, committer.pseudonyms)
        if not known:
            raise CommandError(f"nothing is held of {address}, under whatever spelling, so there is nothing to erase")
        if not arguments.yes:
            _ask(address)
        with looking:
            erased = erase_everywhere(committer, address.wide, now_in_utc(), reason)
    if arguments.json:
        print(json.dumps(_as_json(erased, settings, again=before is not None), indent=2))
    else:
        print("\n".join(_told(erased, settings, again=before is not None)))
    return 0


def _reason(text: str, address: Address) -> str:
    """The ledger keeps it for ever, so it must not bring back what it is about."""
    if len(text) > _LONGEST_REASON or not text.isprintable():
        raise CommandError(f"--reason: one line of at most {_LONGEST_REASON} characters", exit_code=2)
    name = address.local.lower()
    if "@" in text or (len(name) > _SHORTEST_NAME and name in text.lower()):
        raise CommandError("--reason: stays in the ledger, so it must not name the person", exit_code=2)
    return text


def _ask(address: Address) -> None:
    if not sys.stdin.isatty():
        raise CommandError("this does not come back; say --yes, or answer at a terminal", exit_code=2)
    print(f"All that is held of {address} goes, under every spelling; it does not come back.", file=sys.stderr)
    if input("Type the address to go on: ").strip() != str(address):
        raise CommandError("nothing was erased")


def _told(erased: Erased, settings: Settings, *, again: bool) -> list[str]:
    if erased:
        went = (
            f"{erased.contacts:,} times of a last mail, {erased.failures:,} failures of the address, "
            f"{erased.wordings:,} texts that nobody else agreed to"
        )
        lines = [
            f"erased: personal data in the ledger ({erased.lines:,} lines), {erased.decisions:,} decisions on mail, {went}"
        ]
        if erased.copies or erased.reports:
            lines.append(
                f"erased: {erased.copies:,} copies of mail that waited for them, which nobody gets now, and "
                f"{erased.reports:,} lines of reports about mail that they did not get"
            )
        if erased.contents:
            lines.append(
                f"made unreadable: their address in {erased.contents:,} messages that wait for other people; text that is "
                "encoded in them was not looked into"
            )
    elif again:
        lines = ["was erased before, and nothing has come since"]
    else:
        lines = ["nothing but a no was left, and that stays"]
    lines.append("kept: a keyed hash; nothing is sent to any spelling until the person says yes again")
    return [*lines, *(f"not reached: {words}" for words in _out_of_reach(settings))]


def _out_of_reach(settings: Settings) -> list[str]:
    """Where the address may stand outside of the store; the manual says how long."""
    beside = ["backups made until now; restored with its journal, a backup forgets the person again"]
    if settings.log.addresses is LoggedAddresses.CLEAR:
        where = "standard output" if settings.log.path == "-" else settings.log.path
        beside.insert(
            0, f'the log ({where}), until it is rotated; [log] addresses = "hashed" keeps addresses out of it'
        )
    return beside


def _as_json(erased: Erased, settings: Settings, *, again: bool) -> dict[str, object]:
    return {
        "erased_before": again,
        "lines": erased.lines,
        "decisions": erased.decisions,
        "contacts": erased.contacts,
        "failures": erased.failures,
        "wordings": erased.wordings,
        "copies": erased.copies,
        "reports": erased.reports,
        "contents": erased.contents,
        "not_reached": _out_of_reach(settings),
    }
