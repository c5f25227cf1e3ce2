"""What the soak calls flat. The soak itself runs outside of these tests."""

from __future__ import annotations

import pytest
from faults.soak import Sample, table_of, trends


def samples(rss: list[float]) -> list[Sample]:
    return [Sample(float(minute), value, 20, 4.0, 10.0, 3, 5, minute) for minute, value in enumerate(rss)]


def not_flat(rss: list[float]) -> list[str]:
    return [one.name for one in trends(samples(rss)) if not one.flat]


def test_what_stays_is_flat() -> None:
    assert not_flat([80.0, 90.0, 95.0] + [100.0, 101.0, 99.0] * 4) == []


def test_what_grows_is_not_flat() -> None:
    assert not_flat([100.0 + 2 * minute for minute in range(15)]) == ["rss"]


def test_what_grows_at_the_start_alone_is_flat() -> None:
    assert not_flat([60.0, 70.0, 80.0, 90.0, 100.0] + [101.0] * 10) == []


def test_a_few_samples_tell_nothing() -> None:
    with pytest.raises(ValueError, match="tell nothing"):
        trends(samples([1.0] * 5))


def test_every_sample_is_a_line_of_the_table() -> None:
    assert table_of(samples([1.0, 2.0])).splitlines() == [
        "minute,rss,descriptors,wal,store,queued,held,acknowledged",
        "0.0,1.0,20,4.0,10.0,3,5,0",
        "1.0,2.0,20,4.0,10.0,3,5,1",
    ]
