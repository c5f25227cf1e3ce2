"""`consent-relay reason`: what a reason means and what to do about it. The strings are public API."""

from __future__ import annotations

import argparse
import difflib
import json
from typing import Any

from relay.cli import CommandError, add_config_option
from relay.reason import MEANINGS, Reason


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "reason", metavar="REASON", nargs="?", help="as it stands in a reply or the log; all without it"
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    add_config_option(parser)


def run(arguments: argparse.Namespace) -> int:
    reasons = [_reason(arguments.reason)] if arguments.reason else list(Reason)
    if arguments.json:
        found = [as_json(reason) for reason in reasons]
        print(json.dumps(found[0] if arguments.reason else found, indent=2))
    elif arguments.reason:
        print("\n".join(_at_length(reasons[0])))
    else:
        width = max(map(len, Reason))
        for reason in reasons:
            meaning = MEANINGS[reason]
            print(f"{reason:<{width}}  {meaning.default:<7}  {meaning.explanation}")
    return 0


def as_json(reason: Reason) -> dict[str, Any]:
    meaning = MEANINGS[reason]
    return {
        "reason": reason,
        "group": meaning.group,
        "default": meaning.default,
        "allowed": sorted(meaning.allowed),
        "explanation": meaning.explanation,
        "remedy": meaning.remedy,
    }


def _reason(text: str) -> Reason:
    name = text.strip().lower().rstrip(":")
    try:
        return Reason(name)
    except ValueError:
        near = difflib.get_close_matches(name, list(Reason), n=1)
        hint = f"; did you mean {near[0]}?" if near else "; consent-relay reason lists them"
        raise CommandError(f"{text!r} is not a reason{hint}", exit_code=2) from None


def _at_length(reason: Reason) -> list[str]:
    meaning = MEANINGS[reason]
    choice = (
        f"; a policy may say {', '.join(sorted(meaning.allowed))}"
        if meaning.allowed
        else "; not for a policy to change"
    )
    return [
        f"{reason} ({meaning.group})",
        f"  means:   {meaning.explanation}",
        f"  verdict: {meaning.default}{choice}",
        f"  to do:   {meaning.remedy}",
    ]
