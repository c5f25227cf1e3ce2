"""Judges a trace: was every 250 kept, and did nobody get what they may not get? Pure, and knows nothing of the relay.

A copy is in one of three places when all is over: at the next hop, in the relay's tables, or told (a report to the
sender, or a line for the client's owner). Acknowledged means exactly one of them. More is forgiven only where RFC 1047
leaves no choice: the next hop took it and its answer was not heard, or a crash came before the answer was on disk.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from faults.trace import Act, Attempt, Crash, Kind, Said, Sent, Trace

#: Seconds that a command may be under way to the next hop, on a machine where everything waits for its turn, and that a
#: commit may take after its answer.
GRACE: Final = 1.0
COMMIT: Final = 2.0
#: The same, where the tables show that it was not written: a worker that is traced on a busy machine takes long.
LATE_COMMIT: Final = 15.0

#: Why a relay may say 5xx: the person's own state, a mistake of the client, or the next hop's own words.
_OWN_STATE: Final = ("withdrawn", "complained", "undeliverable", "no-consent", "basis-not-accepted")
HOP_WORDS: Final = "faulty hop"
#: What nobody outside should ever read.
_PLAIN: Final = re.compile(r"Traceback|Exception|Error\b|sqlite|database|errno|\.py\b|/var/|relay\.db", re.IGNORECASE)


#: Sender and recipient of a copy.
_Key: TypeAlias = tuple[str, str]


class Offence(StrEnum):
    LOST = "lost"  # acknowledged, and nowhere
    TWICE = "twice"  # in more places than can be forgiven
    NOT_TAKEN = "not-taken"  # refused or never ended, and sent or kept all the same
    AFTER_NO = "after-no"  # an attempt began after the no was acknowledged
    WITHOUT_YES = "without-yes"
    STUCK = "stuck"  # waits, with nothing to wait for
    BOUNCE = "bounce"  # a report to nobody, or of mail that was never accepted
    PERMANENT = "permanent"  # 5xx for something that is not the client's or the person's doing
    PLAIN_WORDS = "plain-words"  # a reply with the relay's insides


@dataclass(frozen=True, slots=True)
class Finding:
    offence: Offence
    sender: str
    recipient: str
    why: str

    def __str__(self) -> str:
        return f"{self.offence}: {self.sender} -> {self.recipient}: {self.why}"


@dataclass(slots=True)
class Verdict:
    """tally: how many acknowledged copies ended where; `forgiven`: how many were in one place too many, rightly."""

    findings: list[Finding]
    tally: Counter[str]


def judge(trace: Trace) -> Verdict:
    places = _Places(trace)
    findings: list[Finding] = []
    tally: Counter[str] = Counter()
    for sent in trace.sent:
        findings += _replies(sent)
        for recipient, said in sent.recipients:
            findings += _copy(places, sent, recipient, said, tally)
    findings += _consent(trace)
    findings += _leftovers(trace)
    findings += _bounces(trace)
    return Verdict(findings, +tally)


class _Places:
    """Where copies are, by sender and recipient."""

    def __init__(self, trace: Trace) -> None:
        self._crashes = trace.crashes
        self._recorded = trace.recorded
        self.delivered: dict[_Key, list[Attempt]] = defaultdict(list)
        self.bounced: dict[_Key, list[Attempt]] = defaultdict(list)
        self.waiting: dict[_Key, list[str]] = defaultdict(list)
        # Whose notification could not be delivered either: then a line tells of that.
        self._unreachable = {line.recipient for line in trace.reported if not line.sender}
        self.told: Counter[_Key] = Counter((line.sender, line.recipient) for line in trace.reported if line.sender)
        for attempt in trace.attempts:
            if attempt.taken and attempt.kind is Kind.CLIENT:
                self.delivered[attempt.sender, attempt.recipient].append(attempt)
            elif attempt.taken:
                for about in attempt.about:
                    self.bounced[attempt.recipient, about].append(attempt)
        for one in trace.waiting:
            if one.kind is Kind.CLIENT:
                self.waiting[one.sender, one.recipient].append(one.state)
            self.told.update((one.recipient, about) for about in one.about)

    def found(self, key: _Key) -> int:
        return len(self.delivered[key]) + len(self.waiting[key]) + self.told[key] + len(self.bounced[key])

    def may_be_told(self, key: _Key) -> bool:
        """Nobody could tell the sender of whatever failed: the line that says so names no recipients."""
        return key[0] in self._unreachable

    def forgiven(self, key: _Key) -> int:
        return _forgiven([*self.delivered[key], *self.bounced[key]], self._crashes, self._recorded.get(key, 0))

    def one_of(self, key: _Key) -> str:
        if self.delivered[key]:
            return "delivered"
        return self.waiting[key][0] if self.waiting[key] else "told"

    def words(self, key: _Key) -> str:
        return (
            f"{len(self.delivered[key])} times at the next hop, waiting {self.waiting[key]}, told "
            f"{self.told[key] + len(self.bounced[key])} times, {self.forgiven(key)} forgiven"
        )


def _copy(places: _Places, sent: Sent, recipient: str, said: Said, tally: Counter[str]) -> Iterator[Finding]:
    key = (sent.sender, recipient)
    found, forgiven = places.found(key), places.forgiven(key)
    final = sent.final if said.accepts else said
    heard = f"{places.words(key)}; the client heard {final.code} {final.text} at {sent.ended:.3f}"
    ended = said.accepts and sent.dot
    if ended and final.accepts:
        tally["acknowledged"] += 1
        if not found and not places.may_be_told(key):
            yield Finding(Offence.LOST, sent.sender, recipient, heard)
            return
        tally[places.one_of(key)] += 1
        tally["forgiven"] += min(found - 1, forgiven)
        if found > 1 + forgiven:
            yield Finding(Offence.TWICE, sent.sender, recipient, heard)
    elif ended and not final.code:
        tally["no answer"] += 1
        if found > 1 + forgiven:
            yield Finding(Offence.TWICE, sent.sender, recipient, heard)
    else:
        tally["refused" if final.code >= 500 else "deferred"] += 1
        # After a 4xx the client sends it again: that its first try went on after all is a duplicate of the same sort.
        if found > (forgiven if ended and final.code < 500 else 0):
            yield Finding(Offence.NOT_TAKEN, sent.sender, recipient, heard)


def _forgiven(taken: Sequence[Attempt], crashes: Sequence[Crash], recorded: int) -> int:
    """Attempts whose answer may rightly be unknown to the relay: each may have been repeated once. recorded: how many
    deliveries the tables know.
    """
    told = [one for one in taken if one.told]
    soon = sum(any(_hit(one, crash, COMMIT) for crash in crashes) for one in told)
    late = sum(any(_hit(one, crash, LATE_COMMIT) for crash in crashes) for one in told)
    return len(taken) - len(told) + max(soon, min(late, len(told) - recorded))


def _hit(attempt: Attempt, crash: Crash, commit: float) -> bool:
    return attempt.earliest <= crash.ended and crash.began <= attempt.ended + commit


def _replies(sent: Sent) -> Iterator[Finding]:
    for recipient, said in (*sent.recipients, ("(all)", sent.final)):
        if said.code >= 500 and not _is_explained(said.text):
            yield Finding(Offence.PERMANENT, sent.sender, recipient, f"{said.code} {said.text}")
        if said.code and _PLAIN.search(said.text):
            yield Finding(Offence.PLAIN_WORDS, sent.sender, recipient, f"{said.code} {said.text}")


def _is_explained(text: str) -> bool:
    return HOP_WORDS in text or any(f"{reason}: " in text for reason in _OWN_STATE)


def _consent(trace: Trace) -> Iterator[Finding]:
    """No attempt without a yes, none begun after a no was acknowledged; the relay's own mail asks nobody after a no."""
    acts: dict[str, list[Act]] = defaultdict(list)
    for act in sorted(trace.acts, key=lambda one: one.began):
        acts[act.person].append(act)
    without = {sent.sender for sent in trace.sent if not sent.needs_consent}
    people = {recipient for sent in trace.sent for recipient, _ in sent.recipients} | trace.consenting
    for attempt in trace.attempts:
        if attempt.kind is Kind.BOUNCE or attempt.sender in without or attempt.recipient not in people:
            continue
        is_yes, no_at = _standing(acts[attempt.recipient], attempt, starts_with=attempt.recipient in trace.consenting)
        if no_at is not None:
            why = f"MAIL came {attempt.began - no_at:.3f} s after the no was acknowledged at {no_at:.3f}"
            yield Finding(Offence.AFTER_NO, attempt.sender, attempt.recipient, why)
        elif not is_yes and attempt.kind is Kind.CLIENT:
            yield Finding(Offence.WITHOUT_YES, attempt.sender, attempt.recipient, f"MAIL came at {attempt.began:.3f}")


def _standing(acts: Sequence[Act], attempt: Attempt, *, starts_with: bool) -> tuple[bool, float | None]:
    """May there be a yes at that moment, and since when is there a no that the relay has acknowledged?"""
    is_yes, no_at = starts_with, None
    for act in acts:
        if act.yes and act.began <= attempt.began:
            is_yes, no_at = True, None  # may have counted from its first octet on
        elif not act.yes and act.acknowledged is not None and act.acknowledged + GRACE < attempt.earliest:
            is_yes, no_at = False, act.acknowledged
    return is_yes, no_at


def _leftovers(trace: Trace) -> Iterator[Finding]:
    if not trace.settled:
        return
    last: dict[str, Act] = {}
    for act in sorted(trace.acts, key=lambda one: one.began):
        last[act.person] = act
    for one in trace.waiting:
        if one.state in ("queued", "failed"):
            yield Finding(Offence.STUCK, one.sender, one.recipient, f"{one.kind} mail is still {one.state}")
        act = last.get(one.recipient)
        if one.state == "held" and act is not None and act.yes and act.acknowledged is not None:
            yield Finding(Offence.STUCK, one.sender, one.recipient, "still held, although the person said yes")


def _bounces(trace: Trace) -> Iterator[Finding]:
    tries = {sent.sender: sent for sent in trace.sent}
    for attempt in trace.attempts:
        if not attempt.recipient:
            yield Finding(Offence.BOUNCE, attempt.sender, "<>", "a mail to nobody")
        if attempt.kind is not Kind.BOUNCE or not attempt.taken:
            continue
        if attempt.sender:
            yield Finding(Offence.BOUNCE, attempt.sender, attempt.recipient, "a report whose sender is not null")
        sent = tries.get(attempt.recipient)
        if sent is None or sent.final.code >= 400:
            yield Finding(Offence.BOUNCE, attempt.sender, attempt.recipient, "a report of mail that was not accepted")
            continue
        for about in attempt.about:
            if about not in sent.named:
                yield Finding(Offence.BOUNCE, attempt.recipient, about, "a report of somebody the mail did not go to")


def crossed(trace: Trace) -> list[float]:
    """How long after an acknowledged no the attempts began that are forgiven as under way, seconds."""
    noes: dict[str, list[float]] = defaultdict(list)
    for act in trace.acts:
        if not act.yes and act.acknowledged is not None:
            noes[act.person].append(act.acknowledged)
    found = []
    for attempt in trace.attempts:
        at = sorted(noes[attempt.recipient])
        place = bisect_left(at, attempt.began)
        if place and attempt.began - at[place - 1] <= GRACE and attempt.kind is Kind.CLIENT:
            found.append(attempt.began - at[place - 1])
    return found
