"""`consent-relay consent wording`: the words that people agreed to, when they were in use, and a picture of their form."""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from relay.cli import CommandError
from relay.cli.consent_json import iso
from relay.cli.consent_words import day
from relay.cli.stored import committer_of, moment_of, now_in_utc, reader_of, settings_of, zone_of
from relay.config.settings import Settings
from relay.consent.evidence import is_wording_hash, wording_hash, wording_text
from relay.store.committing import Work
from relay.store.reading import Reader
from relay.store.wordings import Picture, Wording, describe_wording, read_wordings

#: Digits of a hash that a list shows, and the fewest that name one.
_SHORT: Final = 12
_FEWEST: Final = 6
#: Octets of a text; more is no wording of a form.
_LONGEST: Final = 20_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("do", choices=("list", "show", "add"), metavar="list|show|add", help="what to do")
    parser.add_argument(
        "what",
        nargs="?",
        default="",
        metavar="HASH|FILE",
        help=f"show: the hash, or its first {_FEWEST} digits or more; add: a file with the text, in UTF-8",
    )
    parser.add_argument("--language", default="", metavar="TAG", help="add: language of the text")
    parser.add_argument("--from", dest="shown_from", default="", metavar="T", help="add: in use since; a day or a time")
    parser.add_argument(
        "--until", dest="shown_until", default="", metavar="T", help="add: in use until; a day means its beginning"
    )
    parser.add_argument(
        "--timezone", default="", metavar="ZONE", help="of days and times without a zone (default: UTC)"
    )
    parser.add_argument(
        "--picture", metavar="FILE", help="add: a picture of the form (PNG, JPEG, WebP, PDF); show: write it here"
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    if arguments.do == "list":
        with reader_of(settings) as reader:
            _print_list(reader.wordings(), as_json=arguments.json)
        return 0
    if not arguments.what:
        raise CommandError(f"{arguments.do}: name {'a hash' if arguments.do == 'show' else 'a file'}", exit_code=2)
    return _show(settings, arguments) if arguments.do == "show" else _add(settings, arguments)


def text_and_hash(given: str) -> tuple[str, str]:
    """What `--wording` may be: words, a hash, or @FILE: the text ("" for a hash), and its hash ("" for nothing).

    Raises CommandError.
    """
    stripped = given.strip()
    if is_wording_hash(stripped.lower()):
        return "", stripped.lower()
    text = _text_of(stripped[1:]) if stripped.startswith("@") else wording_text(given)
    try:
        return text, wording_hash(text)
    except UnicodeEncodeError:
        raise CommandError("--wording: is not valid text in this terminal's encoding", exit_code=2) from None


def wording_as_json(wording: Wording) -> dict[str, Any]:
    return {
        "hash": wording.hash,
        "text": wording.text,
        "language": wording.language,
        "uses": wording.uses,
        "first_at": iso(wording.first_at),
        "last_at": iso(wording.last_at),
        "shown_from": iso(wording.shown_from),
        "shown_until": iso(wording.shown_until),
        "picture": {"type": wording.picture_type, "octets": wording.picture_octets} if wording.picture_type else None,
    }


def period_of(wording: Wording) -> str:
    """When it was in use, in words."""
    stated = ""
    if wording.shown_from or wording.shown_until:
        start = f"from {day(wording.shown_from)}" if wording.shown_from else ""
        end = f"until {day(wording.shown_until)}" if wording.shown_until else "until now"
        stated = f"shown {start} {end}".replace("  ", " ")
    agreed = ""
    if wording.first_at and wording.last_at:
        first, last = _day(wording.first_at), _day(wording.last_at)
        agreed = f"agreed to on {first}" if first == last else f"agreed to from {first} to {last}"
    return "; ".join(part for part in (stated, agreed) if part) or "never agreed to"


def one_wording(reader: Reader, beginning: str) -> Wording:
    """The wording whose hash begins so. Raises CommandError for none, and for several."""
    wanted = beginning.strip().lower()
    if len(wanted) < _FEWEST:
        raise CommandError(f"{beginning!r}: give {_FEWEST} digits of the hash or more", exit_code=2)
    found = reader.wordings(wanted)
    if not found:
        raise CommandError(f"no wording has the hash {beginning}; consent-relay consent wording list shows all")
    if len(found) > 1:
        raise CommandError(f"{len(found)} hashes begin with {beginning}; give more digits", exit_code=2)
    return found[0]


def _print_list(wordings: list[Wording], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([wording_as_json(one) for one in wordings], indent=2, ensure_ascii=False))
        return
    if not wordings:
        print("no wording is stored; consent-relay consent wording add FILE keeps one")
    for one in wordings:
        picture = f"; picture ({one.picture_type})" if one.picture_type else ""
        language = f" [{one.language}]" if one.language else ""
        print(
            f"{one.hash[:_SHORT]}{language}  agreed to {one.uses:,} {'time' if one.uses == 1 else 'times'}; {period_of(one)}{picture}"
        )
        print(f"  {_first_line(one)}")


def _show(settings: Settings, arguments: argparse.Namespace) -> int:
    with reader_of(settings) as reader:
        wording = one_wording(reader, arguments.what)
        picture = reader.picture(wording.hash)
    if arguments.picture:
        if not picture:
            raise CommandError(
                f"{wording.hash[:_SHORT]} has no picture; consent wording add FILE --picture gives it one"
            )
        Path(arguments.picture).write_bytes(picture)
        print(f"picture written to {arguments.picture}", file=sys.stderr)
    if arguments.json:
        print(json.dumps(wording_as_json(wording), indent=2, ensure_ascii=False))
        return 0
    print(f"hash      {wording.hash}")
    for name, value in (
        ("language", wording.language),
        ("agreed to", f"{wording.uses:,} {'time' if wording.uses == 1 else 'times'}"),
        ("in use", period_of(wording)),
        ("picture", f"{wording.picture_type}, {wording.picture_octets:,} octets" if wording.picture_type else ""),
    ):
        if value:
            print(f"{name:<9} {value}")
    print()
    print(wording.text or "(only the hash is known; consent-relay consent wording add FILE keeps the text)")
    return 0


def _add(settings: Settings, arguments: argparse.Namespace) -> int:
    text = _text_of(arguments.what)
    zone, now = zone_of(arguments.timezone or "+00:00"), now_in_utc()
    shown_from = moment_of("--from", arguments.shown_from, zone, now) if arguments.shown_from else None
    shown_until = moment_of("--until", arguments.shown_until, zone, now) if arguments.shown_until else None
    if shown_from is not None and shown_until is not None and shown_until < shown_from:
        raise CommandError("--until: lies before --from", exit_code=2)
    picture = _picture_of(arguments.picture) if arguments.picture else None
    identity = wording_hash(text)

    def work(connection: sqlite3.Connection) -> str:
        known = next(iter(read_wordings(connection, identity)), None)
        begins = shown_from
        if begins is None and shown_until is None and (known is None or known.shown_from is None):
            begins = now  # who adds a text without saying when has just begun to show it
        return describe_wording(
            connection,
            text,
            language=arguments.language,
            shown_from=begins,
            shown_until=shown_until,
            picture=picture,
        )

    with committer_of(settings) as committer:
        (result,) = committer.commit([Work(work)])
    if isinstance(result, BaseException):
        raise result
    with reader_of(settings) as reader:
        (wording,) = reader.wordings(identity)
    if arguments.json:
        print(json.dumps(wording_as_json(wording), indent=2, ensure_ascii=False))
    else:
        print(f"kept as {identity}; {period_of(wording)}")
    return 0


def _text_of(name: str) -> str:
    try:
        octets = Path(name).read_bytes()
    except OSError as error:
        raise CommandError(f"{name}: {error.strerror}") from None
    if len(octets) > _LONGEST:
        raise CommandError(f"{name}: is longer than {_LONGEST:,} octets, which is no wording of a form")
    try:
        text = wording_text(octets.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise CommandError(f"{name}: is not text in UTF-8") from None
    if not text or "\0" in text:
        raise CommandError(f"{name}: has no words" if not text else f"{name}: is not text")
    return text


def _picture_of(name: str) -> Picture:
    try:
        return Picture.of(Path(name).read_bytes())
    except OSError as error:
        raise CommandError(f"--picture {name}: {error.strerror}") from None
    except ValueError as error:
        raise CommandError(f"--picture {name}: {error}") from None


def _first_line(wording: Wording) -> str:
    if not wording.text:
        return "(only the hash is known)"
    line, _, rest = wording.text.partition("\n")
    return f"{line[:90]}..." if rest or len(line) > 90 else line


def _day(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d}"
