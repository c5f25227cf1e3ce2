"""The judge notices each offence, and forgives only what has to be forgiven."""

from __future__ import annotations

from dataclasses import replace

import pytest
from faults.chaos import HOP_WORDS, kind_of, yes_pages
from faults.judge import Offence, crossed, judge
from faults.trace import NOTHING, Act, Attempt, Crash, Kind, Reported, Said, Sent, Trace, Waiting

ANN, BEN, EVE = "ann@reader.example", "ben@reader.example", "eve@nowhere.example"
OK = Said(250, "2.0.0 queued")
FROM = "m1@news.brand.example"


def sent(*recipients: str, final: Said = OK, dot: bool = True, needs_consent: bool = True) -> Sent:
    named = tuple((recipient, Said(250, "2.1.5 recipient accepted")) for recipient in recipients)
    return Sent(FROM, "impatient", needs_consent, named, final, dot, 10.0, 11.0)


def taken(recipient: str, *, began: float = 10.5, told: bool = True, got: bool = True) -> Attempt:
    return Attempt(Kind.CLIENT, FROM, recipient, began, began + 0.1, got, told)


def bounce(*about: str, to: str = FROM, sender: str = "", told: bool = True) -> Attempt:
    return Attempt(Kind.BOUNCE, sender, to, 12.0, 12.1, taken=True, told=told, about=about)


KEPT = Trace(consenting=frozenset({ANN, BEN}), sent=(sent(ANN),), attempts=(taken(ANN),))


def offences(trace: Trace) -> list[Offence]:
    return [finding.offence for finding in judge(trace).findings]


def test_a_copy_that_arrived_once_is_a_promise_kept() -> None:
    assert offences(KEPT) == []
    assert judge(KEPT).tally == {"acknowledged": 1, "delivered": 1}


@pytest.mark.parametrize("state", ["held", "aside"])
def test_a_copy_that_waits_for_a_person_is_a_promise_kept(state: str) -> None:
    trace = replace(KEPT, attempts=(), waiting=(Waiting(Kind.CLIENT, FROM, ANN, state),))
    assert offences(trace) == []
    assert judge(trace).tally[state] == 1


def test_a_copy_that_was_told_is_a_promise_kept() -> None:
    told = replace(KEPT, attempts=(taken(ANN, got=False, told=False), bounce(ANN)))
    assert offences(told) == []
    assert offences(replace(KEPT, attempts=(), reported=(Reported(FROM, ANN, "expired"),))) == []
    waiting = Waiting(Kind.BOUNCE, "", FROM, "aside", (ANN,))
    assert offences(replace(KEPT, attempts=(), waiting=(waiting,))) == []


def test_a_line_about_a_notification_that_nobody_takes_is_a_promise_kept() -> None:
    nowhere = replace(KEPT, attempts=())
    assert offences(replace(nowhere, reported=(Reported("", FROM, "unreported"),))) == []
    assert offences(replace(nowhere, reported=(Reported("", BEN, "unreported"),))) == [Offence.LOST]


def test_that_line_says_nothing_of_those_who_were_refused_at_once() -> None:
    (sent,) = KEPT.sent
    no = Said(550, "5.7.1 withdrawn: this person has stopped it")
    refused = replace(KEPT, sent=(replace(sent, recipients=((ANN, no),)),), attempts=())
    assert offences(replace(refused, reported=(Reported("", FROM, "unreported"),))) == []


def test_an_acknowledged_copy_that_is_nowhere_is_lost() -> None:
    assert offences(replace(KEPT, attempts=())) == [Offence.LOST]
    assert offences(replace(KEPT, attempts=(taken(ANN, got=False, told=False),))) == [Offence.LOST]


def test_one_of_two_recipients_can_be_lost() -> None:
    assert offences(replace(KEPT, sent=(sent(ANN, BEN),))) == [Offence.LOST]


def test_a_report_about_another_recipient_does_not_help() -> None:
    trace = replace(KEPT, sent=(sent(ANN, BEN),), attempts=(taken(ANN), bounce(ANN)))
    assert sorted(offences(trace)) == [Offence.LOST, Offence.TWICE]


def test_twice_is_an_offence_where_nothing_excuses_it() -> None:
    assert offences(replace(KEPT, attempts=(taken(ANN), taken(ANN, began=20)))) == [Offence.TWICE]
    assert offences(replace(KEPT, waiting=(Waiting(Kind.CLIENT, FROM, ANN, "held"),))) == [Offence.TWICE]
    assert offences(replace(KEPT, attempts=(taken(ANN), bounce(ANN)))) == [Offence.TWICE]


def test_an_answer_that_was_never_said_excuses_one_more() -> None:
    first = taken(ANN, told=False)
    assert offences(replace(KEPT, attempts=(first, taken(ANN, began=20)))) == []
    assert judge(replace(KEPT, attempts=(first, taken(ANN, began=20)))).tally["forgiven"] == 1
    thrice = (first, taken(ANN, began=20), taken(ANN, began=30))
    assert offences(replace(KEPT, attempts=thrice)) == [Offence.TWICE]


def test_a_crash_excuses_what_was_in_flight_then_and_nothing_else() -> None:
    twice = replace(KEPT, attempts=(taken(ANN), taken(ANN, began=20)))
    assert offences(replace(twice, crashes=(Crash("worker", 10.6, 10.7),))) == []
    assert offences(replace(twice, crashes=(Crash("worker", 9.0, 9.1),))) == [Offence.TWICE]
    late = replace(twice, crashes=(Crash("worker", 15.0, 15.1),), recorded={(FROM, ANN): 2})
    assert offences(late) == [Offence.TWICE]


def test_a_later_crash_excuses_only_what_the_tables_do_not_know() -> None:
    crashed = (Crash("worker", 15.0, 15.1),)
    twice = replace(KEPT, attempts=(taken(ANN), taken(ANN, began=20)), crashes=crashed)
    assert offences(replace(twice, recorded={(FROM, ANN): 1})) == []
    assert offences(replace(twice, recorded={(FROM, ANN): 2})) == [Offence.TWICE]
    assert offences(replace(twice, crashes=(Crash("worker", 40.0, 40.1),))) == [Offence.TWICE]


@pytest.mark.parametrize("final", [Said(451, "4.3.0 store-unavailable: try again"), Said(550, f"5.7.1 {HOP_WORDS}")])
def test_what_was_refused_is_not_sent_and_not_kept(final: Said) -> None:
    assert offences(replace(KEPT, sent=(sent(ANN, final=final),))) == [Offence.NOT_TAKEN]
    kept = replace(
        KEPT, sent=(sent(ANN, final=final),), attempts=(), waiting=(Waiting(Kind.CLIENT, FROM, ANN, "held"),)
    )
    assert offences(kept) == [Offence.NOT_TAKEN]
    assert offences(replace(KEPT, sent=(sent(ANN, final=final),), attempts=())) == []


def test_a_451_for_an_unknown_outcome_may_have_arrived_once() -> None:
    final = Said(451, "4.4.2 outcome-unknown: the next hop did not say")
    trace = replace(KEPT, sent=(sent(ANN, final=final),), attempts=(taken(ANN, told=False),))
    assert offences(trace) == []
    assert offences(replace(trace, attempts=(taken(ANN, told=False), taken(ANN, began=20)))) == [Offence.NOT_TAKEN]


def test_without_an_answer_once_is_as_good_as_not_at_all() -> None:
    silent = replace(KEPT, sent=(sent(ANN, final=NOTHING),))
    assert offences(silent) == []
    assert offences(replace(silent, attempts=())) == []
    assert offences(replace(silent, attempts=(taken(ANN), taken(ANN, began=20)))) == [Offence.TWICE]


def test_what_was_never_ended_is_not_sent() -> None:
    assert offences(replace(KEPT, sent=(sent(ANN, final=NOTHING, dot=False),))) == [Offence.NOT_TAKEN]


def test_an_attempt_after_an_acknowledged_no_is_an_offence_taken_or_not() -> None:
    no = Act(ANN, yes=False, began=8.0, acknowledged=9.0)
    assert offences(replace(KEPT, acts=(no,))) == [Offence.AFTER_NO]
    refused = replace(KEPT, acts=(no,), sent=(sent(ANN, final=Said(451, "4.3.0 x: y")),))
    assert offences(replace(refused, attempts=(taken(ANN, got=False, told=False),))) == [Offence.AFTER_NO]


def test_an_attempt_that_began_before_the_no_was_acknowledged_is_none() -> None:
    assert offences(replace(KEPT, acts=(Act(ANN, yes=False, began=10.0, acknowledged=10.6),))) == []
    assert offences(replace(KEPT, acts=(Act(ANN, yes=False, began=8.0, acknowledged=None),))) == []


def test_what_the_next_hop_was_late_to_read_began_before() -> None:
    no, late = Act(ANN, yes=False, began=8.0, acknowledged=9.0), replace(taken(ANN), came=9.5)
    assert offences(replace(KEPT, acts=(no,), attempts=(late,))) == []
    assert offences(replace(KEPT, acts=(no,), attempts=(replace(late, came=10.2),))) == [Offence.AFTER_NO]
    yes = Act(ANN, yes=True, began=10.0, acknowledged=10.1)  # a yes may have been read as late as the mail was
    assert offences(replace(KEPT, acts=(no, yes), attempts=(late,))) == []
    twice = replace(KEPT, attempts=(late, taken(ANN, began=20)))
    assert offences(replace(twice, crashes=(Crash("worker", 9.4, 9.6),))) == []
    assert offences(replace(twice, crashes=(Crash("worker", 9.2, 9.4),))) == [Offence.TWICE]


def test_what_may_have_been_under_way_is_told_apart() -> None:
    trace = replace(KEPT, acts=(Act(ANN, yes=False, began=10.0, acknowledged=10.4),))
    assert offences(trace) == []
    assert crossed(trace) == [pytest.approx(0.1)]
    assert crossed(KEPT) == []


def test_a_later_yes_lets_mail_pass_again() -> None:
    no, yes = Act(ANN, yes=False, began=7.0, acknowledged=7.1), Act(ANN, yes=True, began=9.0, acknowledged=9.5)
    assert offences(replace(KEPT, acts=(no, yes))) == []
    assert offences(replace(KEPT, acts=(no, replace(yes, began=10.9)))) == [Offence.AFTER_NO]


def test_mail_to_somebody_who_never_said_yes_is_an_offence() -> None:
    assert offences(replace(KEPT, consenting=frozenset())) == [Offence.WITHOUT_YES]
    assert offences(replace(KEPT, consenting=frozenset(), sent=(sent(ANN, needs_consent=False),))) == []


def test_the_relays_own_mail_asks_nobody_who_has_said_no() -> None:
    asks = Attempt(Kind.OWN, "", ANN, 12.0, 12.1, taken=True, told=True)
    assert offences(replace(KEPT, attempts=(taken(ANN), asks))) == []
    no = Act(ANN, yes=False, began=10.6, acknowledged=10.7)
    assert offences(replace(KEPT, attempts=(taken(ANN), asks), acts=(no,))) == [Offence.AFTER_NO]


@pytest.mark.parametrize("state", ["queued", "failed"])
def test_nothing_waits_for_the_next_hop_in_the_end(state: str) -> None:
    trace = replace(KEPT, attempts=(), waiting=(Waiting(Kind.CLIENT, FROM, ANN, state),))
    assert offences(trace) == [Offence.STUCK]
    assert offences(replace(trace, settled=False)) == []


def test_held_mail_does_not_stay_after_a_yes() -> None:
    held = Waiting(Kind.CLIENT, FROM, ANN, "held")
    trace = replace(KEPT, attempts=(), waiting=(held,), acts=(Act(ANN, yes=True, began=12, acknowledged=13),))
    assert offences(trace) == [Offence.STUCK]
    assert offences(replace(trace, acts=(Act(ANN, yes=False, began=12, acknowledged=13),))) == []


def test_reports_go_to_senders_of_accepted_mail_about_its_recipients() -> None:
    failed = replace(KEPT, attempts=(taken(ANN, got=False, told=False), bounce(ANN)))
    assert offences(failed) == []
    assert offences(replace(failed, attempts=(*failed.attempts, bounce(ANN, to="")))) == [Offence.BOUNCE] * 2
    assert offences(replace(failed, attempts=(bounce(ANN, sender="x@brand.example"),))) == [Offence.BOUNCE]
    assert offences(replace(failed, attempts=(*failed.attempts, bounce(BEN)))) == [Offence.BOUNCE]
    refused = replace(failed, sent=(sent(ANN, final=Said(550, "5.7.1 withdrawn: no")),), attempts=(bounce(ANN),))
    assert sorted(offences(refused)) == [Offence.BOUNCE, Offence.NOT_TAKEN]


def test_a_permanent_refusal_has_to_be_somebodys_doing() -> None:
    def told(text: str) -> list[Offence]:
        return offences(replace(KEPT, attempts=(), sent=(sent(ANN, final=Said(550, text)),)))

    assert told("5.7.1 withdrawn: this person has stopped it (id 01)") == []
    assert told(f"5.7.1 next-hop-refused: {HOP_WORDS} does not want this (id 01)") == []
    assert told("5.3.0 store-unavailable: try again (id 01)") == [Offence.PERMANENT]
    assert told("5.5.2 what?") == [Offence.PERMANENT]


@pytest.mark.parametrize("text", ["4.3.0 Error: (KeyError) 'x'", "4.3.0 sqlite3: disk I/O", "4.3.0 /srv/var/relay.db"])
def test_the_insides_of_the_relay_are_nobodys_business(text: str) -> None:
    assert offences(replace(KEPT, attempts=(), sent=(sent(ANN, final=Said(451, text)),))) == [Offence.PLAIN_WORDS]


def test_a_refused_recipient_gets_nothing_when_the_others_do() -> None:
    both = replace(sent(ANN), recipients=((ANN, OK), (EVE, Said(550, "5.7.1 no-consent: nothing known (id 01)"))))
    assert offences(replace(KEPT, sent=(both,))) == []
    got_it = replace(KEPT, sent=(both,), attempts=(taken(ANN), taken(EVE)))
    assert sorted(offences(got_it)) == [Offence.NOT_TAKEN, Offence.WITHOUT_YES]


def test_a_report_says_whom_it_tells_to_have_failed() -> None:
    def status(action: str) -> bytes:
        return (
            "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n"
            "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; relay\r\n\r\n"
            f"Final-Recipient: rfc822; {ANN}\r\nAction: {action}\r\n\r\n--b--\r\n"
        ).encode()

    assert kind_of("", status("failed")) == (Kind.BOUNCE, (ANN,))
    assert kind_of("", status("delayed")) == (Kind.BOUNCE, ())
    assert kind_of("", b"Subject: once more?\r\n\r\nhello\r\n") == (Kind.OWN, ())
    assert kind_of(FROM, status("failed")) == (Kind.CLIENT, ())


def test_the_page_where_a_question_is_answered_is_found_in_its_mail() -> None:
    head = b"Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    assert yes_pages(head + b"https://mail.brand.example/c/abc123D=\r\n-_x and /u/else\r\n") == ["/c/abc123D-_x"]
    assert yes_pages(head + b"a report\r\n") == []
