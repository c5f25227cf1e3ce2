"""Real faults of real disks: one that is full, one whose fsync fails."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

PROGRAM = f"""
import asyncio, json, os, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from store.samples import ANN, PSEUDONYMS, decision, withdraw
from store.waiting import NOW, message_to
from relay.address import Address
from relay.queued import Move, Step
from relay.store.port import StoreUnavailableError
from relay.store.sqlite import open_store

def tell(**more): print(json.dumps(more), flush=True)

def stop(error):
    tell(broken=str(error))
    os._exit(70)

async def main(folder):
    store = await open_store(folder / "relay.db", folder / "withdrawals.journal", PSEUDONYMS, on_broken=stop)
    tell(opened=True)
    await globals()[sys.argv[2]](store, folder)
    await store.close()

async def keep_recording(store, folder):
    for number in range(20):
        made = decision()
        try:
            await store.record([made])
        except StoreUnavailableError as error:
            tell(refused=str(error))
            await asyncio.sleep(1)
        else:
            tell(recorded=made.id)

async def fill(store, folder):
    padding = {{"padding": "x" * 20_000}}
    for _ in range(1000):
        try:
            await store.record([decision(facts=padding)])
        except StoreUnavailableError as error:
            tell(full=error.full)
            break
    for number in range(5):
        await store.append([withdraw(Address(f"user{{number}}", "example.com"))])
        tell(withdrawn=number)
    try:
        await store.record([decision(facts=padding)])
    except StoreUnavailableError as error:
        tell(still_full=error.full)
    os.unlink(folder / "ballast")
    await store.record([decision()])
    tell(again=True)
    address = Address("user4", "example.com")
    tell(known=str((await store.facts("brand", "newsletter", [address]))[address].withdrawn_at))

async def queue(store, folder):
    number = 0
    try:
        while True:
            await store.commit(Step(messages=(message_to(f"p{{number}}@example.org", content=b"x" * 100_000),)))
            number += 1
    except StoreUnavailableError as error:
        tell(full=error.full, some=number > 5)
    os.unlink(folder / "ballast")
    claimed = await store.claim(NOW, 5)
    tell(claimed=len(claimed))
    try:
        with open(folder / "ballast", "wb") as ballast:
            while True:
                ballast.write(b"x" * 4096)
                ballast.flush()
    except OSError:
        pass
    (first, *_) = claimed
    step = Step(moves=(Move(first.copies[0].number, NOW),))
    try:
        await store.commit(step)
        tell(settled=True)
    except StoreUnavailableError as error:
        tell(settle_full=error.full)
    store.commit_later(step)
    await asyncio.sleep(0.5)
    tell(still_there=len(await store.content(first.message.number)))
    os.unlink(folder / "ballast")
    for _ in range(1000):
        await asyncio.sleep(0.1)
        try:
            await store.content(first.message.number)
        except KeyError:
            tell(gone=True)
            break

asyncio.run(main(Path(sys.argv[1])))
"""


def told(process: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    assert process.returncode in (0, 70), process.stderr
    return [json.loads(line) for line in process.stdout.splitlines()]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("only root can mount a small disk")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", tmp_path], check=False)
    if mounted.returncode:
        pytest.skip("this machine does not let us mount a small disk")
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True)


def test_on_a_full_disk_only_withdrawals_are_taken_until_there_is_room(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(b"x" * (16 << 20))
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM, small_disk, "fill"], capture_output=True, text=True, timeout=120, check=False
    )
    assert told(process) == [
        {"opened": True},
        {"full": True},
        *({"withdrawn": number} for number in range(5)),
        {"still_full": True},
        {"again": True},
        {"known": "2026-02-24 12:00:00+00:00"},
    ]
    assert len((small_disk / "withdrawals.journal").read_text().splitlines()) == 5


def test_on_a_full_disk_nothing_is_taken_over_and_what_ended_ends_once_there_is_room(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(b"x" * (16 << 20))
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM, small_disk, "queue"], capture_output=True, text=True, timeout=120, check=False
    )
    assert told(process) == [
        {"opened": True},
        {"full": True, "some": True},
        {"claimed": 5},
        {"settle_full": True},
        {"still_there": 100_000},
        {"gone": True},
    ]


@pytest.mark.parametrize("sync", [3, 5])
def test_after_a_failed_sync_nothing_more_is_promised(tmp_path: Path, sync: int) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    subprocess.run([sys.executable, "-c", PROGRAM, tmp_path, "keep_recording"], check=True, capture_output=True)
    inject = f"inject=fsync,fdatasync:error=EIO:when={sync}"
    process = subprocess.run(
        [
            strace,
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            inject,
            sys.executable,
            "-c",
            PROGRAM,
            tmp_path,
            "keep_recording",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    lines = told(process)
    assert process.returncode == 70
    assert list(lines[-1]) == ["broken"]
    assert all(next(iter(line)) in ("opened", "recorded") for line in lines[:-1])
