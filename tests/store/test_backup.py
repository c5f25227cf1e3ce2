from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import os
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest
from journey import NEWSLETTER
from store.samples import ANN, BOB, NOW, event, grant, withdraw

from relay.address import Address
from relay.config.load import load_settings
from relay.config.settings import Settings
from relay.consent.events import EventKind
from relay.message.dkim import KeyType, generate
from relay.store.appending import append_events
from relay.store.backup import Role, policy_files, write_backup
from relay.store.committing import Committer, Work
from relay.store.keys import load_pseudonyms, load_secret, load_token_keys
from relay.store.port import StoreUnavailableError

CONFIG = """\
policies = "policies"
[dkim."brand.example"]
selector = "s1"
key = "var/keys/brand.example.s1.pem"
"""


def shop(folder: Path, people: int = 3) -> Settings:
    """A relay's folder with everything in it: `people` who said yes, Ann and Bob, who has withdrawn."""
    (folder / "policies" / "footers").mkdir(parents=True)
    (folder / "policies" / "newsletter.toml").write_text(NEWSLETTER)
    (folder / "policies" / "footers" / "plain.txt").write_text("{{sender}}\n")
    (folder / "policies" / ".newsletter.toml.swp").write_text("an editor's")
    (folder / "relay.toml").write_text(CONFIG)
    settings = load_settings(folder / "relay.toml", {})
    load_token_keys(settings.keys.tokens)
    load_secret(settings.keys.addresses)
    (folder / "var/keys/brand.example.s1.pem").write_bytes(generate(KeyType.ED25519))
    (folder / "var/ledger.heads").write_text('{"line":1}\n')
    with closing(opened(settings)) as committer:
        say(committer, grant(), grant(BOB))
        readers = [Address(f"reader{number}", "example.com") for number in range(people)]
        say(committer, *map(grant, readers))
        say(committer, withdraw(BOB), no=True)
    return settings


def opened(settings: Settings, *, behind_is_fine: bool = False) -> Committer:
    pseudonyms = load_pseudonyms(settings.keys.people)
    return Committer(settings.store.path, settings.store.journal, pseudonyms, behind_is_fine=behind_is_fine)


def say(committer: Committer, *events: object, no: bool = False) -> None:
    (result,) = committer.commit(
        [Work(lambda connection: append_events(connection, events, committer.pseudonyms, os.urandom), no)]  # type: ignore[arg-type]
    )
    assert isinstance(result, tuple), result


def backup_of(settings: Settings) -> bytes:
    out = io.BytesIO()
    write_backup(settings, out, settings.store.path.parent, NOW)
    return out.getvalue()


def members(octets: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(octets)) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]


def test_a_backup_is_a_tar_with_all_that_a_relay_needs(tmp_path: Path) -> None:
    settings = shop(tmp_path)
    (key,) = settings.keys.tokens.glob("*.key")
    found = members(backup_of(settings))
    assert next(iter(found)) == "README.txt"
    assert list(found)[-1] == "manifest.json"
    same = {
        "withdrawals.journal": settings.store.journal,
        "relay.toml": tmp_path / "relay.toml",
        "policies/newsletter.toml": tmp_path / "policies/newsletter.toml",
        "policies/footers/plain.txt": tmp_path / "policies/footers/plain.txt",
        f"keys/tokens/{key.name}": key,
        "keys/people.key": settings.keys.people,
        "keys/addresses.key": settings.keys.addresses,
        "keys/dkim/brand.example.s1.pem": tmp_path / "var/keys/brand.example.s1.pem",
        "ledger.heads": settings.ledger.heads,
    }
    assert set(found) == {"README.txt", "relay.db", *same, "manifest.json"}
    assert {name: found[name] for name in same} == {name: path.read_bytes() for name, path in same.items()}


def test_the_manifest_tells_what_is_in_it(tmp_path: Path) -> None:
    settings = shop(tmp_path)
    found = members(backup_of(settings))
    manifest = json.loads(found["manifest.json"])
    assert (manifest["format"], manifest["at"], manifest["line"]) == (1, NOW.isoformat(), 6)
    assert manifest["people_key"] == load_pseudonyms(settings.keys.people).fingerprint()
    for file in manifest["files"]:
        assert file["sha256"] == hashlib.sha256(found[file["name"]]).hexdigest()
        assert file["octets"] == len(found[file["name"]])
    assert {file["role"] for file in manifest["files"]} == {role.value for role in Role} - {Role.LEDGER_KEY.value}
    (store,) = [file for file in manifest["files"] if file["role"] == "store"]
    assert store["path"] == "var/relay.db"


def test_the_copy_is_the_store_at_one_moment_while_others_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.store.backup._PAGES", 16)
    settings = shop(tmp_path, people=3000)
    steps: list[tuple[int, int]] = []
    with closing(opened(settings)) as committer:

        def write_meanwhile(done: int, octets: int) -> None:
            steps.append((done, octets))
            if len(steps) == 1:
                say(committer, event(EventKind.COMPLAIN, ANN), grant(Address("late", "example.com")), no=True)

        out = io.BytesIO()
        manifest = write_backup(settings, out, tmp_path, NOW, write_meanwhile)
    found = members(out.getvalue())
    (tmp_path / "copy.db").write_bytes(found["relay.db"])
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert copy.execute("SELECT count(*), max(sequence) FROM ledger").fetchone() == (3003, 3003)
    assert manifest.line == 3003
    assert b"complain" in found["withdrawals.journal"]  # newer than the copy, never older
    assert steps[-1][0] == steps[-1][1]
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)


def test_heads_that_are_signed_after_the_copy_stay_out(tmp_path: Path) -> None:
    settings = shop(tmp_path)

    def sign_meanwhile(_done: int, _octets: int) -> None:
        with settings.ledger.heads.open("a") as heads:
            heads.write('{"line":9}\n')

    out = io.BytesIO()
    write_backup(settings, out, tmp_path, NOW, sign_meanwhile)
    assert members(out.getvalue())["ledger.heads"] == b'{"line":1}\n'


def test_nothing_is_left_beside_it(tmp_path: Path) -> None:
    settings = shop(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    backup_of(settings)

    class Full(io.BytesIO):
        def write(self, _octets: object) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_backup(settings, Full(), tmp_path, NOW)
    assert sorted(path for path in tmp_path.rglob("*") if not path.name.startswith("relay.db-")) == before


def test_without_a_store_there_is_nothing_to_back_up(tmp_path: Path) -> None:
    (tmp_path / "relay.toml").write_text("")
    with pytest.raises(StoreUnavailableError, match="no store yet"):
        backup_of(load_settings(tmp_path / "relay.toml", {}))


def test_hidden_files_are_no_policies(tmp_path: Path) -> None:
    shop(tmp_path)
    names = [path.name for path in policy_files(tmp_path / "policies")]
    assert sorted(names) == ["newsletter.toml", "plain.txt"]


def test_what_is_packed_is_for_its_owner_alone_wherever_it_is_unpacked(tmp_path: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(backup_of(shop(tmp_path)))) as archive:
        assert {member.mode for member in archive} == {0o600}


def test_the_copy_has_no_name_while_it_is_filled_and_nobody_else_could_open_it(tmp_path: Path) -> None:
    settings = shop(tmp_path)
    seen: list[tuple[int, int]] = []

    def look(_done: int, _octets: int) -> None:
        assert not list(tmp_path.rglob("*.copy*"))
        for link in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                if link.readlink().name.endswith(".copy (deleted)"):
                    state = link.stat()
                    seen.append((state.st_nlink, state.st_mode & 0o777))

    write_backup(settings, io.BytesIO(), tmp_path, NOW, look)
    assert set(seen) == {(0, 0o600)}


def test_what_waits_under_the_name_of_the_copy_is_neither_followed_nor_filled(tmp_path: Path) -> None:
    settings = shop(tmp_path)
    draft = tmp_path / f".relay.db.{os.getpid()}.copy"
    mine = tmp_path / "mine"
    for wait in (lambda: draft.symlink_to(mine), draft.touch):
        wait()
        with pytest.raises(StoreUnavailableError, match="File exists"):
            write_backup(settings, io.BytesIO(), tmp_path, NOW)
        assert not mine.exists()
        draft.unlink()


def test_a_copy_that_cannot_begin_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = shop(tmp_path)
    before = sorted(tmp_path.rglob("*"))

    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("relay.store.backup.sqlite3.connect", refused)
    with pytest.raises(StoreUnavailableError):
        write_backup(settings, io.BytesIO(), tmp_path, NOW)
    assert sorted(tmp_path.rglob("*")) == before
