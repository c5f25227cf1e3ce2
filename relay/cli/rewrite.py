"""`consent-relay rewrite`: what would be sent for a message in a file. The same code as the relay's own makes it.

Reads the settings, the policies, the keys for DKIM and the ledger; writes nothing but what it is told to with --output.
The links in what it shows are dead: whoever looks at a preview must not be able to unsubscribe anybody.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import shutil
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from relay.address import Address
from relay.cli import CommandError, add_config_option
from relay.cli.comparison import HeaderField, PartPair, Side, compared
from relay.cli.preview import Preview, preview_of
from relay.cli.side_by_side import print_comparison, safe
from relay.cli.stored import address_of, moment_of, pseudonyms_of, settings_of
from relay.config.mistakes import did_you_mean
from relay.config.settings import Settings
from relay.consent.events import Act, Basis
from relay.consent.facts import NOTHING_KNOWN, Facts, Yes
from relay.inbound.data import DataParser
from relay.message.compose import Copy, Undisclosable
from relay.policy.files import PROFILES_FOLDER, load_policies, load_profiles
from relay.policy.model import Mode, Policies, Stream
from relay.policy.profiles import resolve
from relay.reply import Reply
from relay.rewriting import DamagedCopyError
from relay.store.port import StoreUnavailableError
from relay.store.reading import open_reader

#: Of side-by-side output that is not read at a terminal.
_WIDTH: Final = 160
_LINE_END: Final = re.compile(rb"\r?\n")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Print the message as it would be sent to one person. Nothing is sent, and nothing is written but the file of "
        "--output. Line ends come out as they are in FILE; DKIM signs CRLF, which --crlf prints. The links are dead."
    )
    parser.add_argument("file", metavar="FILE", help="a message (.eml); - reads standard input")
    parser.add_argument("--stream", required=True, metavar="ID", help="the stream whose policy holds")
    parser.add_argument("--to", required=True, metavar="ADDRESS", help="the recipient")
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--diff", action="store_true", help="show what changed side by side: header fields, and the parts decoded"
    )
    how.add_argument("--json", action="store_true", help="print the facts of the rewriting as JSON")
    parser.add_argument("--output", metavar="FILE", help="write the message there instead of printing it")
    parser.add_argument("--crlf", action="store_true", help="end lines in CRLF, as on the wire, whatever FILE has")
    parser.add_argument(
        "--consented", metavar="DATE", help="as if the person had agreed on this day, such as 2026-03-31"
    )
    parser.add_argument("--language", metavar="TAG", help="with --consented: as if in this language, such as ja")
    parser.add_argument("--enforced", action="store_true", help='as if the stream had mode = "enforce"')
    add_config_option(parser)


def run(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    stream = _stream(load_policies(settings.policies), arguments.stream)
    if arguments.enforced:
        stream = replace(stream, mode=Mode.ENFORCE)
    address = address_of(arguments.to, settings)
    original, lf = _read(arguments.file, settings.limits.message_size)
    facts, note = _facts(settings, stream, address, arguments)
    try:
        preview = preview_of(settings, stream, address, facts, original)
    except DamagedCopyError as error:
        raise CommandError(f"the relay would not let this copy out: {error}. Please report it") from None
    refused = _refused_by_smtp(original, settings)
    preview = replace(preview, notes=(*filter(None, (refused, note)), *preview.notes))
    for note in preview.notes:
        print(f"consent-relay rewrite: {safe(note)}", file=sys.stderr)
    if isinstance(preview.copy, Undisclosable):
        if arguments.json:
            _print_json({**_head(preview), "result": "undisclosable", "why": preview.copy.why})
        raise CommandError(_undisclosable(settings, preview, preview.copy.why))
    content = preview.copy.content
    printed = content.replace(b"\r\n", b"\n") if lf and not arguments.crlf else content
    if arguments.output:
        _write(Path(arguments.output), arguments.file, printed)
    if arguments.json:
        _print_json(_as_json(preview, preview.copy))
    elif arguments.diff:
        _print_diff(preview, preview.copy)
    elif not arguments.output:
        _print_message(printed)
    return 0


def _stream(policies: Policies, name: str) -> Stream:
    if name in policies.by_id:
        return policies.by_id[name]
    near = did_you_mean(name, list(policies.by_id))
    known = ", ".join(policies.by_id) or "none"
    hint = f'did you mean "{near}"?' if near else f"there are: {known}"
    raise CommandError(f'there is no stream "{name}"; {hint}', exit_code=2)


def _read(name: str, limit: int) -> tuple[bytes, bool]:
    """The message with CRLF, and whether its lines end in LF. The first line decides: a body may hold anything."""
    try:
        if name == "-":
            content = sys.stdin.buffer.read(limit + 1)
        else:
            with Path(name).open("rb") as file:
                content = file.read(limit + 1)
    except OSError as error:
        raise CommandError(f"{name}: {error.strerror}", exit_code=2) from None
    except ValueError:  # a name that no file can have
        raise CommandError(f"{name!r} is not the name of a file", exit_code=2) from None
    if len(content) > limit:
        raise CommandError(
            f"{name}: larger than limits.message_size, {limit:,} octets: it would be refused", exit_code=2
        )
    if not content:
        raise CommandError(f"{name}: empty", exit_code=2)
    first = content.find(b"\n")
    if first < 0 or content.endswith(b"\r", 0, first):
        return content, False
    return _LINE_END.sub(b"\r\n", content), True


def _refused_by_smtp(original: bytes, settings: Settings) -> str:
    """What the relay's listener would say instead of taking the message, "" when it would take it."""
    limits = settings.limits
    parser = DataParser(size_limit=limits.message_size, line_limit=limits.line_length, received_limit=limits.received)
    lines = b"\r\n" + original + (b"" if original.endswith(b"\r\n") else b"\r\n")
    parser.feed(lines.replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n")
    answer = parser.result()
    return f"the relay would not take this message: {answer}" if isinstance(answer, Reply) else ""


def _facts(settings: Settings, stream: Stream, address: Address, arguments: argparse.Namespace) -> tuple[Facts, str]:
    """Of the ledger, or as --consented wants them; and what has to be said about them."""
    if arguments.consented:
        at = moment_of("--consented", arguments.consented, UTC, _now())
        yes = Yes(Basis.DOUBLE_OPT_IN, Act.CLICKED, at, "", live=False, language=arguments.language or "")
        return Facts(yes=yes), ""
    if arguments.language:
        raise CommandError("--language goes with --consented: a language is recorded with a consent", exit_code=2)
    if not stream.is_commercial:
        return NOTHING_KNOWN, ""
    path = settings.store.path
    try:
        with open_reader(path, pseudonyms_of(settings)) as reader:
            facts = reader.facts(stream.brand, stream.id, [address])[address]
    except (StoreUnavailableError, OSError) as error:
        return NOTHING_KNOWN, f"as if no consent were recorded ({path}: {error})"
    return facts, "" if facts.yes else f"no consent of {address} is recorded, so the footer names none"


def _undisclosable(settings: Settings, preview: Preview, why: str) -> str:
    """And what would help, as far as the laws that the policy follows allow it."""
    shelf = load_profiles(settings.policies / PROFILES_FOLDER)
    profiles = [shelf[name] for name in preview.stream.profiles if name in shelf]
    key = "message.undisclosable"
    words = " or ".join(f'"{one}"' for one in preview.remedies if not resolve({key: one}, profiles).looser)
    remedy = f"; {preview.stream.file} could say {key} = {words}" if words else ""
    return f"the message cannot carry the footer: {why}{remedy}"


def _write(path: Path, source: str, content: bytes) -> None:
    try:
        if source != "-" and path.exists() and path.samefile(source):
            raise CommandError(f"--output: {path} is the message itself", exit_code=2)
        path.write_bytes(content)
    except OSError as error:
        raise CommandError(f"--output: {path}: {error.strerror}", exit_code=2) from None


def _print_message(content: bytes) -> None:
    """To a terminal as text that it cannot obey, elsewhere octet by octet."""
    if sys.stdout.isatty():
        _print_anything()
        text = content.replace(b"\r\n", b"\n").removesuffix(b"\n").decode("utf-8", "backslashreplace")
        print("\n".join(safe(line) for line in text.split("\n")))
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def _print_diff(preview: Preview, copy: Copy) -> None:
    _print_anything()
    print(f"footer: {copy.footer or 'none is needed'}")
    if preview.filled:
        print(f"placeholders filled: {', '.join(preview.filled)}")
    width = shutil.get_terminal_size((_WIDTH, 24)).columns
    print_comparison(Console(file=sys.stdout, width=width), compared(preview.original, copy.content))


def _print_anything() -> None:
    """A terminal of another charset is no reason to stop."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def _print_json(value: dict[str, Any]) -> None:
    print(json.dumps(value, ensure_ascii=True, indent=2))


def _head(preview: Preview) -> dict[str, Any]:
    return {"stream": preview.stream.id, "to": str(preview.address), "notes": list(preview.notes)}


def _as_json(preview: Preview, copy: Copy) -> dict[str, Any]:
    comparison = compared(preview.original, copy.content)
    return {
        **_head(preview),
        "result": "unchanged" if copy.content == preview.original else "rewritten",
        "footer": {"how": copy.shown.name.lower().replace("_", "-"), "why": copy.why},
        "placeholders": list(preview.filled),
        "octets": {"before": len(preview.original), "after": len(copy.content)},
        "fields": {"removed": _fields(comparison.removed), "added": _fields(comparison.added)},
        "parts": [_part(pair) for pair in comparison.parts],
        "signed_by": [f"{one.selector}._domainkey.{one.domain}" for one in preview.signers],
    }


def _fields(fields: tuple[HeaderField, ...]) -> list[dict[str, str]]:
    return [{"name": one.name, "value": one.value} for one in fields]


def _part(pair: PartPair) -> dict[str, Any]:
    return {"changed": pair.changed, "before": _side(pair.before), "after": _side(pair.after)}


def _side(side: Side | None) -> dict[str, Any] | None:
    if side is None:
        return None
    return {
        "path": side.path,
        "type": side.kind,
        "transfer": side.transfer,
        "charset": side.charset,
        "octets": side.octets,
    }


def _now() -> datetime:
    return datetime.now(UTC)
