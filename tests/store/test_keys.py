from __future__ import annotations

import contextlib
import errno
import fcntl
import multiprocessing
import os
from pathlib import Path

import pytest
from disk import RENAME, SYNC, watch
from patience import LONG
from structlog.testing import capture_logs

from relay.address import Address
from relay.store.committing import Committer
from relay.store.keys import (
    KeyFileError,
    add_token_key,
    folder_in_turn,
    load_pseudonyms,
    load_secret,
    load_token_keys,
)
from relay.tokens import Claims, Purpose, seal, unseal

CLAIMS = Claims(Address("hanako", "example.jp"), "newsletter", "")


def test_an_empty_folder_gets_a_first_key_that_only_its_owner_can_read(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "keys" / "tokens"
    load_token_keys(folder)
    (key,) = folder.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert key.stat().st_mode & 0o777 == 0o600


def test_the_same_folder_gives_the_same_keys_again(tmp_path: Path) -> None:
    token = seal(load_token_keys(tmp_path), Purpose.UNSUBSCRIBE, CLAIMS)
    assert unseal(load_token_keys(tmp_path), Purpose.UNSUBSCRIBE, token) == CLAIMS
    assert len(list(tmp_path.iterdir())) == 1


def test_an_added_key_seals_from_now_on_and_old_tokens_still_open(tmp_path: Path) -> None:
    before = load_token_keys(tmp_path)
    old = seal(before, Purpose.UNSUBSCRIBE, CLAIMS)
    added = [add_token_key(tmp_path) for _ in range(3)]  # within one minute, too, each sorts after the one before
    after = load_token_keys(tmp_path)
    assert [before.current, *added] == sorted({before.current, *added})
    assert after.current == added[-1]
    assert unseal(after, Purpose.UNSUBSCRIBE, old) == CLAIMS
    assert seal(after, Purpose.UNSUBSCRIBE, CLAIMS).startswith(added[-1])


def _load_and_seal(folder: str, start: object, results: object) -> None:
    start.wait()  # type: ignore[attr-defined]
    results.put(seal(load_token_keys(Path(folder)), Purpose.UNSUBSCRIBE, CLAIMS))  # type: ignore[attr-defined]


def test_processes_that_start_at_the_same_time_make_one_key(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    start, results = spawn.Barrier(3), spawn.Queue()
    processes = [spawn.Process(target=_load_and_seal, args=(str(tmp_path), start, results)) for _ in range(3)]
    for process in processes:
        process.start()
    tokens = {results.get(timeout=LONG) for _ in processes}
    for process in processes:
        process.join()
    assert len(tokens) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_a_draft_left_by_a_crash_is_no_key_and_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / f".0aaaaa.{os.getpid()}").write_text("half a k")
    load_token_keys(tmp_path)
    assert len(list(tmp_path.glob("*.key"))) == 1


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("keys of the relay")
    load_token_keys(tmp_path)
    assert (tmp_path / "README").read_text() == "keys of the relay"


@pytest.mark.parametrize("content", ["", "zz" * 32, "ab" * 31, "ab" * 33])
def test_a_damaged_key_file_stops_us_and_is_never_replaced(tmp_path: Path, content: str) -> None:
    path = tmp_path / "0aaaaa.key"
    path.write_text(content)
    with pytest.raises(KeyFileError, match=r"0aaaaa\.key: a key file has 64 hexadecimal digits") as caught:
        load_token_keys(tmp_path)
    assert content == "" or content not in str(caught.value)
    assert path.read_text() == content


def test_a_key_file_with_another_kind_of_name_is_reported(tmp_path: Path) -> None:
    (tmp_path / "my key.key").write_text("ab" * 32)
    with pytest.raises(KeyFileError, match="six lower case letters and digits"):
        load_token_keys(tmp_path)


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text("a file")
    with pytest.raises(KeyFileError, match="cannot be used as the folder of token keys"):
        load_token_keys(tmp_path / "tokens")


def test_a_key_that_everybody_can_read_is_warned_of(tmp_path: Path) -> None:
    path = tmp_path / "0aaaaa.key"
    path.write_text("ab" * 32)
    path.chmod(0o644)
    with capture_logs() as lines:
        load_token_keys(tmp_path)
    (line,) = lines
    assert line["event"] == "key-file-readable"
    assert "abab" not in str(line)


def test_a_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "addresses.key"
    secret = load_secret(path)
    assert len(secret) == 32
    assert load_secret(path) == secret
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_damaged_secret_stops_us_and_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "addresses.key"
    path.write_text("half a sec")
    with pytest.raises(KeyFileError, match="64 hexadecimal digits"):
        load_secret(path)
    assert path.read_text() == "half a sec"


def test_a_new_key_is_on_disk_before_anything_is_sealed_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = watch(monkeypatch, tmp_path)
    load_secret(tmp_path / "people.key")
    draft = f".people.key.{os.getpid()}"
    assert steps[:3] == [(SYNC, draft), (RENAME, draft, "people.key"), (SYNC, ".")]
    assert steps.octets[draft] == (tmp_path / "people.key").stat().st_size


def test_nobody_else_makes_a_key_meanwhile(tmp_path: Path) -> None:
    with folder_in_turn(tmp_path):
        other = os.open(tmp_path, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(other)


def test_a_key_that_cannot_be_written_leaves_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(KeyFileError, match="cannot be written: Input/output error"):
        load_secret(tmp_path / "people.key")
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_a_store_was_made_with_is_never_made_anew(tmp_path: Path) -> None:
    store, key = tmp_path / "relay.db", tmp_path / "people.key"
    first = load_pseudonyms(key, store)  # no store yet
    with contextlib.closing(Committer(store, tmp_path / "withdrawals.journal", first)):
        pass
    assert load_pseudonyms(key, store) == first
    key.unlink()
    with pytest.raises(KeyFileError, match=r"people\.key: is missing, and .*relay\.db was made with it"):
        load_pseudonyms(key, store)
    assert not key.exists()
