"""`consent-relay hold show`: what is held of a message or person, at length, and what would be decided today."""

from __future__ import annotations

import argparse
import json
import sys

from relay.cli import CommandError
from relay.cli.hold_choice import HELD
from relay.cli.hold_outlook import decisions_of_today, in_words
from relay.cli.queue_show import add_arguments as add_show_arguments
from relay.cli.queue_show import run as show
from relay.cli.stored import now_in_utc, reader_of, settings_of
from relay.cli.waiting_choice import named
from relay.cli.waiting_words import as_json, copies, copy_at_length, message_at_length
from relay.policy.files import load_policies


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_show_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    if arguments.content:
        return show(arguments, HELD)
    settings, now = settings_of(arguments), now_in_utc()
    policies = load_policies(settings.policies)
    wanted = named(arguments.id, settings, HELD)
    with reader_of(settings) as reader:
        found = reader.waiting().copies(wanted, None if arguments.json else arguments.limit)
        count = reader.waiting().count(wanted)
        today = decisions_of_today(reader, settings, policies, found, now)
    if not count:
        raise CommandError(f"nothing is held of {arguments.id}; consent-relay queue show tells what became of it")
    if arguments.json:
        told = [{**as_json(one), "today": in_words(today[one.copy.number])} for one in found]
        print(json.dumps({"held": count, "copies": told}, indent=2, ensure_ascii=False))
        return 0
    message = 0
    for one in found:
        if one.message.number != message:
            message = one.message.number
            print("\n".join(message_at_length(one.message, now)))
        print("\n".join(copy_at_length(one, now)))
        print(f"    today      {in_words(today[one.copy.number])}")
    if count > len(found):
        print(f"{len(found):,} of {copies(count)}; --limit shows more", file=sys.stderr)
    return 0
