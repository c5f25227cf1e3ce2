"""The same with an operator who tries copies now, lets them go and takes them out, and with processes that give copies
back, whose own code fails on one, or that are killed by what they get again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from store.test_any_queue import MINUTE, AnyQueue, Known, minutes, owners, patience

from relay.consent.ledger import microseconds
from relay.queued import Move, State, Step
from relay.reason import Reason
from relay.store.interventions import Done, drop, free_ended, release, retry

#: As the commands `queue` and `hold` name them, and any other.
states = st.sets(st.sampled_from(State), min_size=1)


class AnyQueueOfAnOperator(AnyQueue):
    @rule(owner=owners, times=st.integers(2, 4), most=st.integers(1, 4))
    def is_killed_by_what_it_gets(self, owner: int, times: int, most: int) -> None:
        for _ in range(times):
            self.claim(owner, most)
            self.dies(owner)

    @precondition(lambda self: self.copies)
    @rule(data=st.data(), owner=owners, aside=st.booleans())
    def tries_now(self, data: st.DataObject, owner: int, aside: bool) -> None:
        def again(one: Known) -> None:
            if one.state is State.ASIDE:
                self.starts[one.message] = 0
            one.state, one.due = State.QUEUED, microseconds(self.now)

        self._acts(
            data, owner, {State.QUEUED, State.ASIDE} if aside else {State.QUEUED},
            lambda c, numbers: retry(c, numbers, self.now, aside=aside), again,
        )  # fmt: skip

    @precondition(lambda self: self.copies)
    @rule(data=st.data(), owner=owners)
    def lets_go(self, data: st.DataObject, owner: int) -> None:
        def goes(one: Known) -> None:
            one.state = State.QUEUED
            ((one.due,),) = self._all(f"SELECT due_at FROM copies WHERE number = {one.number}")
            assert microseconds(self.now) <= one.due <= microseconds(self.now + 30 * MINUTE)

        self._acts(data, owner, {State.HELD}, lambda c, numbers: release(c, numbers, self.now), goes)

    @precondition(lambda self: self.copies)
    @rule(data=st.data(), owner=owners, states=states, bounce=st.booleans())
    def takes_out(self, data: st.DataObject, owner: int, states: set[State], bounce: bool) -> None:
        def goes(one: Known) -> None:
            if bounce:
                one.state, one.due = State.FAILED, microseconds(self.now)
            else:
                self._over(one, "dropped")

        self._acts(
            data, owner, states, lambda c, numbers: drop(c, numbers, self.now, states=states, bounce=bounce), goes
        )

    def _acts(
        self,
        data: st.DataObject,
        owner: int,
        states: Collection[State],
        act: Callable[[Any, list[int]], Done],
        then: Callable[[Known], None],
    ) -> None:
        """On copies of any state, in any hands, some of which are not there."""
        known = {one.number: one for one in self.copies.values()}
        numbers = data.draw(st.lists(st.sampled_from([*known, 10**6]), min_size=1, max_size=4, unique=True))

        def run(connection: Any) -> Done:
            free_ended(connection, Path(self.folder.name) / "relay.db")
            return act(connection, numbers)

        fit = [known[number] for number in numbers if number in known and known[number].state in states]
        free = [one for one in fit if one.owner is None]
        changed = tuple(one.number for one in free)
        assert self._do(owner, run) == Done(len(free), len(fit) - len(free), len(numbers) - len(fit), changed)
        for one in free:
            then(one)

    @precondition(lambda self: any(process.hands for process in self.processes))
    @rule(data=st.data())
    def gives_back(self, data: st.DataObject) -> None:
        owner = data.draw(st.sampled_from([place for place, one in enumerate(self.processes) if one.hands]))
        process = self.processes[owner]
        chosen = {copy.number for copy in data.draw(st.lists(st.sampled_from(process.hands), min_size=1, max_size=3))}
        process.hands = [copy for copy in process.hands if copy.number not in chosen]
        self._do(owner, process.queue.give_back(chosen))
        back = [one for one in self.copies.values() if one.number in chosen and one.owner == owner]
        for one in back:
            one.owner = None
        for message in {one.message for one in back if one.state is State.QUEUED}:
            if not any(one.message == message and one.owner is not None for one in self.copies.values()):
                self.starts[message] = max(self.starts[message] - 1, 0)
        for message in {one.message for one in back if one.state is State.FAILED}:
            self.tellings[message] = max(self.tellings[message] - 1, 0)

    @precondition(lambda self: any(process.hands for process in self.processes))
    @rule(data=st.data(), due=minutes)
    def our_own_code_fails(self, data: st.DataObject, due: int) -> None:
        owner = data.draw(st.sampled_from([place for place, one in enumerate(self.processes) if one.hands]))
        copy = data.draw(st.sampled_from(self.processes[owner].hands))
        self.processes[owner].hands.remove(copy)
        at = self.now + due * MINUTE
        moving = Move(copy.number, self.now, State.QUEUED, Reason.INTERNAL_ERROR, at)
        self._do(owner, self.processes[owner].queue.work_of(Step(moves=(moving,))))
        known = self.copies.get(copy.decision)
        if known is not None and known.owner == owner:
            known.owner, known.state, known.due = None, State.QUEUED, microseconds(at)

    @precondition(lambda self: self.starts)
    @rule(data=st.data(), owner=owners)
    def nothing_was_wrong(self, data: st.DataObject, owner: int) -> None:
        message = data.draw(st.sampled_from(sorted(self.starts)))
        self._do(owner, self.processes[owner].queue.work_of(Step(harmless=(message,))))
        waiting = [one for one in self.copies.values() if one.message == message and one.state is State.QUEUED]
        if all(one.owner == owner for one in waiting):
            self.starts[message] = 0


TestAnyQueueOfAnOperator = AnyQueueOfAnOperator.TestCase
TestAnyQueueOfAnOperator.settings = patience(50)
