"""A decision in words: what was decided, the facts it was made from, the rule behind it and where that rule stands.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from relay.config.durations import write_duration
from relay.consent.events import Basis
from relay.consent.facts import Facts, Yes
from relay.consent.freshness import is_left_unanswered
from relay.policy.asking import may_be_asked
from relay.policy.evaluate import NOES, Evaluation, has_lapsed
from relay.policy.figures import FIGURES
from relay.policy.model import Expired, Mode, Origin, Stream, text_in
from relay.reason import MEANINGS, Reason, Verdict

_FIXED_RULES: Final = {
    Reason.COMPLAINED: "a spam report ends all commercial mail of the brand, whatever the policy says",
    Reason.WITHDRAWN: "a no always counts, for every spelling of the address, whatever the policy says",
    Reason.UNDELIVERABLE: "a mailbox that was permanently refused gets nothing until a new yes, or an operator's word that it works",
    Reason.STREAM_PAUSED: "a paused stream sends nothing",
}
_PERIODS: Final = {
    Reason.UNCONFIRMED: "consent.confirm_within",
    Reason.STALE: "consent.stale_after",
    Reason.RENEWAL_DUE: "consent.renew_every",
    Reason.FIRST_MAIL_LATE: "consent.first_mail_within",
}
#: What becomes of mail with a verdict, behind the word "mail".
VERDICT_WORDS: Final = {
    Verdict.DELIVER: "is sent",
    Verdict.HOLD: "is held here for the person's yes, and nothing is sent meanwhile",
    Verdict.REJECT: "is refused",
    Verdict.DEFER: "is refused for now (451); in one message with others it waits here and is decided anew",
    Verdict.DISCARD: "is taken and not sent; the client's owner is told",
}


@dataclass(frozen=True, slots=True)
class RuleBehind:
    """A key that a decision rests on, its value as in the file, and where it stands. key "": a rule of the relay itself,
    whose words are the value.
    """

    key: str
    value: str
    origin: Origin

    def __str__(self) -> str:
        return f"{self.key} = {self.value}, from {_place(self.origin)}" if self.key else self.value


def explain(stream: Stream, evaluation: Evaluation, facts: Facts, now: datetime, language: str = "en") -> list[str]:
    """Lines for a terminal. language: of the stream's purpose; everything else is English."""
    reason = evaluation.reasons[0]
    purpose = text_in(stream.purpose, language)
    lines = [
        (
            f"stream: {stream.id}{f' ({purpose})' if purpose else ''}, kind {stream.kind}, brand {stream.brand}, "
            f"{_place(stream.origin('stream'))}"
        ),
        f"decision: {evaluation.verdict}: mail {VERDICT_WORDS[evaluation.verdict]}",
    ]
    if evaluation.verdict is Verdict.HOLD:
        lines.append(f"  held mail: {hold_in_words(stream, evaluation, facts, now)}")
    if not evaluation.enforced:
        lines.append(f'  not enforced: mode = "{Mode.SHADOW}", {_place(stream.origin("stream.mode"))}: mail passes')
    lines.append(f"reason: {reason}: {MEANINGS[reason].explanation}")
    lines += [f"  also: {other}: {MEANINGS[other].explanation}" for other in evaluation.reasons[1:]]
    if stream.is_commercial:
        lines.append(f"status: {evaluation.status}")
    lines.append("facts:")
    lines += [f"  {line}" for line in facts_in_words(stream, facts, now)]
    lines.append("rule:")
    lines += [f"  {rule}" for rule in rules_behind(stream, evaluation, facts, now)]
    lines.append(f"what to do: {MEANINGS[reason].remedy}")
    return lines


def hold_in_words(stream: Stream, evaluation: Evaluation, facts: Facts, now: datetime) -> str:
    """How long mail that is held now waits, for what, and who is told at its end."""
    longest = write_duration(stream.hold.longest)
    if may_be_asked(stream, facts, evaluation.reasons, now):
        wait = f"the relay asks the person, and the mail waits {longest} from that day"
    else:
        wait = f"waits {longest}; the relay does not ask this person"
    end = "the sender gets a notice" if stream.hold.expired is Expired.DSN else "it is in the daily report"
    return f"{wait} (hold.for, {_place(stream.origin('hold.for'))}); without a yes {end}"


def facts_in_words(stream: Stream, facts: Facts, now: datetime) -> list[str]:
    return list(_facts(stream, facts, now)) or ["nothing is known of this address in this stream"]


def rules_behind(stream: Stream, evaluation: Evaluation, facts: Facts, now: datetime) -> list[RuleBehind]:
    """The keys that led to the first reason, then the one that gave it its verdict."""
    reason = evaluation.reasons[0]
    rules = [RuleBehind(key, value, stream.origin(key)) for key, value in _keys(stream, reason, facts, now)]
    if reason in _FIXED_RULES:
        rules.insert(0, RuleBehind("", _FIXED_RULES[reason], Origin()))
    if MEANINGS[reason].allowed:
        key = f"verdict.{reason}"
        rules.append(RuleBehind(key, f'"{evaluation.verdict}"', stream.origin(key)))
    if stream.mode is Mode.SHADOW and reason in NOES:
        rules.append(RuleBehind("", "a no is enforced in shadow mode, too", stream.origin("stream.mode")))
    return rules


def _keys(stream: Stream, reason: Reason, facts: Facts, now: datetime) -> Iterator[tuple[str, str]]:
    rules = stream.consent
    if reason in _PERIODS:
        key = _PERIODS[reason]
        yield key, _period(getattr(rules.freshness, key.removeprefix("consent.")))
    elif reason is Reason.BASIS_NOT_ACCEPTED and facts.yes is not None and has_lapsed(rules, facts.yes, now):
        key = "inquiry_within" if facts.yes.basis is Basis.INQUIRY else "customer_within"
        yield f"consent.{key}", _period(getattr(rules.freshness, key))
    elif reason is Reason.NO_CONSENT and is_left_unanswered(facts, rules.freshness, now):
        yield "consent.confirm_within", _period(rules.freshness.confirm_within)
    elif reason in (Reason.NO_CONSENT, Reason.BASIS_NOT_ACCEPTED, Reason.CONFIRMED):
        accepted = ", ".join(f'"{basis}"' for basis in Basis if basis in rules.accept)
        yield "consent.accept", f"[{accepted}]"
        if facts.yes is not None and stream.migration is not None and stream.migration.covers(facts.yes):
            yield "migration.until", f"{stream.migration.until}, which is over"
        if reason is Reason.CONFIRMED:
            yield "consent.stale_after", _period(rules.freshness.stale_after)
            yield "consent.renew_every", _period(rules.freshness.renew_every)
    elif reason is Reason.MIGRATION and stream.migration is not None:
        yield "migration.accept", FIGURES["consent.accept"].write(stream.migration.accept)
        yield "migration.until", f"{stream.migration.until}"
        yield "consent.stale_after", _period(rules.freshness.stale_after)
    else:
        yield from _keys_beside_consent(stream, reason)


def _keys_beside_consent(stream: Stream, reason: Reason) -> Iterator[tuple[str, str]]:
    if reason is Reason.TRANSACTIONAL:
        yield "stream.kind", f'"{stream.kind}"'
    elif reason is Reason.INTERNAL:
        yield "internal", f"[{', '.join(stream.internal)}]"
    elif reason is Reason.DISCLOSURE_IMPOSSIBLE:
        yield "message.undisclosable", f'"{stream.message.undisclosable}"'


def _facts(stream: Stream, facts: Facts, now: datetime) -> Iterator[str]:
    if facts.complained_at is not None:
        yield f"reported mail as spam {_when(facts.complained_at, now)}"
    if facts.withdrawn_at is not None:
        scope = f'"{stream.id}"' if facts.withdrawn_from == stream.id else f"all commercial mail of {stream.brand}"
        yield f"said no to {scope} {_when(facts.withdrawn_at, now)}"
    if facts.undeliverable_at is not None:
        yield f"the mailbox was permanently refused {_when(facts.undeliverable_at, now)}"
    if facts.yes is not None:
        yield _yes(facts.yes, now)
    if facts.renewed_at is not None:
        yield f"said yes again {_when(facts.renewed_at, now)}"
    if facts.requested_at is not None:
        yield f"a confirmation was requested {_when(facts.requested_at, now)}, no answer yet"
    if facts.asked_at is not None:
        often = "once" if facts.asked == 1 else f"{facts.asked} times"
        yield f"the relay has asked for a new yes {often}, the last time {_when(facts.asked_at, now)}, no answer yet"
    if facts.last_contact_at is not None:
        yield f"last mail of this stream {_when(facts.last_contact_at, now)}"
    elif facts.yes is not None:
        yield "no mail of this stream so far"


def _yes(yes: Yes, now: datetime) -> str:
    how = [f"basis {yes.basis}", f"act {yes.act}", "recorded live" if yes.live else "imported or renewed"]
    if yes.source:
        how.append(f"source {yes.source}")
    if yes.form_url:
        how.append(f"form {yes.form_url}")
    return f"said yes {_when(yes.at, now)}: {', '.join(how)}"


def _when(moment: datetime, now: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC ({age_of(now - moment)})"


def age_of(age: timedelta) -> str:
    """`30 days ago`, in the largest unit that fits."""
    if age < timedelta():
        return "in the future"
    for size, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        count = int(age.total_seconds()) // size
        if count:
            return f"{count} {name}{'s' if count > 1 else ''} ago"
    return "just now"


def _period(value: timedelta | None) -> str:
    return '"never"' if value is None else f'"{write_duration(value)}"'


def _place(origin: Origin) -> str:
    return str(origin) if origin.file else "the built-in default"
