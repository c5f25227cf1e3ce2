"""Verifying finds whatever was edited in a sealed ledger, and nothing where nothing was."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Final

import pytest
from store.editing import (
    COLUMNS,
    EDITORS,
    LINES,
    content,
    copied,
    flip_a_bit,
    stranger,
)
from store.ledgers import KEY, findings, make_ledger, seal_and_sign, verified, write
from store.samples import NOW, committer

from relay.consent.evidence import wording_hash
from relay.consent.ledger import PERSONAL, erase, line_of_row, microseconds
from relay.store import verifying
from relay.store.erasing import erase_everywhere
from relay.store.queries import query

EDITS: Final = 1000


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LINES lines under seals of ten, a head for each seal, and three lines erased in part."""
    folder = tmp_path_factory.mktemp("ledger")
    make_ledger(folder, LINES)
    with stranger(folder) as connection:
        for sequence, names in ((6, ["ip", "user_agent"]), (21, ["address"]), (44, PERSONAL)):
            (row,) = connection.execute(query("lines_between"), (sequence, sequence)).fetchall()
            line = erase(line_of_row(row), names)
            assert line.erased
            values = dict(zip(PERSONAL, line.personal, strict=True))
            values.pop("wording")
            connection.execute(
                "UPDATE ledger SET address = :address, source = :source, form_url = :form_url, ip = :ip,"
                " user_agent = :user_agent, salt = :salt, erased = :erased,"
                " wide = iif(:address IS NULL, NULL, wide), wording = iif(:gone, NULL, wording) WHERE sequence = :sequence",
                {**values, "salt": line.salt, "erased": line.erased, "gone": "wording" in names, "sequence": sequence},
            )
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert findings(folder) == []
    return folder


def test_a_thousand_random_edits_are_all_found(ledger: Path, tmp_path: Path) -> None:
    chosen = random.Random(20261122)
    kinds = list(EDITORS)
    done: dict[str, int] = dict.fromkeys(kinds, 0)
    unfound: list[str] = []
    before = content(ledger)
    number = 0
    while sum(done.values()) < EDITS:
        kind = kinds[number % len(kinds)]
        number += 1
        folder = copied(ledger, tmp_path)
        told = EDITORS[kind](folder, chosen)
        if content(folder) == before:
            continue  # the edit wrote what stood there before
        done[kind] += 1
        if not findings(folder):
            unfound.append(f"{number}: {kind}: {told}")
    assert unfound == []
    assert min(done.values()) > EDITS / len(kinds) / 3, done


def test_whatever_bit_of_the_file_is_flipped_is_found_when_it_changes_a_row(ledger: Path, tmp_path: Path) -> None:
    chosen = random.Random(7)
    before, changed, unfound = content(ledger), 0, []
    for _ in range(400):
        folder = copied(ledger, tmp_path)
        told = flip_a_bit(folder, chosen)
        if content(folder) == before:
            continue
        changed += 1
        try:
            found = findings(folder)
        except Exception as error:  # noqa: BLE001 - a file that cannot be read at all is no secret
            found = [str(error)]
        if not found:
            unfound.append(told)
    assert unfound == []
    assert changed > 100


def test_every_column_of_a_line_is_proved(ledger: Path, tmp_path: Path) -> None:
    for column in COLUMNS["ledger"][1]:
        folder = copied(ledger, tmp_path)
        with stranger(folder) as connection:
            (value,) = connection.execute(f"SELECT {column} FROM ledger WHERE sequence = 17").fetchone()
            new: object = value + 1 if isinstance(value, int) else b"x" * 16 if isinstance(value, bytes) else "x"
            if value is None:
                new = 1 if column.endswith("_at") or column == "wording" else "x"
            connection.execute(f"UPDATE ledger SET {column} = ? WHERE sequence = 17", (new,))
        found = findings(folder)
        assert found, column
        assert all(finding.startswith("line 17: changed") for finding in found), column


def test_what_several_processes_find_is_what_one_finds(
    ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifying, "_WORTH_PROCESSES", 10)
    monkeypatch.setattr(verifying, "_LINES", 15)
    folder = copied(ledger, tmp_path)
    with stranger(folder) as connection:
        connection.execute("UPDATE ledger SET language = 'xx' WHERE sequence IN (3, 11, 39, 60)")
        connection.execute("UPDATE seals SET at = at + 1 WHERE number = 5")
        connection.execute("DELETE FROM ledger WHERE sequence = 22")
    alone = verified(folder)
    together = verified(folder, processes=2)
    assert alone == together
    assert alone[0].lines == LINES - 1
    assert len(alone[0].findings) > 5


def test_lines_that_changed_places_are_told_so(ledger: Path, tmp_path: Path) -> None:
    folder = copied(ledger, tmp_path)
    with stranger(folder) as connection:
        for old, new in ((4, -1), (57, 4), (-1, 57)):
            connection.execute("UPDATE ledger SET sequence = ? WHERE sequence = ?", (new, old))
    assert findings(folder) == [
        "line 4: reordered: what stands here was recorded as line 57",
        "line 57: reordered: what stands here was recorded as line 4",
    ]


def test_an_erased_line_holds(ledger: Path) -> None:
    with stranger(ledger) as connection:
        (count,) = connection.execute("SELECT count(*) FROM ledger WHERE erased IS NOT NULL").fetchone()
    assert count == 3
    assert findings(ledger) == []


def test_a_person_who_is_erased_leaves_a_ledger_that_holds(ledger: Path, tmp_path: Path) -> None:
    folder = copied(ledger, tmp_path)
    with committer(folder) as opened:
        assert erase_everywhere(opened, "reader7@example.com", NOW).lines
    assert findings(folder) == []
    seal_and_sign(folder)
    assert findings(folder) == []
    with stranger(folder) as connection:
        connection.execute("UPDATE ledger SET stream = 'offers' WHERE sequence = 8 AND address IS NULL")
        assert connection.total_changes == 1
    assert findings(folder) == ["line 8: changed: it is not what was recorded"]


def test_what_would_act_by_itself_is_found(ledger: Path, tmp_path: Path) -> None:
    folder = copied(ledger, tmp_path)
    with stranger(folder) as connection:
        connection.execute("CREATE TRIGGER t AFTER INSERT ON noes BEGIN DELETE FROM noes; END")
    assert findings(folder) == ["trigger t: added: the store has no such, and it may change what is read or written"]


def test_a_gap_in_lines_that_are_not_sealed_yet_is_found_at_any_length(
    ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifying, "_PAGE", 4)
    folder = copied(ledger, tmp_path)
    write(folder, 20, seed=3)
    with stranger(folder) as connection:
        connection.execute("DELETE FROM ledger WHERE sequence = 63")
    assert findings(folder) == ["line 63: missing"]
    with stranger(folder) as connection:
        connection.execute("DELETE FROM ledger WHERE sequence BETWEEN 64 AND 75")
    assert findings(folder)[0].startswith("line")


def test_a_text_that_people_agreed_to_is_proved_by_its_hash(ledger: Path, tmp_path: Path) -> None:
    folder = copied(ledger, tmp_path)
    with stranger(folder) as connection:
        connection.execute("UPDATE wordings SET text = 'Yes, send me everything.'")
    assert findings(folder) == ["wording 1: changed: its text is not the one that people agreed to"]
    with stranger(folder) as connection:
        connection.execute("UPDATE wordings SET hash = ?", (wording_hash("Yes, send me everything."),))
    assert len(findings(folder)) == 15
    with stranger(folder) as connection:
        connection.execute("DELETE FROM wordings")
    assert len(findings(folder)) == 15


def test_a_seal_of_the_future_does_not_make_verifying_endless(ledger: Path, tmp_path: Path) -> None:
    folder = copied(ledger, tmp_path)
    with stranger(folder) as connection:
        seal = (2**62, 61, 2**61, microseconds(NOW), bytes(8), bytes(32))
        connection.execute("INSERT INTO seals (number, first, last, at, marks, hash) VALUES (?, ?, ?, ?, ?, ?)", seal)
    assert findings(folder)


def test_what_is_sealed_later_goes_on_from_what_was_sealed(ledger: Path, tmp_path: Path) -> None:
    folder = copied(ledger, tmp_path)
    write(folder, 20, seed=3)
    seal_and_sign(folder, key=KEY)
    found, seen = verified(folder)
    assert found.findings == []
    assert seen.signed == LINES + 20
