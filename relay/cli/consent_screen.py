"""One person on one screen: for each stream the answer, what was agreed on which words, when the answer ends by itself
and what would change it; then what happened. For whoever is woken at night, and whoever answers a complaint.

Reads nothing: everything is in a `Person`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from relay.address import Address
from relay.cli.consent_words import Standing, day, how_it_came, minute, timeline
from relay.cli.waiting_words import copies
from relay.consent.events import Event
from relay.consent.facts import NOTHING_KNOWN, Facts
from relay.consent.fold import said_at
from relay.consent.freshness import QUESTIONS
from relay.consent.marks import Mark
from relay.policy.endings import endings, place_of, remedies
from relay.policy.evaluate import Evaluation
from relay.policy.explain import age_of, hold_in_words, rules_behind
from relay.policy.model import Stream, text_in
from relay.reason import MEANINGS, Verdict
from relay.store.person_asks import Question
from relay.store.spellings import Failure
from relay.store.waiting import Together
from relay.store.wordings import Wording

ERASED: Final = (
    "What was held of this person was erased at their own wish. Their no stands for every spelling, and no list brings "
    "them back; only a new yes of their own does."
)
#: Characters of a wording; the rest is in --json.
_LONGEST_WORDS: Final = 200
#: Events that the screen shows; the rest is in --json.
_MOST_EVENTS: Final = 20
_LABEL: Final = 11
_THEN: Final = {
    Verdict.HOLD: "mail is then held here for the person's yes",
    Verdict.REJECT: "mail is then refused",
    Verdict.DEFER: "mail is then refused for now (451)",
    Verdict.DISCARD: "mail is then taken and not sent; the client's owner is told",
    Verdict.DELIVER: "mail then passes",
}


#: What follows from a deadline of the sender alone.
_LATE: Final = "that mail is then late, and the forecast says so; nothing else changes"


@dataclass(frozen=True, slots=True)
class Person:
    """All that is known. events: under every spelling. wordings: by hash. marks: by the id of an event. erased_at: when
    the person was erased at their own wish, None for who was not. failure: the first time that a next hop called this
    address wrong, while nothing has followed from it. waiting: mail for this person that is not over yet, questions: of
    the relay for a new yes, both under every spelling.
    """

    address: Address
    now: datetime
    standings: Sequence[Standing]
    events: Sequence[Event]
    wordings: Mapping[str, Wording]
    marks: Mapping[str, Mark]
    erased_at: datetime | None = None
    failure: Failure | None = None
    waiting: Sequence[Together] = ()
    questions: Sequence[Question] = ()

    @property
    def is_gone(self) -> bool:
        """Erased, and not come back since."""
        return self.erased_at is not None and not self.events


def screen(person: Person) -> Iterator[str]:
    yield f"{person.address}, {minute(person.now)}"
    if person.is_gone:
        yield ERASED
        yield from mail_that_waits(person)
        return
    for standing in person.standings:
        yield ""
        yield from _block(person, standing)
    yield ""
    yield from mail_that_waits(person)
    yield from questions_asked(person)
    yield from story(person)


def mail_that_waits(person: Person) -> Iterator[str]:
    """What was accepted for this person and is not over: how much, in which state, since when, and what shows it."""
    if not person.waiting:
        return
    yield "Mail that waits now:"
    for one in person.waiting:
        yield f"  {copies(one.copies)} {one.state}, {one.stream or 'no stream'}, since {_when(one.since, person.now)}"
    yield f"  consent-relay queue show {person.address}"


def questions_asked(person: Person) -> Iterator[str]:
    """Mails that asked for a new yes, also those that are under way and those that never arrived."""
    if not person.questions:
        return
    yield "Asked by the relay for a new yes:"
    for one in person.questions[-_MOST_EVENTS:]:
        spelling = "" if one.address == str(person.address) else f" [as {one.address}]"
        yield f"  {_when(one.at, person.now)}, {one.stream}: {one.words}{spelling}"


def story(person: Person) -> Iterator[str]:
    """What happened, an event a line."""
    if not person.events:
        held = any(one.facts != NOTHING_KNOWN for one in person.standings)
        yield (
            "what was recorded is no longer kept, what it came to is" if held else "nothing is recorded of this person"
        )
        return
    yield "What happened:"
    lines = list(timeline(person.events, person.address, person.marks))
    if len(lines) > _MOST_EVENTS:
        yield f"  ({len(lines) - _MOST_EVENTS} earlier events: --json)"
    yield from (f"  {line}" for line in lines[-_MOST_EVENTS:])
    if person.erased_at is not None:
        yield f"  (what was before {minute(person.erased_at)} was erased at the person's own wish; of a no, a keyed hash is kept)"


def yes_shown(person: Person, standing: Standing) -> Event | None:
    """The yes that counts; the newest one where none does."""
    yeses = [
        one for one in person.events if one.says_yes and one.address == person.address and one.stream == standing.stream
    ]
    counting = standing.facts.yes
    if counting is not None:
        yeses = [one for one in yeses if said_at(one) == counting.at] or yeses
    return max(yeses, key=said_at, default=None)


def _block(person: Person, standing: Standing) -> Iterator[str]:
    policy, evaluation, facts, now = standing.policy, standing.evaluation, standing.facts, person.now
    if policy is None or evaluation is None:
        yield f"{standing.stream}: no policy has this stream any more, nothing is sent"
        return
    purpose = text_in(policy.purpose, "en")
    title = f"{standing.stream} ({purpose})" if purpose else standing.stream
    reason = evaluation.reasons[0]
    answer = "gets mail" if standing.gets_mail else "gets no mail"
    if standing.gets_mail and evaluation.verdict is not Verdict.DELIVER:
        answer += ", as the policy is only tried out"
    yield f"{title}: {answer} [{', '.join(dict.fromkeys((str(evaluation.status), str(reason))))}]"
    if not policy.is_commercial and standing.gets_mail:
        return
    yield _line("why", MEANINGS[reason].explanation)
    for rule in rules_behind(policy, evaluation, facts, now)[:1]:
        yield _line("rule", f"{rule.key} = {rule.value}, {place_of(rule.origin)}" if rule.key else rule.value)
    if evaluation.verdict is Verdict.HOLD and evaluation.enforced:
        yield _line("held mail", hold_in_words(policy, evaluation, facts, now))
    yield from agreed(person, standing)
    yield from _since(standing, now)
    yield from _failed(person)
    yield from outlook(person, policy, evaluation, facts)


def _failed(person: Person) -> Iterator[str]:
    if person.failure is not None:
        when = _when(person.failure.at, person.now)
        yield _line(
            "refused",
            f"{when}, {person.failure.code} from the next hop; once more, a day or more later, and it is undeliverable",
        )


def outlook(person: Person, policy: Stream, evaluation: Evaluation, facts: Facts) -> Iterator[str]:
    """When the answer ends by itself, and what would change it."""
    for number, end in enumerate(endings(policy, evaluation, facts, person.now)):
        yield _line("" if number else "runs out", f"on {end}")
        then = [_LATE if end.verdict is None else _THEN[end.verdict]]
        if end.ask_from is not None:
            then.append(f"ask the person {'now' if end.ask_from <= person.now else f'from {end.ask_from:%Y-%m-%d} on'}")
        yield _line("", f"  {'; '.join(then)}")
    for number, remedy in enumerate(remedies(policy, evaluation, facts, person.address)):
        yield _line("" if number else "to change", f"{remedy.act}{':' if remedy.command else ''}")
        if remedy.command:
            yield _line("", f"  {remedy.command}")


def agreed(person: Person, standing: Standing) -> Iterator[str]:
    """What the person agreed to in this stream, how, and on which words."""
    event = yes_shown(person, standing)
    facts, now = standing.facts, person.now
    if event is None:
        if facts.yes is not None:
            yield _line("agreed", f"{_when(facts.yes.at, now)}, {facts.yes.basis}, {facts.yes.act}")
        else:
            others = sorted(
                {str(one.address) for one in person.events if one.says_yes and one.stream == standing.stream}
            )
            if others:
                yield _line("agreed", f"never as {person.address}; a yes counts for exactly {', '.join(others)}")
        return
    source = f"; {event.source}" if event.source else ""
    label = "agreed" if facts.yes is not None else "agreed then"
    yield _line(label, f"{_when(said_at(event), now)}, {how_it_came(event)}{source}")
    if event.evidence.form_url:
        yield _line("", f"at {event.evidence.form_url}")
    for number, line in enumerate(words_of(event.evidence.wording, person.wordings)):
        yield _line("" if number else "on words", line)


def words_of(wording: str, wordings: Mapping[str, Wording]) -> tuple[str, ...]:
    """The text of a wording, and its period and picture; what is not known of it is said."""
    if not wording:
        return ("that were not recorded",)
    known = wordings.get(wording)
    if known is None or not known.text:
        return (f"of which only the hash is kept: {wording}",)
    text = " ".join(known.text.split())
    shown = text if len(text) <= _LONGEST_WORDS else f"{text[:_LONGEST_WORDS]}..."
    since = f"in use from {day(known.shown_from)}" if known.shown_from else ""
    until = f"until {day(known.shown_until)}" if known.shown_until else ""
    period = " ".join(part for part in (since, until) if part) or "period of use not stated"
    picture = "with a picture of the form" if known.picture_type else "no picture of the form"
    return f'"{shown}"', f"  ({wording[:12]}, {period}, {picture})"


def _since(standing: Standing, now: datetime) -> Iterator[str]:
    facts = standing.facts
    everything = "to all commercial mail of the brand" if facts.withdrawn_from != standing.stream else "to this stream"
    for label, moment, words in (
        ("renewed", facts.renewed_at, ""),
        ("requested", facts.requested_at, _answer(facts)),
        ("asked again", facts.asked_at, _questions(facts)),
        ("said no", facts.withdrawn_at, f", {everything}"),
        ("complained", facts.complained_at, ", for all commercial mail of the brand"),
        ("dead", facts.undeliverable_at, ", the mailbox was permanently refused"),
        ("last mail", facts.last_contact_at, ""),
    ):
        if moment is not None:
            yield _line(label, f"{_when(moment, now)}{words}")
    if facts.yes is not None and facts.last_contact_at is None:
        yield _line("last mail", "none so far")


def _answer(facts: Facts) -> str:
    if facts.mail_sent_at is None:
        return ", no mail that asks is known to have left"
    return f", the mail that asks left {minute(facts.mail_sent_at)}, no answer yet"


def _questions(facts: Facts) -> str:
    if facts.asked < QUESTIONS:
        return ", by the relay, for a new yes; no answer yet"
    return f", by the relay, for a new yes, {facts.asked} times in all; no answer. Nobody is asked a third time"


def _when(moment: datetime, now: datetime) -> str:
    return f"{minute(moment)} ({age_of(now - moment)})"


def _line(label: str, words: str) -> str:
    return f"  {label:<{_LABEL}} {words}"
