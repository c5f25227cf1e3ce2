from __future__ import annotations

from store.samples import ANN, BOB, NOW, contact, decision, outcome
from store.waiting import Box, message_to

from relay.decision import Decision, Outcome, Result
from relay.queued import Move, Step
from relay.reply import Reply
from relay.store.learning import Lessons
from relay.store.settling import settle, unknown_among

GONE = Reply(550, "5.1.1", f"<{ANN}>: user unknown")


def settled(box: Box, *outcomes: Outcome) -> list[Outcome]:
    """What there was to learn from."""
    seen: list[Outcome] = []

    def learn(_: object, about: object) -> Lessons:
        seen.extend(about)  # type: ignore[arg-type, call-overload]
        return Lessons()

    box.do(lambda c: settle(c, outcomes, learn))
    return seen


def decided(box: Box, one: Decision) -> Decision:
    box.step(Step(decisions=(one,)))
    return one


def test_outcomes_are_written_contacts_count_and_refusals_teach(box: Box) -> None:
    anns, bobs = decided(box, decision()), decided(box, decision(BOB))
    refused = outcome(anns, result=Result.REFUSED, reply=GONE, address=ANN)
    assert settled(box, refused, contact(bobs, BOB)) == [refused]
    assert box.all("SELECT code FROM outcomes ORDER BY sequence") == [(550,), (250,)]
    assert box.all("SELECT address FROM contacts") == [(str(BOB),)]


def test_what_comes_after_an_erasure_is_counted_and_names_nobody(box: Box) -> None:
    one = decided(box, decision())
    box.do(lambda c: c.execute("UPDATE decisions SET recipient = ''"))
    assert settled(box, outcome(one, result=Result.REFUSED, reply=GONE, address=ANN), contact(one)) == []
    assert box.all("SELECT code, reply FROM outcomes") == [(550, "(erased)"), (250, "(erased)")]
    assert box.all("SELECT count(*) FROM contacts") == [(0,)]


def test_a_step_that_is_committed_twice_has_its_outcomes_once(box: Box) -> None:
    one = decided(box, decision())
    box.accept(message_to(str(ANN)))
    (copy,) = box.claim()[0].copies
    step = Step(moves=(Move(copy.number, NOW),), outcomes=(contact(one),))
    box.step(step)
    box.step(step)
    assert box.all("SELECT count(*) FROM outcomes") == [(1,)]
    assert unknown_among(box.committer.connection, [contact(one)]) == ()
    other = outcome(one, result=Result.DEFERRED)
    assert unknown_among(box.committer.connection, [other]) == (other,)
