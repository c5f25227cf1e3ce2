from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.address import Address
from relay.consent.events import Basis, Event, EventKind, Evidence
from relay.consent.ledger import (
    GENESIS,
    PERSONAL,
    RANDOMNESS_OCTETS,
    Flaw,
    Line,
    commitment,
    erase,
    line_of,
    link,
    microseconds,
    moment_of,
    read_salts,
    verify,
    write_salts,
)

NOW = datetime(2026, 1, 1, 12, 30, 0, 123456, tzinfo=UTC)


def ledger(count: int = 4) -> list[tuple[Line, bytes]]:
    chained, previous = [], GENESIS
    for number in range(1, count + 1):
        event = Event(
            id=f"event-{number}",
            kind=EventKind.GRANT,
            address=Address("ann", "example.com"),
            brand="brand",
            stream="newsletter",
            at=NOW,
            recorded_at=NOW,
            source=f"import list.csv:{number}",
            recorder="cli",
            basis=Basis.WRITTEN,
            evidence=Evidence(ip="192.0.2.1"),
        )
        line = line_of(number, event, bytes([number]) * RANDOMNESS_OCTETS)
        previous = link(previous, line)
        chained.append((line, previous))
    return chained


def test_an_untouched_chain_holds() -> None:
    assert verify(ledger()) is None
    assert verify([]) is None


def test_every_changed_field_is_found() -> None:
    line, stored = ledger()[1]
    changes: list[Line] = [replace(line, plain={**line.plain, name: "x"}) for name in line.plain]
    changes += [replace(line, personal={**line.personal, name: "x@example.com"}) for name in PERSONAL]
    changes += [replace(line, salts={**line.salts, name: bytes(16)}) for name in line.salts]
    for changed in changes:
        rows = ledger()
        rows[1] = (changed, stored)
        assert verify(rows) == Flaw(2, "changed: its content or its predecessor is not what was recorded"), changed


def test_a_changed_line_with_a_matching_hash_breaks_the_next_one() -> None:
    rows = ledger()
    changed = replace(rows[1][0], plain={**rows[1][0].plain, "kind": "withdraw"})
    rows[1] = (changed, link(rows[0][1], changed))
    flaw = verify(rows)
    assert flaw is not None
    assert flaw.sequence == 3


def test_a_dropped_line_and_a_swapped_pair_are_found() -> None:
    rows = ledger()
    assert verify([rows[0], *rows[2:]]) == Flaw(2, "missing: the next line has the number 3")
    assert verify(rows[1:]) == Flaw(1, "missing: the next line has the number 2")
    assert verify([rows[0], rows[2], rows[1], rows[3]]) is not None


def test_erased_fields_leave_the_chain_whole() -> None:
    rows = ledger()
    rows[2] = (erase(rows[2][0], ["address", "ip"]), rows[2][1])
    assert "address" not in rows[2][0].personal
    assert "address" not in rows[2][0].salts
    assert verify(rows) is None


def test_an_erased_field_cannot_be_put_back_changed() -> None:
    rows = ledger()
    erased = erase(rows[2][0], ["address"])
    forged = commitment("address", "bob@example.com", bytes(16))
    rows[2] = (replace(erased, erased={"address": forged}), rows[2][1])
    assert verify(rows) is not None


def test_the_same_value_is_committed_differently_each_time() -> None:
    assert commitment("ip", "192.0.2.1", b"a" * 16) != commitment("ip", "192.0.2.1", b"b" * 16)
    assert commitment("ip", "x", b"a" * 16) != commitment("source", "x", b"a" * 16)


def test_a_line_needs_its_randomness() -> None:
    with pytest.raises(ValueError, match="randomness"):
        line_of(1, event_without_evidence(), b"short")


def test_salts_are_kept_only_for_what_is_there() -> None:
    line = line_of(1, event_without_evidence(), bytes(range(RANDOMNESS_OCTETS)))
    assert set(line.salts) == {"address", "source"}
    assert read_salts(write_salts(line), line.personal) == line.salts


def event_without_evidence(**more: Any) -> Event:
    return Event(
        "id", EventKind.WITHDRAW, Address("ann", "example.com"), "brand", "newsletter", NOW, NOW, "test", "cli", **more
    )


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_are_kept_to_the_microsecond(moment: datetime) -> None:
    assert moment_of(microseconds(moment)) == moment
