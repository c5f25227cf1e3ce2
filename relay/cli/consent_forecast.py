"""`consent-relay consent forecast`: how many consents run out when, by which rule, and what would change it.

Reads every address of a stream once, in bounded memory; may run beside the relay. Exits with 1 when somebody asked for
mail and the mail that asks for the click has not left in time: that is the sender's own promise.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Final

from relay.cli import CommandError
from relay.cli.bar import bar
from relay.cli.forecast_chart import chart
from relay.cli.forecast_words import Told, as_json, lines_of
from relay.cli.stored import now_in_utc, reader_of, settings_of
from relay.consent.forecast import Forecast, OldList, Rules
from relay.policy.evaluate import is_internal
from relay.policy.files import load_policies
from relay.policy.model import Policies, Stream
from relay.store.reading import Reader
from relay.store.rows import address_of

_LONGEST: Final = 1095


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--days", type=_days, default=90, metavar="N", help="how far ahead, 1 to 1095 (default: 90)")
    parser.add_argument("--stream", default="", metavar="S", help="only this stream")
    parser.add_argument("--svg", metavar="FILE", help="write it as a picture, too")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    streams = _streams(load_policies(settings.policies), arguments.stream)
    now = now_in_utc()
    with reader_of(settings) as reader:
        told = [Told(stream, forecast_of(reader, stream, now, arguments.days)) for stream in streams]
    if arguments.svg and told:
        try:
            Path(arguments.svg).write_text(chart(told), encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{arguments.svg}: {error.strerror}") from None
        print(f"picture written to {arguments.svg}", file=sys.stderr)
    if arguments.json:
        print(json.dumps([as_json(one) for one in told], indent=2, ensure_ascii=False))
    elif told:
        print("\n\n".join("\n".join(lines_of(one)) for one in told))
    else:
        print("no stream needs consent: nothing can run out")
    return 1 if any(one.forecast.late for one in told) else 0


def forecast_of(reader: Reader, stream: Stream, now: datetime, days: int) -> Forecast:
    """Internal addresses are left out: they get the mail without consent."""
    forecast = Forecast(rules_of(stream), now, days)
    total = reader.count_facts(stream.id) if sys.stderr.isatty() else None
    with bar(f"reading {stream.id}", total) as seen:
        for address, facts in reader.all_facts(stream.brand, stream.id):
            if not stream.internal or not is_internal(stream, address_of(address)):
                forecast.add(facts)
            seen(1)
    return forecast


def rules_of(stream: Stream) -> Rules:
    migration = stream.migration
    old_list = None if migration is None else OldList(migration.covers, migration.ends_at)
    return Rules(stream.consent.accept, stream.consent.freshness, old_list)


def _streams(policies: Policies, name: str) -> list[Stream]:
    if not name:
        return [stream for stream in policies.streams if stream.is_commercial]
    stream = policies.by_id.get(name)
    if stream is None:
        known = ", ".join(policies.by_id) or "none"
        raise CommandError(f"--stream: no policy has the id {name!r}; known are {known}", exit_code=2)
    if not stream.is_commercial:
        raise CommandError(f"--stream: {name} is {stream.kind}, which needs no consent", exit_code=2)
    return [stream]


def _days(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or not 1 <= int(text) <= _LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days from 1 to {_LONGEST}")
    return int(text)
