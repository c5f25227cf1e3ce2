"""An old backup is put back, and nobody who has said no since gets mail; a backup of a relay that is at work is sound."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from integration.clients import Sent, by_smtplib
from integration.mails import newsletter, unsubscribe_url
from integration.postfix import Postfix
from integration.serving import NEWS, Relay, relay_in_folder, start_and_wait
from patience import LONG

ONE_CLICK: Final = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def relay(postfix: Postfix) -> Iterator[Relay]:
    with relay_in_folder(postfix.port) as relay:
        relay.start()
        yield relay


def send(relay: Relay, recipient: str) -> Sent:
    return by_smtplib(relay.plain, NEWS, recipient, newsletter(NEWS, recipient))


def page_of(postfix: Postfix, reader: str) -> str:
    return urlsplit(unsubscribe_url(postfix.wait_for(reader))).path


def got_by(postfix: Postfix, reader: str) -> int:
    """How many mails, under any spelling."""
    name = reader.partition("@")[0].encode()
    return sum(name in message.partition(b"\r\n\r\n")[0].lower() for message in postfix.arrived())


def spellings(reader: str) -> list[str]:
    local, _, domain = reader.partition("@")
    return [reader, f"{local.upper()}@{domain}", f"{local}+shop@{domain}", f'"{local}"@{domain.upper()}', f"{reader}."]


def refused_to_start(relay: Relay) -> str:
    serve = subprocess.run(
        (sys.executable, "-m", "relay", "serve", "-c", relay.folder / "relay.toml"),
        cwd=relay.folder,
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
    assert serve.returncode == 1
    return serve.stderr


def put_back_by_restore(relay: Relay) -> None:
    relay.command("db", "restore", "old.tar", "--force")


def put_back_by_copy(relay: Relay) -> None:
    """As a snapshot of the disk that holds the store, and not the journal."""
    for path in (relay.folder / "var").glob("relay.db*"):
        if path.is_file():
            path.unlink()
    shutil.copy(relay.folder / "snapshot.db", relay.folder / "var" / "relay.db")


@pytest.mark.parametrize(("put_back", "replay"), [(put_back_by_restore, "serve"), (put_back_by_copy, "migrate")])
def test_nobody_who_has_said_no_since_the_backup_is_reached(
    put_back: object, replay: str, relay: Relay, postfix: Postfix
) -> None:
    by_page, by_command, complained, before, erased, stays = relay.readers(6, local="restored")
    people = (by_page, by_command, complained, before, stays)
    for reader in people:
        assert send(relay, reader).accepted
    pages = {reader: page_of(postfix, reader) for reader in people}
    relay.command("consent", "withdraw", before)
    relay.command("db", "backup", "old.tar")
    assert relay.stop() == 0
    shutil.copy(relay.folder / "var" / "relay.db", relay.folder / "snapshot.db")
    relay.start()
    assert relay.http("POST", pages[by_page], "List-Unsubscribe=One-Click", ONE_CLICK)[0] == 200
    relay.command("consent", "withdraw", by_command, "--stream", "newsletter")
    relay.command("consent", "withdraw", complained.upper())
    relay.command("consent", "erase", erased, "--yes")
    assert relay.stop() == 0
    put_back(relay)  # type: ignore[operator]
    said = refused_to_start(relay)
    assert "the store lacks withdrawals" in said
    assert "--replay-withdrawals" in said
    assert said.count("\n") == 1
    if replay == "migrate":
        relay.command("db", "migrate", "--replay-withdrawals")
        relay.start()
    else:
        relay.start("--replay-withdrawals")
    noes = (by_page, by_command, complained, before, erased)
    arrived = [got_by(postfix, reader) for reader in noes]
    for reader in noes:
        for spelling in spellings(reader):
            sent = send(relay, spelling)
            assert not sent.accepted, (spelling, sent.said)
            assert sent.said.startswith("550 5.7.1 "), (spelling, sent.said)
    assert [got_by(postfix, reader) for reader in noes] == arrived == [1, 1, 1, 1, 0]
    assert erased not in relay.command("consent", "export").stdout
    assert send(relay, stays).accepted
    # links in mail sent before the backup still stop the mail: they need no table
    assert relay.http("POST", pages[stays], "List-Unsubscribe=One-Click", ONE_CLICK)[0] == 200
    assert send(relay, stays).said.startswith("550 5.7.1 withdrawn: ")
    assert relay.stop() == 0
    relay.start()  # and the store is in step with its journal again
    assert send(relay, by_page).said.startswith("550 5.7.1 withdrawn: ")


def test_a_backup_made_while_mail_flows_and_a_list_is_imported_is_sound(relay: Relay, postfix: Postfix) -> None:
    readers = relay.readers(3, local="flowing")
    at = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    rows = [f"flood{number}@reader.example,newsletter,double-opt-in,{at},clicked,{at}" for number in range(20_000)]
    (relay.folder / "flood.csv").write_text("\n".join(["address,stream,basis,at,act,confirmed_at", *rows, ""]), "utf-8")
    over = threading.Event()
    replies: list[Sent] = []

    def mail() -> None:
        while not over.is_set():
            replies.extend(send(relay, reader) for reader in readers)

    mailer = threading.Thread(target=mail)
    mailer.start()
    importing = subprocess.Popen(
        (sys.executable, "-m", "relay", "consent", "import", "flood.csv", "-c", "relay.toml"),
        cwd=relay.folder,
        stdout=subprocess.DEVNULL,
    )
    backups = 0
    while importing.poll() is None or backups < 3:
        relay.command("db", "backup", f"{backups}.tar")
        backups += 1
    over.set()
    mailer.join()
    assert importing.returncode == 0
    assert replies
    assert all(sent.accepted for sent in replies)
    lines = []
    for number in range(backups):
        into = relay.folder / "restored" / str(number)
        restored = subprocess.run(
            (sys.executable, "-m", "relay", "db", "restore", f"{number}.tar", "--into", into),
            cwd=relay.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert restored.returncode == 0, restored.stderr
        copy = Relay(into, relay.plain, relay.secure, relay.web)
        copy.command("consent", "verify")
        [status] = copy.printed("db", "status")
        lines.append(status["ledger_lines"])
        assert status["consents"] == status["events"] == status["ledger_lines"]  # one yes a line, each with its facts
        for reader in readers:
            [explained] = copy.printed("policy", "explain", "--to", reader, "--from", NEWS, "--client", "local")
            assert explained["reason"] == "confirmed"
    assert lines == sorted(lines)
    assert lines[-1] <= 20_003


def test_a_relay_restored_elsewhere_works_like_the_one_before(relay: Relay, postfix: Postfix) -> None:
    reader = relay.reader(local="moved")
    assert send(relay, reader).accepted
    page = page_of(postfix, reader)
    relay.command("db", "backup", "moved.tar")
    assert relay.stop() == 0
    into = relay.folder / "moved"
    subprocess.run(
        (sys.executable, "-m", "relay", "db", "restore", "moved.tar", "--into", into), cwd=relay.folder, check=True
    )
    for name in ("relay.pem", "relay.key"):
        shutil.copy(relay.folder / name, into / name)
    for path in _files(relay.folder / "policies") | _files(relay.folder / "var" / "keys"):
        assert (into / path.relative_to(relay.folder)).read_bytes() == path.read_bytes()
    copy = Relay(into, relay.plain, relay.secure, relay.web)
    copy.process = start_and_wait(into)
    try:
        assert send(copy, reader).accepted
        assert copy.http("POST", page, "List-Unsubscribe=One-Click", ONE_CLICK)[0] == 200
        assert send(copy, reader).said.startswith("550 5.7.1 withdrawn: ")
        refused = relay.command("db", "restore", "moved.tar", "--force", check=False)
        assert refused.returncode == 0, refused.stderr  # its own folder is at rest
        over = subprocess.run(
            (sys.executable, "-m", "relay", "db", "restore", relay.folder / "moved.tar", "--force", "-c", "relay.toml"),
            cwd=into,
            capture_output=True,
            text=True,
            check=False,
        )
        assert over.returncode == 1
        assert "already works in this folder" in over.stderr
        assert send(copy, reader).said.startswith("550 5.7.1 withdrawn: ")
    finally:
        copy.stop()


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_a_kill_at_any_moment_leaves_nothing_half(command: str, relay: Relay) -> None:
    reader = relay.reader(local="killed")
    assert send(relay, reader).accepted
    relay.command("db", "backup", "whole.tar")
    assert relay.stop() == 0
    tracer = shutil.which("strace")
    if tracer is None:
        pytest.skip("strace is missing")
    arguments = ("backup", "half.tar") if command == "backup" else ("restore", "whole.tar", "--force")
    done = False
    for when in (1, 2, 4, 7, 11, 16, 22, 29, 37, 46, 60, 90):
        killed = subprocess.run(
            (
                *(tracer, "-f", "-qq", "-o", relay.folder / "trace", "-e"),
                f"inject=rename,fsync,unlink,ftruncate:signal=SIGKILL:when={when}",
                *(sys.executable, "-m", "relay", "db", *arguments, "-c", "relay.toml"),
            ),
            cwd=relay.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        done = killed.returncode == 0
        if command == "backup":
            _whole_or_none(relay)
        else:
            _whole_or_refused(relay)
        if done:
            break
        assert killed.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), killed.stderr
    assert done
    assert when > 3
    relay.start()
    assert send(relay, reader).accepted


def _whole_or_none(relay: Relay) -> None:
    if (relay.folder / "half.tar").exists():
        into = relay.folder / "checked"
        restored = subprocess.run(
            (sys.executable, "-m", "relay", "db", "restore", "half.tar", "--into", into), cwd=relay.folder, check=False
        )
        assert restored.returncode == 0
        shutil.rmtree(into)
        (relay.folder / "half.tar").unlink()


def _whole_or_refused(relay: Relay) -> None:
    status = relay.command("db", "status", "--json", check=False)
    if status.returncode:
        assert "a restore was cut short" in status.stderr, status.stderr
    else:
        assert json.loads(status.stdout)["consents"] == 1
