from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from relay.store.leases import Lease, clear, ended, folder_of

_HOLD = """
import sys, time
from pathlib import Path
from relay.store.leases import Lease, clear, ended, folder_of
lease = Lease(Path(sys.argv[1]), "other")
print("held", flush=True)
time.sleep(60)
"""


def _has_ended(database: Path, name: str) -> bool:
    with ended(database, name, keep=True) as is_so:
        return is_so


@pytest.fixture
def other(tmp_path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(tmp_path / "relay.db")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def _kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_a_lease_lasts_as_long_as_its_process_and_ends_with_a_kill(
    tmp_path: Path, other: subprocess.Popen[str]
) -> None:
    assert not _has_ended(tmp_path / "relay.db", "other")
    os.kill(other.pid, signal.SIGSTOP)  # it will go on where it was
    assert not _has_ended(tmp_path / "relay.db", "other")
    _kill(other)
    assert _has_ended(tmp_path / "relay.db", "other")


def test_the_file_of_a_process_that_is_no_more_goes_once_its_copies_are_free(
    tmp_path: Path, other: subprocess.Popen[str]
) -> None:
    _kill(other)
    database = tmp_path / "relay.db"
    with ended(database, "other") as is_so:
        assert is_so
        assert (folder_of(database) / "other").exists()
    assert not (folder_of(database) / "other").exists()
    assert _has_ended(database, "other")


def test_looking_at_a_lease_that_lives_takes_nothing_from_it(tmp_path: Path) -> None:
    database = tmp_path / "relay.db"
    lease = Lease(database, "mine")
    with ended(database, "mine") as is_so:
        assert not is_so
    assert (folder_of(database) / "mine").exists()
    lease.close()
    assert not any(folder_of(database).iterdir())
    assert _has_ended(database, "mine")


def test_files_of_processes_that_are_no_more_are_cleared_away_and_others_stay(tmp_path: Path) -> None:
    database = tmp_path / "relay.db"
    lease = Lease(database, "mine")
    (folder_of(database) / "old").touch()
    (folder_of(database) / ".being-made").touch()
    clear(database)
    assert sorted(path.name for path in folder_of(database).iterdir()) == [".being-made", "mine"]
    lease.close()


def test_a_name_that_no_process_gives_itself_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "relay.db").touch()
    folder_of(tmp_path / "relay.db").mkdir()
    for name in ("", "../relay.db", ".mine"):
        with ended(tmp_path / "relay.db", name) as is_so:
            assert is_so
    assert (tmp_path / "relay.db").exists()


def test_the_files_are_for_our_eyes_only(tmp_path: Path) -> None:
    lease = Lease(tmp_path / "relay.db", "mine")
    folder = folder_of(tmp_path / "relay.db")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "mine").stat().st_mode & 0o777 == 0o600
    lease.close()


def test_what_is_no_lease_is_in_nobodys_way_and_stays(tmp_path: Path) -> None:
    database = tmp_path / "relay.db"
    mine = Lease(database, "mine")
    folder = folder_of(database)
    (folder / "lost+found").mkdir()
    (tmp_path / "precious").write_text("x")
    (folder / "link").symlink_to(tmp_path / "precious")
    clear(database)
    assert sorted(path.name for path in folder.iterdir()) == ["link", "lost+found", "mine"]
    for name in ("link", "lost+found"):
        with ended(database, name) as is_so:
            assert is_so
    mine.close()


def test_a_socket_is_no_lease_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = tmp_path / "relay.db"
    folder_of(database).mkdir()
    monkeypatch.chdir(folder_of(database))  # a path of a socket has to be short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        assert _has_ended(database, "socket")


def test_a_file_that_another_process_took_away_meanwhile_is_nobodys_loss(tmp_path: Path) -> None:
    database = tmp_path / "relay.db"
    folder_of(database).mkdir()
    (folder_of(database) / "dead").touch()
    with ended(database, "dead") as is_so:
        assert is_so
        (folder_of(database) / "dead").unlink()


def test_a_link_in_the_place_of_our_file_is_none_of_ours(tmp_path: Path) -> None:
    database = tmp_path / "relay.db"
    mine = Lease(database, "mine")
    path = folder_of(database) / "mine"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    mine.keep()
    assert not path.is_symlink()
    assert not _has_ended(database, "mine")
    mine.close()


def test_a_lease_whose_file_was_removed_is_made_again_by_its_process(tmp_path: Path) -> None:
    database = tmp_path / "relay.db"
    mine = Lease(database, "mine")
    mine.keep()
    shutil.rmtree(folder_of(database))
    assert _has_ended(database, "mine")
    mine.keep()
    assert not _has_ended(database, "mine")
    mine.keep()
    (folder_of(database) / "mine").unlink()
    (folder_of(database) / "mine").touch()
    mine.keep()
    assert not _has_ended(database, "mine")
    mine.close()
    assert list(folder_of(database).iterdir()) == []
