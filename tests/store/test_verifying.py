from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from store.ledgers import KEY, findings, make_ledger, seal_and_sign, verified, write
from store.samples import NOW, committer

from relay.consent.evidence import wording_hash
from relay.consent.ledger import PERSONAL, digest, erase, line_of_row, microseconds, seal_after
from relay.store import verifying
from relay.store.erasing import erase_everywhere
from relay.store.queries import query

LINES: Final = 60
#: (table, what names a row, every column that is not it)
COLUMNS: Final = {
    "ledger": ("sequence", (
        "id kind address wide brand stream at recorded_at source recorder basis act confirmed_at "
        "mail_sent_at last_contact_at form_url wording language ip user_agent live own_act salt erased"
    ).split()),
    "seals": ("number", "first last at marks hash".split()),
    "wordings": ("number", "hash text".split()),
}  # fmt: skip
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


@contextlib.contextmanager
def stranger(folder: Path) -> Iterator[sqlite3.Connection]:
    """Somebody with the file and a shell."""
    with contextlib.closing(sqlite3.connect(folder / "relay.db", isolation_level=None)) as connection:
        yield connection


def copied(ledger: Path, folder: Path) -> Path:
    for name in ("relay.db", "ledger.heads"):
        shutil.copy(ledger / name, folder / name)
    for name in ("relay.db-wal", "relay.db-shm"):
        (folder / name).unlink(missing_ok=True)
    return folder


def content(folder: Path) -> object:
    """Everything that was recorded and the proof of it, as it is read."""
    read: list[object] = []
    try:
        with stranger(folder) as connection:
            connection.text_factory = bytes
            for table, (key, columns) in COLUMNS.items():
                kinds = ", ".join(f"typeof({column}), {column}" for column in [key, *columns])
                read.append(connection.execute(f"SELECT {kinds} FROM {table} ORDER BY {key}").fetchall())
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        read.append(str(error))
    heads = folder / "ledger.heads"
    return read, heads.read_bytes() if heads.exists() else None


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
        if not finds(folder):
            unfound.append(f"{number}: {kind}: {told}")
    assert unfound == []
    assert min(done.values()) > EDITS / len(kinds) / 3, done


def finds(folder: Path) -> list[str]:
    return findings(folder)


def another(value: Any, chosen: random.Random) -> Any:
    """A value of the same type, or none."""
    if chosen.random() < 0.15:
        return None
    if isinstance(value, int):
        return value + chosen.choice([-1, 1, 1000, -(10**6), 10**12])
    if isinstance(value, bytes):
        if not value:
            return b"x"
        place = chosen.randrange(len(value))
        return chosen.choice(
            [value[:place], value + b"\0", value[:place] + bytes([value[place] ^ 1]) + value[place + 1 :]]
        )
    if isinstance(value, str):
        place = chosen.randrange(len(value) + 1)
        return chosen.choice([
            value + chosen.choice(["x", " ", "\0", "é", "\u200b"]), value[:place] + value[place + 1 :], value.upper(),
            value[:place] + chosen.choice("abc@.") + value[place:], "",
        ])  # fmt: skip
    return chosen.choice(["x", 1, b"x", ""])


def change_a_column(folder: Path, chosen: random.Random, tables: tuple[str, ...] = ("ledger",)) -> str:
    table = chosen.choice(tables)
    key, columns = COLUMNS[table]
    column = chosen.choice(columns)
    with stranger(folder) as connection:
        where, value = chosen.choice(connection.execute(f"SELECT {key}, {column} FROM {table}").fetchall())
        new = another(value, chosen)
        if new is None and (table, column) == ("wordings", "text"):
            new = "x"  # that a text is not known is nothing wrong: a hash may come without
        with contextlib.suppress(sqlite3.IntegrityError, sqlite3.OperationalError):  # what the schema does not take
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (new, where))
    return f"{table}.{column} of {where}: {value!r} became {new!r}"


def change_a_wording(folder: Path, chosen: random.Random) -> str:
    return change_a_column(folder, chosen, ("wordings",))


def change_a_seal(folder: Path, chosen: random.Random) -> str:
    return change_a_column(folder, chosen, ("seals",))


def delete_rows(folder: Path, chosen: random.Random) -> str:
    table = chosen.choice(["ledger", "ledger", "seals"])
    key = COLUMNS[table][0]
    with stranger(folder) as connection:
        rows = [row[0] for row in connection.execute(f"SELECT {key} FROM {table}")]
        gone = chosen.sample(rows, chosen.randint(1, 3))
        connection.execute(f"DELETE FROM {table} WHERE {key} IN ({','.join(map(str, gone))})")
    return f"{table} {gone}"


def delete_and_close_the_gap(folder: Path, chosen: random.Random) -> str:
    gone = chosen.randint(1, LINES)
    with stranger(folder) as connection:
        connection.execute("DELETE FROM ledger WHERE sequence = ?", (gone,))
        connection.execute("UPDATE ledger SET sequence = -sequence WHERE sequence > ?", (gone,))
        connection.execute("UPDATE ledger SET sequence = -sequence - 1 WHERE sequence < 0")
    return str(gone)


def insert_a_line(folder: Path, chosen: random.Random) -> str:
    """A copy of another one, between two lines, or before them all."""
    at, like = chosen.randint(-1, LINES), chosen.randint(1, LINES)
    columns = ", ".join(COLUMNS["ledger"][1])
    with stranger(folder) as connection:
        if at > 0:
            connection.execute("UPDATE ledger SET sequence = -sequence WHERE sequence >= ?", (at,))
            connection.execute("UPDATE ledger SET sequence = 1 - sequence WHERE sequence < 0")
        like += like >= at > 0
        connection.execute(f"INSERT INTO ledger SELECT {at}, {columns} FROM ledger WHERE sequence = ?", (like,))
    return f"at {at} like {like}"


def swap_rows(folder: Path, chosen: random.Random) -> str:
    table = chosen.choice(["ledger", "ledger", "seals"])
    key = COLUMNS[table][0]
    with stranger(folder) as connection:
        one, other = chosen.sample([row[0] for row in connection.execute(f"SELECT {key} FROM {table}")], 2)
        for old, new in ((one, -1), (other, one), (-1, other)):
            connection.execute(f"UPDATE {table} SET {key} = ? WHERE {key} = ?", (new, old))
    return f"{table} {one} and {other}"


def swap_values(folder: Path, chosen: random.Random) -> str:
    """Of one column, between two lines: who agreed to what."""
    column = chosen.choice(COLUMNS["ledger"][1])
    one, other = chosen.sample(range(1, LINES + 1), 2)
    with stranger(folder) as connection:
        values = dict(connection.execute(f"SELECT sequence, {column} FROM ledger"))
        connection.execute(f"UPDATE ledger SET {column} = ? WHERE sequence = ?", (values[other], one))
        connection.execute(f"UPDATE ledger SET {column} = ? WHERE sequence = ?", (values[one], other))
    return f"{column} of {one} and {other}"


def cut_off(folder: Path, chosen: random.Random) -> str:
    """The end of the ledger, as if it had never been: with its seals, or with seals of its own."""
    kept = chosen.randrange(LINES // 10)
    with stranger(folder) as connection:
        connection.execute("DELETE FROM ledger WHERE sequence > ?", (kept * 10,))
        connection.execute("DELETE FROM seals WHERE number > ?", (kept,))
    return f"after {kept * 10}"


def rewrite_and_seal_again(folder: Path, chosen: random.Random) -> str:
    """Somebody who has read the code, and lacks the key."""
    change_a_column(folder, chosen)
    with stranger(folder) as connection:
        seals, before = connection.execute("SELECT * FROM seals ORDER BY number").fetchall(), None
        for number, first, last, at, _, _ in seals:
            rows = connection.execute(query("lines_between"), (first, last)).fetchall()
            try:
                before = seal_after(before, [digest(row) for row in rows], at)
            except ValueError:
                return "it was no line any more"
            values = (before.marks, before.hash, number)
            connection.execute("UPDATE seals SET marks = ?, hash = ? WHERE number = ?", values)
    return "sealed again"


def change_the_heads(folder: Path, chosen: random.Random) -> str:
    path = folder / "ledger.heads"
    octets = path.read_bytes()
    place = chosen.randrange(len(octets) - 1)
    path.write_bytes(octets[:place] + bytes([octets[place] ^ (1 << chosen.randrange(8))]) + octets[place + 1 :])
    return f"octet {place}"


def move_heads(folder: Path, chosen: random.Random) -> str:
    path = folder / "ledger.heads"
    lines = path.read_bytes().splitlines(keepends=True)
    kind = chosen.randrange(3)
    one, other = chosen.sample(range(len(lines)), 2)
    if kind == 0:
        lines[one], lines[other] = lines[other], lines[one]
    elif kind == 1:
        lines.insert(one, lines[other])
    else:
        del lines[chosen.randrange(len(lines) - 1)]  # the last one is missed by nobody: see the manual
    path.write_bytes(b"".join(lines))
    return f"{kind}: {one}, {other}"


def pretend_an_erasure(folder: Path, chosen: random.Random) -> str:
    """Another person in a line, under the commitment of the one who stood there."""
    sequence = chosen.randint(1, LINES)
    with stranger(folder) as connection:
        (row,) = connection.execute(query("lines_between"), (sequence, sequence)).fetchall()
        line = erase(line_of_row(row), ["address"])
        connection.execute(
            "UPDATE ledger SET address = 'eve@example.com', wide = 'eve@example.com', salt = ?, erased = ? WHERE sequence = ?",
            (line.salt + bytes(16) * chosen.randrange(2), line.erased, sequence),
        )
    return str(sequence)


def flip_a_bit(folder: Path, chosen: random.Random) -> str:
    """Anywhere in the file: content decides whether it matters."""
    path = folder / "relay.db"
    octets = bytearray(path.read_bytes())
    for _ in range(100):
        place = chosen.randrange(len(octets))
        if octets[place]:
            break
    octets[place] ^= 1 << chosen.randrange(8)
    path.write_bytes(octets)
    return f"octet {place}"


EDITORS: Final[dict[str, Callable[[Path, random.Random], str]]] = {
    function.__name__: function
    for function in (
        change_a_column, change_a_wording, change_a_seal, delete_rows, delete_and_close_the_gap, insert_a_line,
        swap_rows, swap_values, cut_off, rewrite_and_seal_again, change_the_heads, move_heads, pretend_an_erasure,
    )
}  # fmt: skip


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
