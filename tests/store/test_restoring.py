from __future__ import annotations

import io
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from disk import RENAME, SYNC, UNLINK, watch
from store.samples import ANN, BOB, NOW, grant, withdraw
from store.test_backup import backup_of, opened, say, shop

from relay.config.settings import Settings
from relay.store.backup import Manifest, Role
from relay.store.journal_lines import Entry, read, write
from relay.store.port import StoreBehindError, StoreUnavailableError
from relay.store.restoring import Exchange, Placed, carry_out, check_keys, check_store, plan
from relay.store.unfinished import mark_of
from relay.store.unpacking import BackupError, unpack


def unpacked(settings: Settings, into: Path) -> Manifest:
    into.mkdir()
    return unpack(io.BytesIO(backup_of(settings)), into)


def exchange_for(settings: Settings, staged: Path, *, files: tuple[Placed, ...] = ()) -> Exchange:
    return plan(
        Placed(staged / "relay.db", settings.store.path, "relay.db"),
        Placed(staged / "withdrawals.journal", settings.store.journal, "withdrawals.journal"),
        files,
        (),
    )


def test_a_sound_store_with_its_key_passes(tmp_path: Path) -> None:
    staged = tmp_path / "staged"
    manifest = unpacked(shop(tmp_path / "shop"), staged)
    check_store(staged / "relay.db", manifest, staged / "keys/people.key")
    check_keys({staged / one.name: one.role for one in manifest.files})


def _damaged(store: Path) -> None:
    octets = bytearray(store.read_bytes())
    octets[4096 : len(octets) // 2] = bytes(len(octets) // 2 - 4096)  # pages in the middle may be empty as they are
    store.write_bytes(octets)


def _changed(sql: str) -> object:
    def change(store: Path) -> None:
        with closing(sqlite3.connect(store, isolation_level=None)) as connection:
            connection.executescript(sql)

    return change


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_damaged, "store in the backup"),
        (lambda store: store.write_bytes(b"no database" * 1000), "cannot be used"),
        (_changed("PRAGMA user_version = 99"), "another schema"),
        (_changed("PRAGMA application_id = 7"), "another program"),
        (_changed("CREATE TRIGGER t AFTER INSERT ON noes BEGIN DELETE FROM noes; END"), "triggers or views"),
        (_changed("CREATE VIEW v AS SELECT 1"), "triggers or views"),
        (_changed("DELETE FROM ledger WHERE sequence = 6"), "does not end where"),
    ],
)
def test_a_store_that_is_not_sound_is_refused(change: object, why: str, tmp_path: Path) -> None:
    staged = tmp_path / "staged"
    manifest = unpacked(shop(tmp_path / "shop"), staged)
    change(staged / "relay.db")  # type: ignore[operator]
    with pytest.raises(BackupError, match=why):
        check_store(staged / "relay.db", manifest, staged / "keys/people.key")


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    staged = tmp_path / "staged"
    manifest = unpacked(shop(tmp_path / "shop"), staged)
    _changed("PRAGMA user_version = 99")(staged / "relay.db")  # type: ignore[operator]
    with pytest.raises(BackupError, match=r"schema 99, .* use version 9\.9 or newer"):
        check_store(staged / "relay.db", replace(manifest, schema=99, version="9.9"), None)


def test_another_key_of_tombstones_is_refused(tmp_path: Path) -> None:
    staged = tmp_path / "staged"
    manifest = unpacked(shop(tmp_path / "shop"), staged)
    with pytest.raises(BackupError, match="lacks the key"):
        check_store(staged / "relay.db", manifest, None)
    (staged / "keys/people.key").write_text("ab" * 32)
    with pytest.raises(BackupError, match="not the key"):
        check_store(staged / "relay.db", manifest, staged / "keys/people.key")


@pytest.mark.parametrize("role", [Role.TOKEN_KEY, Role.ADDRESSES_KEY, Role.DKIM_KEY])
def test_a_key_that_is_none_is_refused_without_showing_it(role: Role, tmp_path: Path) -> None:
    (tmp_path / "abcdef.key").write_text("secret")
    with pytest.raises(BackupError, match="is no key") as refused:
        check_keys({tmp_path / "abcdef.key": role})
    assert "secret" not in str(refused.value)


def test_what_was_there_is_kept_and_the_store_is_the_old_one_again(tmp_path: Path) -> None:
    settings = shop(tmp_path / "shop")
    unpacked(settings, tmp_path / "staged")
    with closing(opened(settings)) as committer:
        say(committer, grant(source="later"))
    newer = settings.store.path.read_bytes()
    exchange = exchange_for(settings, tmp_path / "staged")
    assert [one.destination for one in exchange.replaced] == [settings.store.path]
    assert carry_out(exchange, tmp_path / "aside") == 0
    with closing(opened(settings)) as committer:
        assert committer.connection.execute("SELECT max(sequence) FROM ledger").fetchone() == (6,)
    assert (tmp_path / "aside/relay.db").read_bytes() == newer
    for restored in (settings.store.path, settings.store.journal):
        assert restored.stat().st_mode & 0o777 == 0o600
    assert not mark_of(settings.store.path).exists()


def test_files_that_are_the_same_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "same").write_text("x")
    (tmp_path / "other").write_text("y")
    (tmp_path / "staged").write_text("x")
    files = tuple(Placed(tmp_path / "staged", tmp_path / name, name) for name in ("same", "other", "new"))
    none = Placed(tmp_path / "none", tmp_path / "none", "none")
    exchange = plan(none, none, files, ())
    assert [one.name for one in exchange.files] == ["other", "new"]
    assert [one.name for one in exchange.replaced] == ["other"]


def test_who_had_the_old_store_open_writes_nothing_into_what_was_put_aside(tmp_path: Path) -> None:
    settings = shop(tmp_path / "shop")
    unpacked(settings, tmp_path / "staged")
    with closing(opened(settings)) as importing:
        carry_out(exchange_for(settings, tmp_path / "staged"), tmp_path / "aside")
        with pytest.raises(StoreUnavailableError, match="another file stands in its place"):
            say(importing, withdraw(), no=True)
        with pytest.raises(StoreUnavailableError, match="another file stands in its place"):
            importing.forget([BOB.wide], erased=True)
    with closing(opened(settings)) as again:
        assert again.connection.execute("SELECT max(sequence) FROM ledger").fetchone() == (6,)


def test_the_journal_never_goes_back_and_the_store_waits_for_it(tmp_path: Path) -> None:
    settings = shop(tmp_path / "shop")
    unpacked(settings, tmp_path / "staged")
    with closing(opened(settings)) as committer:
        say(committer, withdraw(), no=True)
    newer = settings.store.journal.read_bytes()
    assert carry_out(exchange_for(settings, tmp_path / "staged"), tmp_path / "aside") == 1
    assert settings.store.journal.read_bytes() == newer
    with pytest.raises(StoreBehindError):
        opened(settings)


def test_lines_that_only_the_backup_has_come_back_with_it(tmp_path: Path) -> None:
    """The disk was lost, somebody started anew and one more person withdrew; then the backup was found."""
    settings = shop(tmp_path / "shop")
    with closing(opened(settings)) as committer:
        # after the copy, before the journal: withdrawals that the backup's journal has and its store has not
        unpacked(settings, tmp_path / "staged")
        say(committer, withdraw(), no=True)
    shutil.copy(settings.store.journal, tmp_path / "staged/withdrawals.journal")
    for path in settings.store.path.parent.glob("relay.db*"):
        path.unlink()
    settings.store.journal.unlink()
    with closing(opened(settings)) as committer:
        say(committer, grant(), withdraw(BOB), no=True)
    assert carry_out(exchange_for(settings, tmp_path / "staged"), tmp_path / "aside") == 2
    with pytest.raises(StoreBehindError):
        opened(settings)
    with closing(opened(settings, behind_is_fine=True)) as committer:
        missing = [entry.address for entry in committer.journal.missing_in(committer.connection)]
        assert {str(ANN), str(BOB)} == set(missing)


def test_a_newer_backup_over_an_older_store_waits_for_what_only_its_own_journal_has(tmp_path: Path) -> None:
    settings = shop(tmp_path / "shop")
    shutil.copytree(tmp_path / "shop", tmp_path / "older")
    unpacked(settings, tmp_path / "staged")
    with closing(opened(settings)) as committer:
        say(committer, withdraw(), no=True)
    shutil.copy(settings.store.journal, tmp_path / "staged/withdrawals.journal")
    older = replace(
        settings,
        store=replace(
            settings.store,
            path=tmp_path / "older/var/relay.db",
            journal=tmp_path / "older/var/withdrawals.journal",
        ),
        keys=replace(settings.keys, people=tmp_path / "older/var/keys/people.key"),
    )
    assert carry_out(exchange_for(older, tmp_path / "staged"), tmp_path / "aside") == 1
    with pytest.raises(StoreBehindError):
        opened(older)


def test_noes_without_a_line_of_their_own_are_told_apart_though_they_name_the_same_line(tmp_path: Path) -> None:
    """Each journal has what a list said of somebody who was erased before both came to be."""
    settings = shop(tmp_path / "shop")
    unpacked(settings, tmp_path / "staged")

    def no_of(person: str, **more: object) -> Entry:
        return Entry("withdraw", 6, "01LAST", "", person, "", "receipts", NOW, NOW, **more)  # type: ignore[arg-type]

    ours = [no_of("erased:a", lineless=True), Entry("withdraw", 0, "", "", "erased:b", "", "receipts", NOW, NOW)]
    theirs = [
        no_of("erased:c", lineless=True),
        no_of("erased:a", lineless=True),
        Entry("withdraw", 0, "", "", "erased:d", "", "receipts", NOW, NOW),
    ]
    settings.store.journal.write_bytes(b"".join(map(write, ours)))
    (tmp_path / "staged/withdrawals.journal").write_bytes(b"".join(map(write, theirs)))
    carry_out(exchange_for(settings, tmp_path / "staged"), tmp_path / "aside")
    merged = [read(line).tombstone for line in settings.store.journal.read_bytes().splitlines(keepends=True)]
    assert sorted(set(merged)) == ["erased:a", "erased:b", "erased:c", "erased:d"]


@pytest.mark.parametrize("cut", range(6))
def test_a_restore_cut_short_anywhere_is_known_and_done_again(
    cut: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = shop(tmp_path / "shop")
    policy = tmp_path / "shop/policies/newsletter.toml"
    unpacked(settings, tmp_path / "staged")
    shutil.copytree(tmp_path / "staged", tmp_path / "again")
    policy.write_text("changed")
    with closing(opened(settings)) as committer:
        say(committer, withdraw(), no=True)
    steps = 0

    class Killed(BaseException):
        pass

    def exchange(staged: Path) -> Exchange:
        return exchange_for(settings, staged, files=(Placed(staged / "policies/newsletter.toml", policy, "policy"),))

    def rename(path: Path, target: Path) -> Path:
        nonlocal steps
        if mark_of(settings.store.path).exists():
            steps += 1
            if steps > cut:
                raise Killed
        return original(path, target)

    original = Path.rename
    with monkeypatch.context() as killing:
        killing.setattr(Path, "rename", rename)
        with pytest.raises(Killed):
            carry_out(exchange(tmp_path / "staged"), tmp_path / "aside")
    assert mark_of(settings.store.path).exists()
    assert carry_out(exchange(tmp_path / "again"), tmp_path / "aside") == 1
    assert not mark_of(settings.store.path).exists()
    assert policy.read_text() != "changed"
    assert (tmp_path / "aside/policy").read_text() == "changed"
    with pytest.raises(StoreBehindError):
        opened(settings)


def test_each_file_is_on_disk_before_it_gets_its_name_and_the_mark_stands_around_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = shop(tmp_path / "shop")
    policy = settings.folder / "policies/newsletter.toml"
    unpacked(settings, tmp_path / "staged")
    policy.write_text("changed")
    new = Placed(tmp_path / "staged/policies/newsletter.toml", policy, "policies/newsletter.toml")
    exchange = exchange_for(settings, tmp_path / "staged", files=(new,))
    with monkeypatch.context() as watching:
        steps = watch(watching, tmp_path)
        carry_out(exchange, tmp_path / "aside")
    steps = steps[steps.index((RENAME, "staged/journal.merged.new", "staged/journal.merged")) + 1 :]
    store, journal = "shop/var/relay.db", "shop/var/withdrawals.journal"
    policies = "shop/policies/newsletter.toml"
    assert steps[0] == (SYNC, "shop/var")  # the mark
    assert steps[-2] == (UNLINK, mark_of(settings.store.path).relative_to(tmp_path).as_posix())
    assert steps[-1] == (SYNC, "shop/var")
    named = [step for step in steps if step[0] == RENAME]
    assert [target for _, _, target in named if not target.startswith("aside") and not target.endswith(".restored")] == [
        journal, policies, store
    ]  # fmt: skip
    for _, draft, target in named:
        place = steps.index((RENAME, draft, target))
        if target in (journal, policies, store):
            assert steps[place - 1] == (SYNC, draft)
            assert steps[place + 1] == (SYNC, str(Path(target).parent))
        elif target.startswith("aside"):
            assert steps[place + 1 : place + 3] == [(SYNC, str(Path(one).parent)) for one in (draft, target)]
