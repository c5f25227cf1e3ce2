from __future__ import annotations

import os
import shutil
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from store.ledgers import KEY, findings, make_ledger, seal_and_sign, sealer, verified, write
from store.samples import NOW
from structlog.testing import capture_logs

from relay.consent.heads import parse_head
from relay.store.heads import HeadsFile, Signed, Signer, write_log
from relay.store.signing import public_text

EVERY = timedelta(minutes=5)


def signed(
    folder: Path, *, at_once: bool = False, after: timedelta = timedelta(), key: Ed25519PrivateKey = KEY
) -> Signed | None:
    with sealer(folder) as opened:
        signer = Signer(HeadsFile(folder / "ledger.heads"), key, EVERY)
        return signer.sign(opened.last(), opened.place_of, NOW + after, at_once=at_once)


def lines(folder: Path) -> list[str]:
    return (folder / "ledger.heads").read_text().splitlines()


def grow(folder: Path, seed: int = 7) -> None:
    write(folder, 5, seed=seed)
    with sealer(folder) as opened:
        opened.seal_all()


def test_a_head_is_signed_when_it_is_time_and_there_is_something_new(tmp_path: Path) -> None:
    grow(tmp_path)
    first = signed(tmp_path)
    assert first is not None
    assert first.is_first
    assert first.head.line == 5
    assert signed(tmp_path, at_once=True) is None
    grow(tmp_path)
    assert signed(tmp_path, after=timedelta(minutes=4)) is None
    second = signed(tmp_path, after=timedelta(minutes=5))
    assert second is not None
    assert not second.is_first
    grow(tmp_path)
    assert signed(tmp_path, at_once=True) is not None
    assert [parse_head(line).line for line in lines(tmp_path)] == [5, 10, 15]
    assert findings(tmp_path) == []


def test_a_clock_that_was_set_back_does_not_stop_the_signing(tmp_path: Path) -> None:
    grow(tmp_path)
    signed(tmp_path)
    grow(tmp_path)
    assert signed(tmp_path, after=timedelta(days=-30)) is not None


def test_the_file_is_ours_alone_and_keeps_the_rights_that_it_has(tmp_path: Path) -> None:
    grow(tmp_path)
    signed(tmp_path)
    path = tmp_path / "ledger.heads"
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    grow(tmp_path)
    signed(tmp_path, at_once=True)
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_head_has_reached_the_disk_when_it_is_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grow(tmp_path)
    synced: list[str] = []
    real = os.fsync

    def watched(file: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{file}").readlink()))
        real(file)

    monkeypatch.setattr(os, "fsync", watched)
    signed(tmp_path)
    assert synced == [str(tmp_path / "ledger.heads"), str(tmp_path)]


def test_a_folder_for_the_heads_is_made(tmp_path: Path) -> None:
    grow(tmp_path)
    with sealer(tmp_path) as opened:
        last = opened.last()
        Signer(HeadsFile(tmp_path / "far" / "away" / "heads"), KEY, EVERY).sign(
            last, opened.place_of, NOW, at_once=True
        )
    assert (tmp_path / "far" / "away" / "heads").exists()


@pytest.mark.parametrize("cut", [1, 30, 200])
def test_a_line_torn_by_a_crash_is_ended_and_the_next_head_knows_of_it(tmp_path: Path, cut: int) -> None:
    make_ledger(tmp_path, 20)
    path = tmp_path / "ledger.heads"
    path.write_bytes(path.read_bytes()[:-cut])
    grow(tmp_path)
    assert signed(tmp_path, at_once=True) is not None
    found, seen = verified(tmp_path)
    assert found.findings == []
    assert seen.signed == 25
    if cut > 1:
        assert seen.notes == ["head 2: it cannot be read: torn or changed; the head behind it was signed knowing that"]


def test_a_kill_between_a_seal_and_its_head_is_made_good(tmp_path: Path) -> None:
    make_ledger(tmp_path, 20)
    grow(tmp_path)  # sealed, and killed before the head
    found, seen = verified(tmp_path)
    assert found.findings == []
    assert seen.signed == 20
    assert signed(tmp_path, at_once=True) is not None
    assert verified(tmp_path)[1].signed == 25


def test_a_restored_backup_is_found_named_by_the_next_head_and_signed_for_by_an_operator(tmp_path: Path) -> None:
    make_ledger(tmp_path, 20)
    backup = tmp_path / "backup"
    backup.mkdir()
    for name in ("relay.db", "relay.db-wal"):
        if (tmp_path / name).exists():
            shutil.copy(tmp_path / name, backup / name)
    grow(tmp_path)
    signed(tmp_path, at_once=True)
    grow(tmp_path)
    signed(tmp_path, at_once=True)
    for name in ("relay.db", "relay.db-wal", "relay.db-shm", "withdrawals.journal"):
        (tmp_path / name).unlink(missing_ok=True)
    shutil.copytree(backup, tmp_path, dirs_exist_ok=True)
    found = findings(tmp_path)
    assert found == [
        "line 21: cut off: the ledger ends at line 20, against head 3, signed 2026-03-01 12:00:00Z for 25 lines"
    ]
    grow(tmp_path, seed=11)
    after = signed(tmp_path)
    assert after is not None
    assert (after.head.lost, after.head.kept) == (30, 20)
    assert "lines behind 20 that were signed up to 30 are gone" in after.alarm
    assert len(findings(tmp_path)) == 1, "a head of the relay itself does not make it good"
    with sealer(tmp_path) as opened:
        last = opened.last()
        assert last is not None
        Signer(HeadsFile(tmp_path / "ledger.heads"), KEY, EVERY).accept(
            last, opened.place_of, NOW, "disk of shop-3 died"
        )
    found_now, seen = verified(tmp_path)
    assert found_now.findings == []
    assert "disk of shop-3 died" in seen.notes[0]
    with sqlite3.connect(tmp_path / "relay.db", isolation_level=None) as stranger:
        stranger.execute("UPDATE ledger SET language = 'xx' WHERE sequence = 19")
    assert findings(tmp_path) == ["line 19: changed: it is not what was recorded"]


def test_what_an_operator_signed_for_is_not_a_licence_for_more(tmp_path: Path) -> None:
    make_ledger(tmp_path, 30)
    with sqlite3.connect(tmp_path / "relay.db", isolation_level=None) as stranger:
        stranger.executescript("DELETE FROM ledger WHERE sequence > 20; DELETE FROM seals WHERE number > 2")
    with sealer(tmp_path) as opened:
        last = opened.last()
        assert last is not None
        signer = Signer(HeadsFile(tmp_path / "ledger.heads"), KEY, EVERY)
        accepted = signer.accept(last, opened.place_of, NOW, "known").head
    assert (accepted.kept, accepted.lost, accepted.note) == (20, 30, "known")
    assert findings(tmp_path) == []
    with sqlite3.connect(tmp_path / "relay.db", isolation_level=None) as stranger:
        stranger.executescript("DELETE FROM ledger WHERE sequence > 10; DELETE FROM seals WHERE number > 1")
    assert findings(tmp_path)[0].startswith("line 11: cut off")


def test_a_changed_key_is_told_and_old_heads_need_the_old_key(tmp_path: Path) -> None:
    make_ledger(tmp_path, 10)
    grow(tmp_path)
    new = Ed25519PrivateKey.generate()
    change = signed(tmp_path, key=new, at_once=True)
    assert change is not None
    assert change.key_before == public_text(KEY)
    assert findings(tmp_path, trusted=(public_text(KEY), public_text(new))) == []
    (found,) = findings(tmp_path, trusted=(public_text(new),))
    assert "signed with another key" in found


def test_a_file_of_heads_that_is_gone_begins_anew(tmp_path: Path) -> None:
    make_ledger(tmp_path, 10)
    (tmp_path / "ledger.heads").unlink()
    again = signed(tmp_path)
    assert again is not None
    assert again.is_first
    assert findings(tmp_path) == []


def test_what_cannot_be_written_is_an_error_of_the_system(tmp_path: Path) -> None:
    make_ledger(tmp_path, 10)
    (tmp_path / "ledger.heads").unlink()
    (tmp_path / "ledger.heads").mkdir()
    with pytest.raises(OSError):  # noqa: PT011 - of whatever kind
        signed(tmp_path)
    if Path("/dev/full").exists():
        shutil.rmtree(tmp_path / "ledger.heads")
        (tmp_path / "ledger.heads").symlink_to("/dev/full")
        with pytest.raises(OSError, match="No space"):
            signed(tmp_path)


def test_the_log_has_the_whole_head_and_the_alarms(tmp_path: Path) -> None:
    make_ledger(tmp_path, 20)
    with sqlite3.connect(tmp_path / "relay.db", isolation_level=None) as stranger:
        stranger.executescript("DELETE FROM ledger WHERE sequence > 10; DELETE FROM seals WHERE number > 1")
    (tmp_path / "withdrawals.journal").unlink()
    grow(tmp_path)
    head = signed(tmp_path, key=Ed25519PrivateKey.generate())
    assert head is not None
    with capture_logs() as logged:
        write_log(head, tmp_path / "ledger.heads")
        write_log(Signed(head.head, is_first=True), tmp_path / "ledger.heads")
    assert [line["event"] for line in logged] == [
        "ledger-key-changed", "ledger-lost", "ledger-head", "ledger-heads-begun", "ledger-lost", "ledger-head",
    ]  # fmt: skip
    assert logged[2]["head"] == lines(tmp_path)[-1]


def test_signing_through_a_link_of_an_odd_file_keeps_whole_lines(tmp_path: Path) -> None:
    make_ledger(tmp_path, 10)
    with (tmp_path / "ledger.heads").open("ab") as file:
        file.write(b"\xff\xfe no line at all")
    grow(tmp_path)
    signed(tmp_path)
    seal_and_sign(tmp_path)
    found, seen = verified(tmp_path)
    assert found.findings == []
    assert len(seen.notes) == 1


def test_at_a_pipe_nobody_waits(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ledger.heads")
    grow(tmp_path)
    with pytest.raises(OSError, match="is a pipe"):
        signed(tmp_path)
