from __future__ import annotations

import contextlib
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store.editing import stranger
from store.ledgers import append, some_events, write
from store.samples import ANN, BOB, NOW, PSEUDONYMS, committer, contact, decision, event, grant, withdraw

from relay.address import Address
from relay.consent.checking import Checked
from relay.consent.events import Act, Basis, EventKind
from relay.store.committing import Work
from relay.store.connection import open_for_reading
from relay.store.erasing import erase_everywhere
from relay.store.queries import query
from relay.store.refolding import verify_facts
from relay.store.rows import decision_row, outcome_row, watermark_row


def found(folder: Path) -> list[str]:
    checked = Checked()
    with contextlib.closing(open_for_reading(folder / "relay.db")) as connection:
        verify_facts(checked, connection, PSEUDONYMS)
    return [str(finding) for finding in checked.findings]


def test_what_the_relay_folds_follows_from_the_ledger(tmp_path: Path) -> None:
    write(tmp_path, 200)
    told: list[int] = []
    with contextlib.closing(open_for_reading(tmp_path / "relay.db")) as connection:
        people = verify_facts(Checked(), connection, PSEUDONYMS, told.append)
    assert people == sum(told) == 40
    assert found(tmp_path) == []


def test_an_empty_store_holds(tmp_path: Path) -> None:
    write(tmp_path, 0)
    assert found(tmp_path) == []


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1000), count=st.integers(1, 30))
def test_also_after_somebody_was_erased_and_came_back(
    tmp_path_factory: pytest.TempPathFactory, seed: int, count: int
) -> None:
    folder = tmp_path_factory.mktemp("erased")
    with committer(folder) as opened:
        append(opened, some_events(count, seed))
        erase_everywhere(opened, "reader0@example.com", NOW)
        append(opened, [grant(Address("reader0", "example.com"), own_act=bool(seed % 2), at=NOW - timedelta(days=1))])
    assert found(folder) == []


EDITS = {
    "a yes that nobody said": "UPDATE facts SET yes_at = yes_at + 1 WHERE address = 'ann@example.com'",
    "a better basis": "UPDATE facts SET basis = 'written' WHERE address = 'ann@example.com'",
    "a freed address": "UPDATE facts SET freed_at = 1900000000000000 WHERE address = 'bob@example.com'",
    "a question that nobody asked": "UPDATE facts SET asked = 2, asked_at = yes_at WHERE address = 'ann@example.com'",
    "a yes that is gone": "DELETE FROM facts WHERE address = 'ann@example.com'",
    "a yes of a stranger": "INSERT INTO facts SELECT stream, 'eve@example.com', requested_at, basis, act, yes_at, source, live,"
    " form_url, language, renewed_at, freed_at, last_contact_at, mail_sent_at, request_live, asked_at, asked FROM facts LIMIT 1",
    "a yes of another spelling": "UPDATE facts SET address = 'ann+news@example.com' WHERE address = 'ann@example.com'",
    "one more yes, of another spelling": "INSERT INTO facts SELECT stream, 'ann+news@example.com', requested_at, basis, act,"
    " yes_at, source, live, form_url, language, renewed_at, freed_at, last_contact_at, mail_sent_at, request_live, asked_at, asked FROM facts"
    " WHERE address = 'ann@example.com'",
    "a yes in another stream": "UPDATE facts SET stream = 'offers' WHERE address = 'ann@example.com'",
    "a no that is gone": "DELETE FROM noes WHERE wide = 'bob@example.com'",
    "a no of another time": "UPDATE noes SET at = at - 1",
    "a no of another scope": "UPDATE noes SET stream = 'offers'",
    "a no of a stranger": "INSERT INTO noes VALUES ('zoe@example.com', 'withdraw', '', 'newsletter', '', 1)",
    "a no of one who comes first": "INSERT INTO noes VALUES ('aaa@example.com', 'withdraw', '', 'newsletter', '', 1)",
    "a no that nobody said of all": "INSERT INTO noes VALUES ('ann@example.com', 'withdraw', 'brand', '', '', 1)",
}  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
def test_whatever_decides_about_mail_and_was_edited_is_found(tmp_path: Path, edit: str) -> None:
    with committer(tmp_path) as opened:
        append(opened, [grant(ANN), grant(BOB), withdraw(BOB)])
    assert found(tmp_path) == []
    with stranger(tmp_path) as connection:
        assert connection.execute(EDITS[edit]).rowcount > 0
    assert found(tmp_path)
    assert not any("@" in finding for finding in found(tmp_path))


def test_a_no_of_an_erased_person_that_no_tombstone_keeps_is_found(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        append(opened, [grant(BOB), withdraw(BOB)])
        erase_everywhere(opened, BOB.wide, NOW)
    assert found(tmp_path) == []
    with stranger(tmp_path) as connection:
        connection.execute("DELETE FROM noes WHERE stream = 'newsletter'")
    assert found(tmp_path) == [
        "withdraw from stream 'newsletter': missing: a line of the ledger that was erased said it, and no tombstone keeps it"
    ]


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ("UPDATE contacts SET at = at + 1", "no delivery at"),
        ("UPDATE contacts SET at = at - 1", "is left out"),
        ("INSERT INTO contacts VALUES ('newsletter', 'bob@example.com', 1900000000000000)", "no delivery at"),
    ],
)
def test_a_watermark_that_no_delivery_moved_is_found(tmp_path: Path, edit: str, words: str) -> None:
    made = decision()
    settled = contact(made)

    def settle(connection: sqlite3.Connection) -> None:
        connection.execute(query("insert_decision"), decision_row(made))
        connection.execute(query("insert_outcome"), outcome_row(settled))
        connection.execute(query("move_watermark"), watermark_row(settled))

    with committer(tmp_path) as opened:
        opened.commit([Work(settle)])
    assert found(tmp_path) == []
    with stranger(tmp_path) as connection:
        connection.execute(edit)
    (finding,) = found(tmp_path)
    assert words in finding


def test_watermarks_from_before_what_is_kept_cannot_be_checked(tmp_path: Path) -> None:
    late = decision()
    with committer(tmp_path) as opened:
        opened.commit([Work(lambda connection: connection.execute(query("insert_decision"), decision_row(late)))])
    with stranger(tmp_path) as connection:
        connection.execute("UPDATE decisions SET sequence = 5")  # the first ones were purged
        connection.execute("INSERT INTO contacts VALUES ('newsletter', 'bob@example.com', 1000000)")
    assert found(tmp_path) == []


def test_a_line_that_is_no_event_is_a_finding(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        append(opened, [grant(ANN)])
    with stranger(tmp_path) as connection:
        connection.execute("UPDATE ledger SET kind = 'party'")
    assert any("is no event" in finding for finding in found(tmp_path))


def test_people_erased_one_after_the_other_each_keep_their_own_no(tmp_path: Path) -> None:
    with committer(tmp_path) as opened:
        append(opened, [withdraw(ANN, at=NOW - timedelta(days=9)), withdraw(BOB, at=NOW - timedelta(days=2))])
        for one in (ANN, BOB):
            erase_everywhere(opened, one.wide, NOW)
    assert found(tmp_path) == []
    with stranger(tmp_path) as connection:
        newest = "SELECT wide FROM noes WHERE stream = 'newsletter' ORDER BY at DESC LIMIT 1"
        connection.execute(f"DELETE FROM noes WHERE wide = ({newest})")
    assert len(found(tmp_path)) == 1


def test_the_newest_of_several_deliveries_is_the_watermark(tmp_path: Path) -> None:
    made = [decision(), decision()]
    settled = [contact(made[0], at=NOW - timedelta(days=3)), contact(made[1])]

    def settle(connection: sqlite3.Connection) -> None:
        for one, other in zip(made, settled, strict=True):
            connection.execute(query("insert_decision"), decision_row(one))
            connection.execute(query("insert_outcome"), outcome_row(other))
            connection.execute(query("move_watermark"), watermark_row(other))

    with committer(tmp_path) as opened:
        opened.commit([Work(settle)])
    assert found(tmp_path) == []


@pytest.mark.parametrize("kind", [EventKind.REQUEST, EventKind.GRANT, EventKind.CONFIRM])
def test_whatever_asked_or_agreed_founds_what_is_kept_of_the_address(tmp_path: Path, kind: EventKind) -> None:
    worth = {} if kind is EventKind.REQUEST else {"basis": Basis.DOUBLE_OPT_IN, "act": Act.CLICKED}
    with committer(tmp_path) as opened:
        append(opened, [event(kind, ANN, **worth)])
        assert opened.connection.execute("SELECT count(*) FROM facts").fetchone() == (1,)
    assert found(tmp_path) == []
