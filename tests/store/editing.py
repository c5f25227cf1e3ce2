"""What somebody with the file and a shell may do to a ledger: edits chosen by lot; and what is read there afterwards."""

from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from relay.consent.ledger import digest, erase, line_of_row, seal_after
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
