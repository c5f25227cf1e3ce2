from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from store.samples import ANN, BOB, PSEUDONYMS, TAGGED, ago, committer, event, grant, withdraw
from store.test_bundles import rows_of
from store.test_taking import add, erase

from relay.consent.events import Event, EventKind
from relay.consent.ledger import microseconds
from relay.store.bundles import bundles
from relay.store.committing import Committer
from relay.store.erasing import erase_everywhere
from relay.store.queries import query
from relay.store.standing_noes import kept_noes, nothing_new

PEOPLE = [ANN.wide, BOB.wide]


def turned_away(opened: Committer, said: Sequence[Event]) -> tuple[set[str], set[str]]:
    gone: set[str] = set()
    covered: set[str] = set()
    kept = kept_noes(opened.connection, PEOPLE, PSEUDONYMS)
    for bundle in bundles([rows_of(said)]):
        for part in (bundle.yeses, bundle.noes):
            found = nothing_new(opened.connection, part, part.rows, kept, PSEUDONYMS)
            gone |= found.gone
            covered |= found.covered
    return gone, covered


def test_only_erased_people_have_noes_kept(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        add(opened, [withdraw(), withdraw(BOB)])
        assert kept_noes(opened.connection, PEOPLE, PSEUDONYMS) == {}
        erase(opened, BOB.wide)
        assert list(kept_noes(opened.connection, PEOPLE, PSEUDONYMS)) == [BOB.wide]


@pytest.mark.parametrize(
    ("said", "gone", "covered"),
    [
        ([grant()], True, True),
        ([withdraw(at=ago(5))], True, True),
        ([withdraw(at=ago(2))], True, True),
        ([withdraw(at=ago(1))], False, False),
        ([event(EventKind.COMPLAIN, at=ago(5))], True, True),
        ([withdraw(TAGGED, stream="", brand="", at=ago(5)), grant()], True, True),
        ([withdraw(at=ago(5)), withdraw(stream="other", at=ago(1)), grant()], False, False),
    ],
    ids=["yes", "older no", "no of that moment", "newer no", "complaint", "another spelling", "one of two is newer"],
)
def test_who_asked_to_be_erased_is_not_written_down_again_unless_a_no_says_more(
    tmp_path: Path, said: list[Event], gone: bool, covered: bool
) -> None:
    with committer(tmp_path) as opened:
        add(opened, [grant(recorded_at=ago(9))])
        erase_everywhere(opened, ANN.wide, ago(2))
        assert turned_away(opened, said) == ({ANN.wide} if gone else set(), {ANN.wide} if covered else set())


@pytest.mark.parametrize(
    ("said", "covered"),
    [
        ([withdraw(at=ago(5))], True),
        ([withdraw(at=ago(4))], False),
        ([withdraw(at=ago(5), stream="other")], False),
        ([withdraw(at=ago(5), stream="")], False),
        ([event(EventKind.COMPLAIN, at=ago(5))], False),
        ([withdraw(at=ago(5)), grant()], False),
    ],
    ids=["the same", "newer", "another stream", "all streams", "a complaint is of the brand", "a yes beside it"],
)
def test_who_was_purged_keeps_the_scope_of_their_no(tmp_path: Path, said: list[Event], covered: bool) -> None:
    with committer(tmp_path) as opened:
        add(opened, [withdraw(at=ago(5))])
        erase(opened, ANN.wide)
        assert turned_away(opened, said) == (set(), {ANN.wide} if covered else set())


def kept_of(opened: Committer) -> list[tuple[object, ...]]:
    return opened.connection.execute(
        query("noes_of_people"), (json.dumps([PSEUDONYMS.tombstone(ANN.wide)]),)
    ).fetchall()


def narrower(opened: Committer, said: Sequence[Event]) -> list[tuple[object, ...]]:
    kept = kept_noes(opened.connection, PEOPLE, PSEUDONYMS)
    (bundle,) = bundles([rows_of(said)])
    found = (nothing_new(opened.connection, part, part.rows, kept, PSEUDONYMS) for part in (bundle.yeses, bundle.noes))
    return [row for one in found for row in one.to_keep]


@pytest.mark.parametrize("beside", [[], [grant()]], ids=["alone", "a yes beside it"])
def test_a_no_to_one_stream_is_kept_beside_the_erasure_that_covers_it(tmp_path: Path, beside: list[Event]) -> None:
    with committer(tmp_path) as opened:
        add(opened, [grant(recorded_at=ago(9))])
        erase_everywhere(opened, ANN.wide, ago(2))
        rows = narrower(opened, [withdraw(at=ago(5), stream="receipts"), *beside])
        assert rows == [(PSEUDONYMS.tombstone(ANN.wide), "withdraw", "", "receipts", "", microseconds(ago(5)))]


def test_what_was_kept_before_is_not_kept_again_unless_it_is_newer(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        add(opened, [withdraw(at=ago(5), stream="receipts")])
        erase_everywhere(opened, ANN.wide, ago(2))
        assert narrower(opened, [withdraw(at=ago(5), stream="receipts")]) == []
        assert len(narrower(opened, [withdraw(at=ago(4), stream="receipts")])) == 1
        assert narrower(opened, [withdraw(at=ago(4), stream="", brand="brand")]) == []
