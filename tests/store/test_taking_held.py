"""A list of consents lets go the mail that is held for its people, and ends what is held for those who said no."""

from __future__ import annotations

from pathlib import Path

import pytest
from store.samples import ANN, BOB, PSEUDONYMS, TAGGED, committer, event, grant, withdraw
from store.test_taking import CARL, add, take
from store.waiting import copy_to, message_to

from relay.address import Address
from relay.consent.events import Act, Basis, EventKind
from relay.queued import State, Step
from relay.store.committing import Work
from relay.store.queue import Caps, take_step


@pytest.mark.parametrize("known", [(), (ANN,), (ANN, BOB)], ids=["strangers", "one known", "all known"])
def test_a_list_of_yeses_lets_go_what_is_held_for_them_by_whatever_way_they_are_taken(
    tmp_path: Path, known: tuple[Address, ...]
) -> None:
    people = (ANN, BOB, CARL)
    mail = message_to(*(copy_to(str(who), State.HELD) for who in people))
    with committer(tmp_path) as opened:
        add(opened, [event(EventKind.REQUEST, who, id=f"{place:026}") for place, who in enumerate(known)])
        opened.commit([Work(lambda c: take_step(c, Step(messages=(mail,)), "me", Caps(), PSEUDONYMS))])
        said = [
            grant(ANN),
            grant(BOB, basis=Basis.SINGLE_OPT_IN, act=Act.TICKED),
            grant(CARL, basis=Basis.CUSTOMER, act=None),
        ]
        take(opened, said, dry_run=True)
        assert opened.connection.execute("SELECT DISTINCT state FROM copies").fetchall() == [("held",)]
        take(opened, said)
        states = dict(opened.connection.execute("SELECT address, state FROM copies").fetchall())
        assert states == {str(ANN): "queued", str(BOB): "queued", str(CARL): "held"}


@pytest.mark.parametrize("known", [(), (ANN,), (ANN, BOB)], ids=["strangers", "one known", "all known"])
def test_after_a_list_of_noes_what_is_held_for_them_is_looked_at_by_whatever_way_they_are_taken(
    tmp_path: Path, known: tuple[Address, ...]
) -> None:
    mail = message_to(*(copy_to(str(who), State.HELD) for who in (TAGGED, BOB, CARL)))
    with committer(tmp_path) as opened:
        add(opened, [grant(who, id=f"{place:026}") for place, who in enumerate(known)])
        opened.commit([Work(lambda c: take_step(c, Step(messages=(mail,)), "me", Caps(), PSEUDONYMS))])
        said = [withdraw(ANN), withdraw(BOB, stream="", brand="brand"), withdraw(BOB, stream="offers"), grant(CARL)]
        take(opened, said, dry_run=True)
        found = "SELECT address, state FROM copies WHERE no_at IS NOT NULL ORDER BY number"
        assert opened.connection.execute(found).fetchall() == []
        take(opened, said)
        assert opened.connection.execute(found).fetchall() == [(str(TAGGED), "held"), (str(BOB), "held")]


def test_a_list_lets_go_nothing_of_another_stream_or_spelling(tmp_path: Path) -> None:
    offers = message_to(copy_to(str(ANN), State.HELD), stream="offers")
    spelt = message_to(copy_to(str(TAGGED), State.HELD))
    assert TAGGED.wide == ANN.wide
    with committer(tmp_path) as opened:
        for mail in (offers, spelt):
            opened.commit([Work(lambda c, one=mail: take_step(c, Step(messages=(one,)), "me", Caps(), PSEUDONYMS))])
        take(opened, [grant(ANN)])
        assert opened.connection.execute("SELECT DISTINCT state FROM copies").fetchall() == [("held",)]
