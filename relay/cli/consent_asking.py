"""`consent-relay consent asking`: who waits to be asked for a new yes, how far each brand's waves are, and why one stopped.

`--resume` goes on after a stop, from a small wave again; it asks nobody itself.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

from relay.cli import CommandError
from relay.cli.stored import committer_of, reader_of, settings_of
from relay.cli.waiting_words import iso
from relay.config.settings import AskingSettings
from relay.policy.waves import Wave
from relay.store.asks import Asking, resume
from relay.store.committing import Work


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--brand", default="", metavar="B", help="only this brand")
    parser.add_argument(
        "--resume", default="", metavar="BRAND", help="go on asking people of BRAND, where it has stopped"
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    if arguments.resume:
        with committer_of(settings) as committer:
            work = Work(lambda connection: resume(connection, arguments.resume, settings.asking))
            (went_on,) = committer.commit([work])
        if isinstance(went_on, BaseException):
            raise went_on
        if not went_on:
            raise CommandError(
                f"--resume: asking people of {arguments.resume!r} has not stopped; consent-relay consent asking shows all"
            )
    with reader_of(settings) as reader:
        found = [one for one in reader.asking(settings.asking) if arguments.brand in ("", one.wave.brand)]
    if arguments.json:
        print(json.dumps([as_json(one) for one in found], indent=2, ensure_ascii=False))
    else:
        print("\n".join(line for one in found for line in _lines(one, settings.asking)) or "nobody waits to be asked")
    return 0


def as_json(one: Asking) -> dict[str, Any]:
    wave, tally = one.wave, one.tally
    return {
        "brand": wave.brand,
        "waiting": one.waiting,
        "asked_and_silent": one.asked,
        "wave": {
            "number": wave.number,
            "size": wave.size,
            "asked": tally.asked,
            "under_way": tally.under_way,
            "last_at": iso(tally.last_at),
        },
        "judged": {"mails": tally.judged, "bounced": tally.bounced, "complained": tally.complained},
        "stopped_at": iso(wave.stopped_at),
        "why": wave.why,
    }


def stopped_in_words(wave: Wave) -> str:
    return (
        f"asking people of {wave.brand} for a new yes has stopped: {wave.why}; look at the list, then "
        f"consent-relay consent asking --resume {wave.brand}"
    )


def _lines(one: Asking, rules: AskingSettings) -> Iterator[str]:
    wave, tally = one.wave, one.tally
    yield f"{wave.brand}"
    yield f"  not asked yet        {one.waiting:,} with held mail"
    yield f"  asked, no answer     {one.asked:,} with held mail"
    under_way = f", {tally.under_way:,} of them under way" if tally.under_way else ""
    yield f"  wave {wave.number:<15} {tally.asked:,} of {wave.size:,} asked{under_way}"
    if tally.judged:
        yield (
            f"  newest {tally.judged:<13,} {tally.bounced:,} bounced (limit {rules.bounces:g} %), "
            f"{tally.complained:,} complained (limit {rules.complaints:g} %)"
        )
    if wave.stopped_at is not None:
        yield f"  STOPPED {wave.stopped_at:%Y-%m-%d %H:%M} UTC: {wave.why}"
        yield f"  look at the list, then: consent-relay consent asking --resume {wave.brand}"
