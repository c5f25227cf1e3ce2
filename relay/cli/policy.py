"""`consent-relay policy`: test, explain and show policies, say what deserves a second look, begin a new one.

Nothing here changes the store; only `new` writes, one file that was not there.
"""

from __future__ import annotations

import argparse
import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from relay.cli import CommandError, add_action, add_config_option, explanation
from relay.config.load import load_settings, shipped_policies
from relay.config.mistakes import did_you_mean
from relay.config.settings import Settings
from relay.config.toml import ProblemsError, parse_document, validate
from relay.policy.checks import check_document, check_together
from relay.policy.expectations import failures
from relay.policy.figures import FIGURES
from relay.policy.files import PROFILES_FOLDER, load_files, load_policies, load_profiles
from relay.policy.format import PolicyFile
from relay.policy.lint import lint
from relay.policy.migration import Migration
from relay.policy.model import Kind, Policies, Stream, text_in
from relay.policy.template import TEMPLATES, new_policy
from relay.policy.values import NEVER
from relay.reason import MEANINGS, Reason

#: Of the column of values in `show`; a longer one pushes what stands behind it to the right, on its line alone.
_WIDEST_VALUE: Final = 50
_ACTIONS: Final = {
    "test": "run the [[expect]] tests of the policies",
    "explain": "what would happen to mail for one person, from which facts, by which rule; changes nothing",
    "show": "the streams, or all values of one with the places where they were written",
    "schema": "the JSON schema of a policy file, for editors",
    "lint": "what is allowed and still deserves a second look",
    "new": "begin a new policy file",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    made = {name: add_action(actions, name, words) for name, words in _ACTIONS.items()}
    for action in made.values():
        add_config_option(action)
    for name in ("test", "explain", "show", "lint"):
        made[name].add_argument("--json", action="store_true", help="print JSON")
    made["test"].add_argument("files", nargs="*", metavar="FILE", help="policy files (default: all of the folder)")
    explanation.add_arguments(made["explain"])
    made["show"].add_argument("stream", nargs="?", metavar="STREAM", help="id of a stream (default: list all)")
    new = made["new"]
    new.add_argument("stream", metavar="STREAM", help="id of the new stream, e.g. offers")
    new.add_argument(
        "--kind", choices=[kind.value for kind in Kind], default="commercial", help="(default: commercial)"
    )
    new.add_argument("--brand", default="brand", metavar="NAME", help="who speaks (default: brand)")
    new.add_argument("--client", default="local", metavar="NAME", help="client of relay.toml (default: local)")
    new.add_argument("--mail-from", metavar="PATTERN", help='its sender addresses, e.g. "*@offers.brand.example"')


def run(arguments: argparse.Namespace) -> int:
    settings = load_settings(Path(arguments.config) if arguments.config else None, os.environ)
    match arguments.action:
        case "test":
            return _test(settings, [Path(name) for name in arguments.files], as_json=arguments.json)
        case "explain":
            return explanation.run(settings, load_policies(settings.policies), arguments)
        case "show":
            return _show(load_policies(settings.policies), arguments.stream, as_json=arguments.json)
        case "schema":
            schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **PolicyFile.model_json_schema()}
            print(json.dumps(schema, ensure_ascii=False, indent=2))
            return 0
        case "lint":
            return _lint(load_policies(settings.policies), as_json=arguments.json)
        case _:
            return _new(settings, arguments)


def stream_named(policies: Policies, name: str) -> Stream:
    """Raises CommandError with the nearest name there is."""
    if name in policies.by_id:
        return policies.by_id[name]
    near = did_you_mean(name, list(policies.by_id))
    known = ", ".join(policies.by_id) or "none"
    raise CommandError(
        f'there is no stream "{name}"; ' + (f'did you mean "{near}"?' if near else f"there are: {known}")
    )


def _test(settings: Settings, files: list[Path], *, as_json: bool) -> int:
    profiles = load_profiles(settings.policies / PROFILES_FOLDER)
    policies = load_files(files, profiles) if files else load_policies(settings.policies)
    now = datetime.now(UTC)
    failed = {stream.id: failures(stream, now) for stream in policies.streams}
    if as_json:
        print(json.dumps([_tested(stream, failed[stream.id]) for stream in policies.streams], ensure_ascii=False))
    else:
        for stream in policies.streams:
            count = len(stream.expects)
            for failure in failed[stream.id]:
                print(failure)
            print(f"{stream.file}: {count - len(failed[stream.id])} of {count} expectations hold")
    return 1 if any(failed.values()) else 0


def _tested(stream: Stream, failed: tuple[Any, ...]) -> dict[str, object]:
    return {
        "stream": stream.id,
        "file": stream.file,
        "expectations": len(stream.expects),
        "failures": [{"line": one.line, "note": one.note, "expected": one.wanted, "is": one.got} for one in failed],
    }


def _show(policies: Policies, name: str | None, *, as_json: bool) -> int:
    streams = [stream_named(policies, name)] if name else list(policies.streams)
    if as_json:
        shown = [shown_stream(stream) for stream in streams]
        print(json.dumps(shown[0] if name else shown, ensure_ascii=False, indent=2))
    elif name:
        print("\n".join(_lines_of(streams[0])))
    else:
        rows = [("STREAM", "KIND", "MODE", "BRAND", "PURPOSE", "FILE")]
        rows += [(one.id, one.kind, one.mode, one.brand, text_in(one.purpose, "en"), one.file) for one in streams]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for row in rows:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def shown_stream(stream: Stream) -> dict[str, object]:
    """A stream as JSON: who, what and every rule with its value and where that was written."""
    return {
        "id": stream.id,
        "brand": stream.brand,
        "kind": stream.kind,
        "mode": stream.mode,
        "profiles": list(stream.profiles),
        "purpose": dict(stream.purpose),
        "file": stream.file,
        "hash": stream.hash,
        "rules": {
            key: {"value": _parsed(value), "from": str(stream.origin(key))} for key, value in _rules(stream).items()
        },
    }


def _parsed(value: str) -> object:
    """A value as a file has it, for JSON."""
    parsed = tomllib.loads(f"value = {value}")["value"]
    return parsed.isoformat() if isinstance(parsed, date) else parsed


def _lines_of(stream: Stream) -> list[str]:
    lines = [
        f"{stream.id}: {text_in(stream.purpose, 'en')}",
        f"kind {stream.kind}, brand {stream.brand}, mode {stream.mode}, profiles {', '.join(stream.profiles)}",
        f"{stream.file}, hash {stream.hash[:12]}",
        *([f"migration: {stream.migration.in_words(datetime.now(UTC))}"] if stream.migration else []),
        "",
    ]
    rules = _rules(stream)
    width = max(map(len, rules))
    value_width = min(max(map(len, rules.values())), _WIDEST_VALUE)
    return lines + [f"{key:<{width}}  {value:<{value_width}}  {stream.origin(key)}" for key, value in rules.items()]


def _rules(stream: Stream) -> dict[str, str]:
    """Every key that decides something, with its value as in a file."""
    rules: dict[str, str] = {}
    if stream.is_commercial:
        freshness, consent = stream.consent.freshness, stream.consent
        values: dict[str, Any] = {
            "consent.accept": consent.accept,
            "consent.confirmation_sent_within": freshness.confirmation_sent_within,
            "consent.confirm_within": freshness.confirm_within,
            "consent.first_mail_within": freshness.first_mail_within,
            "consent.stale_after": freshness.stale_after,
            "consent.renew_every": freshness.renew_every,
            "consent.customer_within": freshness.customer_within,
            "consent.inquiry_within": freshness.inquiry_within,
            "consent.ask_before": freshness.ask_before,
            "hold.for": stream.hold.longest,
            "hold.ask_again": stream.hold.ask_again,
        }
        rules = _as_figures(values) | {"hold.expired": f'"{stream.hold.expired}"'}
        if stream.migration is not None:
            rules |= _migration_rules(stream.migration)
    rules |= {f"verdict.{reason}": f'"{stream.verdicts[reason]}"' for reason in Reason if MEANINGS[reason].allowed}
    rules |= _as_figures(
        {"retention.evidence": stream.retention.evidence, "retention.technical": stream.retention.technical}
    )
    return rules | _message_rules(stream) | {"internal": json.dumps(stream.internal, ensure_ascii=False)}


def _as_figures(values: Mapping[str, Any]) -> dict[str, str]:
    return {key: FIGURES[key].write(NEVER if value is None else value) for key, value in values.items()}


def _migration_rules(migration: Migration) -> dict[str, str]:
    rules = {
        "migration.accept": FIGURES["consent.accept"].write(migration.accept),
        "migration.until": migration.until.isoformat(),
    }
    if migration.said_before is not None:
        rules["migration.said_before"] = migration.said_before.isoformat()
    return rules


def _message_rules(stream: Stream) -> dict[str, str]:
    """[message] and [footer.LANG]; the names of templates, not their content."""
    values: dict[str, Any] = {
        f"message.{field.name}": getattr(stream.message, field.name) for field in fields(stream.message)
    }
    if stream.sender is not None and stream.sender.stop_address:
        values["sender.stop_address"] = stream.sender.stop_address
    for language, words in stream.footers.items():
        named = {"text": words.text_file, "html": words.html_file, "why": words.why, "date": words.date}
        values |= {f"footer.{language}.{key}": value for key, value in named.items() if value}
    return {key: json.dumps(value, ensure_ascii=False) for key, value in values.items()}


def _lint(policies: Policies, *, as_json: bool) -> int:
    found = lint(policies, datetime.now(UTC))
    if as_json:
        keys = ("file", "line", "key", "wrong", "instead")
        print(json.dumps([{key: getattr(one, key) for key in keys} for one in found], ensure_ascii=False))
    else:
        print("\n".join(map(str, found)) if found else "nothing to remark")
    return 1 if found else 0


def _new(settings: Settings, arguments: argparse.Namespace) -> int:
    if settings.policies == shipped_policies():
        raise CommandError("there is no folder of policies yet; consent-relay init makes one")
    kind = Kind(arguments.kind)
    path = settings.policies / f"{arguments.stream}.toml"
    mail_from = arguments.mail_from or ("<>" if kind is Kind.SYSTEM else f"*@{arguments.stream}.brand.example")
    text = new_policy(
        (shipped_policies() / TEMPLATES[kind]).read_text("utf-8"),
        stream=arguments.stream,
        kind=kind,
        brand=arguments.brand,
        client=arguments.client,
        mail_from=mail_from,
    )
    _require_sound(settings, path, text)
    try:
        with path.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError:
        raise CommandError(f"{path} exists already") from None
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from None
    option = f" -c {arguments.config}" if arguments.config else ""
    print(
        f"wrote {path}\nNow change its words and rules, then: "
        f"consent-relay policy test{option} && consent-relay check{option}"
    )
    return 0


def _require_sound(settings: Settings, path: Path, text: str) -> None:
    """What was given on the command line may be no id or pattern, or be taken: nothing is written then."""
    document = parse_document(path, text.encode())
    present = [
        parse_document(Path(one.file), Path(one.file).read_bytes()) for one in load_policies(settings.policies).streams
    ]
    problems = list(check_document(document, load_profiles(settings.policies / PROFILES_FOLDER), datetime.now(UTC)))
    problems += check_together([*present, document])
    try:
        validate(PolicyFile, document)
    except ProblemsError as error:
        problems += error.problems
    if problems:
        first = min(problems)
        raise CommandError(f"{first.key}: {first.wrong}, {first.instead}", exit_code=2)
