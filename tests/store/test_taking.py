from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store.samples import ANN, BOB, NOW, PSEUDONYMS, TAGGED, ago, committer, event, grant, withdraw
from store.test_bundles import rows_of

from relay.address import Address
from relay.consent.events import Act, Basis, Event, EventKind, Evidence
from relay.consent.evidence import wording_hash
from relay.consent.fold import no_of_event
from relay.consent.ledger import microseconds
from relay.store.appending import append_events
from relay.store.bundles import bundles
from relay.store.committing import Committer, Work
from relay.store.erasing import erase_everywhere
from relay.store.facts import read_facts
from relay.store.port import StoreUnavailableError
from relay.store.queries import query
from relay.store.rows import no_of, no_row
from relay.store.taking import Taken, Taking
from relay.store.told import TOLD_KIND, Told

CARL = Address("carl", "example.com")
STREAMS = {"newsletter": "brand", "offers": "brand", "elsewhere": "other"}
TEXTS = {wording_hash(text): text for text in ("Yes", "Ja")}


@st.composite
def events(draw: st.DrawFn) -> Event:
    kind = draw(st.sampled_from([one for one in EventKind if one is not EventKind.ERASE]))
    says_no = kind in (EventKind.WITHDRAW, EventKind.COMPLAIN, EventKind.UNDELIVERABLE, EventKind.DELIVERABLE)
    says_yes = kind in (EventKind.GRANT, EventKind.CONFIRM, EventKind.RENEW)
    stream = draw(st.sampled_from(("", *STREAMS) if says_no else tuple(STREAMS)))
    at = draw(st.integers(0, 5).map(ago) | st.none())
    basis = draw(st.sampled_from(Basis)) if says_yes and kind is not EventKind.CONFIRM else None
    if kind is EventKind.CONFIRM:
        basis = Basis.DOUBLE_OPT_IN
    act = draw(st.none() | st.sampled_from([Act.CLICKED, Act.PRETICKED]))
    return event(
        kind,
        draw(st.sampled_from([ANN, TAGGED, BOB, CARL])),
        id=f"{draw(st.integers(0, 12)):026}",
        stream=stream,
        brand=STREAMS.get(stream, "brand"),
        at=at,
        basis=basis,
        act=act if kind in (EventKind.GRANT, EventKind.RENEW) else None,
        confirmed_at=NOW if kind is EventKind.GRANT and basis and basis.is_by_act and draw(st.booleans()) else None,
        mail_sent_at=NOW if kind is EventKind.REQUEST and draw(st.booleans()) else None,
        last_contact_at=draw(st.none() | st.just(ago(1))) if says_yes else None,
        evidence=Evidence(wording=draw(st.sampled_from(["", *TEXTS])), ip="192.0.2.1") if says_yes else Evidence(),
    )


def content(connection: sqlite3.Connection) -> dict[str, Any]:
    """All that the tables hold, but for numbers and salts."""
    columns = (
        "id, kind, address, wide, brand, stream, at, recorded_at, source, recorder, basis, act, confirmed_at, "
        "mail_sent_at, last_contact_at, form_url, (SELECT hash FROM wordings WHERE number = wording), language, ip, "
        "user_agent, live, own_act, length(salt), erased"
    )
    return {
        "ledger": connection.execute(f"SELECT {columns} FROM ledger ORDER BY id, address").fetchall(),
        "numbers": connection.execute("SELECT count(*), max(sequence) FROM ledger").fetchall(),
        "facts": connection.execute("SELECT * FROM facts ORDER BY stream, address").fetchall(),
        "noes": connection.execute("SELECT * FROM noes ORDER BY 1, 2, 3, 4, 5").fetchall(),
        "wordings": connection.execute(
            "SELECT hash, text, first_at, last_at, uses FROM wordings ORDER BY hash"
        ).fetchall(),
    }


def take(opened: Committer, said: Sequence[Event], *, dry_run: bool = False, size: int = 4) -> tuple[Taken, list[Told]]:
    judged: list[Told] = []
    with Taking(opened, lambda _, rows: judged.extend(rows), TEXTS, dry_run=dry_run) as taking:
        for bundle in bundles([rows_of(said)], size):
            taking.take(bundle)
        taking.finish()
    return taking.taken, judged


def add(opened: Committer, said: Sequence[Event]) -> None:
    for one in said:
        opened.commit([Work(lambda c, one=one: append_events(c, [one], PSEUDONYMS, os.urandom, TEXTS))])  # type: ignore[misc]


def erase(opened: Committer, wide: str) -> None:
    """As far as a list can notice."""
    opened.connection.execute("UPDATE ledger SET address = NULL, wide = NULL WHERE wide = ?", (wide,))
    opened.connection.execute("DELETE FROM facts WHERE address LIKE 'carl%'")
    opened.connection.execute("UPDATE noes SET wide = ? WHERE wide = ?", (PSEUDONYMS.tombstone(wide), wide))


def nothing_new(opened: Committer, said: Sequence[Event]) -> list[Event]:
    """Of Carl, who is erased and has not come back: noes that add nothing to what was kept, if he says nothing else."""
    if opened.connection.execute("SELECT 1 FROM ledger WHERE wide = ?", (CARL.wide,)).fetchone():
        return []
    rows = opened.connection.execute(query("noes_of_people"), (json.dumps([PSEUDONYMS.tombstone(CARL.wide)]),))
    kept = [no_of(row) for row in rows]
    his = [one for one in said if one.address == CARL]
    noes = [
        no for no in map(no_of_event, his) if no is not None and no.kind in (EventKind.WITHDRAW, EventKind.COMPLAIN)
    ]
    covered = all(any(one.at >= no.at and one.covers(no.brand, no.stream, "") for one in kept) for no in noes)
    return his if covered and len(noes) == len(his) else []


def keep_by_name(opened: Committer, said: Sequence[Event]) -> None:
    """Of noes that add nothing but the name of a stream, that is kept under the tombstone."""
    for no in map(no_of_event, said):
        if no is not None and no.stream:
            opened.connection.execute(query("put_no"), no_row(replace(no, wide=PSEUDONYMS.tombstone(no.wide))))


@settings(deadline=None, max_examples=150)
@given(st.lists(events(), max_size=4), st.lists(events(), max_size=14), st.booleans())
def test_a_list_comes_to_the_same_as_its_events_one_by_one(
    before: list[Event], said: list[Event], erased: bool
) -> None:
    said = list({(one.id, one.address.wide): one for one in said}.values())
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory() as other,
        committer(Path(folder)) as one_by_one,
        committer(Path(other)) as bulk,
    ):
        for opened in (one_by_one, bulk):
            add(opened, before)
            if erased:
                erase(opened, CARL.wide)
        was = content(bulk.connection)
        dry, dry_judged = take(bulk, said, dry_run=True)
        assert content(bulk.connection) == was
        left_out = nothing_new(bulk, said) if erased else []
        add(one_by_one, [one for one in said if one not in left_out])
        keep_by_name(one_by_one, left_out)
        taken, judged = take(bulk, said)
        expected = content(one_by_one.connection)
        assert content(bulk.connection) == expected
        assert taken.rows == len(said)
        assert taken.events == expected["numbers"][0][0] - was["numbers"][0][0]
        assert taken.known == len(said) - taken.events
        assert (dry.rows, dry.known, dry.alone) == (taken.rows, taken.known, taken.alone)
        assert sorted(dry_judged, key=repr) == sorted(judged, key=repr)
        assert len(judged) == taken.rows - taken.alone.total()
        again, _ = take(bulk, said)
        assert (again.rows, again.known, again.events) == (len(said), len(said), 0)
        assert content(bulk.connection) == expected


def test_what_new_people_come_to_is_counted_and_everybody_else_judged(tmp_path: Path) -> None:
    said = grant(BOB)
    with committer(tmp_path) as opened:
        add(opened, [said])
        taken, judged = take(opened, [grant(), said, grant(CARL), withdraw(CARL), said])
    assert taken == Taken(rows=5, known=2, events=3, alone=Counter({1: 1}))
    assert Counter(row[0] for row in judged) == {"bob@example.com": 2, "carl@example.com": 2}


def test_whoever_said_the_same_before_and_nothing_else_is_counted_until_mail_has_gone_out(tmp_path: Path) -> None:
    said = [grant(), grant(BOB), withdraw(CARL)]
    with committer(tmp_path) as opened:
        add(opened, said)
        assert take(opened, said) == (Taken(rows=3, known=3, alone=Counter({1: 3})), [])
        opened.connection.execute(query("move_watermark"), ("newsletter", str(BOB), 1))
        taken, judged = take(opened, said)
    assert taken == Taken(rows=3, known=3, alone=Counter({1: 2}))
    assert [row[0] for row in judged] == ["bob@example.com"]


def test_whoever_was_erased_and_came_back_is_judged_with_the_no_that_was_kept(tmp_path: Path) -> None:
    came_back = grant(CARL, at=ago(0))
    with committer(tmp_path) as opened:
        add(opened, [withdraw(CARL, at=ago(1))])
        erase(opened, CARL.wide)
        add(opened, [came_back])
        taken, judged = take(opened, [came_back])
    assert (taken.known, taken.alone.total(), len(judged)) == (1, 0, 1)


def test_a_no_that_comes_while_a_bundle_waits_for_its_turn_is_not_overlooked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with committer(tmp_path) as opened, committer(tmp_path) as relay:
        commit = opened.commit

        def waiting_first(works: Sequence[Work]) -> list[Any]:
            monkeypatch.setattr(opened, "commit", commit)
            add(relay, [withdraw(TAGGED, at=ago(1))])
            return commit(works)

        monkeypatch.setattr(opened, "commit", waiting_first)
        taken, judged = take(opened, [grant(), grant(BOB)])
        assert (taken.rows, taken.events, taken.alone.total()) == (2, 2, 1)
        assert [row[0] for row in judged] == ["ann@example.com"]
        known = read_facts(opened.connection, PSEUDONYMS, "brand", "newsletter", [ANN, BOB])
    assert known[ANN].withdrawn_at == ago(1)
    assert known[ANN].yes is None
    assert known[BOB].yes is not None


def long_way(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many events go through `append_events`, each time."""
    seen: list[int] = []

    def counted(connection: sqlite3.Connection, events: Sequence[Event], *more: Any) -> Any:
        seen.append(len(events))
        return append_events(connection, events, *more)

    monkeypatch.setattr("relay.store.taking.append_events", counted)
    return seen


def test_of_people_who_are_known_only_the_unusual_go_the_long_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = event(EventKind.UNDELIVERABLE, CARL, at=ago(20))
    with committer(tmp_path) as opened:
        add(opened, [grant(at=ago(9)), grant(BOB, own_act=True, at=ago(9)), dead])
        seen = long_way(monkeypatch)
        assert take(opened, [grant(at=ago(3)), withdraw(BOB), grant(CARL)])[0].events == 3
        known = read_facts(opened.connection, PSEUDONYMS, "brand", "newsletter", [ANN, BOB, CARL])
    assert seen == [1]
    assert known[ANN].yes is not None
    assert known[ANN].yes.at == ago(3)
    assert known[BOB].withdrawn_at == ago(5)
    assert known[CARL].undeliverable_at is None


@pytest.mark.parametrize(("meanwhile", "expected"), [(ANN, [2]), (CARL, [])], ids=["of these", "of others"])
def test_what_comes_in_after_histories_were_read_is_not_overlooked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meanwhile: Address, expected: list[int]
) -> None:
    with committer(tmp_path) as opened, committer(tmp_path) as relay:
        add(opened, [grant(at=ago(9)), grant(BOB, at=ago(9))])
        commit = opened.commit

        def waiting_first(works: Sequence[Work]) -> list[Any]:
            monkeypatch.setattr(opened, "commit", commit)
            add(relay, [withdraw(meanwhile, at=ago(1))])
            return commit(works)

        monkeypatch.setattr(opened, "commit", waiting_first)
        seen = long_way(monkeypatch)
        taken, _ = take(opened, [grant(at=ago(3)), grant(BOB, at=ago(3))])
        assert (taken.rows, taken.events, taken.known) == (2, 2, 0)
        known = read_facts(opened.connection, PSEUDONYMS, "brand", "newsletter", [ANN, BOB])
    assert seen == expected
    assert (known[ANN].withdrawn_at == ago(1)) == (meanwhile == ANN)
    assert (known[ANN].yes is None) == (meanwhile == ANN)
    assert known[BOB].yes is not None
    assert known[BOB].yes.at == ago(3)


def test_who_is_erased_after_histories_were_read_is_left_with_the_no(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with committer(tmp_path) as opened, committer(tmp_path) as relay:
        add(opened, [grant(at=ago(9)), grant(BOB, at=ago(9))])
        commit = opened.commit

        def waiting_first(works: Sequence[Work]) -> list[Any]:
            monkeypatch.setattr(opened, "commit", commit)
            erase_everywhere(relay, ANN.wide, NOW)
            return commit(works)

        monkeypatch.setattr(opened, "commit", waiting_first)
        take(opened, [grant(at=ago(3)), grant(BOB, at=ago(3))])
        known = read_facts(opened.connection, PSEUDONYMS, "brand", "newsletter", [ANN, BOB])
    assert known[ANN].yes is None
    assert known[ANN].withdrawn_at == NOW
    assert known[BOB].yes is not None


def test_an_old_list_of_noes_does_not_write_an_erased_address_down_again(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        add(opened, [grant(recorded_at=ago(9)), grant(BOB, recorded_at=ago(9))])
        for wide in (ANN.wide, BOB.wide):
            erase_everywhere(opened, wide, ago(2))
        taken, judged = take(opened, [withdraw(), withdraw(TAGGED, stream=""), withdraw(BOB, at=ago(1))])
        named = opened.connection.execute("SELECT address, at FROM ledger WHERE address IS NOT NULL").fetchall()
        assert named == [(str(BOB), microseconds(ago(1)))]  # newer than what was kept
        assert (taken.rows, taken.known, taken.events, taken.erased) == (3, 2, 1, 0)
        assert len(judged) == 3
        again, _ = take(opened, [withdraw(), grant()])
        assert (again.rows, again.known, again.events, again.erased) == (1, 1, 0, 1)


def test_an_old_no_to_mail_that_needs_no_consent_stops_it_for_somebody_who_was_erased(tmp_path: Path) -> None:
    said = [withdraw(stream="receipts", at=ago(5)), grant(at=ago(6))]
    with committer(tmp_path) as opened:
        add(opened, [grant(recorded_at=ago(9))])
        erase_everywhere(opened, ANN.wide, ago(2))
        assert read_facts(opened.connection, PSEUDONYMS, "brand", "receipts", [ANN])[ANN].withdrawn_from == ""
        before = content(opened.connection)
        take(opened, said, dry_run=True)
        assert content(opened.connection) == before
        taken, _ = take(opened, said)
        assert (taken.known, taken.events, taken.erased) == (1, 0, 1)
        for spelling in (ANN, TAGGED):
            facts = read_facts(opened.connection, PSEUDONYMS, "brand", "receipts", [spelling])[spelling]
            assert facts.withdrawn_from == "receipts"
        assert read_facts(opened.connection, PSEUDONYMS, "brand", "invoices", [ANN])[ANN].withdrawn_from == ""
        kept = content(opened.connection)
        take(opened, said)
        assert content(opened.connection) == kept
        assert not any(str(ANN) in str(row) for rows in kept.values() for row in rows)


def test_withdrawals_of_a_list_reach_the_journal(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        take(opened, [withdraw(), grant(BOB), withdraw(BOB), grant(CARL)])
        assert sorted(str(one.address) for one in opened.journal.events()) == ["ann@example.com", "bob@example.com"]


def test_on_a_full_disk_the_withdrawals_of_the_whole_list_are_taken_and_the_rest_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [Address(f"p{number}", "example.com") for number in range(20)]
    said = [withdraw(one) if number % 5 == 4 else grant(one) for number, one in enumerate(people)]
    said.append(grant(people[-1]))
    with committer(tmp_path) as opened:
        with monkeypatch.context() as full:
            (tmp_path / "relay.db.reserve").unlink()
            full.setattr("os.posix_fallocate", _no_room)
            with pytest.raises(
                StoreUnavailableError, match="all its withdrawals; make room and import it again"
            ) as told:
                take(opened, said)
            assert told.value.full
        kinds = opened.connection.execute("SELECT kind, count(*) FROM ledger GROUP BY kind").fetchall()
        assert dict(kinds) == {"withdraw": 4, "grant": 1}  # the one of a person who says no as well
        assert len(list(opened.journal.events())) == 4
        taken, _ = take(opened, said)
        assert (taken.rows, taken.events) == (21, 16)


def _no_room(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_the_connection_is_left_as_it_was(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        before = opened.connection.execute("PRAGMA cache_size").fetchone()
        _, judged = take(opened, [withdraw()], dry_run=True)
        assert [row[TOLD_KIND] for row in judged] == []
        assert opened.connection.execute("PRAGMA cache_size").fetchone() == before
        assert opened.connection.execute("SELECT count(*) FROM sqlite_temp_schema").fetchone() == (0,)
