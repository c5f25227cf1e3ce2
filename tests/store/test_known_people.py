from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from store.samples import ANN, BOB, ago, committer, event, grant, withdraw
from store.test_bundles import rows_of
from store.test_taking import TEXTS, add, content

from relay.consent.events import Event, EventKind, Evidence
from relay.store.bundles import bundles
from relay.store.committing import Committer
from relay.store.erasing import erase_everywhere
from relay.store.known_people import Folded, fold_ahead, others_met, write_folded

WORDING = next(iter(TEXTS))


def folded(opened: Committer, said: Sequence[Event], erased: Sequence[str] = ()) -> Folded:
    (bundle,) = bundles([rows_of(said)])
    return fold_ahead(opened.connection, bundle.yeses, bundle.yeses.rows, erased)


def test_what_was_folded_ahead_is_written_as_if_it_had_been_appended(tmp_path: Path) -> None:
    before = [grant(at=ago(9)), grant(BOB, at=ago(9), own_act=True)]
    shown = Evidence("https://brand.example", WORDING, "ja", "192.0.2.1", "Browser")
    said = [grant(at=ago(3), last_contact_at=ago(1)), grant(BOB, at=ago(20), evidence=shown, confirmed_at=ago(19))]
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    with committer(tmp_path / "one") as opened, committer(tmp_path / "other") as plain:
        add(opened, before)
        add(plain, [*before, *said])
        ahead = folded(opened, said)
        assert ahead.left == []
        write_folded(opened.connection, ahead, TEXTS)
        assert content(opened.connection) == content(plain.connection)
        salts = [salt for (salt,) in opened.connection.execute("SELECT salt FROM ledger")]
        assert len(set(salts)) == 4


def test_who_is_unusual_or_was_erased_is_left(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        add(opened, [event(EventKind.UNDELIVERABLE), grant(BOB)])
        ahead = folded(opened, [grant(), grant(BOB, at=ago(1))], erased=[BOB.wide])
    assert [row[0] for row in ahead.left] == [ANN.wide, BOB.wide]
    assert (ahead.rows, ahead.told, ahead.lines) == ([], [], [])


def test_only_lines_of_these_people_or_of_somebody_erased_are_in_the_way(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        add(opened, [grant(BOB)])
        rows = folded(opened, [grant(at=ago(1))]).rows
        connection = opened.connection
        assert not others_met(connection, 0, rows)
        add(opened, [withdraw()])
        assert others_met(connection, 0, rows)
        assert others_met(connection, 1, rows)
        assert not others_met(connection, 2, rows)
        erase_everywhere(opened, BOB.wide, ago(0))
        assert others_met(connection, 2, rows)


def test_too_many_lines_are_not_looked_at(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        add(opened, [grant(BOB, at=ago(1))])
        row = opened.connection.execute("SELECT * FROM ledger").fetchone()
        marks = ", ".join("?" * len(row))
        for number in range(2, 503):
            opened.connection.execute(f"INSERT INTO ledger VALUES ({marks})", (number, *row[1:]))
        rows = folded(opened, [grant()]).rows
        assert not others_met(opened.connection, 1 + 501 - 500, rows)
        assert others_met(opened.connection, 0, rows)
