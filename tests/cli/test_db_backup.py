from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from cli.shop import Shop
from disk import RENAME, SYNC, watch
from patience import LONG

from relay.cli.db_backup import passphrase_of
from relay.store.age import AgeReader, new_identity, with_identities, with_passphrase


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.store.age._LOG_N", 10)


def names(octets: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(octets)) as archive:
        return archive.getnames()


def with_store(shop: Shop) -> Shop:
    shop.run("consent", "withdraw", "ann@example.com")
    return shop


def test_a_backup_is_one_file_that_only_its_owner_reads(shop: Shop) -> None:
    with_store(shop)
    done = shop.run("db", "backup", "b.tar")
    assert done.code == 0, done.err
    assert "the ledger up to line" in done.out
    file = shop.folder / "b.tar"
    assert file.stat().st_mode & 0o777 == 0o600
    assert {"relay.db", "withdrawals.journal", "keys/people.key", "manifest.json"} <= set(names(file.read_bytes()))


def test_in_clear_it_says_that_it_has_to_be_kept_secret(shop: Shop) -> None:
    assert "keep it secret" in with_store(shop).run("db", "backup", "b.tar").err
    _, public = new_identity()
    assert "secret" not in shop.run("db", "backup", "c.tar", "--recipient", public).err


def test_what_was_written_is_told_as_json(shop: Shop) -> None:
    told = with_store(shop).run("db", "backup", "b.tar", "--json").json
    assert told["octets"] == (shop.folder / "b.tar").stat().st_size
    assert told["encrypted"] is False
    assert "relay.db" in [file["name"] for file in told["files"]]


def test_it_is_encrypted_for_keys_or_with_a_passphrase(shop: Shop) -> None:
    with_store(shop)
    secret, public = new_identity()
    phrase = shop.file("phrase", "open sesame\nnot this\n")
    assert shop.run("db", "backup", "keys.age", "--recipient", public).code == 0
    assert shop.run("db", "backup", "phrase.age", "--encrypt", "--passphrase-file", phrase).code == 0
    for name, unwrap in (("keys.age", with_identities(secret)), ("phrase.age", with_passphrase("open sesame"))):
        octets = (shop.folder / name).read_bytes()
        assert b"ann@example" not in octets
        assert b"relay.db" not in octets
        assert "manifest.json" in names(io.BufferedReader(AgeReader(io.BytesIO(octets), unwrap)).read())


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--recipient", "age1nonsense"], "no age1... key"),
        (["--encrypt"], "name --passphrase-file"),
        (["--encrypt", "--passphrase-file", "empty"], "the passphrase is empty"),
        (["--passphrase-file", "empty", "--recipient", new_identity()[1]], "not both"),
        (["--passphrase-file", "nowhere"], "nowhere"),
        (["--passphrase-file", "latin"], "no text in UTF-8"),
    ],
)
def test_wrong_options_leave_no_file(options: list[str], why: str, shop: Shop) -> None:
    with_store(shop)
    shop.file("empty", "\n")
    shop.file("latin", b"gr\xfc\xdfe\n")
    refused = shop.run("db", "backup", "b.tar", *options)
    assert refused.code in (1, 2)
    assert why in refused.err
    assert not list(shop.folder.glob("*b.tar*"))


def test_a_file_that_is_there_is_not_written_over(shop: Shop) -> None:
    with_store(shop)
    shop.file("relay.toml", "")
    refused = shop.run("db", "backup", "relay.toml")
    assert (refused.code, (shop.folder / "relay.toml").read_text()) == (2, "")
    assert "is there already" in refused.err


def test_without_a_store_there_is_none(shop: Shop) -> None:
    refused = shop.run("db", "backup", "b.tar")
    assert refused.code == 1
    assert "no store yet" in refused.err
    assert not list(shop.folder.glob("*b.tar*"))


def test_it_goes_into_a_pipe(shop: Shop) -> None:
    with_store(shop)
    piped = subprocess.run(
        (sys.executable, "-m", "relay", "db", "backup", "-"), cwd=shop.folder, capture_output=True, check=True
    )
    assert "manifest.json" in names(piped.stdout)
    assert b"keep it secret" in piped.stderr
    refused = shop.run("db", "backup", "-", "--json")
    assert refused.code == 2


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM])
def test_a_kill_leaves_nothing_under_the_final_name_and_the_next_one_works(kill: signal.Signals, shop: Shop) -> None:
    with_store(shop)
    command = (
        "import relay.cli.db_backup as b, time\n"
        "def slow(settings, out, *more):\n    out.write(b'half'); out.flush(); print('half', flush=True); time.sleep(60)\n"
        "b.write_backup = slow\nfrom relay.cli import main\nmain(['db', 'backup', 'b.tar'])"
    )
    process = subprocess.Popen((sys.executable, "-c", command), cwd=shop.folder, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"half\n"
    beside = shop.run("db", "backup", "b.tar")
    assert "another backup is being written" in beside.err
    process.send_signal(kill)
    process.communicate(timeout=LONG)
    assert not (shop.folder / "b.tar").exists()
    assert (shop.folder / ".b.tar.partial").exists() == (kill is signal.SIGKILL)
    assert shop.run("db", "backup", "b.tar").code == 0
    assert "manifest.json" in names((shop.folder / "b.tar").read_bytes())
    assert not (shop.folder / ".b.tar.partial").exists()


def test_a_passphrase_is_the_first_line_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "phrase").write_text("語 with spaces \nsecond\n", "utf-8")
    assert passphrase_of(str(tmp_path / "phrase")) == "語 with spaces "


def test_backups_can_be_made_one_after_the_other(shop: Shop) -> None:
    with_store(shop)
    for number in range(3):
        assert shop.run("db", "backup", f"{number}.tar").code == 0
    heads = [json.dumps(names((shop.folder / f"{number}.tar").read_bytes())) for number in range(3)]
    assert len(set(heads)) == 1
    assert not list(shop.folder.glob(".*"))


def test_it_is_on_disk_before_it_gets_its_name(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with_store(shop)
    with monkeypatch.context() as watching:
        steps = watch(watching, shop.folder)
        assert shop.run("db", "backup", "b.tar", "--recipient", new_identity()[1]).code == 0
    assert steps[-3:] == [(SYNC, ".b.tar.partial"), (RENAME, ".b.tar.partial", "b.tar"), (SYNC, ".")]
    assert steps.octets[".b.tar.partial"] == (shop.folder / "b.tar").stat().st_size


def test_what_waits_under_the_name_of_the_draft_is_not_followed(shop: Shop) -> None:
    with_store(shop)
    mine = shop.folder / "mine"
    mine.write_text("precious")
    (shop.folder / ".b.tar.partial").symlink_to(mine)
    assert shop.run("db", "backup", "b.tar").code == 1
    assert mine.read_text() == "precious"
