from __future__ import annotations

import io
import json
import stat
from pathlib import Path

import pytest
from argon2 import PasswordHasher, extract_parameters

from relay.cli import main
from relay.cli.keys import DnsRecord
from relay.config.fields import password_hash
from relay.message.dkim import KeyType, load_key


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("kind", list(KeyType))
def test_generate_writes_a_private_key_and_prints_its_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: KeyType
) -> None:
    assert main(["keys", "generate", "Brand.Example", "--selector", "k1", "--type", kind]) == 0
    file = tmp_path / "var" / "keys" / "brand.example.k1.pem"
    assert load_key(file.read_bytes()).type is kind
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.parent.parent.stat().st_mode) == 0o700
    printed = capsys.readouterr()
    assert printed.out.startswith(
        f'k1._domainkey.brand.example. IN TXT {"( " if kind is KeyType.RSA else ""}"v=DKIM1; k={kind};'
    )
    assert printed.out.count("\n") == 1
    assert "PRIVATE" not in printed.out + printed.err
    assert '[dkim."brand.example"]\nselector = "k1"\nkey = "var/keys/brand.example.k1.pem"' in printed.err


def test_a_key_is_never_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "generate", "brand.example", "--type", "ed25519"]) == 0
    before = (tmp_path / "var" / "keys" / "brand.example.s1.pem").read_bytes()
    assert main(["keys", "generate", "brand.example", "--type", "ed25519"]) == 1
    assert (tmp_path / "var" / "keys" / "brand.example.s1.pem").read_bytes() == before
    assert "choose another --selector" in capsys.readouterr().err


def test_dns_prints_the_record_only_and_the_same_one(capsys: pytest.CaptureFixture[str]) -> None:
    main(["keys", "generate", "brand.example"])
    generated = capsys.readouterr().out
    assert main(["keys", "dns", "brand.example"]) == 0
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == (generated, "")


def test_dns_prints_every_key_of_the_domain_or_the_one_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    for selector in ("s1", "s2"):
        main(["keys", "generate", "brand.example", "--type", "ed25519", "--selector", selector])
    main(["keys", "generate", "news.brand.example", "--type", "ed25519"])
    capsys.readouterr()
    main(["keys", "dns", "brand.example"])
    assert [line.split(".")[0] for line in capsys.readouterr().out.splitlines()] == ["s1", "s2"]
    main(["keys", "dns", "brand.example", "--selector", "s2", "--json"])
    records = json.loads(capsys.readouterr().out)
    assert [record["name"] for record in records] == ["s2._domainkey.brand.example"]
    assert main(["keys", "dns", "brand.example", "--selector", "s3"]) == 1


def test_dns_finds_keys_that_the_settings_name_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["keys", "generate", "brand.example", "--type", "ed25519"])
    (tmp_path / "var" / "keys" / "brand.example.s1.pem").rename(tmp_path / "other.pem")
    (tmp_path / "relay.toml").write_text('[dkim."brand.example"]\nselector = "s9"\nkey = "other.pem"\n')
    capsys.readouterr()
    assert main(["keys", "dns", "brand.example", "-c", "relay.toml"]) == 0
    assert capsys.readouterr().out.startswith("s9._domainkey.brand.example. IN TXT")
    assert main(["keys", "dns", "brand.example"]) == 1
    assert "consent-relay keys generate brand.example makes one" in capsys.readouterr().err


def test_keys_are_made_beside_the_settings_even_when_these_are_still_broken(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "relay.toml").write_text("nonsense")
    assert main(["keys", "generate", "brand.example", "--type", "ed25519", "-c", "etc/relay.toml"]) == 0
    assert (tmp_path / "etc" / "var" / "keys" / "brand.example.s1.pem").exists()


@pytest.mark.parametrize("domain", ["brand_example", "../brand.example", "", "brand example"])
def test_what_is_no_domain_is_wrong_usage(domain: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "generate", domain]) == 2
    assert "is not a domain name" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_key_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "var" / "keys").mkdir(parents=True)
    (tmp_path / "var" / "keys" / "brand.example.s1.pem").write_text("nothing")
    assert main(["keys", "dns", "brand.example"]) == 1
    assert "is no key to sign with" in capsys.readouterr().err


def test_a_long_record_is_split_as_dns_wants_it() -> None:
    line = DnsRecord("s1._domainkey.brand.example", "x" * 600, "f").zone_line
    assert [len(part) for part in line.split('"')[1::2]] == [255, 255, 90]
    assert DnsRecord("n", "x" * 255, "f").zone_line == f'n. IN TXT "{"x" * 255}"'


def test_hash_reads_a_password_and_prints_what_a_client_table_takes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\n"))
    assert main(["keys", "hash"]) == 0
    hashed = capsys.readouterr().out.strip()
    assert password_hash(hashed) == hashed
    assert extract_parameters(hashed).type.name == "ID"
    assert PasswordHasher().verify(hashed, "correct horse")


def test_no_password_is_no_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(["keys", "hash"]) == 2


def test_the_key_that_proves_the_ledger_is_printed_and_made_when_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["keys", "ledger"]) == 0
    key = capsys.readouterr().out.strip()
    assert len(bytes.fromhex(key)) == 32
    assert main(["keys", "ledger", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"key": key, "file": str(tmp_path / "var" / "keys" / "ledger.pem")}
    (tmp_path / "var" / "keys" / "ledger.pem").write_text("rubbish")
    assert main(["keys", "ledger"]) == 1
    assert "no Ed25519 key" in capsys.readouterr().err
