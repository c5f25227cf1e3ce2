"""`consent-relay log report`: mail that was accepted and did not go out, told to the client's owner or not."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from relay.cli.waiting_words import iso, json_line, second
from relay.decision import Result
from relay.message.report import Kind
from relay.queued import Fate
from relay.store.reading import Reader
from relay.store.reported import Reported, WantedLines


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--client", default="", metavar="NAME", help="only mail of this client")
    parser.add_argument("--stream", default="", metavar="S", help="only this stream")
    parser.add_argument("--fate", choices=[fate.value for fate in Fate], metavar="FATE", help=", ".join(Fate))
    parser.add_argument("--untold", action="store_true", help="only lines that no mail to an owner tells yet")


def run(reader: Reader, wanted: WantedLines, limit: int, *, as_json: bool) -> int:
    found = reader.report_lines(wanted, limit)
    kinds = reader.report_kinds(wanted)
    count = sum(kind.count for kind in kinds)
    for line in map(json_line, map(fields_of, found)) if as_json else _screen(found, kinds):
        print(line)
    if not count:
        print("nothing to report: whatever was accepted went out, or waits", file=sys.stderr)
    elif count > len(found):
        print(f"the newest {len(found):,} of {count:,}; see --limit, --since and --until", file=sys.stderr)
    return 0


def fields_of(one: Reported) -> dict[str, object]:
    line = one.line
    return {
        "at": iso(line.at),
        "client": line.client,
        "stream": line.stream,
        "brand": line.brand,
        "message": line.message,
        "id": line.decision,
        "sender": line.sender,
        "recipient": line.recipient,
        "fate": line.fate,
        "reason": line.reason,
        "reply": line.reply,
        "told_at": iso(one.told_at),
        "told_in": one.told_in,
        "told": told(one),
    }


def told(one: Reported) -> str:
    """Does the owner know of it? "no"; "on its way" while the mail that tells it waits; "yes", or "failed" where it was
    not delivered; "unknown" when what became of it is no longer kept.
    """
    if one.told_at is None:
        return "no"
    if one.waits:
        return "on its way"
    if one.became is None:
        return "unknown"
    return "yes" if one.became is Result.DELIVERED else "failed"


def _screen(found: Sequence[Reported], kinds: Sequence[Kind]) -> Iterator[str]:
    for kind in kinds:
        yield f"{kind.count:>9,}  {kind.fate}, {kind.reason}, {kind.stream or 'no stream'}"
    if found:
        yield ""
    for one in found:
        line = one.line
        reply = f"  {line.reply}" if line.reply else ""
        yield (
            f"{second(line.at)}  {line.fate:<10}  {line.reason}  {line.stream or '-'}  {line.sender or '<>'} -> "
            f"{line.recipient}  {line.client}  told: {told(one)}  {line.decision}{reply}"
        )
