"""Whatever several processes do with the queue, and whenever they die: no copy is lost, in two states, or handed to two at
once; what is counted is so; content is there as long as a copy waits, and no longer. Against a naive model, on a real file.

`HISTORIES=2000 pytest tests/store/test_any_queue*.py` tries more.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from store.samples import grant, withdraw
from store.waiting import NOW, PSEUDONYMS, copy_to, message_to

from relay.address import Address
from relay.consent.ledger import microseconds
from relay.queued import Claimed, Copy, Fate, Move, NewCopy, ReportLine, State, Step
from relay.reason import Reason
from relay.store.appending import append_events
from relay.store.committing import Committer, Work
from relay.store.learning import Lessons
from relay.store.open_queue import OpenQueue, Told
from relay.store.port import QueueFullError
from relay.store.queue import Caps

PEOPLE = tuple(Address(name, "example.org") for name in ("ann", "ANN", "bob", "cid"))
STREAMS = ("newsletter", "offers")
CAPS = Caps(octets=12 * 60, copies=6, stream_copies=4, release=2)
CONTENT = b"x" * 60
MINUTE = timedelta(minutes=1)

owners = st.integers(0, 2)
minutes = st.integers(-3, 3)


@dataclass(slots=True)
class Known:
    """A copy, as the model knows it. key: the id of its decision. after_no: has its person said no since?"""

    key: str
    message: int
    person: Address
    stream: str
    state: State
    due: int
    owner: int | None = None
    number: int = 0
    after_no: bool = False

    @property
    def who(self) -> tuple[str, str]:
        return self.person.wide, self.stream


@dataclass(slots=True)
class Process:
    committer: Committer
    queue: OpenQueue
    hands: list[Copy] = field(default_factory=list)


class AnyQueue(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory(prefix="queue-")
        self.now = NOW
        self.copies: dict[str, Known] = {}
        self.starts: dict[int, int] = {}
        self.tellings: dict[int, int] = {}
        self.accepted: set[str] = set()
        self.ended: set[str] = set()
        self.reports: list[tuple[str, str]] = []
        self.processes: list[Process] = []

    @initialize()
    def start(self) -> None:
        self.processes = [self._process() for _ in range(3)]

    def _process(self) -> Process:
        folder = Path(self.folder.name)
        committer = Committer(folder / "relay.db", folder / "withdrawals.journal", PSEUDONYMS)
        committer.connection.execute("PRAGMA synchronous = OFF")  # nothing here pulls the plug
        return Process(committer, OpenQueue(committer, CAPS, lambda *_: Lessons()))

    def teardown(self) -> None:
        for process in self.processes:
            process.queue.close()
            process.committer.close()
        self.folder.cleanup()

    def _do(self, owner: int, run: Any) -> Any:
        (result,) = self.processes[owner].committer.commit([Work(run)])
        if isinstance(result, BaseException):
            raise result
        return result.answer if isinstance(result, Told) else result

    def _all(self, sql: str) -> list[Any]:
        return list(self.processes[0].committer.connection.execute(sql).fetchall())

    @rule(passed=st.integers(1, 10))
    def time_passes(self, passed: int) -> None:
        self.now += passed * MINUTE

    @rule(
        owner=owners,
        stream=st.sampled_from(STREAMS),
        wanted=st.lists(
            st.tuples(st.sampled_from(PEOPLE), st.sampled_from([State.QUEUED, State.HELD, State.FAILED]), minutes),
            min_size=1,
            max_size=3,
        ),
    )
    def accept(self, owner: int, stream: str, wanted: list[tuple[Address, State, int]]) -> None:
        new = [copy_to(str(who), state, due=self.now + due * MINUTE) for who, state, due in wanted]
        message = message_to(*new, at=self.now, stream=stream, content=CONTENT)
        work = self.processes[owner].queue.work_of(Step(messages=(message,)))
        if self._is_full(stream, new):
            try:
                self._do(owner, work)
            except QueueFullError:
                return
            raise AssertionError("beyond the cap")
        self._do(owner, work)
        ((number,),) = self._all(f"SELECT number FROM messages WHERE id = '{message.tx.id}'")
        self.starts[number] = self.tellings[number] = 0
        for copy in new:
            self.accepted.add(copy.decision)
            one = Known(copy.decision, number, copy.recipient.address, stream, copy.state, microseconds(copy.due_at))
            self.copies[one.key] = one
            self._becomes_held(one)

    def _is_full(self, stream: str, new: list[NewCopy]) -> bool:
        if len(self.starts) * len(CONTENT) + len(CONTENT) > CAPS.octets:
            return True
        wanted = [copy for copy in new if copy.state is State.HELD]
        held = [one for one in self.copies.values() if one.state is State.HELD]
        people = {(copy.recipient.address.wide, stream) for copy in wanted}
        room = sum(one.who in people and one.owner is None for one in held)
        of_stream = sum(one.stream == stream for one in held)
        if not wanted or (len(held) + len(wanted) <= CAPS.copies and of_stream + len(wanted) <= CAPS.stream_copies):
            return False
        more = max(len(wanted) - room, 0)
        of_all = len(held) + more > CAPS.copies
        return of_all or (more > 0 and of_stream + more > CAPS.stream_copies)

    def _becomes_held(self, one: Known) -> None:
        if one.state is not State.HELD:
            return
        # A no may have come while it was decided on.
        one.after_no = bool(self._all(f"SELECT 1 FROM copies WHERE decision = '{one.key}' AND no_at IS NOT NULL"))
        same = [
            other
            for other in self.copies.values()
            if other.who == one.who and other.state is State.HELD and other.message != one.message
        ]
        if any(other.message > one.message for other in same):
            self._over(one, "replaced")
        else:
            for other in same:
                if other.owner is None:
                    one.due = max(one.due, other.due)
                    self._over(other, "replaced")

    def _over(self, one: Known, fate: str = "") -> None:
        del self.copies[one.key]
        self.ended.add(one.key)
        if fate:
            self.reports.append((one.key, fate))
        if not any(other.message == one.message for other in self.copies.values()):
            del self.starts[one.message], self.tellings[one.message]

    @rule(owner=owners, most=st.integers(1, 4))
    def claim(self, owner: int, most: int) -> None:
        expected = self._to_be_claimed(most)
        claimed = self._do(owner, self.processes[owner].queue.claim(self.now, most, None, ()).run)
        self._handed(owner, claimed, State.QUEUED)
        assert sorted(copy.decision for one in claimed for copy in one.copies) == sorted(expected)
        for one in claimed:
            assert one.message.starts == self.starts[one.message.number]

    def _to_be_claimed(self, most: int) -> list[str]:
        now = microseconds(self.now)
        rows = sorted(
            (one for one in self.copies.values() if one.state is State.QUEUED and one.owner is None and one.due <= now),
            key=lambda one: (one.due, one.number),
        )[:most]
        taken: list[int] = []
        for message in dict.fromkeys(one.message for one in rows):
            under_way = self._under_way(message)
            if self.starts[message] == 0 or (self.starts[message] == 1 and under_way):
                taken.append(message)
            elif under_way:
                continue
            elif self.starts[message] >= 3:
                for one in self.copies.values():
                    if one.message == message and one.state is State.QUEUED and one.owner is None:
                        one.state = State.ASIDE
            elif not taken:
                taken.append(message)
                break
        for message in taken:
            if not self._under_way(message):
                self.starts[message] += 1
        return [one.key for one in rows if one.message in taken]

    def _under_way(self, message: int) -> bool:
        return any(
            one.message == message and one.state is State.QUEUED and one.owner is not None
            for one in self.copies.values()
        )

    @rule(owner=owners, most=st.integers(1, 4))
    def claim_failed(self, owner: int, most: int) -> None:
        claimed = self._do(owner, self.processes[owner].queue.claim_failed(self.now, most).run)
        now = microseconds(self.now)
        for one in claimed:
            of_message = [other for other in self.copies.values() if other.message == one.message.number]
            failed = [other for other in of_message if other.state is State.FAILED]
            assert {copy.decision for copy in one.copies} == {other.key for other in failed}
            waiting = any(other.state is State.QUEUED for other in of_message)
            assert not waiting or any(other.due <= now for other in failed)
            self.tellings[one.message.number] += 1
            assert one.message.tellings == self.tellings[one.message.number]
            assert one.message.tellings == 1 or one is claimed[0]
        assert len(claimed) < 2 or claimed[0].message.tellings == 1
        self._handed(owner, claimed, State.FAILED)
        if not claimed:  # then nobody was ready
            for message in self.starts:
                of_message = [other for other in self.copies.values() if other.message == message]
                failed = [other for other in of_message if other.state is State.FAILED]
                if failed and all(other.owner is None for other in failed):
                    assert any(other.state is State.QUEUED for other in of_message)
                    assert not any(other.due <= now for other in failed)

    @rule(owner=owners, most=st.integers(1, 4))
    def claim_expired(self, owner: int, most: int) -> None:
        now = microseconds(self.now)
        free = [one for one in self.copies.values() if one.state is State.HELD and one.owner is None]
        due = [one for one in free if one.due <= now or one.after_no]
        claimed = self._do(owner, self.processes[owner].queue.claim_expired(self.now, most).run)
        self._handed(owner, claimed, State.HELD)
        assert sum(len(one.copies) for one in claimed) == min(most, len(due))

    def _handed(self, owner: int, claimed: tuple[Claimed, ...], state: State) -> None:
        for one in claimed:
            for copy in one.copies:
                known = self.copies[copy.decision]
                assert known.owner is None, "handed to two at once"
                assert (known.state, known.number) == (state, copy.number)
                assert known.person == copy.recipient.address
                known.owner = owner
                self.processes[owner].hands.append(copy)

    @precondition(lambda self: any(process.hands for process in self.processes))
    @rule(
        data=st.data(),
        state=st.sampled_from([None, State.QUEUED, State.HELD, State.FAILED]),
        due=minutes,
        again=st.booleans(),
    )
    def move(self, data: st.DataObject, state: State | None, due: int, again: bool) -> None:
        owner = data.draw(st.sampled_from([place for place, one in enumerate(self.processes) if one.hands]))
        copy = data.draw(st.sampled_from(self.processes[owner].hands))
        self.processes[owner].hands.remove(copy)
        reason = Reason.STALE if state is State.HELD else Reason.NEXT_HOP_DEFERRED
        at = self.now + due * MINUTE
        step = Step(
            moves=(Move(copy.number, self.now, state, None if state is None else reason, at),),
            reports=(_line(self.now, copy),) if state is None else (),
        )
        work = self.processes[owner].queue.work_of(step)
        self._do(owner, work)
        if again:  # nobody knew whether it was committed
            self._do(owner, work)
        known = self.copies.get(copy.decision)
        if known is None or known.owner != owner:
            return  # it was taken from a process that is no more
        known.owner, known.after_no = None, False
        if not any(one.message == known.message and one.owner is not None for one in self.copies.values()):
            self.starts[known.message] = 0
        if state is None:
            if known.state is State.FAILED:
                self.tellings[known.message] = 0
            self._over(known, "expired")
            return
        known.state, known.due = state, microseconds(at)
        self._becomes_held(known)

    @rule(owner=owners, who=st.sampled_from(PEOPLE), stream=st.sampled_from(STREAMS))
    def says_yes(self, owner: int, who: Address, stream: str) -> None:
        yes = grant(who, stream=stream, at=self.now, recorded_at=self.now)
        self._do(owner, lambda c: append_events(c, [yes], PSEUDONYMS, os.urandom))
        for one in self.copies.values():
            if one.person == who and one.stream == stream and one.state is State.HELD and one.owner is None:
                one.state = State.QUEUED
                ((one.due,),) = self._all(f"SELECT due_at FROM copies WHERE number = {one.number}")
                assert microseconds(self.now) <= one.due <= microseconds(self.now + 30 * MINUTE)

    @rule(owner=owners, who=st.sampled_from(PEOPLE))
    def says_no(self, owner: int, who: Address) -> None:
        no = withdraw(who, at=self.now, recorded_at=self.now)
        self._do(owner, lambda c: append_events(c, [no], PSEUDONYMS, os.urandom))
        for one in self.copies.values():
            one.after_no = one.after_no or (one.state is State.HELD and one.person.wide == who.wide)

    @rule(owner=owners)
    def dies(self, owner: int) -> None:
        """Killed: the kernel takes its lock away, nothing else happens. Another takes its place."""
        process = self.processes[owner]
        os.close(process.queue._lease._file)
        process.committer.close()
        for one in self.copies.values():
            if one.owner == owner:
                one.owner = None
        fresh = self._process()
        fresh.hands = process.hands  # what it still believed to have
        self.processes[owner] = fresh

    @rule(owner=owners)
    def stops(self, owner: int) -> None:
        process = self.processes[owner]
        process.queue.close()
        process.committer.close()
        messages = {one.message for one in self.copies.values() if one.owner == owner and one.state is State.QUEUED}
        for message in {
            one.message for one in self.copies.values() if one.owner == owner and one.state is State.FAILED
        }:
            self.tellings[message] = max(self.tellings[message] - 1, 0)
        for one in self.copies.values():
            if one.owner == owner:
                one.owner = None
        for message in messages:
            if not any(one.message == message and one.owner is not None for one in self.copies.values()):
                self.starts[message] = max(self.starts[message] - 1, 0)
        self.processes[owner] = self._process()

    @invariant()
    def it_is_as_the_model_says(self) -> None:
        if not self.processes:
            return
        leases = {process.queue._lease.name: place for place, process in enumerate(self.processes)}
        assert dict(self._all("SELECT number, tellings FROM messages")) == self.tellings
        found = self._all("SELECT decision, state, due_at, lease, number FROM copies")
        for key, state, due, lease, number in found:
            one = self.copies[key]
            if not one.number:
                one.number = number
            if state == State.QUEUED and one.state is State.HELD:  # a yes may have come while it was decided on
                one.state, one.due = State.QUEUED, due
            assert (state, number) == (one.state, one.number)
            assert due == (None if one.state is State.ASIDE else one.due)
            assert leases.get(lease) == one.owner
        assert {row[0] for row in found} == set(self.copies)
        assert self.accepted == set(self.copies) | self.ended
        assert sorted(self._all("SELECT decision, fate FROM reports")) == sorted(self.reports)

    @invariant()
    def counts_and_contents_are_right(self) -> None:
        if not self.processes:
            return
        counted = self._all("SELECT state, stream, count(*), sum(octets) FROM copies GROUP BY 1, 2 ORDER BY 1, 2")
        tallies = "SELECT state, stream, copies, octets FROM tallies WHERE copies <> 0 OR octets <> 0 ORDER BY 1, 2"
        assert self._all(tallies) == counted
        assert {number for (number,) in self._all("SELECT message FROM contents")} == set(self.starts)
        assert dict(self._all("SELECT number, starts FROM messages")) == self.starts
        assert self._all("SELECT messages, octets FROM stock") == [(len(self.starts), len(self.starts) * len(CONTENT))]


def _line(at: datetime, copy: Copy) -> ReportLine:
    return ReportLine(
        at, "shop", "brand", copy.stream, "M", copy.decision, "", str(copy.recipient.address), Fate.EXPIRED, copy.reason
    )


def patience(histories: int) -> settings:
    return settings(
        max_examples=int(os.environ.get("HISTORIES", histories)),
        stateful_step_count=50,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


TestAnyQueue = AnyQueue.TestCase
TestAnyQueue.settings = patience(80)
