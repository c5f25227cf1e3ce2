from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cli.shop import Shop
from store.waiting import copy_to, message_to

from relay.queued import State, Step
from relay.store.age import new_identity
from relay.store.committing import Work
from relay.store.queue import Caps, take_step
from relay.workers.instance import only_instance


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.store.age._LOG_N", 10)


@pytest.fixture
def saved(shop: Shop) -> Shop:
    """Ann has withdrawn; b.tar was made; then Bob withdrew."""
    shop.file("relay.toml", 'policies = "policies"\n')
    assert shop.run("consent", "withdraw", "ann@example.com", "-c", "relay.toml").code == 0
    assert shop.run("db", "backup", "b.tar", "-c", "relay.toml").code == 0
    assert shop.run("consent", "withdraw", "bob@example.com", "-c", "relay.toml").code == 0
    return shop


def files_below(folder: Path) -> dict[str, bytes]:
    """Without the store itself, which is tested by what it says, and its lock files."""
    found = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("relay.db"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in found if path.name != "relay.lock"}


def test_a_lost_machine_is_set_up_again_as_it_was(saved: Shop, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "relay"
    done = saved.run("db", "restore", "b.tar", "--into", str(elsewhere))
    assert done.code == 0, done.err
    assert done.err == "", "--into leaves -c out, so nobody is told to add it"
    before = files_below(saved.folder)
    after = files_below(elsewhere)
    for growing in ("var/withdrawals.journal", "var/ledger.heads"):
        assert before[growing].startswith(after.pop(growing))
    assert {name: before[name] for name in after} == after
    assert {"relay.toml", "policies/newsletter.toml", "var/keys/people.key"} <= set(after)
    shown = saved.run("consent", "show", "ann@example.com", "--json", "-c", str(elsewhere / "relay.toml")).json
    assert shown["streams"][0]["status"] == "withdrawn"


def test_an_older_store_is_brought_up_from_the_journal_that_is_there(saved: Shop) -> None:
    refused = saved.run("db", "restore", "b.tar", "-c", "relay.toml")
    assert refused.code == 1
    assert "relay.db" in refused.err
    assert "--force" in refused.err
    done = saved.run("db", "restore", "b.tar", "--force", "-c", "relay.toml")
    assert done.code == 0, done.err
    assert "withdrawals or erasures that this store lacks (1)" in done.out
    (aside,) = (saved.folder / "var").glob("replaced-*")
    assert (aside / "relay.db").exists()
    behind = saved.run("db", "status", "-c", "relay.toml")
    assert behind.code == 1
    assert "--replay-withdrawals" in behind.err
    assert saved.run("db", "migrate", "--replay-withdrawals", "-c", "relay.toml").code == 0
    assert saved.standing("bob@example.com")["status"] == "withdrawn"


def test_mail_that_waited_is_set_aside_and_counted(saved: Shop) -> None:
    mail = message_to("ann@example.com", copy_to("bob@example.com", State.HELD))
    with saved.store() as committer:
        committer.commit([Work(lambda c: take_step(c, Step(messages=(mail,)), "me", Caps(), committer.pseudonyms))])
    assert saved.run("db", "backup", "mail.tar", "-c", "relay.toml").code == 0
    done = saved.run("db", "restore", "mail.tar", "--force", "-c", "relay.toml")
    assert "2 copies of mail waited" in done.out, done.err
    status = saved.run("db", "status", "--json", "-c", "relay.toml").json
    assert (status["queued"], status["held"], status["aside"]) == (0, 0, 2)


def test_the_replay_may_follow_at_once(saved: Shop) -> None:
    done = saved.run("db", "restore", "b.tar", "--force", "--replay-withdrawals", "-c", "relay.toml")
    assert done.code == 0, done.err
    assert "withdrawals added from" in done.out
    assert saved.run("db", "status", "-c", "relay.toml").code == 0
    assert saved.standing("bob@example.com")["status"] == "withdrawn"
    assert not list((saved.folder / "var").glob(".restoring-*"))


def test_changed_policies_are_put_back_and_the_changed_ones_kept(saved: Shop) -> None:
    policy = saved.folder / "policies/newsletter.toml"
    before = policy.read_bytes()
    policy.write_bytes(before + b"# changed\n")
    (saved.folder / "policies/extra.toml").write_bytes(before.replace(b'"newsletter"', b'"extra"'))
    assert "newsletter.toml" in saved.run("db", "restore", "b.tar", "-c", "relay.toml").err
    done = saved.run("db", "restore", "b.tar", "--force", "-c", "relay.toml")
    assert "2 other files restored" in done.out, done.err
    assert policy.read_bytes() == before
    assert not (saved.folder / "policies/extra.toml").exists()
    (aside,) = (saved.folder / "var").glob("replaced-*")
    assert (aside / "policies/newsletter.toml").read_bytes() == before + b"# changed\n"
    assert (aside / "removed/extra.toml").exists()


def test_the_relay_toml_that_was_named_stays(saved: Shop) -> None:
    saved.file("relay.toml", 'policies = "policies"\n# changed\n')
    assert saved.run("db", "restore", "b.tar", "--force", "-c", "relay.toml").code == 0
    assert "changed" in (saved.folder / "relay.toml").read_text()
    assert (saved.folder / "relay.toml.restored").read_text() == 'policies = "policies"\n'


def test_it_never_goes_over_a_running_relay(saved: Shop) -> None:
    store = saved.folder / "var/relay.db"
    before = store.read_bytes()
    with only_instance(saved.folder / "var"):
        refused = saved.run("db", "restore", "b.tar", "--force", "-c", "relay.toml")
    assert refused.code == 1
    assert "already works in this folder" in refused.err
    assert store.read_bytes() == before


@pytest.mark.parametrize(
    "damage", [lambda octets: octets[:-20_000], lambda octets: octets.replace(b"withdraw", b"withdrew")]
)
def test_a_backup_that_is_not_whole_touches_nothing(damage: object, saved: Shop) -> None:
    whole = (saved.folder / "b.tar").read_bytes()
    saved.file("bad.tar", damage(whole))  # type: ignore[operator]
    before = files_below(saved.folder)
    refused = saved.run("db", "restore", "bad.tar", "--force", "-c", "relay.toml")
    assert refused.code == 1
    assert "nothing was changed" in refused.err
    assert files_below(saved.folder) == before


def test_an_encrypted_one_opens_with_its_key_alone(saved: Shop) -> None:
    secret, public = new_identity()
    saved.file("key.txt", f"# mine\n{secret}\n")
    saved.file("other.txt", f"{new_identity()[0]}\n")
    saved.file("phrase", "open sesame\n")
    assert saved.run("db", "backup", "k.age", "--recipient", public, "-c", "relay.toml").code == 0
    assert saved.run("db", "backup", "p.age", "--encrypt", "--passphrase-file", "phrase", "-c", "relay.toml").code == 0
    for file, options in (
        ("k.age", ["--identity", "other.txt"]),
        ("p.age", ["--identity", "key.txt"]),
        ("k.age", ["--passphrase-file", "phrase"]),
    ):
        refused = saved.run("db", "restore", file, "--force", *options, "-c", "relay.toml")
        assert refused.code == 1
        assert "does not open the file; nothing was changed" in refused.err
    assert saved.run("db", "restore", "k.age", "--force", "-c", "relay.toml").code == 2  # nobody to ask
    for file, options in (("k.age", ["--identity", "key.txt"]), ("p.age", ["--passphrase-file", "phrase"])):
        shutil.rmtree(saved.folder / "var")
        done = saved.run("db", "restore", file, *options, "-c", "relay.toml")
        assert done.code == 0, done.err
        assert saved.standing("ann@example.com")["status"] == "withdrawn"


def test_places_outside_the_folder_are_named(saved: Shop, tmp_path_factory: pytest.TempPathFactory) -> None:
    away = tmp_path_factory.mktemp("away")
    shutil.copytree(saved.folder / "var", away / "var", dirs_exist_ok=True)
    saved.file("relay.toml", f'policies = "policies"\n[store]\nurl = "sqlite:///{away}/var/relay.db"\n')
    assert saved.run("db", "backup", "away.tar", "-c", "relay.toml").code == 0
    before = (away / "var/relay.db").read_bytes()
    into = tmp_path_factory.mktemp("into")
    done = saved.run("db", "restore", "away.tar", "--into", str(into))
    assert done.code == 0, done.err
    assert f"relay.toml names {away}/var/relay.db; it is in {into}/var/relay.db now" in done.out
    assert (into / "var/relay.db").exists()
    assert (away / "var/relay.db").read_bytes() == before


def test_into_a_folder_goes_with_the_backups_own_settings(saved: Shop) -> None:
    assert saved.run("db", "restore", "b.tar", "--into", "x", "-c", "relay.toml").code == 2
    assert saved.run("db", "restore", "nowhere.tar", "-c", "relay.toml").code == 2
