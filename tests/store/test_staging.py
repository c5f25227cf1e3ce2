from __future__ import annotations

import io
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.store import staging
from relay.store.staging import Share, Spill, merged, shared_out

ROWS = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 9)), max_size=60)


@settings(deadline=None)
@given(
    st.lists(ROWS, min_size=1, max_size=3), st.integers(1, 20), st.integers(1, 5), st.integers(1, 3), st.integers(1, 4)
)
def test_whatever_is_put_aside_comes_back_in_order_and_nobody_is_torn_apart(
    files: list[list[tuple[str, int]]], run: int, piece: int, fewest: int, count: int
) -> None:
    with pytest.MonkeyPatch.context() as small:
        small.setattr(staging, "_PIECE", piece)
        small.setattr(staging, "_FEWEST", fewest)
        spills = [Spill(io.BytesIO(), number, run) for number in range(len(files))]
        for spill, rows in zip(spills, files, strict=True):
            for start in range(0, len(rows), 7):
                spill.add(rows[start : start + 7])
            spill.write()
        pieces = [one for spill in spills for one in spill.pieces]
        shares = shared_out(pieces, count)
        assert len(shares) <= count
        lists = [rows for share in shares for rows in merged(share, [spill.file for spill in spills])]
    every = [row for rows in lists for row in rows]
    assert sorted(every) == sorted(row for rows in files for row in rows)
    assert [row[0] for row in every] == sorted(row[0] for row in every)
    for rows, following in pairwise(lists):
        assert rows[-1][0] < following[0][0]


def test_long_lists_come_back_in_parts_that_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "_PIECE", 10)
    spill = Spill(io.BytesIO(), run=1000)
    for number in range(10_000):
        spill.add([(f"{number * 7919 % 10_000:05}", number)])
    spill.write()
    lists = list(merged(Share(tuple(spill.pieces)), [spill.file]))
    assert [row[0] for rows in lists for row in rows] == [f"{number:05}" for number in range(10_000)]
    assert max(map(len, lists)) < 1000


def test_of_nothing_comes_nothing() -> None:
    spill = Spill(io.BytesIO())
    spill.write()
    assert spill.pieces == []
    assert list(merged(Share(()), [spill.file])) == []
