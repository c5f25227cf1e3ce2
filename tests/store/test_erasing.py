"""After an erasure nothing of the person is in any file; their no is; everybody else's data are as they were."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store.samples import (
    ANN,
    BOB,
    NOW,
    PSEUDONYMS,
    TAGGED,
    ago,
    committer,
    contact,
    decision,
    event,
    fresh_id,
    grant,
    outcome,
    withdraw,
)

from relay.address import Address
from relay.consent.events import NOES, Event, EventKind, Evidence
from relay.consent.facts import NOTHING_KNOWN, Facts
from relay.consent.ledger import digest
from relay.decision import Outcome, Result
from relay.reply import Reply
from relay.store.appending import append_events
from relay.store.committing import Committer, Work
from relay.store.erasing import Erased, erase_again, erase_everywhere, erased_among, erased_at, is_known, purge_person
from relay.store.facts import read_facts
from relay.store.queries import query
from relay.store.reading import open_reader
from relay.store.rows import decision_row, outcome_row, watermark_row

GMAIL = Address("ann.other", "gmail.com")
SHOUTED = Address("ANN", "example.com")
JOANN = Address("joann", "example.com")
ANNS = (ANN, TAGGED, SHOUTED)
STREAMS = {"newsletter": "brand", "offers": "brand", "elsewhere": "other"}
WORDS = "a" * 64
OWN_WORDS = "b" * 64


def do(opened: Committer, work: Any, *, says_no: bool = False) -> Any:
    (result,) = opened.commit([Work(work, says_no)])
    if isinstance(result, BaseException):
        raise result
    return result


def add(opened: Committer, *events: Event, texts: dict[str, str] | None = None) -> None:
    says_no = any(one.kind in NOES for one in events)
    do(opened, lambda c: append_events(c, events, PSEUDONYMS, os.urandom, texts or {}), says_no=says_no)


def send(opened: Committer, person: Address, **more: Any) -> None:
    """A decision about the person, the next hop's reply that names them, and a contact."""
    one = decision(person, facts={"yes": {"source": f"source of {person}"}}, **more)
    replied = Reply(550, "5.1.1", f"<{person}>: user unknown")
    outcomes: list[Outcome] = [contact(one, person), outcome(one, result=Result.REFUSED, reply=replied)]

    def work(connection: sqlite3.Connection) -> None:
        connection.execute(query("insert_decision"), decision_row(one))
        connection.executemany(query("insert_outcome"), [outcome_row(each) for each in outcomes])
        connection.execute(query("move_watermark"), watermark_row(outcomes[0]))
        connection.execute(query("put_failure"), (str(person), 1, "5.1.1"))

    do(opened, work)


def evidence_of(person: Address, number: int = 0, wording: str = "") -> Evidence:
    who = f"<{person.local}>{number}"
    return Evidence(f"https://form.example/{who}", wording, "ja", f"192.0.2.{number}", f"Browser/{who}")


def facts_of(opened: Committer, stream: str, person: Address) -> Facts:
    return read_facts(opened.connection, PSEUDONYMS, STREAMS[stream], stream, [person])[person]


def digests(opened: Committer) -> list[bytes]:
    return [digest(row) for row in opened.connection.execute(query("lines_between"), (1, 1 << 62))]


def files_with(folder: Path, needle: str) -> list[str]:
    """Of any file, whatever it is for; a neighbour's longer name is not the person's."""
    return [
        file.name
        for file in sorted(folder.iterdir())
        if needle.encode() in file.read_bytes().replace(str(JOANN).encode(), b"")
    ]


def told_of(folder: Path, *people: Address) -> list[Any]:
    """All that readers return of these people."""
    with open_reader(folder / "relay.db", PSEUDONYMS) as reader:
        every = [one for one in reader.decisions_after(0) if one.decision.recipient in people]
        return [
            reader.events_of(*people),
            [reader.facts(brand, stream, people) for stream, brand in STREAMS.items()],
            every,
            reader.outcomes_of([one.decision.id for one in every]),
            [one for one in reader.consents() if one[1] in people],
            [one for one in reader.noes() if one.address in people],
        ]


def test_nothing_of_an_erased_person_is_in_any_file(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        for number, spelling in enumerate(ANNS):
            add(
                opened,
                grant(spelling, evidence=evidence_of(spelling, number, OWN_WORDS), source=f"fair of {spelling.local}"),
                texts={OWN_WORDS: "I, Ann, agree"},
            )
            send(opened, spelling, sender=f"bounce+{spelling.local}=example.com@news.brand.example")
        add(opened, withdraw(TAGGED, source="letter of Ann"))
        send(opened, Address("aNN+other", "example.com"))  # a spelling that only a decision knows
        send(opened, BOB, sender=str(SHOUTED))
        needles = [str(one) for one in (*ANNS, Address("aNN+other", "example.com"))]
        needles += ["I, Ann, agree", "https://form.example/", "192.0.2.", "Browser/", "fair of", "letter of"]
        needles += ["bounce+"]
        assert all(files_with(tmp_path, needle) for needle in needles)
        erased = erase_everywhere(opened, ANN.wide, NOW)
        assert erased == Erased(lines=4, contacts=4, failures=4, decisions=5, wordings=1, noes=1)
        assert {needle: found for needle in needles if (found := files_with(tmp_path, needle))} == {}
        assert files_with(tmp_path, "bob@example.com") == ["relay.db"]


def test_the_rest_of_what_was_decided_stays_for_the_counts(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        add(opened, grant())
        send(opened, ANN)
        with open_reader(tmp_path / "relay.db", PSEUDONYMS) as reader:
            [before], counts = reader.decisions_after(0), reader.counts()
        erase_everywhere(opened, ANN.wide, NOW)
        with open_reader(tmp_path / "relay.db", PSEUDONYMS) as reader:
            [after] = reader.decisions_after(0)
            assert reader.counts().decisions == counts.decisions
            assert reader.counts().outcomes == counts.outcomes
            assert [one.reply.code for one in reader.outcomes_of([after.decision.id])] == [250, 550]
        assert after.decision.recipient is None
        assert after.decision.sender == "@brand.example"
        assert after.decision.facts == {}
        for name in ("id", "at", "stream", "verdict", "reasons", "status", "reply", "policy"):
            assert getattr(after.decision, name) == getattr(before.decision, name)


def test_the_digest_of_every_line_stays_and_one_line_says_that_somebody_was_erased(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        add(opened, grant(evidence=evidence_of(ANN, 1, WORDS)), grant(BOB), withdraw(), withdraw(BOB))
        before = digests(opened)
        erase_everywhere(opened, ANN.wide, NOW, "letter 7 of March")
        *after, last = digests(opened)
        assert after == before
        rows = opened.connection.execute(
            "SELECT kind, address, wide, brand, stream, source, recorder, at FROM ledger ORDER BY sequence DESC LIMIT 1"
        ).fetchall()
        assert [row[:7] for row in rows] == [("erase", None, None, "", "", "letter 7 of March", "cli")]
        assert last not in before


def test_a_withdrawal_and_a_complaint_outlive_the_erasure_with_their_scope(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        add(opened, withdraw(stream="receipts"), event(EventKind.COMPLAIN, BOB, at=ago(3)))
        for person in (ANN, BOB):
            erase_everywhere(opened, person.wide, NOW)
        known = read_facts(opened.connection, PSEUDONYMS, "brand", "receipts", [*ANNS, BOB])
        for spelling in ANNS:
            assert known[spelling].withdrawn_from == "receipts"  # a transactional stream stops only when named
        assert known[BOB].withdrawn_from == ""
        assert known[BOB].complained_at == ago(3)


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("spelling", ANNS, ids=str)
def test_the_list_of_before_brings_nobody_back(tmp_path: Path, spelling: Address, stream: str) -> None:
    yes = grant(spelling, stream=stream, brand=STREAMS[stream])
    with committer(tmp_path) as opened:
        add(opened, yes)
        assert facts_of(opened, stream, spelling).yes
        erase_everywhere(opened, ANN.wide, NOW)
        assert facts_of(opened, stream, spelling) == Facts(withdrawn_at=NOW)
        later = grant(spelling, stream=stream, brand=STREAMS[stream], at=NOW, recorded_at=NOW + timedelta(days=1))
        add(opened, yes, later)
        assert facts_of(opened, stream, spelling).yes is None
        assert facts_of(opened, stream, spelling).withdrawn_at == NOW


def test_only_a_later_yes_of_the_persons_own_frees_exactly_its_address(tmp_path: Path) -> None:
    later = NOW + timedelta(days=1)
    with committer(tmp_path) as opened:
        add(opened, grant(), grant(TAGGED))
        erase_everywhere(opened, ANN.wide, NOW)
        add(opened, grant(at=later, recorded_at=later, own_act=True))
        assert facts_of(opened, "newsletter", ANN).withdrawn_at is None
        assert facts_of(opened, "newsletter", ANN).yes
        assert facts_of(opened, "newsletter", TAGGED).withdrawn_at == NOW
        assert facts_of(opened, "offers", ANN).withdrawn_at == NOW


def test_a_clock_set_back_does_not_let_an_older_yes_survive(tmp_path: Path) -> None:
    future = NOW + timedelta(days=2)
    with committer(tmp_path) as opened:
        add(opened, grant(at=future, recorded_at=future, own_act=True))
        erase_everywhere(opened, ANN.wide, NOW)
        add(opened, grant(at=future, recorded_at=future, own_act=True))
        assert facts_of(opened, "newsletter", ANN).withdrawn_at == future


def test_erasing_twice_only_dates_the_no_anew(tmp_path: Path) -> None:
    later = NOW + timedelta(days=1)
    with committer(tmp_path) as opened:
        add(opened, grant(), withdraw())
        send(opened, ANN)
        assert erase_everywhere(opened, ANN.wide, NOW)
        lines = digests(opened)
        journal = opened.journal.path.read_bytes()
        assert not erase_everywhere(opened, ANN.wide, NOW)
        assert opened.journal.path.read_bytes() == journal
        assert not erase_everywhere(opened, ANN.wide, later)
        assert digests(opened) == lines
        assert opened.journal.path.read_bytes().startswith(journal)
        assert erased_at(opened.connection, ANN.wide, PSEUDONYMS) == later


def test_who_came_back_can_be_erased_again(tmp_path: Path) -> None:
    later = NOW + timedelta(days=1)
    with committer(tmp_path) as opened:
        add(opened, grant())
        erase_everywhere(opened, ANN.wide, NOW)
        add(opened, grant(at=later, recorded_at=later, own_act=True))
        assert erase_everywhere(opened, ANN.wide, later + timedelta(days=1)).lines == 1
        assert files_with(tmp_path, "ann@example.com") == []
        assert facts_of(opened, "newsletter", ANN).withdrawn_at == later + timedelta(days=1)


def test_the_words_stay_while_somebody_else_agreed_to_them(tmp_path: Path) -> None:
    words = Evidence(wording=WORDS)
    with committer(tmp_path) as opened:
        others = Evidence(wording="b" * 64)
        add(opened, grant(evidence=words), grant(BOB, evidence=words), texts={WORDS: "Send me news"})
        add(opened, grant(BOB, evidence=others))
        assert erase_everywhere(opened, ANN.wide, NOW).wordings == 0
        assert told_of(tmp_path, BOB)[0][0].evidence == words
        assert opened.connection.execute("SELECT text, uses FROM wordings").fetchall() == [
            ("Send me news", 1),
            (None, 1),
        ]
        assert erase_everywhere(opened, BOB.wide, NOW).wordings == 2
        assert files_with(tmp_path, "Send me news") == []


@pytest.mark.parametrize("said", ["shown_from = 1", "shown_until = 1", "picture = x'89'"])
def test_words_that_the_operator_described_are_a_document_of_the_form_and_stay(said: str, tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        add(opened, grant(evidence=Evidence(wording=WORDS)), texts={WORDS: "Send me news"})
        do(opened, lambda c: c.execute(f"UPDATE wordings SET {said}"))
        erase_everywhere(opened, ANN.wide, NOW)
        assert opened.connection.execute("SELECT text, uses FROM wordings").fetchall() == [("Send me news", 0)]


def test_a_stranger_is_not_known_and_an_erased_person_is(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        add(opened, grant())
        assert not is_known(opened.connection, BOB.wide, PSEUDONYMS)
        assert is_known(opened.connection, ANN.wide, PSEUDONYMS)
        erase_everywhere(opened, ANN.wide, NOW)
        assert is_known(opened.connection, ANN.wide, PSEUDONYMS)
        assert erased_among(opened.connection, [ANN.wide, BOB.wide], PSEUDONYMS) == {ANN.wide}
        send(opened, GMAIL)
        assert is_known(opened.connection, GMAIL.wide, PSEUDONYMS)


def test_a_purge_keeps_a_no_and_adds_none(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        add(opened, withdraw(), grant(BOB))
        for person in (ANN, BOB):
            assert do(opened, lambda c, person=person: purge_person(c, person.wide, PSEUDONYMS, now=NOW)).lines == 1
        opened.forget([ANN.wide, BOB.wide], erased=False)
        assert files_with(tmp_path, "@example.com") == []
        assert facts_of(opened, "newsletter", TAGGED).withdrawn_at == ago(5)
        assert facts_of(opened, "offers", ANN) == NOTHING_KNOWN
        assert facts_of(opened, "newsletter", BOB) == NOTHING_KNOWN
        assert erased_among(opened.connection, [ANN.wide, BOB.wide], PSEUDONYMS) == frozenset()


def test_a_complaint_of_everything_that_outlives_a_purge_is_no_wish_to_be_erased(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        add(opened, event(EventKind.COMPLAIN, ANN, brand="", stream=""))
        do(opened, lambda c: purge_person(c, ANN.wide, PSEUDONYMS, now=NOW))
        assert facts_of(opened, "newsletter", ANN).complained_at
        assert erased_at(opened.connection, ANN.wide, PSEUDONYMS) is None


def test_a_store_from_before_an_erasure_forgets_the_person_again(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        add(opened, grant(), grant(BOB))
        erasures = {PSEUDONYMS.tombstone(ANN.wide): NOW, PSEUDONYMS.tombstone("gone@example.com"): NOW}
        assert do(opened, lambda c: erase_again(c, erasures, PSEUDONYMS, NOW + timedelta(days=9))) == 1
        opened.forget([ANN.wide], erased=False)
        assert files_with(tmp_path, "ann@example.com") == []
        for person in (ANN, Address("gone", "example.com")):
            assert facts_of(opened, "offers", person).withdrawn_at
        assert facts_of(opened, "newsletter", BOB).yes


def test_a_store_that_knows_of_the_erasure_keeps_who_came_back(tmp_path: Path) -> None:
    later = NOW + timedelta(days=1)
    with committer(tmp_path) as opened:
        add(opened, grant())
        erase_everywhere(opened, ANN.wide, NOW)
        add(opened, grant(at=later, recorded_at=later, own_act=True))
        erasures = {PSEUDONYMS.tombstone(ANN.wide): NOW}
        assert do(opened, lambda c: erase_again(c, erasures, PSEUDONYMS, later)) == 0
        assert facts_of(opened, "newsletter", ANN).yes


@st.composite
def histories(draw: st.DrawFn) -> Sequence[Event]:
    kinds = draw(st.lists(st.sampled_from([*EventKind][:-1]), min_size=1, max_size=8))
    found = []
    for number, kind in enumerate(kinds):
        person = draw(st.sampled_from([*ANNS, BOB, JOANN, GMAIL]))
        stream = draw(st.sampled_from(list(STREAMS)))
        make = grant if kind in (EventKind.GRANT, EventKind.CONFIRM, EventKind.RENEW) else event
        more = {"kind": kind} if make is event else {}
        made = make(
            address=person,
            stream=stream,
            brand=STREAMS[stream],
            at=ago(draw(st.integers(0, 9))),
            evidence=evidence_of(person, number, draw(st.sampled_from(["", WORDS]))),
            source=draw(st.sampled_from(["", f"fair of <{person.local}>"])),
            own_act=make is grant and draw(st.booleans()),
            id=fresh_id(),
            **more,
        )
        found.append(made)
    return found


@settings(deadline=None, max_examples=60)
@given(histories())
def test_whatever_was_said_nobody_else_is_touched_and_nothing_of_the_person_stays(history: Sequence[Event]) -> None:
    with TemporaryDirectory() as name, committer(Path(name)) as opened:
        folder = Path(name)
        for one in history:
            add(opened, one, texts={WORDS: "words of all"})
            send(opened, one.address)
        others = (BOB, JOANN, GMAIL)
        before, lines = told_of(folder, *others), digests(opened)
        said_no = {one.stream for one in history if one.kind in NOES and one.address in ANNS}
        erased = erase_everywhere(opened, ANN.wide, NOW)
        assert bool(erased) == any(one.address in ANNS for one in history)
        assert told_of(folder, *others) == before
        assert digests(opened)[: len(lines)] == lines
        needles = [text for one in ANNS for text in (str(one), f"fair of <{one.local}>", f"Browser/<{one.local}>")]
        assert {needle: found for needle in needles if (found := files_with(folder, needle))} == {}
        add(opened, *history)  # the same list again
        for stream in STREAMS:
            for spelling in ANNS:
                known = facts_of(opened, stream, spelling)
                assert known.withdrawn_at is not None, (stream, said_no)
                assert known.yes is None or said_no == set()
