from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store.samples import ANN, BOB, PSEUDONYMS, TAGGED, ago, committer, event, grant, withdraw

from relay.address import Address
from relay.consent.events import Act, Basis, Event, EventKind
from relay.consent.facts import Facts
from relay.consent.fold import No
from relay.store import sweep
from relay.store.appending import append_events
from relay.store.committing import Committer
from relay.store.facts import read_facts
from relay.store.queries import query
from relay.store.rows import address_of, no_row


def swept(opened: Committer, stream: str = "newsletter") -> dict[str, Facts]:
    found = list(sweep.all_facts(opened.connection, PSEUDONYMS, "brand", stream))
    assert len({address for address, _ in found}) == len(found) == sweep.count_facts(opened.connection, stream)
    return dict(found)


def looked_up(opened: Committer, addresses: Iterable[str]) -> dict[str, Facts]:
    asked = [address_of(text) for text in addresses]
    known = read_facts(opened.connection, PSEUDONYMS, "brand", "newsletter", asked)
    return {str(address): facts for address, facts in known.items()}


def record(opened: Committer, *events: Event) -> None:
    append_events(opened.connection, events, PSEUDONYMS, os.urandom)


QUOTED = Address("a b", "example.com")
GRANT = {"basis": Basis.DOUBLE_OPT_IN, "act": Act.CLICKED}
events = st.lists(
    st.builds(
        lambda kind, address, days, stream: event(
            kind, address, at=ago(days), stream=stream, **({} if kind is not EventKind.GRANT else GRANT)
        ),
        st.sampled_from([EventKind.GRANT, EventKind.REQUEST, EventKind.WITHDRAW, EventKind.COMPLAIN]),
        st.sampled_from([ANN, TAGGED, BOB, QUOTED, Address("ANN", "example.com")]),
        st.integers(1, 30),
        st.sampled_from(["newsletter", "newsletter", "offers"]),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=events, page=st.integers(1, 4))
def test_a_sweep_finds_what_looking_up_each_address_finds(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, said: list[Event], page: int
) -> None:
    monkeypatch.setattr(sweep, "_PAGE", page)
    with committer(tmp_path_factory.mktemp("sweep")) as opened:
        record(opened, *said)
        opened.connection.execute(query("move_watermark"), ("newsletter", str(ANN), 1_700_000_000_000_000))
        found = swept(opened)
        asked = {
            str(one.address)
            for one in said
            if one.stream == "newsletter" and one.kind in (EventKind.GRANT, EventKind.REQUEST)
        }
        assert set(found) == asked
        assert found == looked_up(opened, found)


def test_a_no_under_another_spelling_is_found(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        record(opened, grant(), grant(BOB), withdraw(TAGGED))
        found = swept(opened)

    assert found[str(ANN)].withdrawn_at == ago(5)
    assert found[str(BOB)].withdrawn_at is None


def test_a_dead_mailbox_is_that_of_one_spelling_and_a_no_to_another_brand_is_none_here(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        record(opened, grant(), grant(TAGGED), event(EventKind.UNDELIVERABLE, at=ago(4)))
        record(opened, withdraw(brand="another", stream=""))
        found = swept(opened)

        assert found[str(ANN)].undeliverable_at == ago(4)
        assert found[str(TAGGED)].undeliverable_at is None
        assert found[str(ANN)].withdrawn_at is None
        assert found == looked_up(opened, found)


def test_nobody_is_left_out_between_two_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "_PAGE", 1)
    near = [Address("a", "example.com"), Address("a", "example.com.au"), Address("a", "example.company")]
    with committer(tmp_path) as opened:
        record(opened, *map(grant, near))

        assert set(swept(opened)) == set(map(str, near))


def test_the_no_of_somebody_who_was_erased_and_imported_again_is_found(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        record(opened, grant(), grant(BOB))
        no = No(EventKind.WITHDRAW, PSEUDONYMS.tombstone(ANN.wide), "", "brand", "", ago(5))
        opened.connection.execute(query("put_no"), no_row(no))
        found = swept(opened)

        assert found[str(ANN)].withdrawn_at == ago(5)
        assert found == looked_up(opened, found)


def test_pages_are_read_one_after_the_other_with_one_look_at_the_noes_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "_PAGE", 100)
    with committer(tmp_path) as opened:
        record(opened, *(grant(Address(f"user{number}", "example.com")) for number in range(250)))
        statements: list[str] = []
        opened.connection.set_trace_callback(statements.append)
        found = list(sweep.all_facts(opened.connection, PSEUDONYMS, "brand", "newsletter"))
        opened.connection.set_trace_callback(None)

    assert len(found) == 250
    assert len(statements) == 3 * 3 + 1


def test_a_stream_that_nobody_knows_is_empty(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        record(opened, grant())
        assert swept(opened, "offers") == {}
