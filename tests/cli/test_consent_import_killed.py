"""`consent import` that is killed and run again comes to the same as one that was left alone."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from cli.listed import HEADER, LONG_AGO, RECENTLY
from cli.shop import Shop

PEOPLE = 16_000


def mixed_list() -> str:
    """Yeses, noes, one person twice, rows that are wrong: more than fits into one piece of the file."""
    lines = [HEADER.replace("\n", ",withdrawn_at,source\n")]
    for number in range(PEOPLE):
        lines.append(f"user{number}@example{number % 97}.com,newsletter,double-opt-in,{LONG_AGO},,,a fair in Osaka\n")
        if number % 10 == 0:
            lines.append(f"USER{number}+x@example{number % 97}.com,newsletter,,,,{RECENTLY},\n")
        if number % 50 == 0:
            lines.append(f"user{number}@example{number % 97}.com,newsletter,written,{RECENTLY},signed,,on paper\n")
        if number % 1000 == 0:
            lines.append(f"nobody,newsletter,written,{RECENTLY},signed,,\n")
    return "".join(lines)


def start_import(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "relay", "consent", "import", "list.csv", "--rejects", "bad.csv", "--json"]
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    )


def content_of(folder: Path) -> dict[str, list[Any]]:
    """All that a list may have changed, but for the moment of its reading and what is drawn by lot."""
    with contextlib.closing(sqlite3.connect(folder / "var" / "relay.db")) as connection:
        return {
            name: sorted(connection.execute(f"SELECT {columns} FROM {name}").fetchall(), key=repr)
            for name, columns in (
                ("ledger", "id, kind, address, wide, brand, stream, at, source, recorder, basis, act"),
                ("facts", "*"),
                ("noes", "*"),
            )
        }


def lines_in(store: Path) -> int:
    try:
        with contextlib.closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=5)) as connection:
            return int(connection.execute("SELECT count(*) FROM ledger").fetchone()[0])
    except sqlite3.Error:
        return -1


def test_an_import_that_is_killed_and_run_again_comes_to_the_same_as_once(shop: Shop, tmp_path: Path) -> None:
    once = tmp_path / "once"
    shutil.copytree(shop.folder / "policies", once / "policies")
    for folder in (shop.folder, once):
        (folder / "list.csv").write_text(mixed_list())
    shop.run("db", "migrate")  # the key of ids, the same for both
    shutil.copytree(shop.folder / "var" / "keys", once / "var" / "keys")
    told, _ = start_import(once).communicate(timeout=250)

    store = shop.folder / "var" / "relay.db"
    reached = []
    for lines in (0, 1, PEOPLE // 3, PEOPLE):
        (shop.folder / "bad.csv").unlink(missing_ok=True)  # made anew when the list is opened
        process = start_import(shop.folder)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            if lines_in(store) >= lines and (shop.folder / "bad.csv").exists():
                break
            time.sleep(0.01)
        with contextlib.suppress(ProcessLookupError):  # it was faster
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        reached.append(lines_in(store))
    assert reached == sorted(reached)
    assert any(0 < lines < len(content_of(once)["ledger"]) for lines in reached), reached
    again, _ = start_import(shop.folder).communicate(timeout=250)

    assert content_of(shop.folder) == content_of(once)
    assert (shop.folder / "bad.csv").read_text() == (once / "bad.csv").read_text()
    first, last = json.loads(told), json.loads(again)
    assert last["known"] >= reached[-1] > first["known"] == 0
    assert {**last, "known": 0} == first
    assert shop.run("consent", "verify").code == 0
