"""Whatever happens to a store, in whatever order: a no holds, the ledger can be proved, and who was erased is gone.

Everything goes through the functions that the relay and its commands use, on real files. `HISTORIES=2000 pytest
tests/store/test_any_history.py` tries more.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from store.any_people import (
    PEOPLE,
    SPELLED,
    Row,
    address,
    addresses,
    days,
    needles,
    person_of,
    scope_of,
    scopes,
    source,
    streams,
    wide_of,
    yes_of,
)
from store.any_store import STREAMS, AnyStore, csv_of, policies, write_policies
from store.naive_history import EVERYTHING, History, No, Sign
from store.samples import event

from relay.consent.events import Act, Basis, EventKind, Evidence
from relay.reason import Verdict
from relay.store.committing import Committer
from relay.store.port import StoreBehindError


@dataclass(frozen=True)
class Copy:
    """The store's file as it was. heard: how many noes and erasures had been told by then."""

    octets: bytes
    heard: int


@dataclass(frozen=True)
class Kept:
    """A backup and what was known when it was made. erasures: who had been erased how often by then. gone: of whom no file
    held anything.
    """

    octets: bytes
    history: History
    erasures: dict[str, int]
    gone: frozenset[str]


class AnyHistory(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="any-history-"))
        self.store = AnyStore(self.folder / "relay", policies())
        self.history = History()
        self.erased: dict[str, int] = {}
        self.gone: set[str] = set()
        self.copies: list[Copy] = []
        self.backup: Kept | None = None
        self.refusals: dict[str, list[datetime]] = {}
        self.scratch = 0

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    # --- what people do ------------------------------------------------------------------------------------------

    @rule(text=addresses, stream=streams, act=st.sampled_from([Act.TICKED, Act.PRETICKED]))
    def says_yes_in_a_form(self, text: str, stream: str, act: Act) -> None:
        self._yes(text, stream, Basis.SINGLE_OPT_IN, act, self.store.now, own=True)

    @rule(text=addresses, stream=streams)
    def clicks_to_confirm(self, text: str, stream: str) -> None:
        now = self.store.now
        common = {"brand": STREAMS[stream], "stream": stream, "recorded_at": now, "live": True}
        named = source(person_of(text))
        self.store.append(event(EventKind.REQUEST, address(text), at=now, source=named, **common))
        self._yes(text, stream, Basis.DOUBLE_OPT_IN, None, now, own=True, kind=EventKind.CONFIRM)

    @rule(text=addresses, scope=scopes, kind=st.sampled_from([EventKind.WITHDRAW, EventKind.COMPLAIN]))
    def says_no(self, text: str, scope: tuple[str, str], kind: EventKind) -> None:
        self._mention(text)
        brand, stream = scope
        brand = brand or STREAMS.get(stream, "")
        now, named = self.store.now, source(person_of(text))
        self.store.append(
            event(kind, address(text), brand=brand, stream=stream, at=now, recorded_at=now, source=named, live=True)
        )
        self._no(text, scope_of(kind, brand, stream), now, now=True)

    # --- what operators do ---------------------------------------------------------------------------------------

    @rule(text=addresses, stream=streams, ago=days, after_withdrawal=st.booleans(), basis=st.sampled_from(Basis))
    def operator_grants(self, text: str, stream: str, ago: int, after_withdrawal: bool, basis: Basis) -> None:
        self._yes(text, stream, basis, None, self.store.now - timedelta(ago), own=after_withdrawal, live=False)

    @rule(text=addresses)
    def operator_says_that_the_mailbox_works(self, text: str) -> None:
        self._mention(text)
        now = self.store.now
        self.store.append(event(EventKind.DELIVERABLE, address(text), brand="", stream="", at=now, recorded_at=now))
        self.history.signs.append(Sign(str(address(text)), now, False))

    @rule(
        rows=st.lists(
            st.one_of(
                st.tuples(addresses, streams, days, st.sampled_from(["double-opt-in", "single-opt-in", "customer"])),
                st.tuples(
                    addresses,
                    st.sampled_from(["", "", "newsletter", "elsewhere"]),
                    st.none() | days,
                    st.sampled_from(["unsubscribe", "complaint", "hard-bounce"]),
                ),
            ),
            min_size=1,
            max_size=6,
        ),
        brand=st.sampled_from(["", "brand", "other"]),
    )
    def imports(self, rows: list[tuple[str, str, int | None, str]], brand: str) -> None:
        now = self.store.now
        listed = [
            Row(text, stream, brand, None if ago is None else now - timedelta(ago), word)
            for text, stream, ago, word in rows
        ]
        noes = [no for row in listed if (no := row.no(now)) is not None]
        saying_more = {no.person for no in noes if not self.history.says_as_much(no)}
        # Of who was erased, a list brings nothing, unless it has a no that is new; nor of whom the store forgot after
        # a no to everything, which leaves the same.
        left_out = {
            person
            for person in {person_of(row.text) for row in listed} - saying_more
            if (self.erased.get(person) or self.history.says_no_to_everything(person))
            and not self.store.has_lines_of(wide_of(person))
        }
        assert self.store.import_csv(csv_of([row.columns for row in listed])) == []
        for row in listed:
            if person_of(row.text) not in left_out:
                self._mention(row.text)
                row.told_to(self.history, now)

    @rule(text=addresses)
    def is_erased(self, text: str) -> None:
        person, now = person_of(text), self.store.now
        self.store.erase(address(text))
        latest = self.history.moments(person)
        self.history.noes.append(No(person, EVERYTHING, max([now, *latest]), now=False, erasure=True))
        self.history.forget(person, {str(address(one)) for one in PEOPLE[person]})
        self.erased[person] = self.erased.get(person, 0) + 1
        self.gone.add(person)

    @rule(old=addresses, new=addresses)
    def moves(self, old: str, new: str) -> None:
        if address(old) == address(new) or (self.erased.get(person_of(old)) and person_of(old) in self.gone):
            return
        before = self.store.lines()
        self.store.move(address(old), address(new))
        if self.store.lines() == before:
            return
        self._mention(old)
        self._mention(new)
        for brand in sorted(set(STREAMS.values())):
            self._no(old, (brand, ""), self.store.now, now=True)

    @rule(keep=st.sampled_from([200, 400, 1200]))
    def purges(self, keep: int) -> None:
        holding = [text for text in SPELLED for stream in STREAMS if self._verdict(text, stream) is Verdict.DELIVER]
        before = {person for person in PEOPLE if self.store.has_lines_of(wide_of(person))}
        self.store.purge(keep)
        after = {person for person in PEOPLE if self.store.has_lines_of(wide_of(person))}
        assert not {person_of(text) for text in holding} & (before - after)
        for person in before - after:
            self.history.forget(person, {str(address(one)) for one in PEOPLE[person]})

    # --- mail ----------------------------------------------------------------------------------------------------

    @rule(text=addresses, stream=streams)
    def mail_is_delivered(self, text: str, stream: str) -> None:
        if self._verdict(text, stream) is Verdict.DELIVER:
            self._mention(text)
            self.store.settle(address(text), stream, delivered=True)

    @rule(text=addresses, stream=streams)
    def mail_is_refused_for_its_address(self, text: str, stream: str) -> None:
        self._mention(text)
        before = self.store.lines()
        self.store.settle(address(text), stream, delivered=False)
        said = self.refusals.setdefault(str(address(text)), [])
        if self.store.lines() > before:
            assert any(self.store.now - one >= timedelta(hours=24) for one in said)
            self.history.signs.append(Sign(str(address(text)), self.store.now, True))
        said.append(self.store.now)

    @rule(text=addresses, stream=streams, left=st.booleans())
    def is_asked_again(self, text: str, stream: str, left: bool) -> None:
        before = self.store.facts([address(text)], stream)[address(text)]
        self._mention(text)
        self.store.ask(address(text), stream, source(person_of(text)), left=left)
        after = self.store.facts([address(text)], stream)[address(text)]
        # A question takes nothing away, and two do only once the time to answer is over.
        assert replace(after, asked=before.asked, asked_at=before.asked_at) == before
        assert after.asked <= before.asked + left

    # --- time and the machine ------------------------------------------------------------------------------------

    @rule(hours=st.sampled_from([1, 25, 24 * 20, 24 * 400]))
    def time_passes(self, hours: int) -> None:
        self.store.now += timedelta(hours=hours)

    @rule(back=st.sampled_from([1, 40]))
    def the_clock_is_set_back(self, back: int) -> None:
        self.store.now -= timedelta(days=back)

    @rule()
    def restarts(self) -> None:
        self.store.reopen()

    @rule()
    def is_sealed(self) -> None:
        self.store.seal()

    @rule()
    def is_copied(self) -> None:
        self.store.committer.checkpoint(above=0)
        self.copies.append(Copy(self.store.settings.store.path.read_bytes(), self.store.noes_in_the_journal()))

    @precondition(lambda self: self.store.lines() > 0)  # for what was lost, only a line can be signed
    @rule()
    def is_backed_up(self) -> None:
        self.backup = Kept(self.store.backup(), self.history.copy(), dict(self.erased), frozenset(self.gone))

    @precondition(lambda self: self.backup is not None)
    @rule()
    def is_restored(self) -> None:
        assert self.backup is not None
        was, now = self.history, self.backup.history.copy()
        self.scratch += 1
        lacking = self.store.restore(self.backup.octets, self.folder / f"scratch{self.scratch}")
        newer = [no for no in was.noes if no not in now.noes]
        if lacking:
            with pytest.raises(StoreBehindError):
                self.store.opened()
        else:
            assert not newer
        self.store.replay()
        self.copies.clear()
        for person in PEOPLE:
            if self.erased.get(person, 0) > self.backup.erasures.get(person, 0):
                latest = now.moments(person)
                now.noes.append(No(person, EVERYTHING, max([self.store.now, *latest]), now=False, erasure=True))
                now.forget(person, {str(address(one)) for one in PEOPLE[person]})
        for no in newer:
            now.say_no(no)
        self.history = now
        # Whoever was named again after they were erased, and before the backup, is named there still.
        again = {one for one, times in self.erased.items() if times > self.backup.erasures.get(one, 0)}
        self.gone = {one for one in self.backup.gone | again if not self.store.has_lines_of(wide_of(one))}

    @rule()
    def an_earlier_copy_does_not_start(self) -> None:
        self.scratch += 1
        folder = self.folder / f"scratch{self.scratch}"
        folder.mkdir()
        shutil.copy(self.store.settings.store.journal, folder) if self.store.settings.store.journal.exists() else None
        heard = self.store.noes_in_the_journal()
        for copy in self.copies:
            for rest in folder.glob("relay.db*"):
                rest.unlink()
            (folder / "relay.db").write_bytes(copy.octets)

            def start() -> Committer:
                return Committer(folder / "relay.db", folder / "withdrawals.journal", self.store.pseudonyms)

            if copy.heard < heard:
                with pytest.raises(StoreBehindError):
                    start()
            else:
                with closing(start()):
                    pass

    @rule()
    def a_list_of_all_is_taken_elsewhere(self) -> None:
        if not (self.store.folder / "policies").exists():
            write_policies(self.store.folder / "policies")
        exported = self.store.export_csv()
        self.scratch += 1
        other = AnyStore(self.folder / f"scratch{self.scratch}", policies())
        other.now = max([self.store.now, *self.history.moments(*PEOPLE)])
        with closing(other):
            assert other.import_csv(exported) == []
            for stream in STREAMS:
                found = other.facts([address(text) for text in SPELLED], stream)
                for text in SPELLED:
                    verdict = other.judged(found[address(text)], address(text), stream).verdict
                    assert verdict is not Verdict.DELIVER or self._may_get(text, stream), (text, stream)

    # --- what always holds ---------------------------------------------------------------------------------------

    @invariant()
    def a_no_counts_for_every_spelling_and_a_yes_for_its_own(self) -> None:
        for stream, brand in STREAMS.items():
            found = self.store.facts([address(text) for text in SPELLED], stream)
            for text, person in SPELLED.items():
                facts, name = found[address(text)], str(address(text))
                said_no = facts.withdrawn_at is not None or facts.complained_at is not None
                assert said_no == self.history.has_said_no(person, name, brand, stream), (text, stream)
                if not said_no:
                    standing = self.history.standing(person, name, brand, stream)
                    assert (facts.yes is not None) == bool(standing), (text, stream)
                assert (facts.undeliverable_at is not None) == self.history.is_dead(name, brand, stream), text
                if self.store.judged(facts, address(text), stream).verdict is Verdict.DELIVER:
                    assert self._may_get(text, stream), (text, stream)

    @invariant()
    def the_ledger_can_be_proved(self) -> None:
        found = self.store.findings()
        assert not found, found

    @invariant()
    def the_journal_lacks_nothing(self) -> None:
        assert self.store.noes_not_in_the_journal() == []

    @invariant()
    def nobody_gets_what_is_held_of_another(self) -> None:
        for person, (text, *_) in PEOPLE.items():
            told = self.store.subject_export(address(text)).lower()
            for other in set(PEOPLE) - {person}:
                assert not any(needle.decode() in told for needle in needles(other)), (person, other)

    @invariant()
    def of_who_was_erased_no_file_holds_anything(self) -> None:
        for path in self.store.files() if self.gone else ():
            octets = path.read_bytes().lower()
            for person in self.gone:
                assert not any(needle in octets for needle in needles(person)), (path.name, person)

    # --- what is meant by it -------------------------------------------------------------------------------------

    def _yes(
        self, text: str, stream: str, basis: Basis, act: Act | None, at: datetime, *, own: bool, **more: Any
    ) -> None:
        self._mention(text)
        person = person_of(text)
        said = {
            "brand": STREAMS[stream],
            "stream": stream,
            "at": at,
            "recorded_at": self.store.now,
            "source": source(person),
        }
        proof = Evidence(ip=f"192.0.2.{sorted(PEOPLE).index(person)}")
        fields = {"kind": EventKind.GRANT, "basis": basis, "act": act, "own_act": own, "live": True, "evidence": proof}
        self.store.append(event(address=address(text), **(said | fields | more)))
        self.history.yeses.append(yes_of(text, stream, basis, act, at, own=own))

    def _no(self, text: str, scope: tuple[str, str], at: datetime, *, now: bool) -> None:
        self.history.say_no(No(person_of(text), scope, at, now))

    def _mention(self, text: str) -> None:
        self.gone.discard(person_of(text))

    def _verdict(self, text: str, stream: str) -> Verdict:
        facts = self.store.facts([address(text)], stream)[address(text)]
        return self.store.judged(facts, address(text), stream).verdict

    def _may_get(self, text: str, stream: str) -> bool:
        return self.history.may_get(person_of(text), str(address(text)), STREAMS[stream], stream)


def test_in_any_history_the_law_holds() -> None:
    run_state_machine_as_test(
        AnyHistory,
        settings=settings(
            max_examples=int(os.environ.get("HISTORIES", "12")),
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
