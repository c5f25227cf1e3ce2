"""What a person is told beside the data that is held of them: who is responsible, who has received the address, how long
it is kept and why (GDPR article 15 (1) a, c and d).

The same in every form. Reads nothing, writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from relay.cli.consent_subject import Held
from relay.config.durations import write_duration
from relay.config.settings import Settings
from relay.consent.retention import Retention
from relay.policy.model import Stream, text_in


def controllers(streams: Iterable[Stream]) -> list[dict[str, str]]:
    """One for each brand."""
    found = {}
    for stream in streams:
        sender = stream.sender
        if sender is not None:
            found[stream.brand] = {
                "brand": stream.brand,
                "name": text_in(sender.name, "en"),
                "postal_address": text_in(sender.postal_address, "en"),
                "contact": sender.contact,
                "privacy_policy": sender.privacy_policy,
            }
    return list(found.values())


def passed_on_to(held: Held, settings: Settings) -> list[str]:
    seen = sorted({one.next_hop for each in held.outcomes.values() for one in each if one.next_hop})
    configured = sorted({str(hop.address) for hop in settings.next_hops})
    lines = [f"the mail server {name}, which carries mail to you" for name in seen]
    if held.contacts and not seen:
        lines += [f"the mail server {name}, which carries mail to you (as configured today)" for name in configured]
    return lines or ["nobody, as far as is still recorded"]


def kept(streams: Iterable[Stream], settings: Settings) -> list[str]:
    decisions = _period(settings.retention.decisions)
    lines = [f"what was decided on mail to you: {decisions}, so that the sender can explain what became of it"]
    for stream in streams:
        lines += [f"{stream.id}: {words}" for words in _retention_in_words(stream.retention)]
    lines.append(
        "that you want no mail: for ever, because it could not be honoured otherwise; once the rest has gone, as a keyed "
        "hash that nobody can turn back into your address"
    )
    return lines


def _retention_in_words(retention: Retention) -> Iterator[str]:
    yield (
        f"when, where and to what you agreed: while it holds, and {_period(retention.evidence)} after the last mail, to "
        "prove that it was sent with consent"
    )
    yield f"IP address and browser: {_period(retention.technical)}, as part of that proof"


def _period(period: timedelta | None) -> str:
    """For somebody who has never seen a policy file: `90 days`."""
    if period is None:
        return "without a limit"
    days, rest = divmod(period, timedelta(days=1))
    if rest:
        return write_duration(period)
    return "1 day" if days == 1 else f"{days:,} days"
